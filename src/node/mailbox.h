/* mailbox -- batches of runs from one loop to another, and the empty batches back.
 *
 * One mailbox per ordered pair of loops. The sender posts whole batches, once per turn; the
 * reader takes them, works through them and sends them home. Both directions are bounded rings;
 * a batch that does not fit stays with its sender, who stops reading sockets until it does.
 */
#ifndef NODE_MAILBOX_H
#define NODE_MAILBOX_H
#include "base/spsc.h"
#include "core/run.h"

#define MAILBOX_BATCHES 128u

struct mailbox {
	struct spsc there, back;
	void *there_slots[MAILBOX_BATCHES];
	void *back_slots[2 * MAILBOX_BATCHES];
};

/* mailbox_init makes an empty mailbox in place, before the loops run. */
void mailbox_init(struct mailbox *m);

/* mailbox_send hands `own_b` over. False: full, the batch stays with the caller. Sender only. */
static inline bool mailbox_send(struct mailbox *m, struct batch *own_b)
{
	return spsc_push(&m->there, own_b);
}
/* mailbox_home gives the sender its emptied batches, NULL: none. */
static inline struct batch *mailbox_home(struct mailbox *m)
{
	return spsc_pop(&m->back);
}
/* mailbox_take gives the reader the oldest batch, NULL: none. */
static inline struct batch *mailbox_take(struct mailbox *m)
{
	return spsc_pop(&m->there);
}
/* mailbox_send_back returns an emptied batch: always possible, there are never more than the
 * sender could post and the reader could hold. Reader only. */
void mailbox_send_back(struct mailbox *m, struct batch *own_b);
#endif
