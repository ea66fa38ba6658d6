/* What there is to choose from, and what guests hear. */
#include "base/byteorder.h"
#include "sim/picking_state.h"

#include <stdlib.h>

/* ---- what messages have, and who wants what ------------------------------------------------ */

const char *picking_colour(uint32_t number)
{
	static const char *const words[] = { NULL, "red", "blue", "green" };
	return words[number % 4];
}

static bool is_colour(uint32_t number, const char *word)
{
	return picking_colour(number) && strcmp(picking_colour(number), word) == 0;
}

bool picking_is_big(uint32_t number)
{
	return number / 4 % 3 == 0;
}

static bool all(const struct picking *p, uint32_t number)
{
	return p->message[number].state != NONE;
}
static bool red(const struct picking *p, uint32_t number)
{
	(void)p;
	return is_colour(number, "red");
}
static bool other_than_red(const struct picking *p, uint32_t number)
{
	(void)p;
	return picking_colour(number) && !is_colour(number, "red");
}
static bool colourless(const struct picking *p, uint32_t number)
{
	(void)p;
	return !picking_colour(number);
}
static bool big_and_cold(const struct picking *p, uint32_t number)
{
	(void)p;
	return picking_is_big(number) && (is_colour(number, "blue") || is_colour(number, "green"));
}
static bool small_or_green(const struct picking *p, uint32_t number)
{
	(void)p;
	return !picking_is_big(number) || is_colour(number, "green");
}
static bool persistent(const struct picking *p, uint32_t number)
{
	return p->message[number].is_persistent;
}

const struct picking_selector picking_selectors[] = {
	{ "", all },
	{ "colour = 'red'", red },
	{ "colour <> 'red'", other_than_red },
	{ "NOT (colour = 'red')", other_than_red },
	{ "colour IS NULL", colourless },
	{ "size LIKE 'b_g' AND colour IN ('blue', 'green')", big_and_cold },
	{ "size = 'small' OR colour = 'green'", small_or_green },
	{ "JMSDeliveryMode = 'PERSISTENT'", persistent },
};

void picking_acknowledge(struct picking *p, struct guest *g, struct sub *u, uint32_t at)
{
	must(at < u->held_n);
	strand_say(&g->strand, SLICE_EMPTY, "ACK\n%s:%s\nsubscription:%u\n",
		   g->strand.version == STOMP_1_2 ? "id" : "message-id", u->held[at].mention,
		   u->id);
	if (picking_index(p, g) != UNDERTAKER)
		p->message[u->held[at].number].state = TAKEN;
	u->held[at] = u->held[--u->held_n];
}

/* ---- what they hear ------------------------------------------------------------------------ */

static uint32_t number_of(struct slice digits)
{
	char room[16] = "";
	if (digits.n < sizeof room)
		memcpy(room, digits.p, digits.n);
	return (uint32_t)strtoul(room, NULL, 10);
}

static struct sub *sub_of(struct guest *g, struct slice id)
{
	const uint32_t number = number_of(id);
	for (uint32_t i = 0; i < SUBS; i++)
		if ((g->sub[i].life == OPEN || g->sub[i].life == CALLED_OFF) &&
		    g->sub[i].id == number)
			return &g->sub[i];
	return NULL;
}

static const char *wrong_with(const struct picking *p, const struct sub *u, uint32_t number,
			      bool is_again)
{
	const struct message *x = &p->message[number];
	if (!picking_selectors[u->selector].wants(p, number))
		return "is not what was asked for";
	if (x->is_gone || x->state == TAKEN)
		return "was taken, and comes again";
	if (x->state == HELD)
		return "is held by somebody else";
	if (x->is_seen && !is_again)
		return "comes again, and does not say so";
	if (!is_again && x->life == u->last_life && number < u->last)
		return "came behind a later one";
	if (u->held_n == u->prefetch)
		return "is more than the prefetch";
	return NULL;
}

static void hold(const struct guest *g, struct sub *u, uint32_t number,
		 const struct stomp_head *head)
{
	const enum stomp_header by = g->strand.version == STOMP_1_2 ? STOMP_H_ACK
								    : STOMP_H_MESSAGE_ID;
	const struct slice mention = head->at[by];
	struct held *h = &u->held[u->held_n++];
	must(mention.n > 0 && mention.n < MENTION_MAX && u->held_n <= PREFETCH_MAX);
	*h = (struct held){ .number = number };
	memcpy(h->mention, mention.p, mention.n);
}

/* It was given too often in vain. A crash may bring it back all the same, and double it. */
static void heard_of_death(struct picking *p, struct guest *g, struct sub *u, uint32_t number,
			   const struct stomp_head *head)
{
	struct message *x = &p->message[number];
	if (x->state == HELD)
		stage_wrong(&p->stage, "message %u has died, and is held", number);
	x->is_unsure = true;
	hold(g, u, number, head);
	picking_acknowledge(p, g, u, 0);
}

static void heard_message(struct picking *p, struct guest *g, const struct stomp_frame *f,
			  const struct stomp_head *head)
{
	struct stage *s = &p->stage;
	const uint32_t number = f->body.n >= 4 ? load_be32(f->body.p) : 0;
	struct sub *u = sub_of(g, head->at[STOMP_H_SUBSCRIPTION]);
	const bool is_again = slice_eq(head->at[STOMP_H_REDELIVERED], slice_str("true"));
	if (number == 0 || number > s->sent_n || !u) {
		stage_wrong(s, "message %u came, which nobody has sent, or for nobody", number);
		return;
	}
	struct message *x = &p->message[number];
	if (picking_index(p, g) == UNDERTAKER) {
		heard_of_death(p, g, u, number, head);
		return;
	}
	const char *wrong = wrong_with(p, u, number, is_again);
	if (wrong) {
		stage_wrong(s, "message %u %s: %s", number, wrong,
			    picking_selectors[u->selector].text);
		return;
	}
	if (!is_again) {
		u->last = number;
		u->last_life = x->life;
	}
	x->is_seen = x->is_there = true;
	x->holder = picking_index(p, g);
	x->state = HELD;
	hold(g, u, number, head);
}

static void heard_receipt(struct picking *p, struct guest *g, struct slice id)
{
	const uint32_t number = id.n > 1 ? number_of(slice_from(id, 1)) : 0;
	struct sub *u = id.n > 1 && id.p[0] == 'u' ? sub_of(g, slice_from(id, 1)) : NULL;
	if (u && u->life == CALLED_OFF) {
		u->life = ENDED;
	} else if (!u && id.n > 1 && id.p[0] == 'm' && number >= g->first &&
		   number <= p->stage.sent_n && !p->message[number].is_safe) {
		stage_taken(&p->stage, number);
		p->message[number].is_safe = p->message[number].is_there = true;
	} else {
		stage_wrong(&p->stage, "a receipt for %.*s, which is none", (int)id.n,
			    (const char *)id.p);
	}
}

static void heard(struct picking *p, struct guest *g, const struct stomp_frame *f,
		  const struct stomp_head *head)
{
	const struct slice why = head->at[STOMP_H_MESSAGE];
	switch (f->command) {
	case STOMP_CONNECTED: g->strand.is_up = true; break;
	case STOMP_MESSAGE: heard_message(p, g, f, head); break;
	case STOMP_RECEIPT: heard_receipt(p, g, head->at[STOMP_H_RECEIPT_ID]); break;
	default:
		stage_wrong(&p->stage, "guest %u is told %.*s: %.*s", picking_index(p, g),
			    (int)f->word.n, (const char *)f->word.p, (int)why.n,
			    (const char *)why.p);
	}
}

bool picking_talk(struct stage *s)
{
	struct picking *p = picking_of(s);
	struct stomp_frame f;
	struct stomp_head head;
	bool is_any = false, is_end = false;
	for (struct guest *g = p->guest; g < p->guest + GUESTS && !stage_is_wrong(s); g++) {
		if (!g->strand.sock)
			continue;
		is_any |= strand_exchange(&g->strand, &s->host.socks, &is_end);
		while (!stage_is_wrong(s) && strand_next(&g->strand, &f, &head))
			heard(p, g, &f, &head);
		if (is_end && !stage_is_wrong(s))
			stage_wrong(s, "the broker hangs up on guest %u", picking_index(p, g));
	}
	return is_any;
}
