#include "sim/crew.h"

#include "base/byteorder.h"
#include "sim/line.h"
#include "sim/stage.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#define LIVES        4
#define STEPS_MAX    2500
#define MEMBERS      3u
#define PUBLISHER    MEMBERS
#define PERSONS      (MEMBERS + 1)
#define HELD_MAX     64u
#define SHARE        10u /* what one member may hold: mqtt.prefetch */
#define IDS          500u
#define MESSAGES_MAX 8192u
#define EXPIRY_MAX   6u /* seconds */
#define SLACK_MS     1000u
#define GROUP        "$share/crew/m/+"

static const char *const names[PERSONS] = { "one", "two", "three", "publisher" };

/* What a member has and has not acknowledged. */
struct held {
	uint32_t number;
	uint16_t id;
	uint8_t qos;
};

struct person {
	struct line line;
	uint32_t conns_n;
	uint32_t session; /* which of its sessions, as far as it may have begun anew */
	bool is_known;    /* a session was promised to be kept, of a member with its subscription */
	struct held held[HELD_MAX];
	uint32_t held_n;
};

struct message {
	uint64_t said_ms, sure_ms; /* sure: acknowledged to the publisher; 0: not */
	uint32_t expiry_s;         /* 0: never */
	uint32_t acker_conn;
	uint32_t owner_session;
	uint8_t holder, acker; /* member + 1; 0: nobody */
	uint8_t owner;         /* likewise: of QoS 2, who has got it */
	uint8_t qos;
	bool is_loose;   /* of QoS 2: a session that may have had it began anew */
	bool is_settled; /* the broker has heard that somebody has acknowledged it */
};

struct crew {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said or lost any more */
	bool is_held;       /* nobody acknowledges anything */
	bool is_group;      /* somebody has subscribed */
	uint16_t last_id;
	uint32_t number_of[IDS + 1]; /* of what the publisher has under way */
	struct person person[PERSONS];
	struct message message[MESSAGES_MAX];
};

static struct crew *crew_of(struct stage *s)
{
	return containerof(s, struct crew, stage);
}

static uint64_t now_ms(const struct crew *c)
{
	must(c->stage.host.wall_ms > 0);
	return c->stage.host.wall_ms;
}

/* ---- who comes and goes ------------------------------------------------------------------- */

/* Nobody has what this one had. */
static void let_go(struct crew *c, struct person *a)
{
	for (uint32_t i = 0; i < a->held_n; i++)
		c->message[a->held[i].number].holder = 0;
	a->held_n = 0;
	if (a == &c->person[PUBLISHER])
		memset(c->number_of, 0, sizeof c->number_of);
}

static void lose(struct crew *c, struct person *a, bool is_hard)
{
	line_drop(&a->line, is_hard);
	let_go(c, a);
}

/* A session that ends takes along what it has of QoS 2, whether that was seen or not. */
static void begin_anew(struct crew *c, struct person *a)
{
	a->session++;
	a->is_known = false;
	for (uint32_t i = 1; a != &c->person[PUBLISHER] && i <= c->stage.sent_n; i++)
		c->message[i].is_loose = true;
}

static void come(struct crew *c, struct person *a, bool is_clean)
{
	struct stage *s = &c->stage;
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	struct sock *sock = sock_connect(&s->host.socks, loop);
	if (!sock)
		return;
	a->conns_n++;
	a->line.is_clean = is_clean;
	if (is_clean)
		begin_anew(c, a);
	line_begin(&a->line, sock, names[a - c->person], "w/crew");
}

static void publish(struct crew *c, uint8_t qos, uint32_t expiry_s)
{
	struct stage *s = &c->stage;
	struct line *l = &c->person[PUBLISHER].line;
	const uint16_t id = (uint16_t)(c->last_id % IDS + 1);
	if (s->sent_n + 1 == MESSAGES_MAX || c->number_of[id] ||
	    !line_has_room(l, LINE_OUT_BYTES / 2))
		return;
	c->last_id = id;
	c->number_of[id] = ++s->sent_n;
	c->message[s->sent_n] = (struct message){ .said_ms = now_ms(c),
						  .expiry_s = expiry_s,
						  .qos = qos };
	line_say_publish(l,
			 &(struct line_message){ .topic = "m/one",
						 .number = s->sent_n,
						 .bytes = (uint32_t)prng_between(&s->prng, 4, 200),
						 .expiry_s = expiry_s,
						 .id = id,
						 .qos = qos });
}

static void acknowledge(struct crew *c, struct person *a)
{
	const struct held first = a->held[0];
	struct message *m = &c->message[first.number];
	must(a->held_n > 0 && m->holder == a - c->person + 1);
	line_say_ack(&a->line, first.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, first.id);
	m->holder = 0;
	m->acker = (uint8_t)(a - c->person + 1);
	m->acker_conn = a->conns_n;
	a->held_n--;
	memmove(a->held, a->held + 1, a->held_n * sizeof *a->held);
}

/* ---- what comes --------------------------------------------------------------------------- */

/* What is left of a message's time must be what it was told: `m->sure_ms` is when it had come. */
static void look_at_time(struct crew *c, uint32_t number, const struct mqtt_publish *in)
{
	const struct message *m = &c->message[number];
	const bool has = in->props.has & MQTT_HAS(message_expiry_s);
	const uint64_t now = now_ms(c), left = has ? in->props.message_expiry_s : 0;
	const uint64_t most_s = (now - m->said_ms) / 1000;
	if (has != (m->expiry_s > 0))
		stage_wrong(&c->stage, "message %u came with another expiry", number);
	if (!has || stage_is_wrong(&c->stage))
		return;
	const uint64_t least_s = m->sure_ms ? (now - m->sure_ms) / 1000 : 0;
	if (left + least_s > m->expiry_s + 1 || left + most_s < m->expiry_s)
		stage_wrong(&c->stage, "message %u has %lu of %u s left, after %lu to %lu", number,
			    (unsigned long)left, m->expiry_s, (unsigned long)least_s,
			    (unsigned long)most_s);
	if (!in->dup && m->sure_ms && now > m->sure_ms + UINT64_C(1000) * m->expiry_s + SLACK_MS)
		stage_wrong(&c->stage, "message %u came when its time was over", number);
}

/* What a member has got with QoS 2 is his as long as his session lives. */
static bool is_of_another(const struct crew *c, const struct message *m, const struct person *a)
{
	const struct person *owner = m->owner ? &c->person[m->owner - 1] : a;
	must(m->owner <= MEMBERS);
	return m->qos == 2 && owner != a && owner->session == m->owner_session;
}

static void heard_publish(struct crew *c, struct person *a, const struct mqtt_packet *in)
{
	struct stage *s = &c->stage;
	struct mqtt_publish p;
	must(mqtt_publish_decode(in, &p) == MQTT_FAULT_NONE && p.payload.n >= 4);
	const uint32_t number = load_be32(p.payload.p);
	struct message *m = &c->message[number < MESSAGES_MAX ? number : 0];
	if (number == 0 || number > s->sent_n || p.qos != m->qos || a == &c->person[PUBLISHER])
		stage_wrong(s, "message %u came to the %s", number, names[a - c->person]);
	else if (is_of_another(c, m, a))
		stage_wrong(s, "message %u of QoS 2 came to member %s, and is that of %s", number,
			    names[a - c->person], names[m->owner - 1]);
	else if (m->holder)
		stage_wrong(s, "message %u came to member %s, and %s has it", number,
			    names[a - c->person], names[m->holder - 1]);
	else if (m->is_settled)
		stage_wrong(s, "message %u came again, though it was acknowledged", number);
	else if (a->held_n == HELD_MAX)
		stage_wrong(s, "member %s has %u messages", names[a - c->person], HELD_MAX);
	if (stage_is_wrong(s))
		return;
	look_at_time(c, number, &p);
	m->holder = m->owner = (uint8_t)(a - c->person + 1);
	m->owner_session = a->session;
	m->acker = 0;
	a->held[a->held_n++] = (struct held){ .number = number, .id = p.id, .qos = p.qos };
}

/* PUBACK, PUBREC or PUBCOMP. */
static void heard_ack(struct crew *c, const struct mqtt_packet *in)
{
	struct mqtt_ack ack;
	must(mqtt_ack_decode(in, &ack) == MQTT_FAULT_NONE);
	const uint32_t number = ack.id <= IDS ? c->number_of[ack.id] : 0;
	if (number == 0 || (ack.reason != 0 && ack.reason != MQTT_REASON_NOBODY)) {
		stage_wrong(&c->stage, "%s of id %u with reason %u", mqtt_packet_name(in->type),
			    ack.id, ack.reason);
		return;
	}
	stage_taken(&c->stage, number);
	if (in->type == MQTT_PUBREC)
		line_say_ack(&c->person[PUBLISHER].line, MQTT_PUBREL, ack.id);
	else
		c->number_of[ack.id] = 0;
	if (in->type == MQTT_PUBCOMP)
		return;
	if (ack.reason == 0)
		c->message[number].sure_ms = now_ms(c);
	else if (c->is_group && c->message[number].holder == 0)
		stage_wrong(&c->stage, "message %u goes to nobody", number);
}

static void heard_connack(struct crew *c, struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_connack k;
	must(mqtt_connack_decode(in, &k) == MQTT_FAULT_NONE && !a->line.is_up);
	if (k.reason != 0) { /* a CONNECT that was given up may still take over */
		lose(c, a, false);
		return;
	}
	if (a->is_known && !k.session_present) {
		stage_wrong(&c->stage, "the session of %s is gone", names[a - c->person]);
		return;
	}
	a->line.is_up = true;
	if (a != &c->person[PUBLISHER] && !a->is_known)
		line_say_subscribe(&a->line, 1, GROUP, 2);
	a->is_known |= a == &c->person[PUBLISHER];
}

static void heard_pubrel(struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_ack ack;
	must(mqtt_ack_decode(in, &ack) == MQTT_FAULT_NONE && ack.id != 0);
	line_say_ack(&a->line, MQTT_PUBCOMP, ack.id);
}

static void heard(struct crew *c, struct person *a, const struct mqtt_packet *in)
{
	switch (in->type) {
	case MQTT_CONNACK: heard_connack(c, a, in); break;
	case MQTT_PUBLISH: heard_publish(c, a, in); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: heard_ack(c, in); break;
	case MQTT_PUBREL: heard_pubrel(a, in); break;
	case MQTT_SUBACK: a->is_known = c->is_group = true; break;
	case MQTT_DISCONNECT: break; /* taken over, by a CONNECT that was given up */
	default:
		stage_wrong(&c->stage, "%s is told %s", names[a - c->person],
			    mqtt_packet_name(in->type));
	}
}

static bool talk(struct crew *c, struct person *a)
{
	struct line *l = &a->line;
	struct mqtt_packet in;
	bool is_end = false;
	if (!l->sock)
		return false;
	const bool is_any = line_exchange(l, &c->stage.host.socks, &is_end);
	while (!stage_is_wrong(&c->stage) && l->sock && line_next(l, &in))
		if (!l->is_leaving)
			heard(c, a, &in);
	if (is_end && l->sock)
		lose(c, a, false);
	return is_any;
}

static bool talk_all(struct stage *s)
{
	struct crew *c = crew_of(s);
	bool is_any = false;
	for (uint32_t i = 0; i < PERSONS; i++)
		is_any |= talk(c, &c->person[i]);
	return is_any;
}

/* ---- one life ----------------------------------------------------------------------------- */

static void act(struct crew *c, struct person *a)
{
	struct prng *dice = &c->stage.prng;
	struct line *l = &a->line;
	if (!l->sock) {
		if (c->is_last || prng_chance(dice, 1, 10))
			come(c, a,
			     a == &c->person[PUBLISHER] ||
				     (!c->is_last && prng_chance(dice, 1, 4)));
		return;
	}
	while (l->is_up && !l->is_leaving && !c->is_held && a->held_n > 0 &&
	       line_has_room(l, LINE_ACK_BYTES) && (c->is_last || prng_chance(dice, 1, 3)))
		acknowledge(c, a);
	if (c->is_last || l->is_leaving || !l->is_up)
		return;
	if (a == &c->person[PUBLISHER] && c->is_group && prng_chance(dice, 1, 2))
		for (uint64_t n = prng_between(dice, 1, 4); n > 0; n--)
			publish(c, (uint8_t)prng_between(dice, 1, 2),
				prng_chance(dice, 1, 2)
					? (uint32_t)prng_between(dice, 1, EXPIRY_MAX)
					: 0);
	if (prng_chance(dice, 1, 120)) {
		lose(c, a, prng_chance(dice, 1, 2));
	} else if (prng_chance(dice, 1, 200)) {
		line_say_disconnect(l);
		let_go(c, a);
	}
}

/* What was acknowledged on connections that are still there the broker has heard. */
static void settle(struct crew *c)
{
	for (uint32_t i = 1; i <= c->stage.sent_n; i++) {
		struct message *m = &c->message[i];
		const struct person *a = m->acker ? &c->person[m->acker - 1] : NULL;
		m->is_settled |= a && a->line.sock && a->line.is_up && !a->line.is_leaving &&
				 a->conns_n == m->acker_conn;
	}
}

/* In the end everybody goes on as long as anything comes. */
static bool act_all(struct stage *s)
{
	struct crew *c = crew_of(s);
	for (uint32_t i = 0; i < PERSONS; i++)
		act(c, &c->person[i]);
	return talk_all(s);
}

static void come_to_rest(struct crew *c)
{
	stage_rest_of(&c->stage, c->is_last ? act_all : talk_all);
	settle(c);
}

/* Time passes only when everybody has read what there is, so that who reads knows when it was
 * written. */
static void pass(struct crew *c)
{
	struct stage *s = &c->stage;
	come_to_rest(c);
	if (!stage_is_wrong(s))
		host_pass(&s->host, prng_between(&s->prng, 200, 3000));
}

static bool step(struct stage *s)
{
	struct crew *c = crew_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 60))
		pass(c);
	for (uint32_t i = 0; i < PERSONS && !stage_is_wrong(s); i++)
		if (prng_chance(&s->prng, 1, 2))
			act(c, &c->person[i]);
	return talk_all(s) || host_runnable(&s->host) != 0;
}

static void forget(struct stage *s)
{
	struct crew *c = crew_of(s);
	for (uint32_t i = 0; i < PERSONS; i++)
		lose(c, &c->person[i], true);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* All that is sure, and whose time is not over, somebody has acknowledged. */
static void compare(struct crew *c)
{
	struct stage *s = &c->stage;
	uint32_t lost_n = 0, sure_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *m = &c->message[i];
		const bool is_due = m->sure_ms && m->expiry_s == 0 && !(m->qos == 2 && m->is_loose);
		sure_n += is_due;
		lost_n += is_due && m->acker == 0;
	}
	if (lost_n)
		stage_wrong(s, "%u of %u messages are lost", lost_n, sure_n);
	story_mix(s->story, s->own.hash ^ sure_n);
}

/* As many as all of them may hold: each of them has its share. */
static void look_at_shares(struct crew *c)
{
	struct stage *s = &c->stage;
	c->is_held = true;
	for (uint32_t i = 0; i < MEMBERS * SHARE; i++)
		publish(c, (uint8_t)(1 + i % 2), 0);
	come_to_rest(c);
	for (uint32_t i = 0; i < MEMBERS && !stage_is_wrong(s); i++)
		if (c->person[i].held_n != SHARE)
			stage_wrong(s, "member %s has %u messages of %u", names[i],
				    c->person[i].held_n, MEMBERS * SHARE);
	c->is_held = false;
}

/* Everybody comes once more; then one dies with what it has, and the others get it. */
static void keep(struct stage *s)
{
	struct crew *c = crew_of(s);
	c->is_last = true;
	if (!stage_begin(s))
		return;
	for (uint32_t i = 0; i < PERSONS; i++)
		act(c, &c->person[i]);
	come_to_rest(c);
	if (!stage_is_wrong(s) && c->is_group)
		look_at_shares(c);
	if (!stage_is_wrong(s))
		lose(c, &c->person[0], true);
	come_to_rest(c);
	if (!stage_is_wrong(s))
		compare(c);
	for (uint32_t i = 0; i < PERSONS; i++)
		line_drop(&c->person[i].line, false);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct crew *c = crew_of(s);
	for (uint32_t i = 0; i < PERSONS; i++)
		c->person[i].line.version = MQTT_V5;
}

void crew_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "a group of MQTT clients" },
		.bytes = sizeof(struct crew),
		.salt = 0xc4e3,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = keep,
	};
	stage_play(&script, story, seed);
}
