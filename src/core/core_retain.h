/* core_retain -- what a queue that is a store of last messages has beside a plain one.
 *
 * Private to core*.c. core_retain.c: in, found and out; core_retain_keep.c: checkpoints, moving.
 */
#ifndef CORE_CORE_RETAIN_H
#define CORE_CORE_RETAIN_H
#include "core/core_state.h"
#include "core/retain.h"

struct retaining {
	struct retain r;
	struct queue *queue;
	uint64_t bytes;         /* core_retain_weight of all entries */
	uint64_t pending_bytes; /* likewise, of the reservation queue.pending_n */
	uint64_t forgets_n;     /* FORGET runs on their way */
};

/* What retain_expiry has put together. */
static inline uint64_t retain_ms(uint64_t expiry)
{
	return expiry & ((UINT64_C(1) << STREAM_TIME_BITS) - 1);
}
static inline uint32_t retain_number(uint64_t expiry)
{
	return (uint32_t)(expiry >> STREAM_TIME_BITS);
}

/* ---- for the other parts of the core */

/* core_retain_n: messages in one. core_retain_forget frees all of it, if the queue is one; how many
 * messages that were. */
uint64_t core_retain_n(const struct queue *q);
uint64_t core_retain_forget(struct core *c, struct queue *q);
/* core_retain_fate: what becomes of a message to `q`: it is refused, there is nothing for it to do,
 * or core_retain_admit has it logged, as a row of `add` with its reference. */
enum retain_fate { RETAIN_REFUSES, RETAIN_NOTHING, RETAIN_FORGETS, RETAIN_KEEPS };
enum retain_fate core_retain_fate(const struct core *c, const struct queue *q,
				  const struct publish_row *row);
void core_retain_admit(struct core *c, struct queue *q, const struct run *add, struct add_row *row,
		       struct outcomes *later);
void core_retain_apply_add(struct core *c, const struct run *o, uint64_t index, struct post *fx);
void core_retain_apply_forget(struct core *c, const struct run *o, const struct post *fx);
/* core_retain_lead: it is this core's business from now on what expires. core_retain_due: something
 * has. */
void core_retain_lead(struct core *c, const struct queue *q);
void core_retain_due(struct core *c, struct due *due, struct outcomes *later);
/* core_retain_find answers CMD_FIND, behind what waits for the log; later NULL: that was waited
 * for. */
void core_retain_find(struct core *c, const struct run *cmd, struct outcomes *later,
		      struct post *fx);
/* As for streams; key.chunk is the number of a page. core_retain_live_next: w->pos is the slot to
 * go on from, w->id names one to core_retain_relocate; out->flags has ENTRY_STREAM. */
bool core_retain_sound(const struct core *c, const struct run *o);
void core_retain_put(const struct queue *q, struct wr *w);
bool core_retain_next_unit(struct checkpointing *p, const struct queue *q, struct unit_key *out_key,
			   struct wr *w);
MUST_USE enum err core_retain_get(struct core *c, struct queue *q, struct rd *r);
MUST_USE enum err core_retain_page_get(struct core *c, struct queue *q, uint64_t number,
				       struct rd *r);
bool core_retain_live_next(const struct queue *q, struct live_walk *w, struct freed *out);
bool core_retain_relocate(struct core *c, struct queue *q, uint64_t id, uint64_t old_loc,
			  uint64_t new_loc);
/* core_retain_lose: the message of the entry that core_retain_live_next has named is lost. */
void core_retain_lose(struct core *c, struct queue *q, uint64_t id);
void core_retain_digest(const struct queue *q, struct digest *d);
void core_retain_dump(const struct queue *q, struct text *out);
void core_retain_check(const struct queue *q);

/* ---- between the two */

/* core_retain_of makes the queue a store, if it is none yet. */
struct retaining *core_retain_of(struct core *c, struct queue *q);
/* core_retain_watch: an entry of `p` expires then. */
void core_retain_watch(struct core *c, struct retain_page *p, uint64_t expiry_ms);
/* core_retain_weight is what the entry counts towards the bound. */
uint64_t core_retain_weight(const struct retained *e);
/* core_retain_changed notes that the next checkpoint has the page as it is. */
void core_retain_changed(struct core *c, struct queue *q, struct retain_page *p);
#endif
