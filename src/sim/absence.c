#include "sim/absence.h"

#include "base/bits.h"
#include "base/byteorder.h"
#include "base/list.h"
#include "sim/line.h"
#include "sim/stage.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#define LIVES     6u
#define STEPS_MAX 40
#define SLEEPERS  4u
#define WATCHER   SLEEPERS
#define PERSONS   (SLEEPERS + 1)
#define WILLS_MAX 1024u
#define TIME_S    40u /* of sessions and wills, at most */
#define PASS_MS   15000u
#define DOWN_MS   60000u
#define TOPIC     "w/will"

static const char *const names[PERSONS] = { "one", "two", "three", "four", "watcher" };

/* When a time began that lasts `time_s`: somewhere between two moments. */
struct since {
	uint64_t first_ms, last_ms;
	uint32_t time_s;
	bool is_open; /* it may not be in the log: a crash puts it off until the next start */
};

/* WAITING: it comes when its time is over. NONE: it must not come. MAYBE: nobody can know. */
enum will_state { WILL_NONE, WILL_WAITING, WILL_MAYBE };
struct will {
	struct since since;
	uint8_t state;
	bool came;
};

struct person {
	struct line line;
	struct since since; /* its session is without it */
	bool is_kept;       /* a session was promised to be kept */
	bool is_doubtful;   /* a CONNECT was never answered: nobody knows what there is */
	uint32_t will;      /* of the connection before; 0: there was none */
};

struct absence {
	struct stage stage; /* first */
	struct person person[PERSONS];
	uint32_t wills_n;
	struct will will[WILLS_MAX];
};

static struct absence *absence_of(struct stage *s)
{
	return containerof(s, struct absence, stage);
}

static uint64_t now_ms(const struct absence *b)
{
	must(b->wills_n < WILLS_MAX);
	return b->stage.host.now_ms;
}

static bool is_sleeper(const struct absence *b, const struct person *a)
{
	must(a >= b->person && a < b->person + PERSONS);
	return a < b->person + WATCHER;
}

/* ---- times -------------------------------------------------------------------------------- */

static void begin_now(const struct absence *b, struct since *out)
{
	must(out != NULL);
	out->first_ms = out->last_ms = now_ms(b);
	out->is_open = true;
}

/* It is certainly over, or certainly not; between that neither. */
static bool is_over(const struct absence *b, const struct since *of)
{
	must(of->first_ms <= of->last_ms);
	return now_ms(b) >= of->last_ms + of->time_s * UINT64_C(1000);
}
static bool is_running(const struct absence *b, const struct since *of)
{
	must(of->first_ms <= of->last_ms);
	return now_ms(b) < of->first_ms + of->time_s * UINT64_C(1000);
}

/* ---- who comes and goes ------------------------------------------------------------------- */

static void come(struct absence *b, struct person *a)
{
	struct stage *s = &b->stage;
	struct line *l = &a->line;
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	l->version = MQTT_V5;
	l->will = 0;
	if (is_sleeper(b, a)) {
		l->expiry_s = (uint32_t)prng_between(&s->prng, 1, TIME_S);
		l->will_delay_s = (uint32_t)prng_between(&s->prng, 1, TIME_S);
		if (b->wills_n + 1 == WILLS_MAX)
			return;
		l->will = ++b->wills_n;
		b->will[l->will].since.time_s = (uint32_t)min_u64(l->will_delay_s, l->expiry_s);
	}
	line_begin(l, sock_connect(&s->host.socks, loop), names[a - b->person], TOPIC);
}

/* Its connection is no more. One that was never taken may have done anything to what was there. */
static void gone(struct absence *b, struct person *a, enum will_state will)
{
	struct will *w = &b->will[a->line.will];
	if (!a->line.sock || !is_sleeper(b, a)) {
		line_drop(&a->line, true);
		return;
	}
	must(a->line.will > 0);
	if (a->line.is_up) {
		begin_now(b, &a->since);
		a->since.time_s = a->line.expiry_s;
		begin_now(b, &w->since);
		w->state = (uint8_t)will;
	} else {
		a->is_doubtful = true;
		w->state = b->will[a->will].state = WILL_MAYBE;
	}
	a->will = a->line.will;
	line_drop(&a->line, true);
}

static void leave(struct absence *b, struct person *a)
{
	const bool is_goodbye = prng_chance(&b->stage.prng, 1, 3);
	must(a->line.is_up);
	if (!is_goodbye) {
		gone(b, a, WILL_WAITING);
		return;
	}
	line_say_disconnect(&a->line);
}

/* ---- what they hear ----------------------------------------------------------------------- */

/* Who is back in time takes the will of before back. */
static void judge_will(struct absence *b, struct person *a, bool is_present)
{
	struct will *w = &b->will[a->will];
	if (a->will == 0 || w->state != WILL_WAITING)
		return;
	must(a->will < a->line.will);
	if (is_present && is_running(b, &w->since))
		w->state = WILL_NONE;
	else if (is_present && !is_over(b, &w->since))
		w->state = WILL_MAYBE;
	else
		w->since = (struct since){ 0, now_ms(b), 0, false }; /* at once */
}

static void judge_session(struct absence *b, const struct person *a, bool is_present)
{
	struct stage *s = &b->stage;
	const char *name = names[a - b->person];
	const unsigned long long away_ms = now_ms(b) - a->since.first_ms;
	must(!a->is_doubtful);
	if (is_present && (!a->is_kept || is_over(b, &a->since)))
		stage_wrong(s, "the session of %s is there after %llu ms, behind its %u s", name,
			    away_ms, a->since.time_s);
	if (!is_present && a->is_kept && is_running(b, &a->since))
		stage_wrong(s, "the session of %s is gone after %llu ms, within its %u s", name,
			    away_ms, a->since.time_s);
}

static void heard_connack(struct absence *b, struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_connack c;
	must(mqtt_connack_decode(in, &c) == MQTT_FAULT_NONE && !a->line.is_up);
	if (c.reason != 0) {
		stage_wrong(&b->stage, "%s is told reason %u", names[a - b->person], c.reason);
		return;
	}
	a->line.is_up = true;
	if (!is_sleeper(b, a)) {
		line_say_subscribe(&a->line, 1, TOPIC, 1);
		return;
	}
	if (!a->is_doubtful)
		judge_session(b, a, c.session_present);
	judge_will(b, a, c.session_present);
	a->is_kept = true;
	a->is_doubtful = false;
}

static void heard_will(struct absence *b, struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_publish m;
	must(mqtt_publish_decode(in, &m) == MQTT_FAULT_NONE && m.payload.n >= 4 && m.qos == 1);
	const uint32_t number = load_be32(m.payload.p);
	struct will *w = &b->will[number];
	line_say_ack(&a->line, MQTT_PUBACK, m.id);
	if (number == 0)
		return; /* the watcher's own */
	must(number <= b->wills_n);
	if (!w->came &&
	    (w->state == WILL_NONE || (w->state == WILL_WAITING && is_running(b, &w->since))))
		stage_wrong(&b->stage, "will %u came, though its client may yet be back", number);
	w->came = true;
}

static bool talk(struct absence *b, struct person *a)
{
	struct stage *s = &b->stage;
	struct mqtt_packet in;
	bool is_end = false;
	if (!a->line.sock)
		return false;
	const bool is_any = line_exchange(&a->line, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && line_next(&a->line, &in))
		if (in.type == MQTT_CONNACK)
			heard_connack(b, a, &in);
		else if (in.type == MQTT_PUBLISH)
			heard_will(b, a, &in);
	if (is_end && !a->line.is_leaving)
		stage_wrong(s, "the broker hangs up on %s", names[a - b->person]);
	if (is_end)
		gone(b, a, WILL_NONE);
	return is_any;
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool talk_all(struct stage *s)
{
	struct absence *b = absence_of(s);
	bool is_any = false;
	for (uint32_t i = 0; i < PERSONS; i++)
		is_any |= talk(b, &b->person[i]);
	return is_any;
}

static void logged(struct absence *b)
{
	must(b->wills_n < WILLS_MAX);
	for (uint32_t i = 0; i < SLEEPERS; i++)
		b->person[i].since.is_open = false;
	for (uint32_t i = 1; i <= b->wills_n; i++)
		b->will[i].since.is_open = false;
}

/* What has begun has ended, and is in the log: wills that are due have come. */
static void rest(struct absence *b)
{
	struct stage *s = &b->stage;
	stage_rest_of(s, talk_all);
	logged(b);
	for (uint32_t i = 1; i <= b->wills_n && !stage_is_wrong(s); i++) {
		const struct will *w = &b->will[i];
		if (w->state == WILL_WAITING && !w->came && is_over(b, &w->since))
			stage_wrong(s, "will %u has not come, and is due", i);
	}
}

static void pass(struct absence *b)
{
	rest(b);
	host_pass(&b->stage.host, prng_between(&b->stage.prng, 1, PASS_MS));
	rest(b);
}

static void act(struct absence *b)
{
	struct person *a = &b->person[prng_below(&b->stage.prng, SLEEPERS)];
	must(is_sleeper(b, a));
	if (!a->line.sock)
		come(b, a);
	else if (a->line.is_up && !a->line.is_leaving)
		leave(b, a);
}

/* The broker is no more, and began to go at that moment. A goodbye may not have been heard. */
static void forget(struct absence *b, uint64_t at_ms)
{
	for (uint32_t i = 0; i < SLEEPERS; i++) {
		struct person *a = &b->person[i];
		gone(b, a, a->line.is_leaving ? WILL_MAYBE : WILL_WAITING);
		a->since.first_ms = min_u64(a->since.first_ms, at_ms);
	}
	gone(b, &b->person[WATCHER], WILL_NONE);
	for (uint32_t i = 1; i <= b->wills_n; i++) {
		struct will *w = &b->will[i];
		w->since.first_ms = min_u64(w->since.first_ms, at_ms);
		if (w->since.is_open && w->state == WILL_NONE)
			w->state = WILL_MAYBE;
	}
}

static void begin_again(struct absence *b, struct since *of)
{
	if (of->is_open)
		of->last_ms = now_ms(b);
	must(of->first_ms <= of->last_ms);
}

/* What was not in the log counts from here. */
static bool begin(struct absence *b)
{
	for (uint32_t i = 0; i < SLEEPERS; i++)
		begin_again(b, &b->person[i].since);
	for (uint32_t i = 1; i <= b->wills_n; i++)
		begin_again(b, &b->will[i].since);
	must(!b->stage.host.node);
	return stage_begin(&b->stage);
}

static void live(struct stage *s)
{
	struct absence *b = absence_of(s);
	uint64_t n = prng_between(&s->prng, 1, STEPS_MAX);
	if (!begin(b))
		return;
	come(b, &b->person[WATCHER]);
	rest(b);
	for (; n > 0 && !stage_is_wrong(s); n--) {
		act(b);
		if (prng_chance(&s->prng, 1, 2))
			pass(b);
	}
	const bool is_crash = prng_chance(&s->prng, 2, 3);
	if (!is_crash)
		rest(b);
	const uint64_t at_ms = now_ms(b);
	if (is_crash)
		stage_end(s);
	else
		stage_close(s);
	forget(b, at_ms);
	if (!is_crash)
		logged(b);
	host_pass(&s->host, prng_below(&s->prng, DOWN_MS));
}

static void end(struct stage *s)
{
	must(!s->host.node);
	story_mix(s->story, s->own.hash ^ absence_of(s)->wills_n);
}

void absence_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "absence" },
		.bytes = sizeof(struct absence),
		.salt = 0xab5e,
		.lives_n = LIVES,
		.live = live,
		.end = end,
	};
	stage_play(&script, story, seed);
}
