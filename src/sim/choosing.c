#include "sim/choosing.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

#define LIVES        4
#define STEPS_MAX    50
#define MESSAGES_MAX 2048u
#define KEYS         8u /* and numbers of what is not to come twice */
#define HISTORY      5u

/* Ways to send, each with an exchange, but the last one, which is a queue. */
enum { HASH, MODULUS, CHANCE, UNIQUE, RECENT, ONCE, WAYS };
/* Queues, and their consumers. */
enum { W0, W1, W2, SINGLES, SINK, ONE, LATE, QUEUES };
#define SPREAD_N (W2 + 1u) /* queues that one of three exchanges chooses from */

static const char *const types[WAYS] = {
	"x-consistent-hash",       "x-modulus-hash",   "x-random",
	"x-message-deduplication", "x-recent-history", "",
};
static const char *const exchanges[WAYS] = { "hash", "modulus", "chance", "unique", "recent", "" };
static const char *const queues[QUEUES] = { "w0", "w1", "w2", "singles", "sink", "one", "late" };
static const char *const keys[KEYS] = { "a", "b", "c", "d", "e", "f", "g", "h" };

struct message {
	uint8_t way, key, life;
	uint8_t from; /* the queue that has given it, plus 1 */
	bool is_confirmed;
	uint64_t sent; /* event */
};

struct choosing {
	struct stage stage; /* first */
	bool is_ready;      /* everything is declared and bound */
	uint32_t life;
	uint64_t event;
	struct message message[MESSAGES_MAX];
	uint8_t home[WAYS][KEYS];         /* queue of a key, plus 1 */
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

static void declare_exchange(struct actor *a, uint32_t way)
{
	uint8_t buf[64];
	struct slice arguments = SLICE_EMPTY;
	if (way == UNIQUE)
		arguments = number_of("x-cache-size", MESSAGES_MAX, buf, sizeof buf);
	if (way == RECENT)
		arguments = number_of("x-recent-history-length", HISTORY, buf, sizeof buf);
	TALK(&a->talk, 1, exchange_declare, .exchange = slice_str(exchanges[way]),
	     .type = slice_str(types[way]), .durable = true, .arguments = arguments);
}

static void bind(struct actor *a, uint32_t way, uint32_t queue, const char *key)
{
	TALK(&a->talk, 1, queue_bind, .queue = slice_str(queues[queue]),
	     .exchange = slice_str(exchanges[way]), .routing_key = slice_str(key));
}

/* What is not there yet is made, what is there is the same. */
static void enter(struct stage *s, struct actor *a)
{
	static const char *const weights[SPREAD_N] = { "1", "2", "3" };
	struct choosing *x = choosing_of(s);
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	x->is_ready = false;
	amqp091_put_bool(&w, "x-message-deduplication", true);
	for (uint32_t way = 0; way < ONCE; way++)
		declare_exchange(a, way);
	for (uint32_t q = 0; q < LATE; q++)
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(queues[q]), .durable = true,
		     .arguments = q == ONE ? wr_done(&w) : SLICE_EMPTY);
	for (uint32_t q = 0; q < SPREAD_N; q++)
		for (uint32_t way = HASH; way <= CHANCE; way++)
			bind(a, way, q, weights[q]);
	bind(a, UNIQUE, SINGLES, "");
	bind(a, RECENT, SINK, "");
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	for (uint32_t q = 0; q < LATE; q++)
		actor_consume(a, queues[q], q, false, SLICE_EMPTY);
}

static void publish(struct choosing *x)
{
	struct stage *s = &x->stage;
	const uint32_t way = (uint32_t)prng_below(&s->prng, WAYS);
	const uint32_t key = (uint32_t)prng_below(&s->prng, KEYS);
	uint8_t buf[64];
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode, .delivery_mode = 2 };
	if (way == UNIQUE || way == ONCE) {
		props.flags |= AMQP091_HAS_headers;
		props.headers = number_of("x-deduplication-header", key, buf, sizeof buf);
	}
	if (s->sent_n + 1 == MESSAGES_MAX ||
	    !stage_publish(s, s->actor, exchanges[way], way == ONCE ? queues[ONE] : keys[key],
			   &props, (uint32_t)prng_between(&s->prng, 4, 300)))
		return;
	x->message[s->sent_n] = (struct message){ .way = (uint8_t)way,
						  .key = (uint8_t)key,
						  .life = (uint8_t)x->life,
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

static void is_spread(struct choosing *x, uint32_t number, uint32_t queue)
{
	const struct message *m = &x->message[number];
	uint8_t *home = &x->home[m->way][m->key];
	if (m->from && m->from != queue + 1)
		stage_wrong(&x->stage, "message %u came from two queues, %s and %s", number,
			    queues[m->from - 1], queues[queue]);
	if (m->way == CHANCE)
		return;
	if (*home && *home != queue + 1)
		stage_wrong(&x->stage, "message %u came from %s, and its key belongs to %s", number,
			    queues[queue], queues[*home - 1]);
	*home = (uint8_t)(queue + 1);
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
	if (way <= CHANCE)
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
	bind(a, RECENT, LATE, "");
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

static void fight(struct choosing *x)
{
	struct stage *s = &x->stage;
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
static void take_all(struct choosing *x)
{
	struct stage *s = &x->stage;
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
	static const struct plot plot = {
		.about = "what is chosen",
		.actors_n = 1,
		.enter = enter,
		.heard = heard,
		.came = came,
		.answered = answered,
	};
	struct choosing *x = calloc(1, sizeof *x);
	must(x != NULL);
	struct stage *s = &x->stage;
	stage_init(s, &plot, story, seed, 0xc40053);
	for (int life = 0; life < LIVES && !story->is_wrong; life++) {
		fight(x);
		s->host.loops_n = (uint32_t)prng_between(&s->prng, 1, HOST_LOOPS_MAX);
	}
	if (!story->is_wrong)
		take_all(x);
	stage_fini(s);
	free(x);
}
