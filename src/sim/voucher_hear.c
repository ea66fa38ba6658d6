#include "sim/voucher_state.h"

#include "base/byteorder.h"

#include <stdlib.h>

/* ---- what a guest has ---------------------------------------------------------------------- */

void market_settle(struct market *m, struct guest *g, uint32_t at, bool is_taken)
{
	struct message *x = &m->message[g->held[at].number];
	must(at < g->held_n && g->of_way_n[g->held[at].way] > 0);
	g->of_way_n[g->held[at].way]--;
	x->state = is_taken ? TAKEN : SENT;
	for (uint32_t i = at + 1; i < g->held_n; i++)
		g->held[i - 1] = g->held[i];
	g->held_n--;
}

/* What was said last may not have been heard: what was taken may be there all the same. */
void market_lose(struct market *m, struct guest *g, bool is_hard)
{
	const uint8_t me = guest_index(m, g);
	strand_drop(&g->strand, is_hard);
	for (uint32_t i = 1; i <= m->stage.sent_n; i++) {
		struct message *x = &m->message[i];
		if (x->is_gone || x->holder != me || (x->state != HELD && x->state != TAKEN))
			continue;
		x->is_unsure |= x->state == TAKEN;
		x->state = SENT;
	}
	for (uint32_t i = 1; me != SENDER && i <= m->stage.sent_n; i++)
		m->message[i].is_unsure |= m->message[i].way == AUTO; /* written, and never read */
	g->held_n = g->bargain = g->open_n = 0;
	memset(g->of_way_n, 0, sizeof g->of_way_n);
}

/* ---- MESSAGE ------------------------------------------------------------------------------- */

static const char *wrong_with(const struct market *m, const struct guest *g,
			      const struct message *x, uint8_t way, bool is_again)
{
	if (x->state == ASIDE)
		return "is of a transaction that was never committed";
	if (x->way != way)
		return "was sent to another queue";
	if (x->is_gone || x->state == TAKEN)
		return "was taken, and comes again";
	if (x->state == HELD)
		return "is held by somebody else";
	if (x->is_seen && !is_again)
		return "comes again, and does not say so";
	if (!is_again && x->life == g->last_life[way] && x->order < g->last_order[way])
		return "came behind a later one";
	must(guest_index(m, g) != SENDER);
	return NULL;
}

static void hold(struct market *m, struct guest *g, uint32_t number, uint8_t way,
		 struct slice mention)
{
	struct holding *h = &g->held[g->held_n];
	if (g->held_n == HELD_MAX || ++g->of_way_n[way] > PREFETCH) {
		stage_wrong(&m->stage, "more than %u messages at a time", PREFETCH);
		return;
	}
	must(mention.n > 0 && mention.n < MENTION_BYTES);
	*h = (struct holding){ .number = number, .way = way };
	memcpy(h->mention, mention.p, mention.n);
	g->held_n++;
}

/* It came: so it was sent. And it was not taken, unless this is what was given to somebody who has
 * left since and reads it only now: then others may have had it, and have taken it. */
static void note_bargains(struct market *m, uint32_t number, bool is_leaving)
{
	struct message *x = &m->message[number];
	must(number > 0 && number <= m->stage.sent_n);
	m->bargain[m->bargain_of[number]].came_n += !x->is_seen;
	if (is_leaving)
		return;
	m->bargain[x->taken_in].again_n += x->taken_in > 0;
	x->taken_in = 0;
}

static void heard_message(struct market *m, struct guest *g, const struct stomp_frame *f,
			  const struct stomp_head *head)
{
	struct stage *s = &m->stage;
	const uint32_t number = f->body.n >= 4 ? load_be32(f->body.p) : 0;
	const struct slice sub = head->at[STOMP_H_SUBSCRIPTION];
	if (number == 0 || number > s->sent_n || sub.n != 1 || sub.p[0] - '0' >= (int)WAYS) {
		stage_wrong(s, "message %u came, which nobody has sent", number);
		return;
	}
	const uint8_t way = (uint8_t)(sub.p[0] - '0');
	struct message *x = &m->message[number];
	const bool is_again = slice_eq(head->at[STOMP_H_REDELIVERED], slice_str("true"));
	if (way != AUTO)
		note_bargains(m, number, g->strand.is_leaving);
	if (g->strand.is_leaving && way != AUTO) { /* it goes back, or has already gone */
		x->is_seen = true;
		return;
	}
	const char *wrong = wrong_with(m, g, x, way, is_again);
	if (wrong) {
		stage_wrong(s, "message %u %s", number, wrong);
		return;
	}
	if (!is_again) {
		g->last_life[way] = x->life;
		g->last_order[way] = x->order;
	}
	x->is_seen = true;
	x->holder = guest_index(m, g);
	x->state = way == AUTO ? TAKEN : HELD;
	if (way != AUTO)
		hold(m, g, number, way,
		     head->at[g->strand.version == STOMP_1_2 ? STOMP_H_ACK : STOMP_H_MESSAGE_ID]);
}

/* ---- receipts ------------------------------------------------------------------------------ */

static void is_kept(struct market *m, const struct guest *g, const struct voucher *v)
{
	for (uint32_t i = g->first; i <= m->stage.sent_n; i++)
		if (m->bargain_of[i] == v->number) {
			stage_taken(&m->stage, i);
			m->message[i].is_safe = true;
		}
}

static void heard_receipt(struct market *m, struct guest *g, struct slice id, bool is_error)
{
	char digits[16] = "";
	if (id.n < sizeof digits)
		memcpy(digits, id.p, id.n);
	const uint32_t n = (uint32_t)strtoul(digits, NULL, 10);
	if (n == 0 || n > g->vouchers_n || g->voucher[n].promise == NOTHING ||
	    is_error != (g->voucher[n].promise == NONSENSE)) {
		stage_wrong(&m->stage, "%s for receipt %u, which is none",
			    is_error ? "an error" : "a receipt", n);
		return;
	}
	struct voucher *v = &g->voucher[n];
	if (v->promise == ONE) {
		stage_taken(&m->stage, v->number);
		m->message[v->number].is_safe = true;
	} else if (v->promise == BARGAIN) {
		is_kept(m, g, v);
	}
	v->promise = NOTHING;
	g->open_n--;
}

/* ---- all ----------------------------------------------------------------------------------- */

static void heard(struct market *m, struct guest *g, const struct stomp_frame *f,
		  const struct stomp_head *head)
{
	const struct slice why = head->at[STOMP_H_MESSAGE];
	switch (f->command) {
	case STOMP_CONNECTED: g->strand.is_up = true; break;
	case STOMP_MESSAGE: heard_message(m, g, f, head); break;
	case STOMP_RECEIPT: heard_receipt(m, g, head->at[STOMP_H_RECEIPT_ID], false); break;
	case STOMP_ERROR:
		if (stomp_has(head, STOMP_H_RECEIPT_ID)) {
			heard_receipt(m, g, head->at[STOMP_H_RECEIPT_ID], true);
			break;
		}
		stage_wrong(&m->stage, "an error: %.*s, %.*s", (int)why.n, (const char *)why.p,
			    (int)f->body.n, (const char *)f->body.p);
		break;
	default:
		stage_wrong(&m->stage, "guest %u is told %.*s", guest_index(m, g), (int)f->word.n,
			    (const char *)f->word.p);
	}
}

bool market_talk(struct market *m, struct guest *g)
{
	struct stage *s = &m->stage;
	struct stomp_frame f;
	struct stomp_head head;
	bool is_end = false;
	if (!g->strand.sock)
		return false;
	const bool is_any = strand_exchange(&g->strand, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && strand_next(&g->strand, &f, &head))
		heard(m, g, &f, &head);
	if (is_end && !stage_is_wrong(s)) {
		if (!g->strand.is_leaving)
			stage_wrong(s, "the broker hangs up on guest %u", guest_index(m, g));
		else if (g->open_n)
			stage_wrong(s, "%u receipts never came, and the broker hangs up",
				    g->open_n);
		market_lose(m, g, false);
	}
	return is_any;
}
