/* core -- one shard's queues: commands in, outcomes decided, outcomes applied, effects out.
 *
 * The leader decides, the log records. core_admit holds all policy: it looks at state plus
 * reservations, changes only volatile state (consumers, credit, who holds what, reservations)
 * and says what shall happen as outcomes. core_apply makes an outcome true; it holds no policy,
 * is total, and gives the same durable state in every version and on every replica.
 *
 *     command --admit--> outcomes.now   --apply at once---------------> effects
 *                    \-> outcomes.later --log, commit, then apply-----> effects
 *                    \-> refusal (an FX_REPLY)
 *
 * `now` is for what need not survive and is not behind anything that waits: it is applied before
 * the next command is admitted. `later` is a FIFO: a run in it is applied when the record that
 * holds it (or, for runs without RUN_LOGGED, the record before it) is committed. So what one
 * channel publishes to one queue keeps its order, durable or not.
 *
 * Neither step gives entries to a consumer. They note which queues have something to do, and
 * core_give, called when everything that is ready has been applied, serves these: who gets which
 * message is volatile, and nothing that the log knows of. (Two short cuts: a command that asks how
 * many messages there are serves its queue first; and a transient message that meets an empty
 * queue with a consumer that does not acknowledge never becomes an entry.)
 *
 * One thread touches a core. No clock, no I/O, no lock; memory only from `mem`.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H
#include "base/err.h"
#include "base/mem.h"
#include "core/outcomes.h"
#include "core/run.h"

struct core;
struct digest;
struct text;
struct wr;

enum cmd {
#define CMD(number, name, to, row, prose) CMD_##name = number,
#include "core/cmd.def"
#undef CMD
};
enum fx {
#define FX(number, name, row, prose) FX_##name = number,
#include "core/fx.def"
#undef FX
};
enum outcome {
#define OUTCOME(number, name, row, prose) OUTCOME_##name = number,
#include "core/outcome.def"
#undef OUTCOME
};

/* Flags of runs, per kind. */
enum { RUN_LOGGED = 128 }; /* outcomes: must be in the log before apply */
/* NUMBERED: deliver_row.count is the entry's number (entry_number), not its attempts. */
/* CLAIM: WAIT: who has the name is not told to go. */
enum { CLAIM_OWN = 1, CLAIM_WAIT = 2 };
enum {
	SUBSCRIBE_NO_ACK = 1,
	SUBSCRIBE_EXCLUSIVE = 2,
	SUBSCRIBE_NUMBERED = 4,
	SUBSCRIBE_DISCARDS = 8, /* what its selector is not true of is gone */
	SUBSCRIBE_ALONE = 16,   /* the first of these gets everything, as long as there is one */
	SUBSCRIBE_LOSSY = 32,   /* it can do without any message (rule passing_bytes) */
	SUBSCRIBE_NO_LOCAL = 64 /* nothing that its own session sends from now on */
};
/* CREDIT: from now on the consumer is not SUBSCRIBE_LOSSY any more. */
enum { CREDIT_LOSSLESS = 1 };
enum { UNSUBSCRIBE_ENDING = 1 };
enum { GET_NO_ACK = 1 };
enum { DELIVER_GET = 1, DELIVER_FOUND = 2 };
enum { FIND_NUMBERED = 1 }; /* keys with a number (retain_expiry); else those without */
/* EXPIRED: as if it had expired; what its rules say of what is left in it comes first. */
enum { DELETE_IF_UNUSED = 1, DELETE_IF_EMPTY = 2, DELETE_OWNER_GONE = 4, DELETE_EXPIRED = 8 };
/* Of CMD_QUEUE_ALTER: nothing is altered if the queue lives as long without a consumer already. */
enum { ALTER_LENGTHENS = 1 };
enum {
	QUEUE_DURABLE = 1,
	QUEUE_EXCLUSIVE = 2,
	QUEUE_AUTO_DELETE = 4,
	QUEUE_KEEPER = 8,
	QUEUE_APPENDS = 16,     /* a stream */
	QUEUE_RETAINS = 32,     /* a store of last messages (retain.h) */
	QUEUE_ONCE = 64,        /* what is in it is not taken again */
	QUEUE_ONCE_BY_ID = 128, /* with it: a message id says which one it is, too */
	QUEUE_KEEPS = 256       /* all that comes survives, as of a quorum queue; no shard has it */
};
/* ADD, none is stored. RESERVED: admit counts it as pending. EXPIRES: rows may expire. DEAD: there
 * is no room for them, they become dead letters at once. */
enum { ADD_RESERVED = 1, ADD_EXPIRES = 2, ADD_DEAD = 4 };
/* OUTCOME_CONFIRM: becomes an FX_REFUSED. run.queue: it may have to wait there; 0: nowhere. */
enum { CONFIRM_REFUSED = 1 };
/* DUMP_LOOP: the node with this loop, the loop, its connections from the slot run.queue on, or the
 * one connection that has the number run.queue. */
enum { DUMP_NODE = 1, DUMP_ONE_LOOP, DUMP_CONNECTIONS, DUMP_CONNECTION };
/* TRACE: ON: begin; answered, reply_row.a: has the loop such a connection? MORE: run.arg further
 * bytes of lines may come (TRACE_WINDOW_BYTES may from the beginning). OFF: no more lines. */
enum { TRACE_ON = 1, TRACE_MORE, TRACE_OFF };
#define TRACE_WINDOW_BYTES 262144u
enum { BOUND_DISK = 1, BOUND_RELATIVE = 2 }; /* else of memory; else in bytes */
enum { FACT_AGAIN = 1 };                     /* log it, even if it is known already */
enum { BARRIER_ASK = 1 }; /* not an answer yet: the command reply_row.op, with flags reply_row.a */

/* outcome_enters: its rows are add_rows that become entries, each with an id. outcome_adds: they
 * may also become something else. */
static inline bool outcome_enters(uint8_t kind)
{
	return kind == OUTCOME_ADD || kind == OUTCOME_ADD_ONCE;
}
static inline bool outcome_adds(uint8_t kind)
{
	return outcome_enters(kind) || kind == OUTCOME_STREAM_ADD || kind == OUTCOME_RETAIN;
}

/* FX_REPLAY: who is answered when it is done; behind it what was bound. */
struct replay_for {
	uint64_t session, arg;
	uint16_t channel, pad[3];
};

/* Why entries are removed: the low bits of OUTCOME_REMOVE's flags, stored. */
enum remove_reason {
	REMOVE_SETTLED,
	REMOVE_REJECTED,
	REMOVE_GIVEN,
	REMOVE_PURGED,
	REMOVE_DEAD,
	REMOVE_EXPIRED,
	REMOVE_MAXLEN
};

/* Why an entry is dead (FX_DEAD_LETTER's flags). */
enum dead_reason {
	DEAD_REJECTED,
	DEAD_EXPIRED,
	DEAD_MAXLEN,
	DEAD_DELIVERY_LIMIT,
	DEAD_BURIED, /* rejected, where its queue has no place for dead letters */
	DEAD_REASONS_N
};

/* core_new makes the empty core of shard `shard` in memory from `mem`; NULL: no memory. */
struct core *core_new(struct mem *mem, uint16_t shard);
/* core_free gives all memory back and drops every reference to messages. NULL is allowed. */
void core_free(struct core *c);

/* core_admit decides one run of commands (CMD_... whose `to` is QUEUE).
 *
 * Rows' references move in: they are owned by outcomes, entries or effects afterwards, or dropped.
 * Refusals and what needs no outcome go to `fx`; commands to other shards likewise (fx routes by
 * shard). now_ms is the shard's wall clock, never running back. */
void core_admit(struct core *c, struct run *cmd, uint64_t now_ms, struct outcomes *now,
		struct outcomes *later, struct post *fx);

/* core_apply makes one run of outcomes true. `index`: the log index of the record that holds it
 * (for runs without RUN_LOGGED: of the last record before); ids of added entries are
 * index << 16 | ordinal, where `ordinal` is the number of entries before this run in the record.
 * With fx == NULL (recovery, replica) nothing is told to anybody. */
void core_apply(struct core *c, struct run *o, uint64_t index, uint32_t ordinal, struct post *fx);

/* core_sound looks at an outcome that was read from a log (logged_get), before it is applied.
 * ERR_CORRUPT: no core has decided that: an outcome of the catalog, a transaction without a
 * number, or a message for a stream where there is a queue, or the other way round. */
MUST_USE enum err core_sound(const struct core *c, const struct run *o, uint32_t ordinal);

/* core_give serves the queues that have something to do since the last call: gives what is ready
 * to consumers with credit, answers what had to wait for earlier publishes, and drops from memory
 * what the cache has no room for. Called at the end of a turn in which something was admitted or
 * applied; it may put further outcomes into `later` (what is given without ack is logged
 * as removed; give marks). `now` stays empty today. */
void core_give(struct core *c, uint64_t now_ms, struct outcomes *now, struct outcomes *later,
	       struct post *fx);

/* core_deadline is the next time at which core_tick has something to do; UINT64_MAX: none. */
uint64_t core_deadline(const struct core *c);
void core_tick(struct core *c, uint64_t now_ms, struct outcomes *now, struct outcomes *later,
	       struct post *fx);

/* Queues found in the log but unknown to the catalog: core_queue_next walks queue ids in order
 * (start with 0; 0 at the end), so that the node can drop what has no owner after recovery. */
uint64_t core_queue_next(struct core *c, uint64_t after);

/* core_held adds what a core holds: queues, and messages that are in its log. */
struct core_held {
	uint64_t queues_n, messages_n;
};
void core_held(const struct core *c, struct core_held *io);

/* What removed entries free, for the accounting of the journal: core_freed_take moves up to `max`
 * rows out, oldest first, and returns how many. One row stands for `n` entries whose messages lie
 * in one segment (equal loc >> 32); an entry that is ENTRY_BIG or ENTRY_SPILLED has a row of its
 * own. */
struct freed {
	uint64_t loc, bytes;
	uint32_t n, flags;
};
uint32_t core_freed_take(struct core *c, struct freed *out, uint32_t max);

/* core_dead_to says, once, which session of this loop publishes dead letters again: it is told of
 * them by FX_DEAD_LETTER, and settles each when all its targets have it. Without one there are no
 * dead letters: entries that die are gone. */
void core_dead_to(struct core *c, uint64_t session);

/* core_count_classic: classic queues, too, count how often a message came back, and follow a limit
 * of that; without it quorum queues alone do. Before the core decides anything. */
void core_count_classic(struct core *c);

/* Cache policy: entries that stay queued keep `mem` only while the core holds fewer bytes than
 * this; beyond it a persistent entry is dropped from memory (its loc remains) when it is added. One
 * queue may have half of it, or without consumers a sixteenth. */
void core_cache_limit(struct core *c, uint64_t bytes_max);
uint64_t core_cached_bytes(const struct core *c);

/* core_retain_limit: what a store of last messages may hold; a message that does not fit is
 * refused. Without it: any number. */
void core_retain_limit(struct core *c, uint64_t messages, uint64_t bytes);

/* Cold chunks: entries in memory beyond `bytes_max` may leave it, when a checkpoint has them. Then
 * nothing is given before they are back: core_wants_take says which units of the newest checkpoint
 * are to be read, at most `max`, each once; core_warm brings one, as core_checkpoint_next has
 * written it (it is a must() that it is the one). What is no longer wanted is ignored; every
 * unit that was asked for must come, and core_give must be called afterwards.
 *
 * core_apply finds everything in memory that it needs, because only what is decided for entries
 * that are there gets into the log. Replay decides nothing: before each outcome core_needs says
 * which unit has to be brought first; false: none. core_cold_next: the next cold unit of
 * a queue from *io_key on, or the next one whose entries are of several priorities. */
struct unit_key {
	uint64_t queue;
	uint64_t chunk;
};                                                       /* chunk UINT64_MAX: the queue itself */
#define CORE_UNIT_BYTES (4u + LIMIT_CHUNK_ENTRIES * 48u) /* of a unit of entries, at most */
void core_entries_limit(struct core *c, uint64_t bytes_max);
uint64_t core_entries_bytes(const struct core *c);
/* core_totals: what lies in all queues and stores together, and what full queues have dropped or
 * refused so far. */
struct core_totals {
	uint64_t queued_n, retained_n, bytes, overflowed_n;
};
struct core_totals core_totals(const struct core *c);
/* core_cold_count: chunks that have left memory so far, and those that were brought back. */
struct cold_count {
	uint64_t left_n, read_n;
};
struct cold_count core_cold_count(const struct core *c);
bool core_has_wants(const struct core *c);
uint32_t core_wants_take(struct core *c, struct unit_key *out, uint32_t max);
void core_warm(struct core *c, struct unit_key key, struct slice unit);
bool core_needs(struct core *c, const struct run *o, struct unit_key *out);
bool core_cold_next(struct core *c, struct unit_key *io_key, bool is_any);

/* Checkpoint: durable state as units, each with a key; only units changed since the last
 * core_checkpoint_end that was kept are given. core_checkpoint_next writes one unit into buf (cap
 * bytes, at least CHECKPOINT_UNIT_MAX). *out_len == 0: the unit is to be deleted. False: no more.
 * Between begin and close no run with RUN_LOGGED may be applied (a must()): all units belong to the
 * index that was applied last. Commands may be admitted, and transient outcomes applied. After
 * close everything goes on; end says, before the next begin, whether the units are durable (kept),
 * or are to be given again. Close may be left out. */
#define CHECKPOINT_UNIT_MAX 65536u
void core_checkpoint_begin(struct core *c);
bool core_checkpoint_next(struct core *c, struct unit_key *out_key, uint8_t *buf, uint32_t cap,
			  uint32_t *out_len);
void core_checkpoint_close(struct core *c);
void core_checkpoint_end(struct core *c, bool is_kept);
/* core_features: what whoever reads its units must know, of those read and given so far. */
uint64_t core_features(const struct core *c);
/* core_checkpoint_all makes the next checkpoint give every unit: it goes to a new place. */
void core_checkpoint_all(struct core *c);
/* Where a unit of entries is lost: core_gap gives the ids between which its own must lie, and how
 * many units there is room for behind the one before; core_restore_entries puts entries into its
 * place, at most CORE_UNIT_ENTRIES, in the order of their ids. ERR_CORRUPT: it has some already. */
#define CORE_UNIT_ENTRIES 512u
struct core_entry {
	uint64_t id, loc, expiry_ms, once;
	uint32_t bytes;
	uint8_t flags, priority;
};
struct core_gap {
	uint64_t above, below, units_n;
};
struct core_gap core_gap(struct core *c, struct unit_key key);
MUST_USE enum err core_restore_entries(struct core *c, struct unit_key key,
				       const struct core_entry *e, uint32_t n);
/* core_last_id is the highest id that a restored core shows to have been given; 0: none. */
uint64_t core_last_id(const struct core *c);
/* core_unit_is_stream: the unit is a stream's, or one of its pages. */
bool core_unit_is_stream(struct slice unit);
/* core_restore reads one unit back, into an empty core, in any order; core_restored ends it. */
MUST_USE enum err core_restore(struct core *c, struct unit_key key, struct slice unit);
MUST_USE enum err core_restored(struct core *c);

/* core_live_next walks all live persistent entries, queue by queue in the order of ids: *io_walk is
 * zero to begin with, and names the entry afterwards. What comes or goes between two calls may be
 * seen or not. False: no more. Entries of a cold chunk come together, as many as lie in one
 * segment: io_walk->id is 0, out_entry->n their number, and its loc some place there.
 * core_live_again has them read, to come one by one then, and goes back to the first; false: they
 * are going, the walk goes on. What is in a store of last messages has ENTRY_STREAM. */
struct live_walk {
	uint64_t queue, id, pos, chunk;
	uint32_t span;
};
bool core_live_again(struct core *c, struct live_walk *io_walk);
bool core_live_next(struct core *c, struct live_walk *io_walk, struct freed *out_entry);
/* core_live_next_many is for who only counts: entries that follow one another in one segment come
 * together, *io_walk names the last; one that is ENTRY_BIG comes alone. */
bool core_live_next_many(struct core *c, struct live_walk *io_walk, struct freed *out);

/* Moving stored messages: core_relocate tells the entry `id` of `queue` that its message lies at
 * `new_loc` now; false: no such live entry at old_loc, or it may not move (then nothing changed).
 * core_may_move: the entry of the walk may. Who was given it without its bytes reads them where it
 * lay, at some time: until it is back or gone it stays. */
bool core_may_move(struct core *c, const struct live_walk *walk);
bool core_relocate(struct core *c, uint64_t queue, uint64_t id, uint64_t old_loc, uint64_t new_loc);

/* core_retain_pieces: the body of the entry that core_live_next has named lies in `pieces_n`
 * chunks, which a checkpoint does not say. Only stores of last messages want to know. */
void core_retain_pieces(struct core *c, uint64_t queue, uint64_t id, uint32_t pieces_n);

/* Selectors: core_views says how properties are read, by whose encoding they are in. What one is to
 * look at and is not in memory core_look_wanted takes out, to be read; core_looked brings it
 * (NULL: it cannot be read): false: it has gone since, or lies elsewhere. core_has_looks: there is
 * some, or core_give should be called again, at once. */
struct header_ops;
struct msg;
struct core_look {
	uint64_t queue, pos, loc, gen;
	uint32_t bytes, flags; /* ENTRY_BIG, ENTRY_SPILLED */
	uint32_t cost;         /* of looking at it, in steps, as it was thought to be */
};
void core_views(struct core *c, const struct header_ops *(*of)(uint8_t encoding));
bool core_has_looks(const struct core *c);
bool core_look_wanted(struct core *c, struct core_look *out);
bool core_looked(struct core *c, const struct core_look *which, const struct msg *m);

/* core_shed_take takes out the next queue without consumers that has dropped messages because too
 * much is ready in it (rule passing_bytes), and how many since it was taken out last. False: none,
 * or it is not time yet: they are there at once, or else when a minute is over. Called after
 * core_give, until it is false. */
struct core_shed {
	uint64_t queue, n;
};
bool core_shed_take(struct core *c, struct core_shed *out);

/* core_run_bytes says, before there are queues, how many stored bytes one run of messages for the
 * log may have, if it has more than one message: with its rows it must fit into a record. Without
 * it that is half of LIMIT_RECORD_BYTES_MAX. */
void core_run_bytes(struct core *c, uint32_t bytes_max);

/* Streams: what the shard must know of their messages lies in pages, and most of these in the
 * journal (stream.h). core_page_rows says, before there are queues, how many messages a page may
 * have. core_has_pages: one of the following has something to give.
 *
 * core_page_wanted takes out the next page that is to be read; core_page_read brings its bytes
 * (NULL: they cannot be read); false: they are not what was written, and its messages are left out.
 * core_page_leaving names one that is to be written, `bytes` long;
 * core_page_put writes it; core_page_left says that it is durable at which->loc: true: it counts
 * there from now on, and lives. */
struct core_page {
	uint64_t queue, first, loc;
	uint32_t bytes;
};
void core_page_rows(struct core *c, uint32_t rows_max);
bool core_has_pages(const struct core *c);
bool core_page_wanted(struct core *c, struct core_page *out);
MUST_USE bool core_page_read(struct core *c, const struct core_page *which,
			     const struct slice *from);
bool core_page_leaving(struct core *c, struct core_page *out);
void core_page_put(struct core *c, const struct core_page *which, struct wr *w);
bool core_page_left(struct core *c, const struct core_page *which);

/* core_stream_live_next walks what lives in streams, likewise; a row may stand for many messages of
 * one segment. core_move_next finds what of `segment` is in streams, for core_relocate, whose `id`
 * is the offset. MOVE_WAIT: a page must be read first, which it asks for. Pages stay in memory
 * until core_move_end. */
bool core_stream_live_next(struct core *c, struct live_walk *io_walk, struct freed *out);
enum move { MOVE_NONE, MOVE_ONE, MOVE_WAIT };
enum move core_move_next(struct core *c, uint32_t segment, struct live_walk *io_walk,
			 struct freed *out_message, uint64_t *out_offset);
void core_move_end(struct core *c);

/* core_digest adds the durable state, queues and entries in the order of their ids: equal on all
 * replicas, and equal for apply(log) and restore(checkpoint) + apply(rest). Locs, mem and
 * positions do not count. */
void core_digest(struct core *c, struct digest *d);
void core_check(const struct core *c); /* must()s every invariant */
void core_dump(const struct core *c, struct text *out);
#endif
