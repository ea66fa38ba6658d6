#include "sim/parley.h"

#include "base/list.h"
#include "sim/stage.h"

#define LIVES        4
#define STEPS_MAX    40
#define MESSAGES_MAX 3000u
#define HELD_MAX     512u
#define LIMIT_MAX    6
#define NAMES        4u /* of the visitor's queues */

enum { ASKER, ANSWERER, VISITOR, CLIENTS };
enum { ASK, EAR, REPLIES }; /* queues, and consumers */
enum { HERE = VISITOR };    /* so many are always let in */

static const char *const names[] = { "ask", "ear", "amq.rabbitmq.reply-to" };
static const char *const visits[NAMES] = { "v0", "v1", "v2", "v3" };

enum kind { REQUEST, REPLY, WORD };
struct message {
	enum kind kind;
	bool is_confirmed;
	bool is_false;  /* it names another user */
	uint32_t asker; /* which of his connections has asked, of a request and of its reply */
	uint32_t came_n;
};

/* What the operator may limit; -1: nothing. */
struct limits {
	struct fact_limits user, vhost;
};

struct request {
	uint64_t tag;
	uint32_t number;
	char reply_to[STAGE_REPLY_TO];
};

struct parley {
	struct stage stage; /* first */
	struct limits now, next;
	bool is_asked;  /* an errand is under way */
	uint32_t asker; /* his connection */
	struct request held[HELD_MAX];
	uint32_t held_n;
	uint32_t queues;   /* of the visitor, that are there: a bit for each */
	uint32_t closed_n; /* channels of his */
	uint32_t declared_n, secrets_n, secrets_ok_n;
	uint32_t thrown_n, heard_n; /* visitors; replies */
	struct message message[MESSAGES_MAX];
};

static struct parley *parley_of(struct stage *s)
{
	return containerof(s, struct parley, stage);
}

/* ---- what the operator says --------------------------------------------------------------- */

static void order(struct errand *e, enum fact_kind kind, const char *name,
		  const struct fact_limits *l)
{
	uint8_t buf[FACT_LIMITS_BYTES];
	struct fact f = fact_of(kind, slice_str(name), SLICE_EMPTY, SLICE_EMPTY);
	fact_limits_put(l, buf);
	f.value = slice_of(buf, sizeof buf);
	errand_make(e, &f);
}

static void ask(struct parley *x)
{
	struct errand *e = stage_errand(&x->stage);
	order(e, FACT_USER_LIMITS, "guest", &x->next.user);
	order(e, FACT_VHOST_LIMITS, "/", &x->next.vhost);
	errand_send(e);
	x->is_asked = true;
}

static int64_t limit(struct prng *r, uint64_t least)
{
	return prng_chance(r, 1, 2) ? -1 : (int64_t)prng_between(r, least, LIMIT_MAX);
}

static void decide(struct parley *x)
{
	struct prng *r = &x->stage.prng;
	must(!x->is_asked);
	x->next = (struct limits){ .user = { limit(r, HERE), limit(r, HERE) },
				   .vhost = { limit(r, HERE), limit(r, 0) } };
	ask(x);
}

/* ---- what clients say --------------------------------------------------------------------- */

static void enter(struct stage *s, struct actor *a)
{
	struct parley *x = parley_of(s);
	if (a->index != VISITOR)
		for (uint32_t q = ASK; q <= EAR; q++)
			TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[q]),
			     .durable = true);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	if (a->index == ASKER) {
		x->asker++;
		actor_consume(a, names[REPLIES], REPLIES, true, SLICE_EMPTY);
	}
	if (a->index != ANSWERER)
		return;
	x->held_n = 0;
	TALK(&a->talk, 1, basic_qos, .prefetch_count = HELD_MAX / 2);
	actor_consume(a, names[ASK], ASK, false, SLICE_EMPTY);
	actor_consume(a, names[EAR], EAR, false, SLICE_EMPTY);
}

/* Gives the number of the message; 0: it could not be said. */
static uint32_t say(struct parley *x, uint32_t who, const char *key,
		    const struct amqp091_props *props, struct message m)
{
	struct stage *s = &x->stage;
	if (s->sent_n + 1 >= MESSAGES_MAX || !s->actor[who].is_in ||
	    !stage_publish(s, &s->actor[who], "", key, props,
			   (uint32_t)prng_between(&s->prng, 4, 300)))
		return 0;
	x->message[s->sent_n] = m;
	return s->sent_n;
}

static void request(struct parley *x)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode |
						      AMQP091_HAS_reply_to,
					     .delivery_mode = 2,
					     .reply_to = slice_str(names[REPLIES]) };
	(void)say(x, ASKER, names[ASK], &props,
		  (struct message){ .kind = REQUEST, .asker = x->asker });
}

/* Any of those that wait. */
static void reply(struct parley *x)
{
	const struct amqp091_props props = { 0 };
	struct talk *t = &x->stage.actor[ANSWERER].talk;
	if (x->held_n == 0 || !talk_has_room(t, 64))
		return;
	struct request *r = &x->held[prng_below(&x->stage.prng, x->held_n)];
	const struct message m = { .kind = REPLY, .asker = x->message[r->number].asker };
	if (!say(x, ANSWERER, r->reply_to, &props, m))
		return;
	TALK(t, 1, basic_ack, .delivery_tag = r->tag);
	*r = x->held[--x->held_n];
}

/* ---- what they hear ----------------------------------------------------------------------- */

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct parley *x = parley_of(s);
	x->declared_n += m->kind == AMQP091_queue_declare_ok && a->index == VISITOR;
	x->secrets_ok_n += m->kind == AMQP091_connection_update_secret_ok;
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	must(!is_refused);
	parley_of(s)->message[number].is_confirmed = true;
}

/* The visitor alone is refused anything. */
static bool closed(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct parley *x = parley_of(s);
	if (a->index != VISITOR)
		return false;
	if (m->kind == AMQP091_channel_close) {
		x->closed_n++;
		return m->channel_close.reply_code == 406;
	}
	x->thrown_n++;
	return m->connection_close.reply_code == 530;
}

static void reply_came(struct parley *x, uint32_t number)
{
	const struct message *m = &x->message[number];
	if (m->kind != REPLY || m->asker != x->asker)
		stage_wrong(&x->stage, "reply %u came to a connection that has not asked", number);
	else if (m->came_n > 1)
		stage_wrong(&x->stage, "reply %u came twice", number);
	x->heard_n++;
}

static void came(struct stage *s, struct actor *a, const struct arrival *c)
{
	struct parley *x = parley_of(s);
	struct message *m = &x->message[c->number];
	m->came_n++;
	if (c->consumer == REPLIES) {
		reply_came(x, c->number);
		return;
	}
	if (m->is_false)
		stage_wrong(s, "message %u came, and names another user", c->number);
	if (c->consumer == EAR) {
		TALK(&a->talk, 1, basic_ack, .delivery_tag = c->tag);
		return;
	}
	must(c->consumer == ASK && x->held_n < HELD_MAX);
	struct request *r = &x->held[x->held_n++];
	*r = (struct request){ .tag = c->tag, .number = c->number };
	memcpy(r->reply_to, c->reply_to, sizeof r->reply_to);
}

/* ---- when nothing is under way ------------------------------------------------------------ */

static void rest(struct parley *x)
{
	struct stage *s = &x->stage;
	stage_rest(s);
	if (!x->is_asked || stage_is_wrong(s))
		return;
	if (!errand_is_done(&s->errand))
		stage_wrong(s, "the operator is told: %s", s->errand.said);
	x->now = x->next;
	x->is_asked = false;
}

static void judge_replies(struct parley *x)
{
	struct stage *s = &x->stage;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *m = &x->message[i];
		if (m->kind == REPLY && m->is_confirmed && m->asker == x->asker && m->came_n == 0)
			stage_wrong(s, "reply %u is lost", i);
	}
}

static bool is_within(int64_t max, uint32_t n)
{
	return max < 0 || n <= (uint64_t)max;
}

static bool may_come(const struct limits *l)
{
	must(l->user.connections != 0);
	return is_within(l->user.connections, CLIENTS) && is_within(l->user.objects, CLIENTS) &&
	       is_within(l->vhost.connections, CLIENTS);
}

/* A queue that is there may be declared, whatever the limit. */
static void try_queue(struct parley *x)
{
	struct stage *s = &x->stage;
	const uint32_t which = (uint32_t)prng_below(&s->prng, NAMES);
	const uint32_t there_n = EAR + 1 + (uint32_t)__builtin_popcount(x->queues);
	const bool is_there = x->queues >> which & 1;
	const bool may = is_there || is_within(x->now.vhost.objects, there_n + 1);
	const uint32_t before = x->declared_n;
	TALK(&s->actor[VISITOR].talk, 1, queue_declare, .queue = slice_str(visits[which]),
	     .durable = true);
	stage_rest(s);
	if ((x->declared_n > before) != may && !stage_is_wrong(s))
		stage_wrong(s, "there are %u queues of %lld, and %s is %s", there_n,
			    (long long)x->now.vhost.objects, visits[which],
			    may ? "refused" : "declared");
	x->queues |= may ? 1u << which : 0;
}

static void forget_queue(struct parley *x)
{
	const uint32_t which = (uint32_t)prng_below(&x->stage.prng, NAMES);
	TALK(&x->stage.actor[VISITOR].talk, 1, queue_delete, .queue = slice_str(visits[which]));
	stage_rest(&x->stage);
	x->queues &= ~(1u << which);
}

static void try_name(struct parley *x)
{
	struct stage *s = &x->stage;
	const bool is_false = prng_chance(&s->prng, 1, 2);
	const uint32_t before = x->closed_n;
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode |
						      AMQP091_HAS_user_id,
					     .delivery_mode = 2,
					     .user_id = slice_str(is_false ? "ann" : "guest") };
	const uint32_t n = say(x, VISITOR, names[EAR], &props,
			       (struct message){ .kind = WORD, .is_false = is_false });
	stage_rest(s);
	if (n && !stage_is_wrong(s) &&
	    (x->closed_n > before) + (uint32_t)x->message[n].is_confirmed != 1)
		stage_wrong(s, "message %u is neither taken nor refused", n);
	if (n && !stage_is_wrong(s) && x->message[n].is_confirmed == is_false)
		stage_wrong(s, "message %u names %s user, and is %s", n,
			    is_false ? "another" : "its own", is_false ? "taken" : "refused");
}

static void try_secret(struct parley *x)
{
	struct stage *s = &x->stage;
	TALK(&s->actor[VISITOR].talk, 0, connection_update_secret, .new_secret = slice_str("hush"),
	     .reason = slice_str("time"));
	x->secrets_n++;
	stage_rest(s);
	if (x->secrets_ok_n != x->secrets_n && !stage_is_wrong(s))
		stage_wrong(s, "a new secret is not answered");
}

static void visit(struct parley *x)
{
	static void (*const tries[])(struct parley *) = { try_queue, try_queue, forget_queue,
							  try_name, try_secret };
	struct stage *s = &x->stage;
	struct actor *a = &s->actor[VISITOR];
	const bool may = may_come(&x->now);
	stage_enter(s, a);
	stage_rest(s);
	if (stage_is_wrong(s))
		return;
	if (a->is_in != may)
		stage_wrong(s, "a third client is %s, with limits of %lld, %lld and %lld",
			    may ? "thrown out" : "let in", (long long)x->now.user.connections,
			    (long long)x->now.user.objects, (long long)x->now.vhost.connections);
	for (uint64_t n = prng_below(&s->prng, 4); n > 0 && a->is_in && !stage_is_wrong(s); n--)
		tries[prng_below(&s->prng, sizeof tries / sizeof *tries)](x);
	if (a->is_in)
		stage_leave(s, a, prng_chance(&s->prng, 1, 2));
	stage_rest(s);
}

static void look(struct parley *x)
{
	rest(x);
	if (!stage_is_wrong(&x->stage))
		judge_replies(x);
	if (!stage_is_wrong(&x->stage))
		visit(x);
}

/* ---- one life ----------------------------------------------------------------------------- */

/* What was asked and not answered may hold or not: it is asked again. */
static bool begin(struct parley *x)
{
	struct stage *s = &x->stage;
	const bool is_open = x->is_asked;
	x->is_asked = false;
	if (!stage_begin(s))
		return false;
	if (is_open)
		ask(x);
	look(x);
	return !stage_is_wrong(s);
}

static void step(struct parley *x)
{
	struct stage *s = &x->stage;
	for (uint64_t n = prng_below(&s->prng, 8); n > 0; n--)
		request(x);
	for (uint64_t n = prng_below(&s->prng, 8); n > 0; n--)
		reply(x);
	if (!x->is_asked && prng_chance(&s->prng, 1, 3))
		decide(x);
	stage_mix(s, prng_below(&s->prng, 40));
	if (prng_chance(&s->prng, 1, 3) && !stage_is_wrong(s))
		look(x);
	if (!prng_chance(&s->prng, 1, 8) || stage_is_wrong(s))
		return;
	const uint32_t who = (uint32_t)prng_below(&s->prng, HERE);
	stage_leave(s, &s->actor[who], prng_chance(&s->prng, 1, 2));
	rest(x); /* until then it counts */
	if (!stage_is_wrong(s))
		stage_enter(s, &s->actor[who]);
}

static void fight(struct stage *s)
{
	struct parley *x = parley_of(s);
	if (!begin(x))
		return;
	for (uint64_t n = prng_between(&s->prng, 5, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(x);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct parley *x)
{
	struct stage *s = &x->stage;
	uint32_t lost = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *m = &x->message[i];
		confirmed_n += m->is_confirmed;
		lost += m->is_confirmed && m->kind != REPLY && m->came_n == 0;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages are lost", lost, confirmed_n);
	story_mix(s->story, s->own.hash ^ confirmed_n ^ (uint64_t)x->thrown_n << 32 ^
				    (uint64_t)x->heard_n << 48);
}

/* Everything is answered, and the broker stops. */
static void take_all(struct stage *s)
{
	struct parley *x = parley_of(s);
	bool is_more = begin(x);
	while (is_more && !stage_is_wrong(s)) {
		is_more = x->held_n > 0 && s->sent_n + 1 < MESSAGES_MAX;
		reply(x);
		rest(x);
	}
	if (!stage_is_wrong(s))
		judge_replies(x);
	if (!stage_is_wrong(s))
		compare(x);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct parley *x = parley_of(s);
	const struct fact_limits none = { -1, -1 };
	s->actor[VISITOR].is_absent = true;
	x->now = x->next = (struct limits){ none, none };
}

void parley_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "parleys",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
			.closed = closed,
		},
		.bytes = sizeof(struct parley),
		.salt = 0x9a41e7,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = take_all,
	};
	stage_play(&script, story, seed);
}
