#include "node/mailbox.h"

void mailbox_init(struct mailbox *m)
{
	spsc_init(&m->there, m->there_slots, MAILBOX_BATCHES);
	spsc_init(&m->back, m->back_slots, 2 * (size_t)MAILBOX_BATCHES);
}

void mailbox_send_back(struct mailbox *m, struct batch *own_b)
{
	bool is_sent = spsc_push(&m->back, own_b);
	must(is_sent);
}
