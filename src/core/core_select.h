/* core_select -- consumers that want only some of a queue's messages.
 *
 * Private to core*.c. Each different selector of a queue's consumers (sql.h) has a bit of every
 * entry that somebody has looked at, and a cursor: before it nothing is ready that it is true of.
 * An entry is looked at when a cursor comes to it, by all selectors that do not know it yet; if its
 * message is not in memory it is read first, and the cursor waits, so that the order is kept.
 *
 *   entries:  . . x . . ? ? ? ?       x: ready, and true: to the next consumer with that selector
 *                   ^cursor           ?: nobody has looked
 *
 * All of it is volatile. A chunk that leaves memory forgets its bits; a cursor that has passed it
 * does not need them. What is released takes back the cursors of those it may be for; on their way
 * to where they had been (`reached`) they pass over what is not in memory. Whatever a turn does for
 * selectors costs steps, and what is left when they are used up waits for the next turn.
 *
 * Who wants nothing that its own session sends has a selector, too, with that session, perhaps with
 * no code: of what its session sends it is known when it comes that it is not true. A chunk with
 * such an entry does not leave memory before the consumer has gone, for no message says who sent
 * it. */
#ifndef CORE_CORE_SELECT_H
#define CORE_CORE_SELECT_H
#include "core/core_state.h"

/* Of one turn, as sql_matches counts them: some milliseconds. It may be too much by one look. What
 * is being read for selectors is bounded likewise, by what looking at it will cost. */
#define SELECT_STEPS_MAX 262144u
#define LOOK_STEPS       128u /* what any look costs */
#define PASS_STEPS       64u  /* what it costs to find nothing in a chunk */

/* What is known of a chunk's entries. */
struct chunk_select {
	bool has_own; /* of a session with SUBSCRIBE_NO_LOCAL: known here and nowhere else */
	uint64_t known[LIMIT_SELECTORS][CHUNK_WORDS];
	uint64_t match[LIMIT_SELECTORS][CHUNK_WORDS];
	uint64_t asked[CHUNK_WORDS]; /* being read */
};

struct selector_of {
	uint8_t *code;            /* NULL: nobody has this one */
	uint32_t code_n, users_n; /* code_n 0: it is true of everything */
	uint64_t session;         /* whose messages it is not true of; 0: nobody's */
	bool discards;            /* what it is not true of goes */
	uint64_t cursor;
	uint64_t reached; /* chunks before this that are cold have nothing for it */
};

/* Of a queue, as long as a consumer has a selector. */
struct selecting {
	struct queue *queue;
	struct list_node late; /* in core.select.late: there is more to look at than one turn may;
				  or .full: there is more to be read */
	uint64_t gen;          /* whose answers these are */
	uint64_t kept;         /* where the queue's own cursor stays; UINT64_MAX: anywhere */
	uint32_t asked_n, n;   /* n: selectors */
	uint32_t local_n;      /* of them, with a session */
	uint32_t cost;         /* of a message to all of them, in steps, as seen of late */
	bool has_given;        /* since it was looked at behind what waits with too few steps */
	struct selector_of at[LIMIT_SELECTORS];
};

/* core_select_join gives a new consumer its selector: the code in `code`, empty only with
 * SUBSCRIBE_NO_LOCAL. ERR_LIMIT: the queue has as many others as it may. core_select_leave: the
 * consumer is about to be removed. */
MUST_USE enum err core_select_join(struct core *c, struct queue *q, struct consumer *s,
				   struct slice code);
void core_select_leave(struct core *c, struct queue *q, const struct consumer *s);

/* core_select_next finds an entry for the first consumer in the ring of `q`, which has selectors,
 * that there is one for; NULL: for none, as far as is known. core_select_given is called when it is
 * given. */
struct chunk *core_select_next(struct core *c, struct queue *q, struct outcomes *later,
			       struct consumer **out_s, uint32_t *out_slot);
void core_select_given(struct core *c, struct queue *q, struct chunk *k);

/* core_select_own: slots [from, from + n) of `k` have come from `session`. `q` must have `select`.
 * core_select_keeps: the chunk may not leave memory. */
void core_select_own(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n,
		     uint64_t session);
static inline bool core_select_keeps(const struct chunk *k)
{
	return k->select && k->select->has_own;
}

/* core_select_back: an entry is ready again. */
void core_select_back(struct queue *q, const struct chunk *k, uint32_t slot);

/* core_select_begin: a turn begins, in which so much may be looked at. */
void core_select_begin(struct core *c);

/* core_select_drop forgets what is known of a chunk, core_select_forget all of a queue. */
void core_select_drop(struct core *c, struct chunk *k);
void core_select_forget(struct core *c, struct queue *q);
void core_select_check(const struct queue *q); /* must()s every invariant */
#endif
