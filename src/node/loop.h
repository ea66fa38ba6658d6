/* loop -- one thread's share of the broker: its connections, its shards, its mailboxes.
 *
 * Private to node/. Everything here is touched by the loop's own thread only, except what is
 * _Atomic, the mailboxes (one side each) and the journal's rings.
 *
 *   turn:  view -> [ commits, own and others' batches -> shards, sessions ]* -> propose
 *          -> mailboxes out -> flush -> asleep?
 */
#ifndef NODE_LOOP_H
#define NODE_LOOP_H
#include "base/list.h"
#include "base/tally.h"
#include "base/wheel.h"
#include "node/mailbox.h"
#include "node/memory.h"
#include "node/node.h"
#include "node/shard.h"
#include "session/mqtt/ops.h"
#include "session/stomp/ops.h"

#include <stdatomic.h>

#define SEEN_ASLEEP           UINT64_MAX
#define LOOP_ROUNDS_MAX       16 /* of dispatching in one turn, before sockets get their share */
#define LOOP_FED_BYTES_MAX    262144 /* read before a sweep is made between two sockets */
#define LOOP_INFLIGHT_RECORDS 256    /* records in one batch of the journal */

/* A load without a session that is a page of a stream (pages.c); beside ENTRY_... */
#define LOAD_PAGE (UINT32_C(1) << 31)
/* Likewise, a message that selectors are to look at (looks.c). */
#define LOAD_LOOK (UINT32_C(1) << 30)

/* A record in a batch that is on its way to the disk: a shard's, the copy of a message, or a page
 * of a stream. */
struct inflight { /* none of the three: a chunk of a session's */
	struct shard *shard;
	struct moving *moving;
	struct paging *paging;
	uint64_t index; /* in the shard's log; of a chunk: the session's ticket */
	uint64_t session;
	uint32_t off, bytes;
};
struct flight { /* what is in one journal batch; oldest first */
	struct flight *next;
	uint64_t ticket;
	uint32_t n;
	struct inflight at[LOOP_INFLIGHT_RECORDS];
};

struct loop {
	struct node *node;
	uint32_t index;
	struct net *net;
	struct memory memory;
	struct block_home home;
	struct block *in;                     /* where sockets are read into; NULL: none open */
	struct post post;                     /* commands and effects to all loops */
	struct batch *stuck[LIMIT_LOOPS_MAX]; /* did not fit into a mailbox, oldest first */
	struct session_world world;
	struct exchange_tally exchanges;
	struct session_events events;
	struct session_echo echo;
	struct loads loads;
	struct loader *loader;
	struct stores stores;
	uint32_t stores_begun;   /* the first that is in no batch */
	uint32_t stores_counted; /* before it copies hold their chunks */

	struct session *letters;                 /* the publisher of dead letters (inside.c) */
	bool is_inside_touched;                  /* it has something to do */
	uint64_t inside_version;                 /* of the catalog, when it looked last */
	struct conn **conns;                     /* by slot */
	uint32_t conns_n, conns_cap, conns_free; /* conns_free: first free slot + 1 */
	uint32_t conns_gen;                      /* generation of the next one */
	struct list touched; /* connections to pump, and feed again, this turn */
	struct list dirty;   /* connections to flush this turn */
	struct list paused;  /* connections not read while the loop is congested */
	struct wheel wheel;  /* their deadlines */

	struct shard *shards; /* of this loop */
	uint32_t shards_n;
	uint64_t touched_shards; /* bit i: shards[i] has something to serve */
	uint64_t paging_shards;  /* bit i: shards[i] may have pages to be read or written */
	struct list pagings;     /* struct paging: pages on their way */
	struct list looking;     /* struct looking: messages on their way to selectors */
	uint64_t proposing;      /* bit i: shards[i] may have outcomes to propose */
	struct jbatch *batch;    /* being filled; NULL: none */
	struct flight *flight;   /* its records */
	struct flight *flying, **flying_tail;
	struct flight *flight_spare;

	uint64_t now_ms, wall_ms;
	uint32_t alarms_seen;
	uint64_t meter_ms;         /* when to look at the meter, if there is a turn */
	uint64_t look_free_ms;     /* loop 0: when to look at the disk; UINT64_MAX: no need */
	uint64_t seen_version;     /* of the catalog, when last looked */
	uint64_t seen_facts;       /* likewise, of users and virtual hosts */
	uint64_t collected;        /* owner of shard 0: versions up to it hold no garbage */
	uint64_t fed_bytes;        /* since the last rounds: flush early */
	uint32_t headers_permille; /* of what is read, how much message headers need (conn.c) */
	bool is_stopping, is_congested, is_counted_quiet;
	bool is_writer_called; /* it sleeps, and has got a batch in this turn */
	bool is_offline;       /* marked asleep; what wakes it looks at the catalog first */
	_Atomic bool is_asleep;
	_Atomic bool waits_for_view;   /* wake it when the catalog changes */
	_Atomic uint64_t seen;         /* catalog version, or SEEN_ASLEEP */
	_Atomic int64_t used_bytes;    /* of memory, for the node's watermark */
	_Atomic uint64_t cached_bytes; /* stored messages in memory (keep.c) */
	_Atomic uint64_t entry_bytes;  /* of queues, in memory; likewise */
	struct list warming;           /* entries on their way back there (warm.c) */
	uint32_t warming_n;
	bool is_warming_full;        /* a shard has more of them to ask for */
	struct forward *forward;     /* of this loop's share of a segment; NULL: none */
	struct pieces *forward_left; /* chunks that have moved, and may still be read */
	struct unit *unit;           /* a checkpoint's unit that the keeper had no room for */
	bool waits_for_keeper;       /* with a checkpoint: it is told when the keeper has moved */
	struct trace *trace;         /* who watches frames (trace.c); NULL: nobody */
	struct {
#define COUNT(name, prose) uint64_t name;
#include "node/loop_count.def"
#undef COUNT
	} count;
};

/* What waits until every loop has seen a catalog version. */
struct held_run {
	struct held_run *next;
	uint64_t version;
	uint32_t loop, len;
	struct run run;
};

struct node {
	struct node_setup setup;
	const struct config *config;
	struct journal *journal;
	struct loop *loops;
	uint32_t loops_n;
	struct mailbox *mailboxes; /* from * loops_n + to */
	uint16_t shards_n;
	struct shard *shard[SHARDS_MAX];
	_Atomic(const struct catalog_view *) view;
	_Atomic uint64_t version;           /* of view */
	struct held_run *held, **held_tail; /* owner of shard 0 only */
	struct session_limits limits;
	struct mqtt_settings mqtt;
	struct stomp_settings stomp;
	struct mqtt_bridge *bridges;      /* of mqtt; NULL: none */
	struct bridge_room *bridge_rooms; /* likewise, what they point at */
	struct meter meter;
	struct tally tally; /* of all loops; its memory is touched under its flag */
	struct memory tally_memory;
	struct memory boot_memory; /* used while opening, and by the journal's threads' setup */
	_Atomic uint32_t alarms;   /* ALARM_... */
	_Atomic uint64_t memory_limit, disk_limit; /* bytes: what they look at */
	_Atomic bool is_memory_short; /* half way to the watermark: transient messages spill */
	struct memory journal_memory; /* the keeper's */
	struct mem *loop_mem[LIMIT_LOOPS_MAX];
	_Atomic uint32_t forward_turn; /* loop whose messages move forward; UINT32_MAX: none */
	uint64_t forward_segment;
	_Atomic uint32_t checkpoint_turn;  /* loop whose units are due; UINT32_MAX: none */
	_Atomic bool is_checkpoint_wanted; /* one at once, whatever was logged */
	_Atomic uint64_t checkpoints_n;    /* handed to the keeper since open */
	_Atomic uint32_t quiet_n;          /* loops with nothing left to do before a clean stop */
	struct text *why;                  /* of a start that fails; while the logs are read */
	enum err unread;                   /* likewise: what recovery could not read again */
	struct deque decided; /* uint64_t: transactions, while the logs are read (tx.c) */
	_Atomic uint64_t conns_opened, conns_closed; /* opened: the number of the last one, too */
};

static inline struct mailbox *node_mailbox(struct node *n, uint32_t from, uint32_t to)
{
	return &n->mailboxes[from * n->loops_n + to];
}

enum { ALARM_MEMORY = 1, ALARM_DISK = 2 };

/* loop_init / loop_fini: in place, before and after all threads. Memory travels between loops, so
 * the heaps go last: loop_fini_memory, when all loops are down. */
MUST_USE enum err loop_init(struct loop *l, struct node *n, uint32_t index);
void loop_fini(struct loop *l);
void loop_fini_memory(struct loop *l);

/* loop_world refreshes what sessions see; called before sessions are. */
struct session_world *loop_world(struct loop *l);

/* loop_has_mail: something was posted to it or by it, and nobody has taken it yet. Its thread. */
bool loop_has_mail(const struct loop *l);

/* loop_wake makes sure that loop `to` takes a turn after what was just published for it. */
void loop_wake(struct loop *l, uint32_t to);

/* loop_log writes one line of base/log.def with its values in order; node_log likewise, before the
 * loops run. */
void loop_log(struct loop *l, enum log_id id, const struct log_value *values, size_t n);
void node_log(const struct node *n, enum log_id id, const struct log_value *values,
	      size_t values_n);

/* notes_shed logs which queues without consumers have dropped messages, and how many, when it is
 * time (core_shed_take); of many at once most are only counted. */
void notes_shed(struct shard *s);

/* ---- connections (conns.c, conn.c) */
void conns_tell(struct loop *l, struct run *fx);
bool conns_work(struct loop *l);   /* pump and feed what was touched; true: did something */
bool conns_flush(struct loop *l);  /* true: there is more to write at once */
void conns_resume(struct loop *l); /* reads again what congestion had paused */
void conns_tick(struct loop *l);
void conns_free_all(struct loop *l);
void conns_alarm(struct loop *l); /* an alarm came or went: let all sessions look */
void conns_see(struct loop *l);   /* a version of the catalog came: let those look that watch it */
struct conn *conn_of(struct loop *l, uint64_t session);
struct conn *conn_numbered(struct loop *l, uint64_t number); /* NULL: not on this loop */
void conns_stop(struct conn *c,
		struct slice why); /* says goodbye (session_ops.stop), and ends it */
/* conns_next walks all by slot, from *io_slot on; NULL: no more. */
struct conn *conns_next(struct loop *l, uint32_t *io_slot);
void conn_loaded(struct conn *c, uint64_t ticket, uint64_t mem);
/* conn_checked: as session_ops.checked, if the session is still there. */
void conn_checked(struct loop *l, uint64_t session, bool is_right);
/* conn_stored: as session_ops.stored. */
bool conn_stored(struct conn *c, uint64_t ticket, uint64_t loc, uint32_t bytes);

/* ---- sessions without a connection (inside.c) */
MUST_USE enum err inside_new(struct loop *l);
void inside_free(struct loop *l);
struct session *inside_of(struct loop *l, uint64_t session); /* NULL: it is none of these */
void inside_tell(struct loop *l, struct session *s, struct run *fx);
void inside_loaded(struct loop *l, struct session *s, uint64_t ticket, uint64_t mem);
bool inside_work(struct loop *l); /* true: did something */
void inside_tick(struct loop *l);
void inside_wait(struct loop *l); /* it is about to sleep: is it to be woken by the catalog? */
uint64_t inside_deadline(const struct loop *l);
bool inside_is_idle(const struct loop *l); /* nothing is under way */
void inside_dump(const struct loop *l, struct text *out);

/* ---- entries on their way back into memory (warm.c) */
/* warm_ask asks the journal for what the shard wants, as far as there is room. */
void warm_ask(struct shard *s);
void warm_done(struct loop *l, struct jread *done);
void warm_free(struct loop *l);
/* While the node is opened: warm_first brings everything that an outcome needs, warm_queue all of a
 * queue, or only where priorities differ. */
MUST_USE enum err warm_first(struct shard *s, const struct run *o, struct text *why);
MUST_USE enum err warm_queue(struct shard *s, uint64_t queue, bool is_whole, struct text *why);

/* ---- stored messages on their way to sessions (loader.c) */
MUST_USE enum err loader_new(struct loop *l);
void loader_free(struct loop *l);
bool loader_work(struct loop *l); /* true: brought something */
/* loader_tell_unreadable: the log says that what lies at `loc` is damaged. */
void loader_tell_unreadable(struct loop *l, uint64_t loc, enum err e);
bool loader_is_idle(const struct loop *l); /* nothing is being read or to be read */

/* ---- big bodies on their way into the journal, and out of it (store.c) */
bool store_work(struct loop *l); /* true: did something */
void store_durable(struct loop *l, const struct inflight *r, uint64_t loc);
/* store_count adds `n` to the live count of each chunk in the list. */
void store_count(struct journal *j, struct slice list, int64_t n);
/* store_hold counts a message that was read, the only one in `b`, as one that holds its chunks
 * until nobody holds `b`: its entry may go meanwhile. False: they are gone. */
MUST_USE bool store_hold(struct loop *l, struct block *b, const struct msg *m);
/* store_free begins to give back what a removed entry has held: its list is read first, and comes
 * to store_freed (NULL: it cannot be read). */
void store_free(struct loop *l, const struct freed *gone);
void store_freed(struct loop *l, const struct load *what, const struct slice *stored);

/* ---- proposing and committing */
/* loop_batch makes sure that there is a batch with room for one more record's note; false: none
 * is free now. */
bool loop_batch(struct loop *l);
/* loop_submit sends the batch, which has records, on its way. */
void loop_submit(struct loop *l);

/* ---- catalog versions (view.c) */
/* Owner of shard 0 (others: nothing): shows a new version, and lets out what everybody has seen.
 * True: something went out. */
bool view_release(struct loop *l);
void view_see(struct loop *l);
/* view_is_waited_for: by now all have seen what was held; the last look before `l` falls asleep. */
bool view_is_waited_for(const struct loop *l);

/* ---- checkpoints (checkpoint.c), alarms (alarm.c): looked at once a turn */
bool checkpoint_work(struct loop *l); /* true: look again at once */
/* checkpoint_is_waited_for: the last look before `l` falls asleep. */
bool checkpoint_is_waited_for(const struct loop *l);
bool alarms_look(struct loop *l);        /* true: look again at once */
void alarm_limits_begin(struct node *n); /* as the settings have them */
uint64_t alarm_memory_limit(const struct node *n);
uint64_t alarm_disk_limit(const struct node *n);
int64_t alarm_memory_used(const struct node *n); /* by all loops, as of their last turns */
/* alarm_bound does CMD_BOUND; gives the new bound in bytes. */
uint64_t alarm_bound(struct loop *l, const struct run *cmd);
/* ---- copying forward (forward.c) */
bool forward_work(struct loop *l);                /* true: look again at once */
bool forward_is_waited_for(const struct loop *l); /* it is this loop's turn, and not begun */
void forward_loaded(struct loop *l, uint64_t ticket, const struct slice *stored);
void forward_durable(struct loop *l, struct moving *own_m, uint64_t loc);
void forward_free(struct loop *l);
/* ---- pages of streams (pages.c) */
bool pages_work(struct loop *l); /* true: did something */
void pages_loaded(struct loop *l, uint64_t ticket, const struct slice *stored);
void pages_durable(struct loop *l, struct paging *own_p, uint64_t loc);
void pages_free(struct loop *l);
/* ---- what selectors look at (looks.c) */
/* looks_ask reads what the shard wants looked at, and has it served again if it wants that.
 * looks_loaded: false: nobody wants it any more. */
void looks_ask(struct shard *s);
bool looks_loaded(struct loop *l, uint64_t ticket, const struct msg *m);
void looks_free(struct loop *l);
/* ---- what stays in memory (keep.c) */
void keep_rows(struct loop *l, struct run *publish);
void keep_budget(struct loop *l); /* before shards are served; keep_tell: after it */
void keep_tell(struct loop *l);
/* ---- other brokers that are connected to (bridges.c): made from the settings */
MUST_USE enum err bridges_make(struct node *n);
void bridges_free(struct node *n);
/* ---- a clean stop (stop.c) */
bool stop_work(struct loop *l); /* true: look again */
#endif
