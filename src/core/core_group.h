/* core_group -- messages that belong to groups: all of one group go to one consumer, in order.
 *
 * Private to core*.c. A queue that has met a message with a group (rows.h: expiry_in_group) keeps a
 * table of groups by number. A group is nobody's, or a consumer's from the first message on that it
 * is given, until it ends or is given the group's last. What others may have goes past what waits
 * for its consumer. A group that is nobody's any more waits until all that was given of it is
 * settled or back: so it is never in two hands, and comes in its order.
 *
 *   entries:   A1  -  B1  A2  -  B2      -: of no group
 *   cursor ----^                         nothing that anybody may have is ready before it
 *   consumer.group_cursor of B's --^     nothing of its groups is
 *
 * All of it is volatile, as consumers are.
 */
#ifndef CORE_CORE_GROUP_H
#define CORE_CORE_GROUP_H
#include "core/core_state.h"

struct group {
	struct consumer *owner; /* NULL: nobody's */
	uint64_t from;          /* of one that is nobody's: nothing is ready before */
	uint32_t held_n;        /* given, and not settled */
};

struct grouping {
	struct queue *queue;
	struct list_node late; /* in core.select.grouped: there is more to go through */
	uint64_t cursor;
	uint64_t kept; /* where the queue's own cursor stays */
	struct group at[LIMIT_GROUPS];
};

/* core_group_begin: an entry with a group has come into `q`. core_group_forget frees the table. */
void core_group_begin(struct core *c, struct queue *q);
void core_group_forget(struct core *c, struct queue *q);

/* core_group_next finds an entry for the first consumer in the ring of `q` that there is one for;
 * NULL: for none. core_group_find: for `s`. core_group_may: may `s` have this one? `q` must have
 * `group`; likewise below. */
struct chunk *core_group_next(struct core *c, struct queue *q, struct outcomes *later,
			      struct consumer **out_s, uint32_t *out_slot);
struct chunk *core_group_find(struct core *c, struct queue *q, struct consumer *s,
			      struct outcomes *later, uint32_t *out_slot);
bool core_group_may(const struct queue *q, const struct consumer *s, const struct entry *e);

/* core_group_given: the entry was given to `s` (NULL: by a get). True: from here on its group is
 * the consumer's. */
bool core_group_given(struct queue *q, const struct chunk *k, uint32_t slot, struct consumer *s);
/* core_group_settled: it is about to be settled; core_group_back: it is ready again. */
void core_group_settled(struct core *c, struct queue *q, const struct entry *e);
void core_group_back(struct queue *q, const struct chunk *k, uint32_t slot);
/* core_group_leave: the consumer is about to be removed. */
void core_group_leave(struct core *c, struct queue *q, struct consumer *s);

/* core_group_begin_turn serves again what one turn was not enough for. */
void core_group_begin_turn(struct core *c);

void core_group_check(const struct queue *q); /* must()s every invariant */
#endif
