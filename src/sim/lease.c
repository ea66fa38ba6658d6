#include "sim/lease.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        5
#define STEPS_MAX    40
#define MESSAGES_MAX 3000u
#define LEASE_MS_MAX 60
#define CONSUMER     1

static const char *const name = "lease";

/* What is known of the queue. EITHER: it was to go when the broker died, or was being declared. */
enum known { GONE, THERE, EITHER };

struct lease {
	struct stage stage; /* first */
	uint64_t lease_ms, used_ms;
	enum known known;
	bool is_consuming;
	uint32_t least, most; /* messages in it */
	uint32_t edition;     /* another queue, since it had gone */
	bool is_told;         /* the last declare was answered, with */
	uint32_t counted;
	uint32_t closed_n, came_n, gone_n;
	uint32_t sent_in[MESSAGES_MAX]; /* by message: edition */
};

static struct lease *lease_of(struct stage *s)
{
	return containerof(s, struct lease, stage);
}

static uint64_t now_of(const struct lease *x)
{
	return x->stage.host.now_ms;
}

static void known_to_have(struct lease *x, uint32_t least, uint32_t most)
{
	must(least <= most);
	x->least = least;
	x->most = most;
}

/* ---- what the client says and hears ------------------------------------------------------- */

static void enter(struct stage *s, struct actor *a)
{
	struct lease *x = lease_of(s);
	x->is_consuming = false;
	TALK(&a->talk, 1, confirm_select, .nowait = false);
}

static void declare(struct lease *x, bool is_passive)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	amqp091_put_int(&w, "x-expires", (int64_t)x->lease_ms);
	must(wr_ok(&w));
	x->is_told = false;
	TALK(&x->stage.actor->talk, 1, queue_declare, .queue = slice_str(name), .durable = true,
	     .passive = is_passive, .arguments = wr_done(&w));
}

static uint32_t publish(struct lease *x)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	struct stage *s = &x->stage;
	uint32_t n = 0;
	for (uint64_t left = prng_between(&s->prng, 1, 5); left > 0; left--) {
		if (s->sent_n + 1 >= MESSAGES_MAX ||
		    !stage_publish(s, s->actor, "", name, &props,
				   (uint32_t)prng_between(&s->prng, 4, 300)))
			break;
		x->sent_in[s->sent_n] = x->edition;
		n++;
	}
	return n;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct lease *x = lease_of(s);
	must(a == s->actor);
	if (m->kind != AMQP091_queue_declare_ok)
		return;
	x->is_told = true;
	x->counted = m->queue_declare_ok.message_count;
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	must(number <= s->sent_n && !is_refused);
}

static bool closed(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	must(a == s->actor);
	lease_of(s)->closed_n++;
	return m->kind == AMQP091_channel_close && m->channel_close.reply_code == 404;
}

static void came(struct stage *s, struct actor *a, const struct arrival *m)
{
	struct lease *x = lease_of(s);
	must(a == s->actor);
	x->came_n++;
	if (x->sent_in[m->number] != x->edition)
		stage_wrong(s, "message %u came, and its queue has expired", m->number);
}

/* ---- one thing, until nothing is under way ------------------------------------------------ */

static void use(struct lease *x)
{
	stage_rest(&x->stage);
	x->used_ms = now_of(x);
}

static void judge_count(struct lease *x)
{
	const uint32_t n = x->counted;
	const bool may_be_new = x->known != THERE && n == 0;
	const bool may_be_old = x->known != GONE && n >= x->least && n <= x->most;
	if (!may_be_new && !may_be_old)
		stage_wrong(&x->stage, "the queue has %u messages, and must have %u to %u", n,
			    x->known == GONE ? 0 : x->least, x->known == GONE ? 0 : x->most);
	if (!may_be_old)
		x->edition++;
}

static void try_declare(struct lease *x)
{
	declare(x, false);
	use(x);
	if (!x->is_told || stage_is_wrong(&x->stage))
		return;
	judge_count(x);
	x->known = THERE;
	known_to_have(x, x->counted, x->counted);
}

static void try_absence(struct lease *x)
{
	const uint32_t before = x->closed_n;
	declare(x, true);
	stage_rest(&x->stage);
	if (!stage_is_wrong(&x->stage) && x->closed_n == before)
		stage_wrong(&x->stage, "the queue is there, unused for %llu ms of %llu",
			    (unsigned long long)(now_of(x) - x->used_ms),
			    (unsigned long long)x->lease_ms);
}

static void try_publish(struct lease *x)
{
	const uint32_t n = publish(x);
	stage_rest(&x->stage);
	if (!x->is_consuming)
		known_to_have(x, x->least + n, x->most + n);
}

static void try_get(struct lease *x)
{
	const uint32_t before = x->came_n;
	TALK(&x->stage.actor->talk, 1, basic_get, .queue = slice_str(name), .no_ack = true);
	use(x);
	if (stage_is_wrong(&x->stage))
		return;
	if (x->came_n == before && x->least > 0)
		stage_wrong(&x->stage, "the queue has %u messages, and a get finds none", x->least);
	if (x->came_n == before)
		known_to_have(x, 0, 0);
	else if (x->most > 0)
		known_to_have(x, x->least - (x->least > 0), x->most - 1);
	else
		stage_wrong(&x->stage, "the queue has no messages, and a get finds one");
}

/* It takes all, and the queue stays as long as it is there. */
static void try_consume(struct lease *x)
{
	if (x->is_consuming)
		actor_cancel(x->stage.actor, CONSUMER);
	else
		actor_consume(x->stage.actor, name, CONSUMER, true, SLICE_EMPTY);
	x->is_consuming = !x->is_consuming;
	use(x);
	known_to_have(x, 0, 0);
}

static bool is_over(const struct lease *x)
{
	return x->known != GONE && !x->is_consuming && now_of(x) >= x->used_ms + x->lease_ms;
}

static void pass(struct lease *x)
{
	struct stage *s = &x->stage;
	host_pass(&s->host, prng_between(&s->prng, 1, x->lease_ms));
	stage_rest(s);
	if (!is_over(x))
		return;
	x->known = GONE;
	x->edition++;
	x->gone_n++;
}

static void step(struct lease *x)
{
	static void (*const there[])(struct lease *) = { try_publish, try_publish, try_get,
							 try_consume, try_declare };
	struct prng *r = &x->stage.prng;
	if (prng_chance(r, 1, 2))
		pass(x);
	else if (x->known == THERE)
		there[prng_below(r, sizeof there / sizeof *there)](x);
	else if (x->known == GONE && prng_chance(r, 1, 2))
		try_absence(x);
	else
		try_declare(x);
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Something is under way when it ends. */
static void leave_open(struct lease *x)
{
	struct stage *s = &x->stage;
	switch (prng_below(&s->prng, 4)) {
	case 0:
		host_pass(&s->host, prng_between(&s->prng, 1, x->lease_ms));
		x->known = is_over(x) ? EITHER : x->known;
		break;
	case 1:
		declare(x, false);
		if (x->known == GONE)
			known_to_have(x, 0, 0);
		x->known = x->known == GONE ? EITHER : x->known;
		break;
	case 2:
		if (x->known == THERE)
			known_to_have(x, x->least, x->most + publish(x));
		break;
	default:
		TALK(&s->actor->talk, 1, basic_get, .queue = slice_str(name), .no_ack = true);
		known_to_have(x, x->least - (x->least > 0), x->most);
	}
	stage_mix(s, prng_below(&s->prng, 40));
}

static void fight(struct stage *s)
{
	struct lease *x = lease_of(s);
	if (!stage_begin(s))
		return;
	use(x);
	for (uint64_t n = prng_between(&s->prng, 5, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(x);
	if (!stage_is_wrong(s))
		leave_open(x);
	stage_end(s);
}

/* Once more it must have what it had, or go. */
static void end(struct stage *s)
{
	struct lease *x = lease_of(s);
	if (!stage_begin(s))
		return;
	use(x);
	if (x->known != GONE)
		try_declare(x);
	for (uint32_t n = 0; x->known != GONE && n < 1000 && !stage_is_wrong(s); n++)
		pass(x);
	if (!stage_is_wrong(s))
		try_absence(x);
	story_mix(s->story, s->own.hash ^ x->came_n ^ (uint64_t)x->gone_n << 32);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct lease *x = lease_of(s);
	x->lease_ms = prng_between(&s->prng, 5, LEASE_MS_MAX);
}

void lease_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "queues that expire",
			.actors_n = 1,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
			.closed = closed,
		},
		.bytes = sizeof(struct lease),
		.salt = 0x1ea5e,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = end,
	};
	stage_play(&script, story, seed);
}
