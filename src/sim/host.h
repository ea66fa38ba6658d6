/* host -- the machine on which the broker runs: io/ as a deterministic world plays it.
 *
 * One thread takes turns for all: each loop, the journal's writer and its keeper are actors that
 * wake each other by the node's own rules and then wait to be stepped. The caller chooses who is
 * next. Sockets, disk and clock are models; everything between them is the real broker.
 *
 *     host_runnable -> bits of actors -> host_step(one of them) -> ... -> host_is_idle
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H
#include "base/digest.h"
#include "sim/guard.h"
#include "sim/disk.h"
#include "sim/heap.h"
#include "sim/net.h"
#include "sim/story.h"

#define HOST_LOOPS_MAX 4
enum { HOST_WRITER = HOST_LOOPS_MAX, HOST_KEEPER, HOST_ACTORS };

struct host_loop {
	struct net port; /* first */
	struct host *host;
	struct loop *loop;
	uint64_t deadline_ms;
	uint32_t index;
	bool is_awake;
	bool is_halfway, is_more; /* what its turn has done so far says that there is more */
};

struct host_worker {
	uint64_t stalled_until_ms; /* a slow disk */
	bool is_awake;
};

/* What a run is made with; from its seed. */
struct host_setup {
	uint32_t loops_n, pipe_bytes;
	uint64_t segment_bytes, checkpoint_every_bytes, cache_bytes, disk_free_bytes;
	uint64_t entries_bytes; /* of queues, in memory */
	uint64_t output_bytes, unconfirmed_bytes;
	uint32_t frame_max, heartbeat_s;
};

struct host {
	struct story *story;
	struct prng prng, entropy;
	struct config config;
	struct node_log log;
	uint64_t now_ms, wall_ms;
	struct sim_disk *disk;
	struct sim_heap heap; /* of the broker's process */
	struct socks socks;
	struct node *node; /* NULL: the broker is down */
	struct host_loop loops[HOST_LOOPS_MAX];
	struct guard guards[HOST_LOOPS_MAX]; /* patterns and passwords of each */
	struct host_worker workers[2];
	uint32_t loops_n, starts_n;
	enum err died; /* why the process has to end; ERR_OK: it has not */
	bool is_stopping;
	uint64_t chunks_left, chunks_read; /* by brokers that are no more */
	uint64_t logged[LOG_N];            /* how often each line was logged */
};

/* host_init makes a machine with an empty disk and no broker on it; host_fini ends it. */
void host_init(struct host *h, struct story *story, uint64_t seed, const struct host_setup *s);
void host_fini(struct host *h);

/* host_start opens the broker on the disk as it is; on an error it is down, and `why` says why. */
MUST_USE enum err host_start(struct host *h, struct text *why);
/* host_forget: the process is no more, and its memory with it. */
void host_forget(struct host *h);
/* host_close ends a broker that has stopped, and says how many bytes nobody gave back. */
int64_t host_close(struct host *h);
void host_stop(struct host *h);
bool host_is_stopped(const struct host *h);

/* host_runnable: bit i = actor i would do something now. */
uint32_t host_runnable(const struct host *h);
/* host_step: of a loop a turn, or one up to its end, before which others can act: it looks once
 * more whether it may sleep. Its next step is that end. */
void host_step(struct host *h, uint32_t actor);
/* host_is_idle: nobody would, even with a faster disk: all that was read is done and committed. */
bool host_is_idle(const struct host *h);
/* host_deadline is the next time at which somebody wants to be stepped; UINT64_MAX: none. */
uint64_t host_deadline(const struct host *h);
void host_pass(struct host *h, uint64_t ms);

/* host_chunks: of queues, that have left memory and came back, of all brokers so far. */
void host_chunks(const struct host *h, uint64_t *out_left, uint64_t *out_read);
/* host_look_free: so much was written that the keeper looks how much room is left on the disk. */
void host_look_free(struct host *h);
/* host_watermark: from so many bytes of its memory on the broker lets publishers wait, and from
 * half of them on it keeps bodies elsewhere; 0: as it began. */
void host_watermark(struct host *h, uint64_t bytes);
/* host_digest: the state of the broker that runs (node_digest). */
struct digest_sum host_digest(struct host *h);
#endif
