#include "session/stomp/sending.h"

#include "base/must.h"
#include "msg/block.h"
#include "session/upload.h"
#include "wire/stomp/stored.h"

/* ---- what is remembered ------------------------------------------------------------------- */

/* From the command up to the empty line. */
static struct slice head_of(const struct stomp_frame *f)
{
	must(f->word.p != NULL && f->total > f->body.n);
	return slice_of(f->word.p, f->total - 1 - f->body.n);
}

/* What the clock, a queue or a transaction has a say in is always read. */
static bool is_simple(const struct turn *t)
{
	const struct stomp_head *h = t->head;
	must(h != NULL);
	return !t->s->is_activemq && !t->s->call && !stomp_has(h, STOMP_H_TRANSACTION) &&
	       !stomp_has(h, STOMP_H_EXPIRES) && !stomp_has(h, STOMP_H_EXPIRATION) &&
	       !stomp_has(h, STOMP_H_REPLY_TO);
}

void stomp_again_sends(struct turn *t)
{
	struct again *a = t->again;
	struct slice places[STOMP_AGAIN_N];
	uint32_t n = 0;
	const struct slice length = t->head->at[STOMP_H_CONTENT_LENGTH];
	const struct slice receipt = t->head->at[STOMP_H_RECEIPT];
	must(t->frame->command == STOMP_SEND);
	a->has_length = stomp_has(t->head, STOMP_H_CONTENT_LENGTH);
	a->has_receipt = stomp_has(t->head, STOMP_H_RECEIPT);
	a->is_receipt_first = a->has_receipt && (!a->has_length || receipt.p < length.p);
	a->m = (struct sending){ .made = NULL };
	a->send.n = 0;
	if (!is_simple(t) || (a->has_length && length.n == 0) || (a->has_receipt && receipt.n == 0))
		return;
	if (a->is_receipt_first)
		places[n++] = receipt;
	if (a->has_length)
		places[n++] = length;
	if (a->has_receipt && !a->is_receipt_first)
		places[n++] = receipt;
	stomp_again_note(&a->send, head_of(t->frame), places, n);
}

void stomp_again_sent(struct turn *t, const struct sending *m)
{
	struct again *a = t->again;
	must(t->frame->command == STOMP_SEND);
	if (!m->made || m->is_one_of_many || m->is_grouped)
		a->send.n = 0;
	if (a->send.n == 0)
		return;
	a->m = *m;
	a->m.route = msg_route(m->made);
	a->m.props = msg_props(m->made);
	const uint8_t *exchange = a->m.route.p + 1;
	a->m.to.exchange = slice_of(exchange, m->to.exchange.n);
	a->m.to.key = slice_of(exchange + m->to.exchange.n + 1, m->to.key.n);
}

void stomp_again_acked(struct turn *t, struct subscription *k, struct slice tag)
{
	struct again *a = t->again;
	must(t->frame->command == STOMP_ACK);
	a->ack.n = 0;
	a->k = k;
	if (!t->s->is_activemq && k->taker && t->frame->body.n == 0 &&
	    !stomp_has(t->head, STOMP_H_RECEIPT) && !stomp_has(t->head, STOMP_H_CONTENT_LENGTH))
		stomp_again_note(&a->ack, head_of(t->frame), &tag, 1);
}

/* ---- what is like it ---------------------------------------------------------------------- */

/* The body, of which all must be there. False: it is not, or is no body. */
static bool body_of(struct slice in, const struct slice *length, struct slice *out)
{
	int64_t n;
	must(out != NULL);
	if (!length) {
		size_t end = slice_find(in, '\0');
		*out = slice_sub(in, 0, end);
		return end < in.n;
	}
	if (length->n > 9 || !stomp_number(*length, &n) || length->p[0] == '-' ||
	    (uint64_t)n >= in.n)
		return false;
	*out = slice_sub(in, 0, (size_t)n);
	return in.p[n] == '\0';
}

static bool may_send(const struct turn *t, const struct sending *m, struct slice body)
{
	must(t->s->phase == PHASE_RUNNING);
	return !t->w->is_blocked && !publisher_is_full(&t->s->publisher, t->w) &&
	       body.n <= stomp_body_max(t) && !upload_is_needed(m->route.n, m->props.n, body.n);
}

static bool publish(struct turn *t, const struct stomp_frame *f, bool is_followed)
{
	struct stomp *s = t->s;
	const struct sending *m = &t->again->m;
	const struct publication what = stomp_publication(s, m, 0);
	struct route_hit *hit;
	must(m->made != NULL);
	if (publisher_route(&s->publisher, t->w, &s->access, &what, &hit, &t->why) != ERR_OK)
		return false;
	t->frame = f;
	const struct msg *made = stomp_in_place(t, m);
	t->frame = NULL;
	if (!made)
		return false;
	publisher_send(&s->publisher, t->w, &s->asker, &what, hit, made,
		       is_followed ? 0 : PUBLISHER_NOBODY);
	stomp_sent(t, is_followed);
	return true;
}

static bool send(struct turn *t, struct slice in, size_t *out_used)
{
	const struct again *a = t->again;
	const uint64_t first = t->s->followed_n;
	struct slice places[STOMP_AGAIN_N];
	size_t n;
	if (!stomp_again_is(&a->send, in, places, &n) || !a->m.made)
		return false;
	const struct slice *length = a->has_length ? &places[a->is_receipt_first] : NULL;
	const struct slice receipt = places[a->has_length && !a->is_receipt_first];
	struct stomp_frame f = { .command = STOMP_SEND, .word = slice_sub(in, 0, 4) };
	if (!body_of(slice_from(in, n), length, &f.body) || !may_send(t, &a->m, f.body))
		return false;
	f.total = n + f.body.n + 1;
	struct receipt *own = a->has_receipt ? stomp_receipt_for(t, receipt) : NULL;
	const bool is_sent = publish(t, &f, own != NULL);
	if (own)
		stomp_receipt_owe(t, own, is_sent, first);
	*out_used = f.total;
	return is_sent;
}

static bool ack(struct turn *t, struct slice in, size_t *out_used)
{
	const struct again *a = t->again;
	struct slice tag[STOMP_AGAIN_N];
	int64_t number;
	size_t n;
	if (!stomp_again_is(&a->ack, in, tag, &n) || n == in.n || in.p[n] != '\0' ||
	    !stomp_number(tag[0], &number) || number <= 0)
		return false;
	*out_used = n + 1;
	return stomp_settle_again(t, a->k, (uint64_t)number);
}

bool stomp_again_take(struct turn *t, struct slice in, size_t *out_used)
{
	if (t->s->phase != PHASE_RUNNING || t->s->call)
		return false;
	must(t->again != NULL && !t->s->large);
	return send(t, in, out_used) || ack(t, in, out_used);
}
