/* worker -- the inside of a run, shared by load, worker, link, publisher and consumer.
 *
 * See load.h for who may touch what.
 */
#ifndef APP_BENCH_WORKER_H
#define APP_BENCH_WORKER_H

#include "app/bench/load.h"

struct worker;
struct link;
struct talk;

#define BATCH_BYTES (64u << 10) /* of a publisher's batch, about */

enum phase { PHASE_ATTACH, PHASE_PUBLISH, PHASE_SETTLE, PHASE_LEAVE, PHASE_DONE };

/* One run: read by all workers, written only through the atomics. */
struct load {
	const struct options *o;
	const struct talk *talk; /* how the target is spoken to */
	struct client_target target;
	struct ledger ledger;
	char prefix[LOAD_NAME_MAX];
	uint64_t origin_ns; /* stamps count from here */
	uint64_t workers_n;
	_Atomic uint64_t publish_from_ns; /* 0: not all have attached */
	_Atomic uint64_t last_ns;         /* when something last moved */
	_Atomic uint64_t attached, published, arrived, confirmed;
	_Atomic uint64_t publishers_left;
	_Atomic bool stop; /* publish no more */
	_Atomic bool failed;
	_Atomic bool gave_up;
};

struct publisher {
	struct link *link;
	uint32_t id;
	uint16_t channel;
	bool done;
	uint64_t quota, sent;
	/* A row of whole encoded messages, written again and again with new stamps. */
	uint8_t *batch;
	size_t stride, stamp_at, batch_n;
	size_t id_at;             /* where each has its packet id or receipt; 0: nowhere */
	size_t write_at, write_n; /* bytes of `batch` still to be written: [write_at, write_n) */
	/* Confirms: tag t was sent at asked_ns[t & asked_mask]; 0: it is not outstanding. */
	uint64_t *asked_ns;
	uint64_t asked_mask, unconfirmed, lowest_tag;
};

struct consumer {
	struct link *link;
	uint32_t id, queue;
	uint16_t channel;
	uint64_t tag;
	uint64_t unacked;
	struct stamp stamp;
};

enum content { CONTENT_NONE, CONTENT_DELIVERED, CONTENT_RETURNED };

/* One channel of a link: it has a publisher or a consumer. */
struct slot {
	struct publisher *publisher;
	struct consumer *consumer;
	enum content content; /* what the content frames that follow belong to */
	bool headed;          /* its header has come */
	bool torn;            /* it is no message of ours */
	uint64_t body_left;
};

struct link {
	struct client client;
	struct slot *slots; /* [1, slots_n] */
	uint16_t slots_n;
	bool readable, writable, blocked;
	struct publisher *writing; /* in the middle of its batch; the others wait */
};

struct worker {
	struct load *load;
	uint32_t index;
	int epoll;
	enum phase phase;
	struct link *links;
	uint32_t links_n;
	struct publisher *publishers;
	uint32_t publishers_n, first_publisher; /* whose turn is first, for fairness */
	struct consumer *consumers;
	uint32_t consumers_n;
	uint64_t now_ns;
	uint64_t arrived, confirmed, published, attached; /* of this turn */
	uint64_t answers_due, left_ns;                    /* of PHASE_LEAVE, and since when */
	uint64_t nacked, returned, redelivered, unknown_confirms;
	struct histogram *delivery, *confirm; /* NULL: not asked for */
	uint64_t progress_ns, progress_published, progress_arrived;
	struct text why;
	char why_buf[LOAD_WHY_MAX];
};

#define WORKER_NOW   0
#define WORKER_NEVER UINT64_MAX

/* worker_open makes worker `index` of the run and opens its connections; blocks. ERR_CLOSED: the
 * reason is in w->why. worker_fini takes all of it back, also after a failure. */
MUST_USE enum err worker_open(struct worker *w, struct load *load, uint32_t index);
void worker_fini(struct worker *w);

/* worker_run walks through all phases. What goes wrong sets load->failed. */
void worker_run(struct worker *w);

/* publisher_init prepares the batch, by talk.batch, which has publisher_batch make room for one of
 * messages of `stride` bytes. publisher_turn publishes what it may, with at most one write (one for
 * each message at low rates), and says when it wants its next turn: WORKER_NOW, a time, or
 * WORKER_NEVER, when an event has to come first. ERR_CLOSED: the connection is gone. */
void publisher_init(struct publisher *p, const struct load *load, struct link *link, uint32_t id,
		    uint16_t channel);
void publisher_batch(struct publisher *p, size_t stride);
void publisher_fini(struct publisher *p);
MUST_USE enum err publisher_turn(struct worker *w, struct publisher *p, uint64_t *out_next_ns);

/* publisher_answer takes a basic.ack or basic.nack of the broker. */
void publisher_answer(struct worker *w, struct publisher *p, uint64_t tag, bool multiple,
		      bool positive);

/* publisher_packet_id: message n of a publisher, from 1 on, has this packet id; it is never 0. */
static inline uint16_t publisher_packet_id(uint64_t n)
{
	return (uint16_t)((n - 1) % UINT16_MAX + 1);
}

/* link_turn reads once and takes in every whole frame. ERR_CLOSED: the connection is over. */
MUST_USE enum err link_turn(struct worker *w, struct link *l);

/* consumer_arrived: a whole message is there; counts it, and acknowledges if asked to. */
void consumer_arrived(struct worker *w, struct consumer *c, bool torn);

/* topology_make declares exchange and queues; topology_clear counts what is left in the queues
 * and deletes all, unless --keep. Both use a connection of their own. */
MUST_USE enum err topology_make(const struct load *load, struct text *out_why);
MUST_USE enum err topology_clear(const struct load *load, uint64_t *out_left, struct text *out_why);

/* topology_queue writes the name of a queue, topology_exchange the exchange ("" the default one),
 * topology_key the routing key of a publisher. */
void topology_queue(const struct load *load, uint32_t queue, char out[LOAD_NAME_MAX]);
void topology_exchange(const struct load *load, char out[LOAD_NAME_MAX]);
void topology_key(const struct load *load, uint32_t publisher, char out[LOAD_NAME_MAX]);

/* topology_match writes what binding n (modulo their number) wants: a routing key, and a header if
 * it returns true. */
bool topology_match(const struct load *load, uint64_t n, char out_key[LOAD_NAME_MAX],
		    char out_header[LOAD_NAME_MAX]);

#endif
