#include "sim/choosing.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        4
#define STEPS_MAX    50
#define MESSAGES_MAX 2048u
#define KEYS         8u /* and numbers of what is not to come twice */
#define HISTORY      5u

/* Ways to send, each with an exchange, but the last one, which is a queue. */
enum { HASH, MODULUS, CHANCE, LOCAL, UNIQUE, RECENT, ONCE, WAYS };
/* How a message comes to an exchange: by its name, by that of one bound to it, or of one that has
 * nobody else for it. */
enum { STRAIGHT, JOINED, LEFT_OVER, DOORS };
/* Queues, and their consumers. REST takes what an exchange without bindings has nobody for. */
enum { W0, W1, W2, REST, SINGLES, SINK, ONE, LATE, QUEUES };
#define SPREAD_N (W2 + 1u) /* queues that one of four exchanges chooses from */
#define ALL      ((1u << SPREAD_N) - 1)

static const char *const types[WAYS] = {
	"x-consistent-hash",       "x-modulus-hash",   "x-random", "x-local-random",
	"x-message-deduplication", "x-recent-history", "",
};
static const char *const exchanges[DOORS][WAYS] = {
	{ "hash", "modulus", "chance", "local", "unique", "recent", "" },
	{ "to-hash", "to-modulus", "to-chance", "to-local", "to-unique", "to-recent", "" },
	{ "not-hash", "not-modulus", "not-chance", "not-local", "not-unique", "not-recent", "" },
};
static const char *const behind = "behind"; /* the exchange that leads to W2 */
static const char *const weights[SPREAD_N] = { "1", "2", "3" };
static const char *const queues[QUEUES] = { "w0",      "w1",   "w2",  "rest",
					    "singles", "sink", "one", "late" };
static const char *const keys[KEYS] = { "a", "b", "c", "d", "e", "f", "g", "h" };

struct message {
	uint8_t way, key, life;
	uint8_t from;  /* the queue that has given it, plus 1 */
	uint8_t bound; /* a bit for each queue that its exchange could choose */
	bool is_confirmed;
	uint64_t sent; /* event */
};

struct choosing {
	struct stage stage; /* first */
	bool is_ready;      /* everything is declared and bound */
	uint32_t life;
	uint64_t event;
	struct message message[MESSAGES_MAX];
	uint8_t bound[ONCE];         /* as it is now */
	uint8_t home[ALL + 1][KEYS]; /* by modulus: of what is bound, the queue of a key, plus 1 */
	uint8_t above[SPREAD_N][KEYS]; /* by hash: a bit for each queue that this one goes before */
	uint32_t single[LIVES + 2][KEYS]; /* what has come of a number that was sent in a life */
	struct {
		uint32_t number;     /* held; 0: none */
		uint64_t tag, acked; /* acked: event of the last one */
	} one[KEYS];
	uint32_t late[HISTORY + 1], late_n;
};

static struct choosing *choosing_of(struct stage *s)
{
	return containerof(s, struct choosing, stage);
}

/* ---- what the client says ----------------------------------------------------------------- */

static struct slice number_of(const char *name, int64_t number, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);
	amqp091_put_int(&w, name, number);
	must(wr_ok(&w));
	return wr_done(&w);
}

static void declare_exchange(struct actor *a, const char *name, const char *type,
			     struct slice arguments)
{
	TALK(&a->talk, 1, exchange_declare, .exchange = slice_str(name), .type = slice_str(type),
	     .durable = true, .arguments = arguments);
}

/* Who takes what an exchange has nobody for. */
static struct slice alternate_of(const char *name, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);
	amqp091_put_str(&w, "alternate-exchange", slice_str(name));
	must(wr_ok(&w));
	return wr_done(&w);
}

static void declare_way(struct actor *a, uint32_t way)
{
	uint8_t buf[64];
	const char *name = exchanges[STRAIGHT][way];
	struct slice arguments = alternate_of(queues[REST], buf, sizeof buf);
	if (way == UNIQUE)
		arguments = number_of("x-cache-size", MESSAGES_MAX, buf, sizeof buf);
	if (way == RECENT)
		arguments = number_of("x-recent-history-length", HISTORY, buf, sizeof buf);
	declare_exchange(a, name, types[way], arguments);
	declare_exchange(a, exchanges[JOINED][way], "fanout", SLICE_EMPTY);
	TALK(&a->talk, 1, exchange_bind, .destination = slice_str(name),
	     .source = slice_str(exchanges[JOINED][way]));
	declare_exchange(a, exchanges[LEFT_OVER][way], "direct",
			 alternate_of(name, buf, sizeof buf));
}

static void bind(struct actor *a, const char *exchange, uint32_t queue, const char *key)
{
	TALK(&a->talk, 1, queue_bind, .queue = slice_str(queues[queue]),
	     .exchange = slice_str(exchange), .routing_key = slice_str(key));
}

/* One of the queues that an exchange spreads to is bound, or is no more; the last of them by way of
 * another exchange, where that may be: a local one takes no exchange, and no key. */
static void turn(struct choosing *x, uint32_t way, uint32_t queue)
{
	struct talk *t = &x->stage.actor->talk;
	const struct slice from = slice_str(exchanges[STRAIGHT][way]);
	const struct slice name = slice_str(queues[queue]);
	const struct slice key = slice_str(way == LOCAL ? "" : weights[queue]);
	const bool is_bound = x->bound[way] >> queue & 1, is_behind = queue == W2 && way != LOCAL;
	x->bound[way] ^= (uint8_t)(1u << queue);
	if (is_behind && is_bound)
		TALK(t, 1, exchange_unbind, .destination = slice_str(behind), .source = from,
		     .routing_key = key);
	else if (is_behind)
		TALK(t, 1, exchange_bind, .destination = slice_str(behind), .source = from,
		     .routing_key = key);
	else if (is_bound)
		TALK(t, 1, queue_unbind, .queue = name, .exchange = from, .routing_key = key);
	else
		TALK(t, 1, queue_bind, .queue = name, .exchange = from, .routing_key = key);
}

/* What is not there yet is made, what is there is the same. */
static void enter(struct stage *s, struct actor *a)
{
	struct choosing *x = choosing_of(s);
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	x->is_ready = false;
	amqp091_put_bool(&w, "x-message-deduplication", true);
	for (uint32_t way = 0; way < ONCE; way++)
		declare_way(a, way);
	declare_exchange(a, behind, "fanout", SLICE_EMPTY);
	declare_exchange(a, queues[REST], "fanout", SLICE_EMPTY);
	for (uint32_t q = 0; q < LATE; q++)
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(queues[q]), .durable = true,
		     .arguments = q == ONE ? wr_done(&w) : SLICE_EMPTY);
	bind(a, behind, W2, "");
	bind(a, queues[REST], REST, "");
	memset(x->bound, 0, sizeof x->bound);
	for (uint32_t q = 0; q < SPREAD_N; q++)
		for (uint32_t way = HASH; way <= LOCAL; way++)
			turn(x, way, q);
	bind(a, exchanges[STRAIGHT][UNIQUE], SINGLES, "");
	bind(a, exchanges[STRAIGHT][RECENT], SINK, "");
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	for (uint32_t q = 0; q < LATE; q++)
		actor_consume(a, queues[q], q, false, SLICE_EMPTY);
}

static void publish(struct choosing *x)
{
	struct stage *s = &x->stage;
	const uint32_t way = (uint32_t)prng_below(&s->prng, WAYS);
	const uint32_t key = (uint32_t)prng_below(&s->prng, KEYS);
	const char *exchange = exchanges[prng_below(&s->prng, DOORS)][way];
	uint8_t buf[64];
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode, .delivery_mode = 2 };
	if (way == UNIQUE || way == ONCE) {
		props.flags |= AMQP091_HAS_headers;
		props.headers = number_of("x-deduplication-header", key, buf, sizeof buf);
	}
	if (s->sent_n + 1 == MESSAGES_MAX ||
	    !stage_publish(s, s->actor, exchange, way == ONCE ? queues[ONE] : keys[key], &props,
			   (uint32_t)prng_between(&s->prng, 4, 300)))
		return;
	x->message[s->sent_n] = (struct message){ .way = (uint8_t)way,
						  .key = (uint8_t)key,
						  .life = (uint8_t)x->life,
						  .bound = way < ONCE ? x->bound[way] : 0,
						  .sent = ++x->event };
}

static void acknowledge(struct choosing *x, uint32_t key)
{
	struct actor *a = x->stage.actor;
	if (x->one[key].number == 0 || !a->is_in || !talk_has_room(&a->talk, 64))
		return;
	TALK(&a->talk, 1, basic_ack, .delivery_tag = x->one[key].tag);
	x->one[key].number = 0;
	x->one[key].acked = ++x->event;
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	must(!is_refused);
	choosing_of(s)->message[number].is_confirmed = true;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	(void)a;
	choosing_of(s)->is_ready |= m->kind == AMQP091_basic_consume_ok;
}

/* The same of the same are bound: the queue is the same. */
static void is_at_home(struct choosing *x, uint32_t number, uint32_t queue)
{
	const struct message *m = &x->message[number];
	uint8_t *home = &x->home[m->bound][m->key];
	if (*home && *home != queue + 1)
		stage_wrong(&x->stage, "message %u came from %s, and its key belongs to %s", number,
			    queues[queue], queues[*home - 1]);
	*home = (uint8_t)(queue + 1);
}

/* Whoever has a key before another has it whenever both are bound: a key moves only from who goes,
 * or to who comes. */
static void is_above(struct choosing *x, uint32_t number, uint32_t queue)
{
	const struct message *m = &x->message[number];
	const uint32_t others = m->bound & ~(1u << queue);
	for (uint32_t q = 0; q < SPREAD_N; q++)
		if (others >> q & 1 && x->above[q][m->key] >> queue & 1)
			stage_wrong(&x->stage, "message %u came from %s, and %s has kept its key",
				    number, queues[queue], queues[q]);
	x->above[queue][m->key] |= (uint8_t)others;
}

static void is_spread(struct choosing *x, uint32_t number, uint32_t queue)
{
	const struct message *m = &x->message[number];
	if (m->from && m->from != queue + 1)
		stage_wrong(&x->stage, "message %u came from two queues, %s and %s", number,
			    queues[m->from - 1], queues[queue]);
	if (queue == REST ? m->bound : !(m->bound >> queue & 1))
		stage_wrong(&x->stage, "message %u came from %s, and of what was bound are %x",
			    number, queues[queue], m->bound);
	else if (m->way == HASH && queue != REST)
		is_above(x, number, queue);
	else if (m->way == MODULUS)
		is_at_home(x, number, queue);
}

static void is_single(struct choosing *x, uint32_t number)
{
	const struct message *m = &x->message[number];
	uint32_t *single = &x->single[m->life][m->key];
	if (*single && *single != number)
		stage_wrong(&x->stage, "message %u came, and is the same as %u", number, *single);
	*single = number;
}

static void is_one(struct choosing *x, const struct arrival *m)
{
	const uint32_t key = x->message[m->number].key;
	if (x->one[key].number && x->one[key].number != m->number)
		stage_wrong(&x->stage, "message %u is in the queue with %u, which is the same",
			    m->number, x->one[key].number);
	x->one[key].number = m->number;
	x->one[key].tag = m->tag;
}

static void came(struct stage *s, struct actor *a, const struct arrival *m)
{
	struct choosing *x = choosing_of(s);
	const uint32_t way = x->message[m->number].way, queue = m->consumer;
	must(queue < QUEUES);
	if (queue == LATE) {
		if (x->late_n <= HISTORY)
			x->late[x->late_n++] = m->number;
		return;
	}
	if (way <= LOCAL)
		is_spread(x, m->number, queue);
	else if (way == UNIQUE)
		is_single(x, m->number);
	else if (way == ONCE)
		is_one(x, m);
	x->message[m->number].from = (uint8_t)(queue + 1);
	if (way != ONCE && talk_has_room(&a->talk, 64))
		TALK(&a->talk, 1, basic_ack, .delivery_tag = m->tag);
}

/* ---- history ------------------------------------------------------------------------------ */

static bool is_late(const struct choosing *x, uint32_t number)
{
	for (uint32_t i = 0; i < x->late_n; i++)
		if (x->late[i] == number)
			return true;
	return false;
}

/* The latest, in their order: nothing that is confirmed is missing between them, and if there is
 * room for more, there are no more. */
static void judge_history(struct choosing *x)
{
	struct stage *s = &x->stage;
	const uint32_t from = x->late_n < HISTORY ? 0 : x->late[0];
	if (x->late_n > HISTORY)
		stage_wrong(s, "a new binding got more than %u messages", HISTORY);
	for (uint32_t i = 0; i < x->late_n; i++)
		if (x->message[x->late[i]].way != RECENT || (i > 0 && x->late[i] <= x->late[i - 1]))
			stage_wrong(s, "a new binding got message %u out of its place", x->late[i]);
	for (uint32_t n = from + 1; n <= s->sent_n; n++)
		if (x->message[n].way == RECENT && x->message[n].is_confirmed && !is_late(x, n))
			stage_wrong(s, "message %u is missing in the history", n);
}

/* Nothing is under way: a new queue is bound. */
static void try_history(struct choosing *x)
{
	struct stage *s = &x->stage;
	struct actor *a = s->actor;
	x->late_n = 0;
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(queues[LATE]));
	bind(a, exchanges[STRAIGHT][RECENT], LATE, "");
	actor_consume(a, queues[LATE], LATE, true, SLICE_EMPTY);
	stage_rest(s);
	if (!stage_is_wrong(s))
		judge_history(x);
	actor_cancel(a, LATE);
	TALK(&a->talk, 1, queue_delete, .queue = slice_str(queues[LATE]));
	stage_rest(s);
}

/* ---- one life ----------------------------------------------------------------------------- */

static void step(struct choosing *x)
{
	struct stage *s = &x->stage;
	for (uint64_t n = x->is_ready ? prng_below(&s->prng, 12) : 0; n > 0; n--)
		publish(x);
	if (x->is_ready && prng_chance(&s->prng, 1, 3) && talk_has_room(&s->actor->talk, 256))
		turn(x, (uint32_t)prng_between(&s->prng, HASH, LOCAL),
		     (uint32_t)prng_below(&s->prng, SPREAD_N));
	stage_mix(s, prng_below(&s->prng, 40));
	if (prng_chance(&s->prng, 1, 2))
		acknowledge(x, (uint32_t)prng_below(&s->prng, KEYS));
	if (!prng_chance(&s->prng, 1, 6) || stage_is_wrong(s))
		return;
	stage_rest(s);
	if (!stage_is_wrong(s) && prng_chance(&s->prng, 1, 2))
		try_history(x);
}

static bool begin(struct choosing *x)
{
	x->life++;
	for (uint32_t key = 0; key < KEYS; key++)
		x->one[key].number = 0;
	return stage_begin(&x->stage);
}

static void fight(struct stage *s)
{
	struct choosing *x = choosing_of(s);
	if (!begin(x))
		return;
	for (uint64_t n = prng_between(&s->prng, 5, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(x);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* The first of its number in its life: those behind it are taken for it. */
static bool is_first(const struct choosing *x, uint32_t number)
{
	const struct message *m = &x->message[number];
	for (uint32_t n = number - 1; n > 0 && x->message[n].life == m->life; n--)
		if (x->message[n].way == UNIQUE && x->message[n].key == m->key)
			return false;
	return true;
}

static bool is_lost(const struct choosing *x, uint32_t number)
{
	const struct message *m = &x->message[number];
	if (!m->is_confirmed)
		return false;
	if (m->way == ONCE) /* it was there, or the same one, until somebody acknowledged it */
		return x->one[m->key].acked < m->sent;
	return !m->from && (m->way != UNIQUE || is_first(x, number));
}

static void compare(struct choosing *x)
{
	struct stage *s = &x->stage;
	uint32_t lost = 0, confirmed_n = 0, first = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		confirmed_n += x->message[i].is_confirmed;
		if (!is_lost(x, i))
			continue;
		first = lost++ ? first : i;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages are lost, the first of them is %u", lost,
			    confirmed_n, first);
	story_mix(s->story, s->own.hash ^ confirmed_n);
}

/* Everything comes and is acknowledged, and the broker stops. */
static void take_all(struct stage *s)
{
	struct choosing *x = choosing_of(s);
	bool is_more = begin(x);
	while (is_more && !stage_is_wrong(s)) {
		is_more = false;
		stage_rest(s);
		for (uint32_t key = 0; key < KEYS; key++) {
			is_more |= x->one[key].number > 0;
			acknowledge(x, key);
		}
	}
	if (stage_is_wrong(s))
		return;
	try_history(x);
	if (!stage_is_wrong(s))
		compare(x);
	stage_close(s);
}

void choosing_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "what is chosen",
			.actors_n = 1,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct choosing),
		.salt = 0xc40053,
		.lives_n = LIVES,
		.live = fight,
		.end = take_all,
	};
	stage_play(&script, story, seed);
}
