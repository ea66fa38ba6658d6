#include "sim/voucher.h"

#include "base/byteorder.h"
#include "sim/voucher_state.h"

#include <stdio.h>

#define LIVES       5
#define STEPS_MAX   2500
#define BODY_BIG    20000u  /* not copied on its way out */
#define BODY_LARGE  140000u /* more than a chunk */
#define RECEIPT_MAX 32u     /* a header line with one */

static const char *const queues[WAYS] = { "taken-at-once", "taken-in-turn", "taken-each" };
static const char *const modes[WAYS] = { "auto", "client", "client-individual" };

/* ---- what guests say ----------------------------------------------------------------------- */

/* A header line that asks for a receipt, or nothing. */
static const char *ask(struct guest *g, enum promise promise, uint32_t number,
		       char line[RECEIPT_MAX])
{
	if (g->vouchers_n + 1 == RECEIPTS_MAX)
		return "";
	g->voucher[++g->vouchers_n] = (struct voucher){ (uint8_t)promise, number };
	g->open_n++;
	snprintf(line, RECEIPT_MAX, "receipt:%u\n", g->vouchers_n);
	return line;
}

static void within(const struct guest *g, char line[RECEIPT_MAX])
{
	line[0] = '\0';
	if (g->bargain)
		snprintf(line, RECEIPT_MAX, "transaction:t%u\n", g->bargain);
}

static uint32_t size(struct prng *dice)
{
	if (prng_chance(dice, 1, 300))
		return BODY_LARGE;
	return prng_chance(dice, 1, 60) ? BODY_BIG : (uint32_t)prng_between(dice, 4, 300);
}

static void send(struct market *m, struct guest *g)
{
	struct stage *s = &m->stage;
	char receipt[RECEIPT_MAX], transaction[RECEIPT_MAX];
	const uint32_t bytes = size(&s->prng);
	const uint8_t way = (uint8_t)prng_below(&s->prng, WAYS);
	if (s->sent_n + 1 == MESSAGES_MAX || !strand_has_room(&g->strand, bytes))
		return;
	const uint32_t number = ++s->sent_n;
	m->message[number] = (struct message){ .way = way,
					       .state = g->bargain ? ASIDE : SENT,
					       .life = g->life,
					       .order = ++m->order_n };
	m->bargain_of[number] = g->bargain;
	store_be32(s->body, number);
	within(g, transaction);
	const bool is_asking = !g->bargain && prng_chance(&s->prng, 2, 3);
	strand_say(&g->strand, slice_of(s->body, bytes),
		   "SEND\ndestination:/queue/%s\npersistent:true\n%s%s", queues[way], transaction,
		   is_asking ? ask(g, ONE, number, receipt) : "");
}

static void begin(struct market *m, struct guest *g)
{
	must(g->bargain == 0);
	if (m->bargains_n + 1 == BARGAINS_MAX)
		return;
	g->bargain = ++m->bargains_n;
	strand_say(&g->strand, SLICE_EMPTY, "BEGIN\ntransaction:t%u\n", g->bargain);
}

/* What was put aside in the transaction is sent now, or never. */
static void conclude_sent(struct market *m, const struct guest *g, bool is_commit)
{
	for (uint32_t i = g->first; i <= m->stage.sent_n; i++) {
		struct message *x = &m->message[i];
		if (m->bargain_of[i] != g->bargain || x->state != ASIDE || !is_commit)
			continue;
		x->state = SENT;
		x->order = ++m->order_n;
		m->bargain[g->bargain].sent_n += x->way != AUTO;
	}
}

static void conclude_held(struct market *m, struct guest *g, bool is_commit)
{
	for (uint32_t i = 0; i < g->held_n;) {
		struct holding *h = &g->held[i];
		if (h->is_covered && is_commit) {
			m->message[h->number].taken_in = h->is_taken ? g->bargain : 0;
			m->bargain[g->bargain].taken_n += h->is_taken;
			market_settle(m, g, i, h->is_taken);
		} else {
			h->is_covered = false;
			i++;
		}
	}
}

static void conclude(struct market *m, struct guest *g, bool is_commit)
{
	char line[RECEIPT_MAX];
	must(g->bargain > 0);
	strand_say(&g->strand, SLICE_EMPTY, "%s\ntransaction:t%u\n%s",
		   is_commit ? "COMMIT" : "ABORT", g->bargain,
		   ask(g, is_commit ? BARGAIN : ANSWER, g->bargain, line));
	conclude_sent(m, g, is_commit);
	conclude_held(m, g, is_commit);
	g->bargain = 0;
}

/* One, or all of its subscription up to it: now, or when the transaction is committed. */
static void cover(struct market *m, struct guest *g, uint32_t at, bool is_taken)
{
	const uint8_t way = g->held[at].way;
	for (uint32_t i = way == EACH ? at : 0, end = at + 1; i < end;) {
		struct holding *h = &g->held[i];
		if (h->way != way || h->is_covered) {
			i++;
		} else if (g->bargain) {
			h->is_covered = true;
			h->is_taken = is_taken;
			i++;
		} else {
			market_settle(m, g, i, is_taken);
			end--;
		}
	}
}

static void settle(struct market *m, struct guest *g)
{
	struct prng *dice = &m->stage.prng;
	char line[RECEIPT_MAX], transaction[RECEIPT_MAX];
	const uint32_t at = (uint32_t)prng_below(dice, g->held_n);
	const struct holding *h = &g->held[at];
	const bool is_ack = m->is_last || g->strand.version == STOMP_1_0 || prng_chance(dice, 3, 4);
	const bool is_refusal = !is_ack && prng_chance(dice, 1, 4);
	const bool is_asking = prng_chance(dice, 1, 4);
	if (h->is_covered)
		return;
	within(g, transaction);
	strand_say(&g->strand, SLICE_EMPTY, "%s\n%s:%s\nsubscription:%u\n%s%s%s",
		   is_ack ? "ACK" : "NACK", g->strand.version == STOMP_1_2 ? "id" : "message-id",
		   h->mention, h->way, transaction, is_refusal ? "requeue:false\n" : "",
		   is_asking ? ask(g, ANSWER, 0, line) : "");
	cover(m, g, at, is_ack || is_refusal);
}

static void say_nonsense(struct market *m, struct guest *g)
{
	char line[RECEIPT_MAX];
	const char *receipt = ask(g, NONSENSE, 0, line);
	if (!receipt[0])
		return;
	switch (prng_below(&m->stage.prng, 3)) {
	case 0: strand_say(&g->strand, SLICE_EMPTY, "COMMIT\ntransaction:none\n%s", receipt); break;
	case 1: strand_say(&g->strand, SLICE_EMPTY, "SEND\n%s", receipt); break;
	default: strand_say(&g->strand, SLICE_EMPTY, "UNSUBSCRIBE\nid:9\n%s", receipt); break;
	}
}

/* ---- connections --------------------------------------------------------------------------- */

static void come(struct market *m, struct guest *g)
{
	struct stage *s = &m->stage;
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	struct sock *sock = sock_connect(&s->host.socks, loop);
	if (!sock)
		return;
	g->life++;
	g->first = s->sent_n + 1;
	g->vouchers_n = g->open_n = g->bargain = 0;
	memset(g->last_life, 0, sizeof g->last_life);
	memset(g->last_order, 0, sizeof g->last_order);
	strand_begin(&g->strand, sock, (enum stomp_version)prng_below(&s->prng, 3), false);
	for (uint32_t w = 0; w < WAYS && guest_index(m, g) != SENDER; w++)
		strand_say(&g->strand, SLICE_EMPTY,
			   "SUBSCRIBE\nid:%u\ndestination:/queue/%s\nack:%s\nprefetch-count:%u\n",
			   w, queues[w], modes[w], PREFETCH);
}

/* What it has goes back when the broker comes to it. */
static void leave(struct market *m, struct guest *g)
{
	char line[RECEIPT_MAX];
	strand_say(&g->strand, SLICE_EMPTY, "DISCONNECT\n%s", ask(g, ANSWER, 0, line));
	g->strand.is_leaving = true;
	while (g->held_n > 0)
		market_settle(m, g, 0, false);
}

static void work(struct market *m, struct guest *g)
{
	struct prng *dice = &m->stage.prng;
	if (!g->bargain && prng_chance(dice, 1, 12))
		begin(m, g);
	else if (g->bargain && prng_chance(dice, 1, 6))
		conclude(m, g, prng_chance(dice, 2, 3));
	if (guest_index(m, g) == SENDER)
		for (uint64_t n = prng_between(dice, 0, 5); n > 0; n--)
			send(m, g);
	for (uint64_t n = prng_below(dice, 4); n > 0 && g->held_n > 0; n--)
		settle(m, g);
	if (prng_chance(dice, 1, 80))
		say_nonsense(m, g);
}

static void act(struct market *m, struct guest *g)
{
	struct prng *dice = &m->stage.prng;
	if (!g->strand.sock) {
		if (m->is_last || prng_chance(dice, 1, 8))
			come(m, g);
		return;
	}
	if (g->strand.is_leaving || !g->strand.is_up ||
	    !strand_has_room(&g->strand, STRAND_BYTES / 2))
		return;
	if (m->is_last) {
		while (g->held_n > 0)
			settle(m, g);
		return;
	}
	if (prng_chance(dice, 1, 2))
		work(m, g);
	if (prng_chance(dice, 1, 150))
		market_lose(m, g, prng_chance(dice, 1, 2));
	else if (prng_chance(dice, 1, 250))
		leave(m, g);
}

/* ---- one life ------------------------------------------------------------------------------ */

static bool talk_all(struct stage *s)
{
	struct market *m = market_of(s);
	bool is_any = false;
	for (uint32_t i = 0; i < GUESTS; i++)
		is_any |= market_talk(m, &m->guest[i]);
	return is_any;
}

/* All that has begun ends: what was taken is gone for good, unless nobody knows by whom. */
static void come_to_rest(struct market *m)
{
	struct stage *s = &m->stage;
	stage_rest_of(s, talk_all);
	for (uint32_t i = 0; i < GUESTS && !stage_is_wrong(s); i++)
		if (m->guest[i].strand.sock && m->guest[i].open_n)
			stage_wrong(s, "guest %u waits in vain for %u receipts", i,
				    m->guest[i].open_n);
	for (uint32_t i = 1; i <= s->sent_n; i++)
		m->message[i].is_gone |= m->message[i].state == TAKEN;
}

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct market *m = market_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 300))
		come_to_rest(m);
	for (uint32_t i = 0; i < GUESTS && !stage_is_wrong(s); i++)
		if (prng_chance(&s->prng, 1, 2))
			act(m, &m->guest[i]);
	return talk_all(s) || host_runnable(&s->host) != 0;
}

/* The broker is no more. */
static void forget(struct stage *s)
{
	struct market *m = market_of(s);
	for (uint32_t i = 0; i < GUESTS; i++)
		market_lose(m, &m->guest[i], true);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Everything that there was has come by now. */
static void compare_bargains(struct market *m)
{
	must(m->is_last);
	for (uint32_t i = 1; i <= m->bargains_n; i++) {
		const struct bargain *b = &m->bargain[i];
		if (b->came_n > 0 && b->came_n < b->sent_n)
			stage_wrong(&m->stage, "transaction %u is torn: %u of %u messages came", i,
				    b->came_n, b->sent_n);
		if (b->again_n > 0 && b->again_n < b->taken_n)
			stage_wrong(&m->stage, "transaction %u is torn: %u of %u came again", i,
				    b->again_n, b->taken_n);
	}
}

static void compare(struct market *m)
{
	struct stage *s = &m->stage;
	uint32_t lost_n = 0, safe_n = 0, last = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *x = &m->message[i];
		safe_n += x->is_safe;
		if (!x->is_safe || x->is_unsure || x->is_gone || x->state == TAKEN)
			continue;
		lost_n++;
		last = i;
	}
	if (lost_n)
		stage_wrong(s, "%u of %u messages with a receipt are lost, the last of them is %u",
			    lost_n, safe_n, last);
	compare_bargains(m);
	story_mix(s->story, s->own.hash ^ safe_n);
}

/* The takers come once more and take everything. */
static void close(struct stage *s)
{
	struct market *m = market_of(s);
	m->is_last = true;
	if (!stage_begin(s))
		return;
	do {
		for (uint32_t i = 0; i < GUESTS; i++)
			act(m, &m->guest[i]);
		come_to_rest(m);
	} while (!stage_is_wrong(s) && m->guest[1].held_n + m->guest[2].held_n > 0);
	if (!stage_is_wrong(s))
		compare(m);
	forget(s);
	stage_close(s);
}

void voucher_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "STOMP" },
		.bytes = sizeof(struct market),
		.salt = 0x570e,
		.lives_n = LIVES,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = close,
	};
	stage_play(&script, story, seed);
}
