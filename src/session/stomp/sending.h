/* sending -- a SEND on its way to become a message, and what is like the one before it.
 *
 * Private to this room: send.c reads a frame and sends it, message.c makes the message, again.c
 * sends what repeats the head of the frame before.
 */
#ifndef SESSION_STOMP_SENDING_H
#define SESSION_STOMP_SENDING_H
#include "session/stomp/stomp.h"
#include "wire/stomp/again.h"

/* A SEND on its way to become a message. */
struct sending {
	struct destination to;
	struct slice reply_to; /* not what the client has said; p NULL: that */
	struct slice route, props;
	uint64_t expiry_ms;
	uint64_t due_ms; /* it waits until then (later.h); 0: it does not */
	uint8_t flags, priority;
	bool has_priority;
	bool is_one_of_many;    /* it goes to several destinations */
	bool is_grouped;        /* it names a group */
	size_t longest;         /* of their routes */
	const struct msg *made; /* what has become of it; NULL: nothing yet, or several */
};

/* ---- send.c ---- */
/* stomp_need_queue sees to what must be there before m->to is sent to. */
enum done stomp_need_queue(struct turn *t, const struct sending *m, bool *out_is_refused);

/* ---- message.c ---- */
/* stomp_in_place makes the message in place of the frame's own head, which then cannot be read any
 * more; NULL: there is not the room, or somebody wants to read it. stomp_in_own_block: in a block
 * of the conversation's; NULL: no memory. */
const struct msg *stomp_in_place(struct turn *t, const struct sending *m);
const struct msg *stomp_in_own_block(struct turn *t, const struct sending *m);
struct publication stomp_publication(const struct stomp *s, const struct sending *m,
				     uint64_t expiry_ms);
/* stomp_sent counts it; is_followed: a receipt waits for it, or for the COMMIT that it is of. */
void stomp_sent(struct turn *t, bool is_followed);

/* ---- again.c ---- */
/* The SEND and the ACK before, in this feed: of one with the same head only the rest is read. All
 * that its meaning hangs on stays as it is while one connection is fed and nothing else comes. */
struct again {
	struct stomp_again send, ack;
	struct sending m;       /* of the SEND; its bytes lie in its message */
	struct subscription *k; /* of the ACK */
	bool has_length, has_receipt;
	bool is_receipt_first; /* of the two */
};
/* stomp_again_none: nothing has come yet, or what changes everything. */
static inline void stomp_again_none(struct again *a)
{
	a->send.n = a->ack.n = 0;
}
/* stomp_again_sends looks at the SEND in hand while its head is there; stomp_again_sent says that
 * it was sent as `m`. stomp_again_acked: the ACK in hand was for `k`, and `tag` is where it says
 * so. */
void stomp_again_sends(struct turn *t);
void stomp_again_sent(struct turn *t, const struct sending *m);
void stomp_again_acked(struct turn *t, struct subscription *k, struct slice tag);
/* stomp_again_take takes the frame at the start of `in` if it repeats one of the two. False: it
 * does not, or there is more to do than that; nothing was done. */
bool stomp_again_take(struct turn *t, struct slice in, size_t *out_used);
#endif
