#include "sim/relay.h"

#include "base/byteorder.h"
#include "sim/relay_state.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES      4
#define STEPS_MAX  1500
#define PREFETCH   40u
#define BODY_BIG   20000u
#define QUEUE      "relay"
#define SUBSCRIBED (MESSAGES_MAX + 1) /* the receipt of a SUBSCRIBE */

static const char *const names[MEMBERS] = { "AMQP", "MQTT", "STOMP" };

static bool is_there(const struct relay *r, enum who who)
{
	switch (who) {
	case AMQP: return r->stage.actor[0].is_in;
	case MQTT: return r->line.sock != NULL;
	default: must(who == STOMP); return r->strand.sock != NULL;
	}
}

/* ---- what comes --------------------------------------------------------------------------- */

static const char *wrong_with(const struct relay *r, enum who who, uint32_t number, bool is_again)
{
	const struct message *x = &r->message[number];
	const struct member *a = &r->member[who];
	must(number > 0 && number <= r->stage.sent_n);
	if (x->state[who] == GONE || x->state[who] == TAKEN)
		return "was acknowledged, and comes again";
	if (x->state[who] == HELD)
		return "is there already, and comes again";
	if (x->state[who] == BACK && !is_again)
		return "comes again, and does not say so";
	if (x->state[who] == NEVER && !is_again && x->life == r->message[a->newest[x->by]].life &&
	    number < a->newest[x->by])
		return "came behind a later one";
	return NULL;
}

static void came(struct relay *r, enum who who, struct holding h, uint64_t bytes, bool is_again)
{
	struct stage *s = &r->stage;
	struct member *a = &r->member[who];
	if (h.number == 0 || h.number > s->sent_n || bytes != r->message[h.number].bytes) {
		stage_wrong(s, "message %u of %llu bytes came to %s, which nobody has sent",
			    h.number, (unsigned long long)bytes, names[who]);
		return;
	}
	struct message *x = &r->message[h.number];
	const char *wrong = wrong_with(r, who, h.number, is_again);
	if (wrong || a->held_n == HELD_MAX) {
		stage_wrong(s, "message %u of %s, for %s, %s", h.number, names[x->by], names[who],
			    wrong ? wrong : "is one too many");
		return;
	}
	if (!is_again)
		a->newest[x->by] = h.number;
	x->state[who] = HELD;
	a->held[a->held_n++] = h;
}

static void safe(struct relay *r, uint32_t number, enum who who)
{
	if (number == 0 || number > r->stage.sent_n || r->message[number].by != who) {
		stage_wrong(&r->stage, "%s is told that message %u is safe, which is not its own",
			    names[who], number);
		return;
	}
	stage_taken(&r->stage, number);
	r->message[number].is_safe = true;
}

/* ---- connections -------------------------------------------------------------------------- */

/* Whether its last acknowledgements were heard nobody knows. */
static void lose(struct relay *r, enum who who, bool is_hard)
{
	struct member *a = &r->member[who];
	struct stage *s = &r->stage;
	switch (who) {
	case AMQP:
		if (s->actor[0].is_in)
			stage_leave(s, s->actor, is_hard);
		break;
	case MQTT: line_drop(&r->line, is_hard); break;
	default: strand_drop(&r->strand, is_hard); break;
	}
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		struct message *x = &r->message[i];
		if (x->state[who] != HELD && x->state[who] != TAKEN)
			continue;
		x->is_loose[who] |= x->state[who] == TAKEN;
		x->state[who] = BACK;
	}
	must(who < MEMBERS);
	a->is_up = false;
	a->held_n = 0;
}

static void come(struct relay *r, enum who who)
{
	struct stage *s = &r->stage;
	struct member *a = &r->member[who];
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	must(!is_there(r, who) && !a->is_up);
	a->life++;
	if (who == AMQP) {
		stage_enter(s, s->actor);
		return;
	}
	struct sock *sock = sock_connect(&s->host.socks, loop);
	if (!sock)
		return;
	if (who == MQTT) {
		r->line.version = prng_chance(&s->prng, 1, 2) ? MQTT_V5 : MQTT_V4;
		line_begin(&r->line, sock, "relay", "w/relay");
		return;
	}
	strand_begin(&r->strand, sock, STOMP_1_2, false);
	strand_say(&r->strand, SLICE_EMPTY,
		   "SUBSCRIBE\nid:1\ndestination:/topic/r.#\ndurable:true\nauto-delete:false\n"
		   "ack:client-individual\nprefetch-count:%u\nreceipt:%u\n",
		   PREFETCH, SUBSCRIBED);
}

/* ---- AMQP --------------------------------------------------------------------------------- */

static void enter(struct stage *s, struct actor *a)
{
	must(a == s->actor);
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(QUEUE), .durable = true);
	TALK(&a->talk, 1, queue_bind, .queue = slice_str(QUEUE), .exchange = slice_str("amq.topic"),
	     .routing_key = slice_str("r.#"));
	TALK(&a->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	actor_consume(a, QUEUE, 1, false, SLICE_EMPTY);
}

static void amqp_heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct member *me = &relay_of(s)->member[AMQP];
	must(a == s->actor);
	if (m->kind == AMQP091_basic_consume_ok)
		me->is_up = me->is_subscribed = true;
}

static void amqp_came(struct stage *s, struct actor *a, const struct arrival *x)
{
	must(a == s->actor && x->consumer == 1);
	came(relay_of(s), AMQP, (struct holding){ .number = x->number, .tag = x->tag }, x->bytes,
	     x->is_redelivered);
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	if (is_refused)
		stage_wrong(s, "message %u is refused", number);
	else
		safe(relay_of(s), number, AMQP);
}

/* ---- MQTT --------------------------------------------------------------------------------- */

static void heard_connack(struct relay *r, const struct mqtt_packet *in)
{
	struct member *me = &r->member[MQTT];
	struct mqtt_connack c;
	must(mqtt_connack_decode(in, &c) == MQTT_FAULT_NONE && !me->is_up);
	if (c.reason != 0 || (me->is_subscribed && !c.session_present))
		stage_wrong(&r->stage, "MQTT is told reason %u, session present %u", c.reason,
			    c.session_present);
	me->is_up = true;
	line_say_subscribe(&r->line, 1, "r/#", 1);
}

static void heard_packet(struct relay *r, const struct mqtt_packet *in)
{
	struct mqtt_publish p;
	struct mqtt_ack ack;
	switch (in->type) {
	case MQTT_CONNACK: heard_connack(r, in); break;
	case MQTT_SUBACK: r->member[MQTT].is_subscribed = true; break;
	case MQTT_PUBACK:
		must(mqtt_ack_decode(in, &ack) == MQTT_FAULT_NONE);
		safe(r, ack.id, MQTT); /* its packet ids are numbers of messages */
		break;
	case MQTT_PUBLISH:
		must(mqtt_publish_decode(in, &p) == MQTT_FAULT_NONE && p.payload.n >= 4);
		if (p.qos != 1)
			stage_wrong(&r->stage, "a message came with QoS %u", p.qos);
		came(r, MQTT, (struct holding){ .number = load_be32(p.payload.p), .tag = p.id },
		     p.payload.n, p.dup);
		break;
	default: stage_wrong(&r->stage, "MQTT hears a packet of type %u", in->type);
	}
}

static bool talk_mqtt(struct relay *r)
{
	struct mqtt_packet in;
	bool is_end = false;
	if (!r->line.sock)
		return false;
	const bool is_any = line_exchange(&r->line, &r->stage.host.socks, &is_end);
	while (!stage_is_wrong(&r->stage) && line_next(&r->line, &in))
		heard_packet(r, &in);
	if (is_end)
		stage_wrong(&r->stage, "the broker hangs up on MQTT");
	return is_any;
}

/* ---- STOMP -------------------------------------------------------------------------------- */

static void heard_message(struct relay *r, const struct stomp_frame *f,
			  const struct stomp_head *head)
{
	struct holding h = { .number = f->body.n >= 4 ? load_be32(f->body.p) : 0 };
	const struct slice ack = head->at[STOMP_H_ACK];
	must(ack.n > 0 && ack.n < MENTION_BYTES);
	memcpy(h.mention, ack.p, ack.n);
	came(r, STOMP, h, f->body.n, slice_eq(head->at[STOMP_H_REDELIVERED], slice_str("true")));
}

static void heard_receipt(struct relay *r, struct slice id)
{
	char digits[16] = "";
	must(id.n < sizeof digits);
	memcpy(digits, id.p, id.n);
	const uint32_t number = (uint32_t)strtoul(digits, NULL, 10);
	if (number == SUBSCRIBED)
		r->member[STOMP].is_up = r->member[STOMP].is_subscribed = true;
	else
		safe(r, number, STOMP);
}

static bool talk_stomp(struct relay *r)
{
	struct stomp_frame f;
	struct stomp_head head;
	bool is_end = false;
	if (!r->strand.sock)
		return false;
	const bool is_any = strand_exchange(&r->strand, &r->stage.host.socks, &is_end);
	while (!stage_is_wrong(&r->stage) && strand_next(&r->strand, &f, &head))
		if (f.command == STOMP_MESSAGE)
			heard_message(r, &f, &head);
		else if (f.command == STOMP_RECEIPT)
			heard_receipt(r, head.at[STOMP_H_RECEIPT_ID]);
		else if (f.command != STOMP_CONNECTED)
			stage_wrong(&r->stage, "STOMP hears %.*s", (int)f.word.n,
				    (const char *)f.word.p);
	if (is_end)
		stage_wrong(&r->stage, "the broker hangs up on STOMP");
	return is_any;
}

/* ---- what they do ------------------------------------------------------------------------- */

static bool has_room(const struct relay *r, enum who who)
{
	switch (who) {
	case AMQP: return talk_has_room(&r->stage.actor[0].talk, TALK_BYTES / 2);
	case MQTT: return line_has_room(&r->line, LINE_OUT_BYTES / 2);
	default: must(who == STOMP); return strand_has_room(&r->strand, STRAND_BYTES / 2);
	}
}

/* With numbers that are packet ids, too. */
static void publish(struct relay *r, enum who who)
{
	static const struct amqp091_props kept = { .flags = AMQP091_HAS_delivery_mode,
						   .delivery_mode = 2 };
	struct stage *s = &r->stage;
	const uint32_t bytes = prng_chance(&s->prng, 1, 60)
				       ? BODY_BIG
				       : (uint32_t)prng_between(&s->prng, 4, 300);
	if (s->sent_n + 1 == MESSAGES_MAX || s->actor[0].said_n == STAGE_TAGS_MAX)
		return;
	r->message[s->sent_n + 1] = (struct message){ .bytes = bytes,
						      .life = r->member[who].life,
						      .by = (uint8_t)who };
	if (who == AMQP) {
		const bool is_said = stage_publish(s, s->actor, "amq.topic", "r.amqp", &kept,
						   bytes);
		must(is_said);
		return;
	}
	const uint32_t number = ++s->sent_n;
	store_be32(s->body, number);
	if (who == MQTT)
		line_say_publish(&r->line, &(struct line_message){ .topic = "r/mqtt",
								   .number = number,
								   .bytes = bytes,
								   .id = (uint16_t)number,
								   .qos = 1 });
	else
		strand_say(&r->strand, slice_of(s->body, bytes),
			   "SEND\ndestination:/topic/r.stomp\npersistent:true\nreceipt:%u\n",
			   number);
}

/* MQTT's in the order in which they came. */
static void acknowledge(struct relay *r, enum who who)
{
	struct stage *s = &r->stage;
	struct member *a = &r->member[who];
	must(a->held_n > 0);
	const uint32_t at = who == MQTT ? 0 : (uint32_t)prng_below(&s->prng, a->held_n);
	const struct holding h = a->held[at];
	if (who == AMQP)
		TALK(&s->actor[0].talk, 1, basic_ack, .delivery_tag = h.tag);
	else if (who == MQTT)
		line_say_ack(&r->line, MQTT_PUBACK, (uint16_t)h.tag);
	else
		strand_say(&r->strand, SLICE_EMPTY, "ACK\nid:%s\n", h.mention);
	r->message[h.number].state[who] = TAKEN;
	a->held_n--;
	memmove(a->held + at, a->held + at + 1, (a->held_n - at) * sizeof h);
}

/* What comes before all subscriptions are there would not come to all. */
static bool may_publish(const struct relay *r)
{
	bool is_all = !r->is_last;
	for (uint32_t i = 0; i < MEMBERS; i++)
		is_all &= r->member[i].is_subscribed;
	return is_all;
}

static void act(struct relay *r, enum who who)
{
	struct prng *dice = &r->stage.prng;
	struct member *a = &r->member[who];
	must(who < MEMBERS);
	if (!is_there(r, who)) {
		if (r->is_last || prng_chance(dice, 1, 8))
			come(r, who);
		return;
	}
	if (!a->is_up || !has_room(r, who))
		return;
	for (uint64_t n = prng_below(dice, 4); n > 0 && may_publish(r) && has_room(r, who); n--)
		publish(r, who);
	for (uint64_t n = prng_below(dice, 8); (n > 0 || r->is_last) && a->held_n > 0; n--)
		acknowledge(r, who);
	if (!r->is_last && prng_chance(dice, 1, 150))
		lose(r, who, prng_chance(dice, 1, 2));
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool talk_all(struct stage *s)
{
	struct relay *r = relay_of(s);
	const bool is_amqp = stage_talk(s, s->actor);
	const bool is_mqtt = talk_mqtt(r);
	return talk_stomp(r) || is_amqp || is_mqtt;
}

/* All that has begun ends: what was acknowledged is gone for good. */
static void come_to_rest(struct relay *r)
{
	struct stage *s = &r->stage;
	stage_rest_of(s, talk_all);
	for (uint32_t i = 1; i <= s->sent_n; i++)
		for (uint32_t who = 0; who < MEMBERS; who++)
			if (r->message[i].state[who] == TAKEN)
				r->message[i].state[who] = GONE;
}

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct relay *r = relay_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 300))
		come_to_rest(r);
	for (uint32_t who = 0; who < MEMBERS && !stage_is_wrong(s); who++)
		if (prng_chance(&s->prng, 1, 2))
			act(r, (enum who)who);
	return talk_all(s) || host_runnable(&s->host) != 0;
}

/* The broker is no more. */
static void forget(struct stage *s)
{
	for (uint32_t who = 0; who < MEMBERS; who++)
		lose(relay_of(s), (enum who)who, true);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct relay *r, enum who who)
{
	struct stage *s = &r->stage;
	uint32_t safe_n = 0, lost_n = 0, last = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *x = &r->message[i];
		const bool is_lost = x->state[who] == NEVER ||
				     (x->state[who] == BACK && !x->is_loose[who]);
		safe_n += x->is_safe;
		lost_n += x->is_safe && is_lost;
		if (x->is_safe && is_lost)
			last = i;
	}
	if (lost_n)
		stage_wrong(s,
			    "%u of %u messages are lost on their way to %s, the last is %u of %s",
			    lost_n, safe_n, names[who], last, names[r->message[last].by]);
	story_mix(s->story, s->own.hash ^ safe_n);
}

/* All come once more and take everything. */
static void close(struct stage *s)
{
	struct relay *r = relay_of(s);
	uint32_t held_n;
	r->is_last = true;
	if (!stage_begin(s))
		return;
	do {
		held_n = 0;
		for (uint32_t who = 0; who < MEMBERS; who++) {
			act(r, (enum who)who);
			held_n += r->member[who].held_n;
		}
		come_to_rest(r);
		for (uint32_t who = 0; who < MEMBERS; who++)
			held_n += r->member[who].held_n;
	} while (!stage_is_wrong(s) && held_n > 0);
	for (uint32_t who = 0; who < MEMBERS && !stage_is_wrong(s); who++)
		compare(r, (enum who)who);
	forget(s);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	must(s->actors_n == 1);
	s->actor[0].is_absent = true; /* who comes when is a matter of the play */
	memset(s->body, 'x', sizeof s->body);
}

void relay_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "three protocols",
			.actors_n = 1,
			.enter = enter,
			.heard = amqp_heard,
			.came = amqp_came,
			.answered = answered,
		},
		.bytes = sizeof(struct relay),
		.salt = 0x3e1a,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = close,
	};
	stage_play(&script, story, seed);
}
