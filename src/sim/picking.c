#include "sim/picking.h"

#include "base/byteorder.h"
#include "sim/picking_state.h"

#include <stdio.h>

#define LIVES     4
#define STEPS_MAX 2500
#define BODY_BIG  20000u /* not copied on its way out */

static const char *const queues[] = { "/queue/choice", "/queue/ActiveMQ.DLQ" };

/* ---- what guests say ------------------------------------------------------------------------ */

static void send(struct picking *p, struct guest *g)
{
	struct stage *s = &p->stage;
	const uint32_t bytes = prng_chance(&s->prng, 1, 60)
				       ? BODY_BIG
				       : (uint32_t)prng_between(&s->prng, 4, 300);
	char receipt[24] = "", hue[24] = "";
	if (s->sent_n + 1 == MESSAGES_MAX || !strand_has_room(&g->strand, bytes))
		return;
	const uint32_t number = ++s->sent_n;
	const bool is_persistent = prng_chance(&s->prng, 4, 5);
	p->message[number] = (struct message){ .state = SENT,
					       .life = g->life,
					       .is_persistent = is_persistent };
	store_be32(s->body, number);
	if (picking_colour(number))
		snprintf(hue, sizeof hue, "colour:%s\n", picking_colour(number));
	if (prng_chance(&s->prng, 2, 3))
		snprintf(receipt, sizeof receipt, "receipt:m%u\n", number);
	strand_say(&g->strand, slice_of(s->body, bytes),
		   "SEND\ndestination:%s\npersistent:%s\nsize:%s\n%s%s", queues[0],
		   is_persistent ? "true" : "false", picking_is_big(number) ? "big" : "small", hue,
		   receipt);
}

static void subscribe(struct picking *p, struct guest *g, struct sub *u)
{
	struct prng *dice = &p->stage.prng;
	const bool is_dead = picking_index(p, g) == UNDERTAKER, is_plain = p->is_last || is_dead;
	*u = (struct sub){ .life = OPEN,
			   .id = ++g->last_id,
			   .selector = is_plain ? 0 : (uint32_t)prng_below(dice, PICKING_SELECTORS),
			   .prefetch = (uint32_t)prng_between(dice, 1, PREFETCH_MAX) };
	strand_say(&g->strand, SLICE_EMPTY,
		   "SUBSCRIBE\nid:%u\ndestination:%s\nack:client-individual\n"
		   "activemq.prefetchSize:%u\nselector:%s\n",
		   u->id, queues[is_dead], u->prefetch, picking_selectors[u->selector].text);
}

static void unsubscribe(struct guest *g, struct sub *u)
{
	must(u->life == OPEN);
	strand_say(&g->strand, SLICE_EMPTY, "UNSUBSCRIBE\nid:%u\nreceipt:u%u\n", u->id, u->id);
	u->life = CALLED_OFF;
}

/* ---- connections --------------------------------------------------------------------------- */

/* What was said last may not have been heard. */
static void lose(struct picking *p, struct guest *g, bool is_hard)
{
	const uint8_t me = picking_index(p, g);
	strand_drop(&g->strand, is_hard);
	for (uint32_t i = 1; i <= p->stage.sent_n; i++) {
		struct message *x = &p->message[i];
		if (me == SENDER && x->life == g->life && !x->is_there && !x->is_safe)
			x->is_unsure = true;
		if (x->is_gone || x->holder != me || x->state == SENT)
			continue;
		x->is_unsure |= x->state == TAKEN;
		x->state = SENT;
	}
	memset(g->sub, 0, sizeof g->sub);
}

static void come(struct picking *p, struct guest *g)
{
	struct stage *s = &p->stage;
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	struct sock *sock = sock_connect(&s->host.socks, loop);
	if (!sock)
		return;
	g->life++;
	g->first = s->sent_n + 1;
	strand_begin(&g->strand, sock, (enum stomp_version)prng_below(&s->prng, 3), true);
}

static void work(struct picking *p, struct guest *g)
{
	struct prng *dice = &p->stage.prng;
	if (picking_index(p, g) == SENDER) {
		for (uint64_t n = prng_below(dice, 8); n > 0; n--)
			send(p, g);
		return;
	}
	for (uint32_t i = 0; i < SUBS; i++) {
		struct sub *u = &g->sub[i];
		if (u->life == FREE && prng_chance(dice, 1, 6))
			subscribe(p, g, u);
		else if (u->life == OPEN && prng_chance(dice, 1, 60))
			unsubscribe(g, u);
		for (uint64_t n = prng_below(dice, 4); n > 0 && u->held_n > 0; n--)
			picking_acknowledge(p, g, u, (uint32_t)prng_below(dice, u->held_n));
		if (u->life == ENDED && u->held_n == 0)
			u->life = FREE;
	}
}

/* One takes all that there is: what has died, and in the end what has not. */
static void work_plainly(struct picking *p, struct guest *g)
{
	struct sub *u = &g->sub[0];
	if (u->life == FREE)
		subscribe(p, g, u);
	while (u->held_n > 0)
		picking_acknowledge(p, g, u, 0);
}

static void act(struct picking *p, struct guest *g)
{
	struct prng *dice = &p->stage.prng;
	const bool is_undertaker = picking_index(p, g) == UNDERTAKER;
	if (p->is_last && picking_index(p, g) != GUESTS - 1 && !is_undertaker)
		return;
	if (!g->strand.sock) {
		if (p->is_last || prng_chance(dice, 1, 8))
			come(p, g);
		return;
	}
	if (!g->strand.is_up || !strand_has_room(&g->strand, STRAND_BYTES / 2))
		return;
	if (p->is_last || is_undertaker) {
		work_plainly(p, g);
		return;
	}
	if (picking_index(p, g) == SENDER || !prng_chance(dice, p->idle_percent, 100))
		work(p, g);
	if (prng_chance(dice, 1, 200))
		lose(p, g, prng_chance(dice, 1, 2));
}

/* ---- one life ------------------------------------------------------------------------------ */

/* Somebody has room for something that there is, and the broker does nothing. */
static void look(struct picking *p, const struct guest *g, const struct sub *u)
{
	if (u->life != OPEN || u->held_n == u->prefetch)
		return;
	for (uint32_t i = 1; i <= p->stage.sent_n; i++) {
		const struct message *x = &p->message[i];
		if (x->state != SENT || !x->is_there || x->is_unsure || x->is_gone ||
		    !picking_selectors[u->selector].wants(p, i))
			continue;
		stage_wrong(&p->stage, "guest %u waits in vain for message %u: %s",
			    picking_index(p, g), i, picking_selectors[u->selector].text);
		return;
	}
}

/* All that has begun ends: what was said is there, what was taken is gone. */
static void come_to_rest(struct picking *p)
{
	struct stage *s = &p->stage;
	stage_rest_of(s, picking_talk);
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		struct message *x = &p->message[i];
		x->is_there |= p->guest[SENDER].strand.sock && x->life == p->guest[SENDER].life;
		x->is_gone |= x->state == TAKEN;
	}
	if (p->guest[UNDERTAKER].sub[0].life == FREE)
		return; /* nobody knows who has died */
	for (uint32_t i = (UNDERTAKER + 1) * SUBS; i < GUESTS * SUBS && !stage_is_wrong(s); i++)
		look(p, &p->guest[i / SUBS], &p->guest[i / SUBS].sub[i % SUBS]);
}

static bool step(struct stage *s)
{
	struct picking *p = picking_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 200))
		come_to_rest(p);
	for (uint32_t i = 0; i < GUESTS && !stage_is_wrong(s); i++)
		if (prng_chance(&s->prng, 1, 2))
			act(p, &p->guest[i]);
	return picking_talk(s) || host_runnable(&s->host) != 0;
}

/* The broker is no more, and with it what was not to be kept. */
static void forget(struct stage *s)
{
	struct picking *p = picking_of(s);
	for (uint32_t i = 0; i < GUESTS; i++)
		lose(p, &p->guest[i], true);
	for (uint32_t i = 1; i <= p->stage.sent_n; i++) {
		p->message[i].is_gone |= !p->message[i].is_persistent;
		p->message[i].is_unsure |= !p->message[i].is_safe;
	}
}

/* ---- the end ------------------------------------------------------------------------------- */

static void compare(struct picking *p)
{
	struct stage *s = &p->stage;
	uint32_t lost_n = 0, safe_n = 0, last = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *x = &p->message[i];
		safe_n += x->is_safe;
		if (!x->is_safe || x->is_unsure || x->is_gone || x->state == TAKEN)
			continue;
		lost_n++;
		last = i;
	}
	if (lost_n)
		stage_wrong(s, "%u of %u messages with a receipt are lost, the last of them is %u",
			    lost_n, safe_n, last);
	story_mix(s->story, s->own.hash ^ safe_n);
}

static void take_all(struct stage *s)
{
	struct picking *p = picking_of(s);
	struct guest *last = &p->guest[GUESTS - 1];
	p->is_last = true;
	if (!stage_begin(s))
		return;
	do {
		act(p, last);
		act(p, &p->guest[UNDERTAKER]);
		come_to_rest(p);
	} while (!stage_is_wrong(s) && (p->guest[UNDERTAKER].sub[0].life == FREE ||
					last->sub[0].life == FREE || last->sub[0].held_n > 0));
	if (!stage_is_wrong(s))
		compare(p);
	forget(s);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct picking *p = picking_of(s);
	p->idle_percent = (uint32_t)prng_below(&s->prng, 95);
}

void picking_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "selectors" },
		.bytes = sizeof(struct picking),
		.salt = 0x5e1ec,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = take_all,
	};
	stage_play(&script, story, seed);
}
