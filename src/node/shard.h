/* shard -- a core (or the catalog) with its log: admit, propose, commit, apply in their order.
 *
 * One loop owns a shard. This is the only place that knows the order of the steps.
 */
#ifndef NODE_SHARD_H
#define NODE_SHARD_H
#include "base/deque.h"
#include "core/catalog.h"
#include "core/core.h"
#include "repl/repl.h"

struct loop;

struct shard {
	uint16_t no;
	bool is_volatile; /* never logs: dies with the process */
	bool is_frozen;   /* a checkpoint reads it: nothing logged is applied */
	bool is_touched;  /* something happened since shard_serve */
	struct loop *loop;
	struct core *core;       /* data and volatile shards */
	struct catalog *catalog; /* shard 0 */
	struct repl repl;
	struct outcomes now, later;
	struct deque txs;       /* struct tx: those that are not over */
	struct post held;       /* shard 0: what apply tells, until all have seen it */
	struct deque places;    /* struct place: where committed records' bodies lie */
	uint64_t waiting_bytes; /* admitted, not yet applied */
	uint64_t deadline_ms;
	uint64_t given;        /* checkpoint that has its units and is not durable yet; 0: none */
	uint64_t given_failed; /* checkpoints that had failed before it */
	bool is_applied;       /* something was applied since the last view_publish */
	struct {
#define COUNT(name, prose) uint64_t name;
#include "node/shard_count.def"
#undef COUNT
	} count;
};

struct place {
	uint64_t index, loc, bytes;
};

/* shard_init makes the empty shard `no` of loop `l`; shard_fini drops all it holds, also after a
 * failed init. ERR_LIMIT: no memory. */
MUST_USE enum err shard_init(struct shard *s, struct loop *l, uint16_t no, uint64_t seed);
void shard_fini(struct shard *s);

/* shard_command admits one run and applies what need not wait. Consumes the rows' references. */
void shard_command(struct shard *s, struct run *cmd);

/* shard_apply makes one run of outcomes true (tx.c, in replay; else shard_apply_ready does it).
 * shard_apply_ready applies what needs no log, then what is committed and not held back.
 * shard_place says where the messages of an ADD lie, whose record's body lies at record_loc, and
 * counts them; `body` in replay. shard_freed tells the journal what lives no more. */
void shard_apply(struct shard *s, struct run *o, uint64_t index, uint32_t ordinal, bool is_replay);
void shard_apply_ready(struct shard *s);
void shard_place(struct shard *s, struct run *o, uint64_t record_loc, struct slice body);
void shard_freed(struct shard *s);
/* shard_applied gives the index up to which everything is applied, and nothing behind it: what is
 * committed behind it stands behind a transaction that is not decided. */
uint64_t shard_applied(struct shard *s);

/* shard_touch: something happened; the loop serves the shard in its next round. */
void shard_touch(struct shard *s);

/* shard_serve gives what there is to whoever waits, if anything has happened since the last call.
 * True: something had. */
bool shard_serve(struct shard *s);

/* shard_propose writes unproposed outcomes into the loop's journal batch. False: no room now. */
bool shard_propose(struct shard *s);

/* shard_durable: the record `index` lies at `loc` (its body); applies what that commits. */
void shard_durable(struct shard *s, uint64_t index, uint64_t loc);

/* shard_replay applies one recovered record whose body lies at `loc`; each run is rebuilt in
 * `room`. ERR_CORRUPT: it does not decode or does not follow; ERR_NOT_IMPLEMENTED: it was written
 * by a newer version. */
MUST_USE enum err shard_replay(struct shard *s, const struct record *rec, uint64_t loc,
			       struct run *room, uint32_t room_bytes);

/* shard_tick lets time-driven work happen. */
void shard_tick(struct shard *s);
#endif
