#include "sim/edict.h"

#include "auth/account.h"
#include "auth/grant.h"
#include "base/list.h"
#include "sim/stage.h"

#define LIVES        4
#define STEPS_MAX    60
#define MESSAGES_MAX 3000u
#define LENGTH_MAX   12u

enum { GUEST, TAKER, BOB, CLIENTS };
enum { K0, K1, FREE, QUEUES };
enum { WIDE, NARROW, OPERATOR, LAWS };

static const char *const names[QUEUES] = { "k0", "k1", "free" };
static const char *const law_names[LAWS] = { "wide", "narrow", "operator" };
static const char *const law_patterns[LAWS] = { "^k", "^k0", "^k1" };
static const char *const writes[] = { "^$", "", "^amq.default$", ".*" }; /* the last two: may */

/* What holds, or will hold when the operator is answered. */
struct order {
	struct {
		bool is_there, is_refusing;
		uint64_t max;
	} law[LAWS];
	bool is_user; /* bob is one, and has a permission */
	uint32_t write;
};

struct edict {
	struct stage stage; /* first */
	struct order now, next;
	bool is_asked;               /* an errand is under way */
	uint32_t counted[QUEUES];    /* by the last count */
	uint32_t closed_n, thrown_n; /* channels of bob that were closed; connections */
	bool is_ready;               /* bob's channel takes what he says */
	bool confirmed[MESSAGES_MAX], refused[MESSAGES_MAX], forbidden[MESSAGES_MAX];
	uint8_t queue[MESSAGES_MAX], came[MESSAGES_MAX];
	uint32_t empty_n;
};

static struct edict *edict_of(struct stage *s)
{
	return containerof(s, struct edict, stage);
}

/* ---- what must hold ----------------------------------------------------------------------- */

static bool bob_may(const struct order *o)
{
	return o->is_user && o->write >= 2;
}

/* The limit of a queue, and whether it refuses what is beyond. */
static uint64_t limit_of(const struct order *o, uint32_t queue, bool *out_is_refusing)
{
	const bool has_policy = queue == K0 || queue == K1;
	uint32_t policy = queue == K0 && o->law[NARROW].is_there ? NARROW : WIDE;
	bool by_policy = has_policy && o->law[policy].is_there;
	bool by_operator = queue == K1 && o->law[OPERATOR].is_there;
	uint64_t max = UINT64_MAX;
	*out_is_refusing = by_operator ? o->law[OPERATOR].is_refusing
				       : by_policy && o->law[policy].is_refusing;
	if (by_policy)
		max = o->law[policy].max;
	if (by_operator && o->law[OPERATOR].max < max)
		max = o->law[OPERATOR].max;
	return max;
}

/* ---- what the operator says --------------------------------------------------------------- */

static struct fact law_fact(const struct order *o, uint32_t i, uint8_t *buf, uint32_t cap)
{
	struct queue_rules rules = rules_none();
	rules.max_length = o->law[i].max;
	rules.overflow = o->law[i].is_refusing ? OVERFLOW_REJECT : OVERFLOW_DROP_HEAD;
	return errand_policy(i == OPERATOR, law_names[i], law_patterns[i], &rules, i, buf, cap);
}

static void order_user(struct errand *e, const struct order *o)
{
	uint8_t account[200], grant[200];
	const struct slice bob = slice_str("bob");
	const struct account a = { .algorithm = slice_str("open"), .hash = bob };
	const struct grant g = { .pattern = { [AUTH_CONFIGURE] = slice_str("^$"),
					      [AUTH_WRITE] = slice_str(writes[o->write]),
					      [AUTH_READ] = slice_str("^$") } };
	struct fact user = fact_of(FACT_USER, bob, SLICE_EMPTY, SLICE_EMPTY);
	struct fact may = fact_of(FACT_PERMISSION, bob, slice_str("/"), SLICE_EMPTY);
	user.value = slice_of(account, account_put(&a, account, sizeof account));
	may.value = slice_of(grant, grant_put(&g, grant, sizeof grant));
	must(user.value.n > 0 && may.value.n > 0);
	errand_make(e, &user);
	errand_make(e, &may);
	if (!o->is_user)
		errand_forget(e, &user);
}

/* All that holds or is to hold; what is to go may be gone already, so it is made first. */
static void ask(struct edict *x)
{
	struct errand *e = stage_errand(&x->stage);
	uint8_t buf[1024];
	for (uint32_t i = 0; i < LAWS; i++) {
		const struct fact f = law_fact(&x->next, i, buf, sizeof buf);
		if (x->next.law[i].is_there || x->now.law[i].is_there)
			errand_make(e, &f);
		if (!x->next.law[i].is_there && x->now.law[i].is_there)
			errand_forget(e, &f);
	}
	if (x->next.is_user || x->now.is_user)
		order_user(e, &x->next);
	errand_send(e);
	x->is_asked = true;
}

/* One thing more is ordered. */
static void decide(struct edict *x)
{
	struct prng *r = &x->stage.prng;
	uint32_t i = (uint32_t)prng_below(r, LAWS + 2);
	x->next = x->now;
	if (i < LAWS) {
		x->next.law[i].is_there = prng_chance(r, 3, 4);
		x->next.law[i].is_refusing = prng_chance(r, 1, 3);
		x->next.law[i].max = prng_below(r, LENGTH_MAX);
	} else {
		x->next.is_user = prng_chance(r, 5, 6);
		x->next.write = (uint32_t)prng_below(r, 4);
	}
	ask(x);
}

/* ---- what clients say --------------------------------------------------------------------- */

static void enter(struct stage *s, struct actor *a)
{
	struct edict *x = edict_of(s);
	for (uint32_t q = 0; q < QUEUES && a->index != BOB; q++)
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[q]), .durable = true);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	if (a->index == BOB)
		x->is_ready = false;
}

/* Gives the number of the message; 0: it could not be said. */
static uint32_t publish(struct edict *x, uint32_t who, uint32_t queue)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	struct stage *s = &x->stage;
	uint32_t bytes = (uint32_t)prng_between(&s->prng, 4, 300);
	if (s->sent_n + 1 >= MESSAGES_MAX || !s->actor[who].is_in ||
	    !stage_publish(s, &s->actor[who], "", names[queue], &props, bytes))
		return 0;
	x->queue[s->sent_n] = (uint8_t)queue;
	return s->sent_n;
}

static void fetch(struct edict *x, uint32_t queue)
{
	struct talk *t = &x->stage.actor[TAKER].talk;
	if (talk_has_room(t, 64))
		TALK(t, 1, basic_get, .queue = slice_str(names[queue]), .no_ack = true);
}

/* ---- what they hear ----------------------------------------------------------------------- */

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct edict *x = edict_of(s);
	if (m->kind == AMQP091_basic_get_empty)
		x->empty_n++;
	if (m->kind == AMQP091_confirm_select_ok && a->index == BOB)
		x->is_ready = true;
	if (m->kind != AMQP091_queue_declare_ok)
		return;
	for (uint32_t q = 0; q < QUEUES; q++)
		if (slice_eq(m->queue_declare_ok.queue, slice_str(names[q])))
			x->counted[q] = m->queue_declare_ok.message_count;
}

static void came(struct stage *s, struct actor *a, const struct arrival *m)
{
	struct edict *x = edict_of(s);
	must(a->index == TAKER && m->consumer == STAGE_FETCHED);
	if (x->refused[m->number] || x->forbidden[m->number])
		stage_wrong(s, "message %u came though it was refused", m->number);
	if (x->came[m->number]++ > 0 && x->queue[m->number] == FREE)
		stage_wrong(s, "message %u came twice", m->number);
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	struct edict *x = edict_of(s);
	x->confirmed[number] = !is_refused;
	x->refused[number] = is_refused;
}

/* Bob is told that he may not; or that he is nobody. */
static bool closed(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct edict *x = edict_of(s);
	if (a->index != BOB)
		return false;
	if (m->kind == AMQP091_channel_close) {
		x->closed_n++;
		x->is_ready = false;
		return m->channel_close.reply_code == 403;
	}
	x->thrown_n++;
	return m->connection_close.reply_code == 320;
}

/* ---- when nothing is under way ------------------------------------------------------------ */

/* What was ordered is done, and bob comes in if he is somebody. */
static void rest(struct edict *x)
{
	struct stage *s = &x->stage;
	struct actor *bob = &s->actor[BOB];
	stage_rest(s);
	if (x->is_asked && !stage_is_wrong(s)) {
		if (!errand_is_done(&s->errand))
			stage_wrong(s, "the operator is told: %s", s->errand.said);
		x->now = x->next;
		x->is_asked = false;
	}
	if (x->now.is_user && !bob->is_in && !stage_is_wrong(s)) {
		stage_enter(s, bob);
		stage_rest(s);
	}
}

static void count(struct edict *x)
{
	struct stage *s = &x->stage;
	for (uint32_t q = 0; q < QUEUES; q++)
		TALK(&s->actor[TAKER].talk, 1, queue_declare, .queue = slice_str(names[q]),
		     .passive = true);
	stage_rest(s);
	for (uint32_t q = 0; q < QUEUES && !stage_is_wrong(s); q++) {
		bool is_refusing;
		uint64_t max = limit_of(&x->now, q, &is_refusing);
		if (!is_refusing && x->counted[q] > max)
			stage_wrong(s, "%s has %u messages, more than %llu", names[q],
				    x->counted[q], (unsigned long long)max);
	}
}

/* One message tells whether a full queue refuses. */
static void try_queue(struct edict *x, uint32_t queue)
{
	struct stage *s = &x->stage;
	bool is_refusing;
	uint64_t max = limit_of(&x->now, queue, &is_refusing);
	uint32_t number = publish(x, GUEST, queue);
	bool is_full = is_refusing && x->counted[queue] >= max;
	stage_rest(s);
	if (number == 0 || stage_is_wrong(s))
		return;
	if (x->refused[number] != is_full || x->confirmed[number] == is_full)
		stage_wrong(s, "%s has %u of %llu messages, and one more is %s", names[queue],
			    x->counted[queue], (unsigned long long)max,
			    x->refused[number] ? "refused" : "taken");
}

static void try_bob(struct edict *x)
{
	struct stage *s = &x->stage;
	uint32_t closed_n = x->closed_n;
	if (!x->now.is_user && s->actor[BOB].is_in)
		stage_wrong(s, "bob is no user, and is still there");
	if (x->now.is_user && !x->is_ready)
		stage_wrong(s, "bob is a user, and is not let in");
	uint32_t number = x->now.is_user ? publish(x, BOB, FREE) : 0;
	stage_rest(s);
	if (number == 0 || stage_is_wrong(s))
		return;
	bool is_closed = x->closed_n > closed_n;
	x->forbidden[number] = is_closed;
	if (is_closed == bob_may(&x->now) || x->confirmed[number] == is_closed)
		stage_wrong(s, "bob may %spublish, and his message is %s",
			    bob_may(&x->now) ? "" : "not ", is_closed ? "refused" : "taken");
}

static void look(struct edict *x)
{
	rest(x);
	if (!stage_is_wrong(&x->stage))
		count(x);
	if (!stage_is_wrong(&x->stage))
		try_queue(x, (uint32_t)prng_below(&x->stage.prng, QUEUES));
	if (!stage_is_wrong(&x->stage))
		try_bob(x);
}

/* ---- one life ----------------------------------------------------------------------------- */

/* What was asked and not answered may hold or not: it is asked again. */
static bool begin(struct edict *x)
{
	struct stage *s = &x->stage;
	bool is_open = x->is_asked;
	s->actor[BOB].is_absent = is_open || !x->now.is_user;
	x->is_asked = false;
	x->is_ready = false;
	if (!stage_begin(s))
		return false;
	stage_rest(s);
	if (is_open && !stage_is_wrong(s))
		ask(x);
	if (!stage_is_wrong(s))
		look(x);
	return !stage_is_wrong(s);
}

static void step(struct edict *x)
{
	struct stage *s = &x->stage;
	for (uint64_t n = prng_below(&s->prng, 8); n > 0; n--)
		(void)publish(x, GUEST, (uint32_t)prng_below(&s->prng, QUEUES));
	if (x->is_ready && s->actor[BOB].is_in && prng_chance(&s->prng, 1, 2))
		(void)publish(x, BOB, (uint32_t)prng_below(&s->prng, QUEUES));
	if (prng_chance(&s->prng, 1, 2))
		fetch(x, (uint32_t)prng_below(&s->prng, FREE));
	if (!x->is_asked && prng_chance(&s->prng, 1, 3))
		decide(x);
	stage_mix(s, prng_below(&s->prng, 40));
	if (prng_chance(&s->prng, 1, 3) && !stage_is_wrong(s))
		look(x);
	if (prng_chance(&s->prng, 1, 4))
		host_pass(&s->host, prng_between(&s->prng, 1, 8));
}

static void fight(struct stage *s)
{
	struct edict *x = edict_of(s);
	if (!begin(x))
		return;
	for (uint64_t n = prng_between(&s->prng, 10, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(x);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct edict *x)
{
	struct stage *s = &x->stage;
	uint32_t lost = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		confirmed_n += x->confirmed[i];
		lost += x->confirmed[i] && x->queue[i] == FREE && x->came[i] == 0;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages are lost", lost, confirmed_n);
	story_mix(s->story, s->own.hash ^ confirmed_n ^ (uint64_t)x->closed_n << 32);
}

static void take_all(struct stage *s)
{
	struct edict *x = edict_of(s);
	if (!begin(x))
		return;
	for (uint32_t q = 0; q < QUEUES; q++)
		for (x->empty_n = 0; x->empty_n == 0 && !stage_is_wrong(s); stage_rest(s))
			fetch(x, q);
	compare(x);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	s->actor[BOB].user = "bob";
}

void edict_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "edicts",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
			.closed = closed,
		},
		.bytes = sizeof(struct edict),
		.salt = 0xed1c7,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = take_all,
	};
	stage_play(&script, story, seed);
}
