/* core_state -- what one shard holds, and the steps that the parts of the core share.
 *
 * Private to core*.c. The parts: core_publish, core_add and core_confirm (messages in), core_give
 * (messages out), core_settle (messages gone), core_attempt (those that failed), core_retry and
 * core_delay (those that wait), core_dead (dead letters), core_time (what expires), core_rule
 * (limits), core_browse (messages looked at), core_consume (consumers), core_single (one of them at
 * a time), core_claim (names), core_queue (queues come, answer and go), core_cold (entries leave
 * memory and come back), core_checkpoint (to disk and back), core_look (digest, dump), core_list
 * (for an operator). With headers of their own: core_mark, core_group, core_select, core_once,
 * core_bequest, core_shed, core_stream, core_retain.
 */
#ifndef CORE_CORE_STATE_H
#define CORE_CORE_STATE_H
#include "base/map.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "core/consumer.h"
#include "core/core.h"
#include "core/lanes.h"
#include "core/queue.h"
#include "msg/refs.h"

struct rd;

#define GIVE_N ((uint32_t)LIMIT_RUN_ROWS_MAX)

struct queue_rules;

/* What one round of giving collects before it tells the sessions, consumer by consumer. */
struct giving {
	union {
		struct deliver_row row[GIVE_N];
		struct add_row add[GIVE_N]; /* for core_publish: the rows of one queue */
	};
	struct consumer *to[GIVE_N];
	uint16_t next[GIVE_N];     /* the same consumer's next row; 0: none */
	uint16_t returned[GIVE_N]; /* of a row with ENTRY_RETURNED: how often */
};

/* Messages that go to many queues come message by message; they are added queue by queue. */
struct fan {
	uint32_t n, expect; /* where the next row's queue should be */
	bool expires;       /* a row does */
};

struct fan_tables {
	struct queue *queue[LIMIT_RUN_ROWS_MAX]; /* each once, as they came */
	uint16_t next[LIMIT_RUN_ROWS_MAX];       /* of a row: the next one of its queue */
};

/* Units are due when they changed in an epoch behind the last one that was kept. */
struct checkpointing {
	bool is_open, is_closed; /* closed: all is given, and it is not known whether it is kept */
	uint64_t epoch;          /* of changes made now; from 1 on */
	uint64_t taken;          /* changes up to this epoch are in the one being taken */
	uint64_t features;       /* of units that were read or given */
	uint64_t kept;           /* changes up to this epoch are in a checkpoint */
	struct deque tombs;      /* struct unit_key: stored units whose chunk is gone */
	size_t tombs_n;          /* of them, given in this checkpoint */
	struct list_node *at;    /* in core.dirty: the queue whose units are being given */
	uint64_t chunk;          /* its next one; 0: first the queue itself */
};

/* A command that waits for what was published before it, or for a cold chunk (what.b: not yet for
 * the former); done by core_give. */
struct ask {
	struct run who;
	struct reply_row what;
	struct browse_row from; /* of CMD_BROWSE */
};

/* The first byte of units of streams and stores; FORM, of all others, is 1. */
enum { UNIT_STREAM = 2, UNIT_PAGE = 3, UNIT_RETAIN = 4, UNIT_RETAIN_PAGE = 5 };

struct core {
	struct mem *mem;
	uint16_t shard;
	bool is_leading;     /* has decided something since it was made or restored */
	uint64_t index;      /* of the log: applied up to here */
	struct map queues;   /* id -> struct queue */
	struct queue *found; /* the last one looked up */
	struct map claims;   /* hash of a name -> struct claim */
	struct pool queue_pool;
	struct chunk_pool chunks;
	struct consumers consumers;
	struct list active;       /* queues for core_give */
	struct list dirty;        /* queues for the next checkpoint */
	struct list late;         /* chunks with entries that may not wait at all */
	uint64_t now_ms;          /* of the call that is being worked on */
	struct deque asks, freed; /* the latter: struct freed */
	uint64_t cached_bytes, cache_max, run_bytes_max; /* the last: core_run_bytes */
	uint64_t retain_max_n, retain_max_bytes;
	struct core_totals all; /* overflowed_n is in count */
	uint64_t dead_session;  /* who publishes dead letters again; 0: nobody */
	uint64_t *order;        /* all queue ids, sorted; as long as it is not stale */
	size_t order_n, order_cap;
	bool order_is_stale;
	bool counts_classic; /* core_count_classic */
	struct {
		uint64_t session;
		uint16_t channel;
		uint8_t fate;     /* MESSAGE_...: of its newest message, so far */
		uint64_t held_by; /* MESSAGE_HELD: the queue */
	} split;                  /* core_publish.c */
	struct checkpointing checkpoint;
	struct {
		struct list outs;   /* struct streamed: pages are to be written */
		struct list used;   /* struct stream_page: may leave memory, longest unused first */
		struct deque wants; /* struct core_page: to be read */
		uint32_t used_n, rows_max;
	} streams;
	struct {
		uint64_t bytes_max;      /* entries in memory beyond it may leave it */
		struct deque wants;      /* struct unit_key: chunks to be read */
		struct deque asks;       /* struct ask: commands that wait for one */
		uint64_t read_n, left_n; /* chunks, so far */
	} cold;                          /* core_cold.c */
	struct sheds sheds;              /* core_shed.c */
	struct selects select;           /* core_select.c */
	struct queue_count count;
	struct fan fan;
	uint32_t returned_n; /* rows with ENTRY_RETURNED in `giving` */
	/* Tables from here on, unwritten before they are needed: a shard without work is small. */
	struct wheel wheel; /* struct due, while it leads */
	struct fan_tables fan_tables;
	struct giving giving;
};

/* ---- core.c */

/* core_find_queue: NULL if this shard has none with that id. */
struct queue *core_find_queue(struct core *c, uint64_t id);
/* core_make_queue adds an empty queue; NULL: no memory. */
struct queue *core_make_queue(struct core *c, uint64_t id, uint8_t flags);
/* core_forget_queue frees one that has no entries and no consumers. */
void core_forget_queue(struct core *c, struct queue *own_q);

/* core_activate: core_give shall look at this queue. */
static inline void core_activate(struct core *c, struct queue *q)
{
	if (!list_has_node(&q->active))
		list_push(&c->active, &q->active);
}

/* core_changed notes a durable change in `q`: in the entries of `k`, or with NULL elsewhere. */
static inline void core_changed(struct core *c, struct queue *q, struct chunk *k)
{
	uint64_t *changed = k ? &k->changed : &q->changed;
	*changed = q->dirty_at = c->checkpoint.epoch;
	q->is_logged = true;
	if (!list_has_node(&q->dirty))
		list_push(&c->dirty, &q->dirty);
}

/* core_drop_entry forgets a live entry: its message, bytes and counts; `gone` collects references.
 * The chunk stays until core_release. */
void core_drop_entry(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		     struct refs *gone);
/* core_release gives a chunk back if nothing in it lives (and it is not the tail of others). */
void core_release(struct core *c, struct queue *q, struct chunk *k);
/* core_freed notes that a stored message is needed no more. */
void core_freed(struct core *c, uint64_t loc, uint32_t bytes, uint8_t flags);
/* core_freed_many: so do `n` messages of one segment, none of them in chunks. */
void core_freed_many(struct core *c, uint64_t loc, uint64_t bytes, uint32_t n);
/* core_unmem takes the entry's message out of memory; the caller has its reference now. */
static inline uint64_t core_unmem(struct core *c, struct queue *q, struct entry *e)
{
	uint64_t mem = e->mem;
	if (mem) {
		must(q->cached_bytes >= e->bytes && c->cached_bytes >= e->bytes);
		q->cached_bytes -= e->bytes;
		c->cached_bytes -= e->bytes;
		e->mem = 0;
	}
	return mem;
}

/* core_fx is the head of an effect of `kind` for the session and channel of `to`. */
static inline struct run core_fx(const struct core *c, uint8_t kind, const struct run *to)
{
	return (struct run){ .kind = kind,
			     .channel = to->channel,
			     .session = to->session,
			     .shard = c->shard,
			     .vhost = to->vhost,
			     .queue = to->queue,
			     .arg = to->arg };
}

/* core_reply answers the command `cmd`, if somebody asked; what.op says what is answered. */
void core_reply(const struct core *c, const struct run *cmd, struct reply_row what,
		struct post *fx);

/* ---- core_claim.c */
void core_claim(struct core *c, const struct run *cmd, struct post *fx);
void core_yield(struct core *c, const struct run *cmd, struct post *fx);
void core_claim_moved(struct core *c, const struct run *cmd, struct post *fx);
void core_claims_free(struct core *c);

/* ---- core_publish.c */
void core_publish(struct core *c, struct run *cmd, struct outcomes *now, struct outcomes *later,
		  struct post *fx);
/* ---- core_add.c */
void core_apply_add(struct core *c, struct run *o, uint64_t index, uint32_t ordinal,
		    struct post *fx);
/* core_drop_rows: rows that find no queue: their references go, their publisher need not know. */
void core_drop_rows(struct core *c, const struct run *to, const struct add_row *row, uint32_t n,
		    struct post *fx);

/* ---- core_give.c */
/* core_serve does for one queue, now, what core_give would do: before its state is asked for. */
void core_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx);
void core_get(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
	      struct post *fx);
/* core_pass gives transient rows of `o` straight to consumers that wait without ack, past an empty
 * queue: the number of rows that went so. */
uint32_t core_pass(struct core *c, struct queue *q, const struct run *o, struct post *fx);

/* ---- core_cache.c */

/* core_cache_is_full: a queue with consumers may keep what they are about to get; without, what the
 * first of them gets before more has been read. */
static inline bool core_cache_is_full(const struct core *c, const struct queue *q)
{
	uint64_t part = q->consumers_n ? 2 : 16;
	return c->cached_bytes > c->cache_max || q->cached_bytes > c->cache_max / part;
}
/* core_cache_trim drops what of that is too much, the newest first. */
void core_cache_trim(struct core *c, struct queue *q);

/* ---- core_settle.c */

/* Removals on their way into the log, joined while nothing lives between them. */
struct removal {
	struct queue *queue;
	struct outcomes *later;
	enum remove_reason reason;
	struct remove_row row; /* first_pos 0: nothing yet */
};
/* core_remove marks a live persistent entry as settling and logs that; core_removed ends it. */
void core_remove(struct removal *r, struct chunk *k, uint32_t slot);
void core_removed(struct removal *r);
/* core_remove_between: what lives from `first_pos` to `last_pos` is settling, all of it. */
void core_remove_between(struct removal *r, const struct remove_row *row);

/* core_release_entry: an entry that was given is ready again where it was. */
void core_release_entry(struct core *c, struct queue *q, struct chunk *k, uint32_t slot);
/* core_give_back does that, at once or when its retry is due. */
void core_give_back(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    bool is_failure);

/* core_settle: accept, release, reject; positions that are settled or gone are ignored. */
void core_settle(struct core *c, struct run *cmd, struct outcomes *later);
/* core_purge, like core_get and core_stat: is_behind = what was published before is applied. */
void core_purge(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
		struct post *fx);
/* core_apply_remove drops entries by position or, on replay, by id. */
void core_apply_remove(struct core *c, const struct run *o);
/* core_drop_all forgets all entries of a queue; the number of those that were ready. */
uint64_t core_drop_all(struct core *c, struct queue *q);

/* ---- core_confirm.c */

/* core_confirm tells who has published `to` (its channel and session) of `n` messages from `first`
 * on; joined with what he is told anyway. */
void core_confirm(const struct core *c, const struct run *to, uint8_t kind, uint64_t first,
		  uint32_t n, struct post *fx);
/* core_confirm_rows tells the publisher of those rows that say so. */
void core_confirm_rows(const struct core *c, const struct run *to, const struct add_row *row,
		       uint32_t n, struct post *fx);
/* core_apply_confirm tells, or has it wait (core_dead_hold), what goes behind the log. */
void core_apply_confirm(struct core *c, const struct run *o, struct post *fx);

/* ---- core_dead.c */

/* core_dead_rules follows the rules of a queue: has it a place for dead letters? core_dead_forget
 * frees what there is for them, with the queue. */
void core_dead_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_dead_forget(struct core *c, struct queue *q);
/* core_dead_is_on: entries of `q` that die become dead letters, by core_dead; if not they are to be
 * removed. core_dead_room, then: how many more may die before the first of them must wait. Who can
 * leave entries where they are (expired ones, those beyond a length) lets no more die at once. */
bool core_dead_is_on(const struct core *c, const struct queue *q);
uint32_t core_dead_room(const struct queue *q);
/* core_dead makes a dead letter of a live entry, ready or given; its queue is served. From then on
 * it is the session's for dead letters. */
void core_dead(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
	       enum dead_reason reason);
/* core_dead_bury is that of one that was rejected, also where the queue has no place for dead
 * letters: then it is DEAD_BURIED. */
void core_dead_bury(struct core *c, struct queue *q, struct chunk *k, uint32_t slot);
/* core_dead_is_full: so many are under way that who publishes to `q` has to wait, as far as they
 * are sure to arrive: with "at least once" they may not, ever, and then a limit of the queue
 * refuses. core_dead_hold keeps an OUTCOME_CONFIRM back until that is over; core_dead_let_go tells
 * all that is kept. */
bool core_dead_is_full(const struct core *c, const struct queue *q);
void core_dead_hold(struct core *c, struct queue *q, const struct run *o);
void core_dead_let_go(const struct core *c, struct queue *q, struct post *fx);
/* core_dead_serve tells the session of as many as may be out at once; core_dead_settle is its
 * answer. `q` must have `dead`. */
void core_dead_serve(struct core *c, struct queue *q, struct post *fx);
void core_dead_settle(struct core *c, const struct run *cmd, struct outcomes *later);

/* ---- core_cold.c: entries that leave memory and come back */

#define NEAR_CHUNKS 16u /* ahead of a queue's consumers: kept, or read */

/* core_cool gives away the entries of chunks of `q` that the newest checkpoint has, as long as
 * there are too many in memory. */
void core_cool(struct core *c, struct queue *q);
/* core_cool_one does so with one that was just read; it stays as it is if it may not be cold. */
void core_cool_one(struct core *c, struct queue *q, struct chunk *k);
/* core_near: `k` is about to be given from. False: its entries are not in memory; they and those of
 * the next ones are asked for, and core_warm serves the queue again. Only if q->cold_n. */
bool core_near(struct core *c, struct queue *q, const struct chunk *k);
/* core_cold_ask: a command is done again when something was read. core_cold_want asks for the
 * entries of one chunk; false: it is going, all of it. */
void core_cold_ask(struct core *c, const struct ask *a);
bool core_cold_want(struct core *c, struct queue *q, struct chunk *k);
/* core_cold_remove has the removal of a whole cold chunk logged, as core_remove does of an entry:
 * how many. core_cold_drop forgets one, unread, as core_drop_entry does. */
uint64_t core_cold_remove(struct removal *r, struct chunk *k);
void core_cold_drop(struct core *c, struct queue *q, struct chunk *k);
/* core_cold_end: nothing of a cold chunk lives, but its place is needed: it is cold no more. */
void core_cold_end(struct core *c, struct queue *q, struct chunk *own_k);
/* core_cool_behind: an unchanged chunk that has been gone through may leave memory again. */
void core_cool_behind(struct core *c, struct queue *q, struct chunk *k);

/* ---- core_checkpoint.c */

/* core_chunk_read reads the entries of a unit into an empty chunk. */
MUST_USE enum err core_chunk_read(struct core *c, struct chunk *k, struct slice unit);

/* ---- core_time.c */

/* core_lead says what time it is. The first time it begins deciding: what an earlier leader may
 * have given is redelivered from now on, and what waits for a time waits for it here. */
void core_lead(struct core *c, uint64_t now_ms);

/* Ready entries that die: their time is over, or there are too many. */
struct dying {
	struct core *core;
	struct queue *queue;
	struct refs gone;
	struct removal removal;
	enum dead_reason reason;
	uint64_t n;
};
/* core_die makes a ready entry a dead letter if the queue has a place for these, else it removes
 * it; core_died ends it. Chunks stay until core_release. */
void core_die(struct dying *d, struct chunk *k, uint32_t slot);
void core_died(struct dying *d);

/* core_watch: a ready entry in `k` expires at that time; core_watch_slots: some of those in [from,
 * from + n) may. core_unwatch ends that for a chunk. */
void core_watch(struct core *c, struct chunk *k, uint64_t expiry_ms);
void core_watch_slots(struct core *c, struct chunk *k, uint32_t from, uint32_t n);
void core_unwatch(struct core *c, struct chunk *k);

/* core_expire does what is due now, up to a bound: core_deadline says the rest; before consumers
 * are served. core_next_ready is queue_next_ready that lets die first what is due where it looks:
 * so nothing that is over is given, however much is due. NULL: nothing is ready, or it is not in
 * memory and was asked for. *io_chunk is the chunk that it gave before, at the same time, or NULL;
 * it is released when another one comes. core_expire_late lets die what no consumer of `q` (NULL:
 * of any queue) has taken and may not wait; after that. */
void core_expire(struct core *c, struct outcomes *later, struct post *fx);
struct chunk *core_next_ready(struct core *c, struct queue *q, struct chunk **io_chunk,
			      struct outcomes *later, uint32_t *out_slot);
void core_expire_late(struct core *c, const struct queue *q, struct outcomes *later);
/* core_expire_due lets die what is due in `k`, which may be gone then; false: nothing. */
bool core_expire_due(struct core *c, struct chunk *k, struct outcomes *later);

/* core_used (core_use.c): `q` is in use, or was until now: it lives for a while. */
void core_used(struct core *c, struct queue *q);

/* ---- core_rule.c: only for queues with rules, but for these two */

/* core_rules follows the rules of a queue; core_rules_forget frees what there is for them. */
void core_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_rules_forget(struct core *c, struct queue *q);
/* core_rule_rows gives rows the expiry that the queue gives them. */
void core_rule_rows(const struct core *c, const struct queue *q, struct publish_row *row,
		    uint32_t n);
/* core_rule_fit: of how many of the `n` rows, from the first on, is it true that they fit, or
 * (*out_fits) that they do not and are refused? What waits for the log counts. */
uint32_t core_rule_fit(const struct queue *q, const struct publish_row *row, uint32_t n,
		       bool *out_fits);
/* core_rule_bodies: bytes of the rows' bodies; of stored forms where no message is in memory. */
uint64_t core_rule_bodies(const struct add_row *row, uint32_t n);
/* core_rule_weigh notes that of slots [from, from + n); before there are rules, _replayed that of
 * the newest, as a log's rows say, _weighed of one; _count lets all count, _unweigh forgets it. */
void core_rule_weighed(struct core *c, struct chunk *k, uint32_t slot, uint32_t body);
void core_rule_replayed(struct core *c, struct chunk *k, const struct add_row *row, uint32_t n);
void core_rule_count(struct core *c, struct queue *q, struct chunk *k);
void core_rule_weigh(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n);
void core_rule_unweigh(struct core *c, struct chunk *k);
/* core_rule_drop lets the oldest ready entries die as long as there are too many. */
void core_rule_drop(struct core *c, struct queue *q, struct outcomes *later);

/* ---- core_consume.c */
void core_subscribe(struct core *c, const struct run *cmd, struct post *fx);
void core_unsubscribe(struct core *c, const struct run *cmd, struct post *fx);
void core_credit(struct core *c, struct run *cmd);
void core_session_gone(struct core *c, const struct run *cmd, struct post *fx);
/* core_cancel_all ends all consumers of a queue that is being dropped, and tells them. */
void core_cancel_all(struct core *c, struct queue *q, struct post *fx);

/* ---- core_single.c: single active consumers */

/* core_single_rules follows the rules of a queue; core_single_forget frees what there is for it. */
void core_single_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_single_forget(struct core *c, struct queue *q);
/* core_single_join: a new one waits, or is active (SUBSCRIBE_ALONE: at once). _leave: one is to be
 * removed; is_ending: all that it holds comes back first. core_single_next finds the next active
 * one if there is none. core_single_settled: `n` were settled, of which pending_n come back when
 * the log has their count; core_single_back: so many have. But to join, `q` must have `single`. */
void core_single_join(struct core *c, struct queue *q, struct consumer *s);
void core_single_leave(struct queue *q, const struct consumer *s, bool is_ending);
void core_single_next(struct core *c, struct queue *q);
void core_single_settled(struct core *c, struct queue *q, const struct run *who, uint32_t n,
			 uint32_t pending_n);
void core_single_back(struct core *c, struct queue *q, const struct run *who, uint32_t n);
/* core_single_active: NULL: nobody, for the moment. */
const struct consumer *core_single_active(const struct queue *q);

/* ---- core_retry.c: delayed retry */

/* core_retry_rules follows the rules of a queue; core_retry_forget frees what there is for it. */
void core_retry_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_retry_forget(struct core *c, struct queue *q);
/* core_retry_wait: an entry that was given comes back; is_failure: from an attempt that counts.
 * True: it waits for its time. `q` must have `retry`. core_retry_due: somebody's time has come. */
bool core_retry_wait(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		     bool is_failure);
void core_retry_due(struct core *c, struct due *due);

/* ---- core_delay.c: the keeper of an exchange that delays; its entries go on when they are due */

/* core_delay_rules follows the rules of a queue; core_delay_forget frees what there is for it. */
void core_delay_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_delay_forget(struct core *c, struct queue *q);
/* core_delay_add: slots [from, from + n) have come. `q` must have `delay`; likewise below. */
void core_delay_add(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n);
/* core_unseen: has the keeper not taken the message before? Its row carries what tells it from
 * others where the expiry belongs, and has that afterwards. `q` must have `window`. */
bool core_unseen(struct core *c, struct queue *q, struct publish_row *row);
/* core_delay_due: somebody's time has come; core_delay_go_on: or there is room again for who had to
 * wait beyond his time. */
void core_delay_due(struct core *c, struct due *due);
void core_delay_go_on(struct core *c, struct queue *q);
/* core_delay_again: one that was due is safe where it went, and is to wait again until `due_ms`;
 * what is persistent does when the log has it, with how often it was due, `n`: one outcome, so that
 * it goes neither twice for that nor never again. core_delay_apply_again is OUTCOME_AGAIN. */
void core_delay_again(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		      uint64_t due_ms, uint16_t n, struct outcomes *later);
void core_delay_apply_again(struct core *c, const struct run *o);

/* ---- core_queue.c */
void core_open(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx);
void core_stat(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
	       struct post *fx);
void core_delete(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx);
/* core_replay passes CMD_REPLAY on to the session for dead letters, which reads and answers. */
void core_replay(const struct core *c, const struct run *cmd, struct post *fx);
void core_drop(struct core *c, const struct run *cmd, struct outcomes *now, struct outcomes *later,
	       struct post *fx);
void core_apply_drop(struct core *c, const struct run *o, struct post *fx);
/* core_close: nothing comes in or out of `q` any more, and the catalog is told to remove it. */
void core_close(const struct core *c, struct queue *q, const struct run *cmd, struct post *fx);
/* core_ask_later has the command `cmd` done behind everything that waits in `later`. */
void core_ask_later(const struct run *cmd, struct outcomes *later);
void core_apply_barrier(struct core *c, const struct run *o, struct post *fx);
/* core_answer does a command that has waited. */
void core_answer(struct core *c, struct ask *a, struct outcomes *later, struct post *fx);

/* ---- core_browse.c */
void core_browse(struct core *c, const struct run *cmd, const struct browse_row *from,
		 bool is_behind, struct outcomes *later, struct post *fx);

/* ---- core_list.c: what is kept, for an operator */
void core_list(struct core *c, const struct run *cmd, struct post *fx);
/* core_is_kept: an entry of a keeper waits, or is on its way and perhaps not for the last time. */
bool core_is_kept(const struct chunk *k, uint32_t slot);
void core_cancel(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx);
/* core_cancel_kept is CMD_PURGE of a queue that has `delay`. core_cancelled: what is on its way
 * from there, and would wait again, is to be gone; who wanted that hears so from core_cancels_serve
 * when nothing of his is under way. core_cancels_end tells all that there is no such queue;
 * core_cancels_forget tells nobody. */
void core_cancel_kept(struct core *c, struct queue *q, const struct run *cmd,
		      struct outcomes *later, struct post *fx);
bool core_cancelled(struct core *c, struct queue *q, uint64_t pos);
void core_cancels_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx);
void core_cancels_end(const struct core *c, struct queue *q, struct post *fx);
void core_cancels_forget(const struct core *c, struct queue *q);

/* ---- core_look.c */
/* core_describe and core_answer_digest answer CMD_DUMP and CMD_DIGEST. */
void core_describe(struct core *c, const struct run *cmd, struct post *fx);
void core_answer_digest(struct core *c, const struct run *cmd, struct post *fx);
#endif
