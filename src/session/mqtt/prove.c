#include "session/mqtt/prove.h"

#include "base/must.h"
#include "session/mqtt/mqtt.h"

static void forget(struct turn *t)
{
	must(t->s->method != NULL || !t->s->proof);
	proof_free(t->s->proof, t->w->mem);
	t->s->proof = NULL;
}

/* One step's packet; the method is in all of them. */
static void say(struct turn *t, uint8_t reason)
{
	const struct mqtt *s = t->s;
	struct mqtt_ack a = { .reason = reason };
	must(s->proof != NULL);
	a.props.has = MQTT_HAS(auth_method) | MQTT_HAS(auth_data);
	a.props.auth_method = proof_method_name(s->method);
	a.props.auth_data = proof_words(s->proof);
	mqtt_send_auth(t, &a);
}

/* Whatever is wrong, the client is told no more than that. */
static void disbelieve(struct turn *t, const struct text *why)
{
	const struct slice user = t->s->proof ? proof_user(t->s->proof) : SLICE_EMPTY;
	must(t->s->method != NULL);
	if (t->s->phase < PHASE_CLAIMING) {
		mqtt_turned_away(t, user, false, why);
		return;
	}
	mqtt_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
					     .user = user,
					     .reason = text_slice(why),
					     .text = slice_str("MQTT") });
	mqtt_refuse(t, MQTT_REASON_NOT_AUTHORIZED);
}

/* What was said before CONNACK, by who may have a virtual host in his name. */
static enum proof_result hear(struct turn *t, struct slice said, struct text *why)
{
	struct proof *p = t->s->proof;
	const enum proof_result r = proof_hear(p, t->w, said, why);
	must(t->s->method != NULL);
	if (r != PROOF_NAMED)
		return r;
	struct slice account = proof_user(p);
	(void)mqtt_vhost_of(t, &account);
	return proof_named(p, t->w, account);
}

/* ---- at CONNECT ----------------------------------------------------------------------------- */

/* What CONNECT has as a user's name, if anything, must be the same. */
static void step(struct turn *t, struct slice said, struct slice user)
{
	char buf[MQTT_REASON_WORDS];
	struct text why = text_of(buf, sizeof buf);
	must(t->s->phase <= PHASE_PROVING);
	enum proof_result r = hear(t, said, &why);
	if (r == PROOF_MORE && user.n > 0 && !slice_eq(user, proof_user(t->s->proof))) {
		text_puts(&why, "CONNECT names another user");
		r = PROOF_WRONG;
	}
	switch (r) {
	case PROOF_MORE:
		t->s->phase = PHASE_PROVING;
		say(t, MQTT_REASON_CONTINUE);
		return;
	case PROOF_RIGHT: mqtt_trust_named(t, proof_user(t->s->proof)); return;
	case PROOF_NAMED:
	case PROOF_WRONG: disbelieve(t, &why); return;
	}
}

void mqtt_prove(struct turn *t, const struct proof_method *m, const struct mqtt_connect *c)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_GREETING && !s->proof);
	s->method = m;
	s->proof = proof_new(m, t->w->mem);
	if (!s->proof) {
		mqtt_refuse(t, MQTT_REASON_UNAVAILABLE);
		return;
	}
	step(t, c->props.auth_data, c->user);
}

/* It must be of the method that CONNECT has named. */
static bool is_good(struct turn *t, const struct mqtt_packet *p, struct mqtt_ack *out)
{
	const enum mqtt_fault f = mqtt_ack_decode(p, out);
	must(p->type == MQTT_AUTH);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return false;
	}
	if (t->s->method && slice_eq(out->props.auth_method, proof_method_name(t->s->method)))
		return true;
	text_puts(&t->why, "AUTH has not the method of CONNECT");
	mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
	return false;
}

void mqtt_prove_packet(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	must(t->s->phase == PHASE_PROVING);
	if (p->type == MQTT_DISCONNECT) {
		mqtt_end(t);
		return;
	}
	if (p->type != MQTT_AUTH) {
		text_puts(&t->why, "there is no CONNACK yet");
		mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
		return;
	}
	if (!is_good(t, p, &a))
		return;
	if (a.reason == MQTT_REASON_CONTINUE)
		step(t, a.props.auth_data, SLICE_EMPTY);
	else
		mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
}

void mqtt_prove_welcome(const struct mqtt *s, struct mqtt_props *io_p)
{
	must_if(s->proof, s->method != NULL);
	if (!s->proof)
		return;
	io_p->has |= MQTT_HAS(auth_method) | MQTT_HAS(auth_data);
	io_p->auth_method = proof_method_name(s->method);
	io_p->auth_data = proof_words(s->proof);
}

void mqtt_prove_welcomed(struct turn *t)
{
	must(t->s->phase == PHASE_RUNNING);
	forget(t);
}

/* ---- again ---------------------------------------------------------------------------------- */

/* Who he was he must be. */
static bool is_himself(struct turn *t)
{
	const struct access *a = &t->s->access;
	struct slice account = proof_user(t->s->proof);
	const struct slice vhost = mqtt_vhost_of(t, &account);
	must(t->s->phase == PHASE_RUNNING);
	return slice_eq(account, access_name(a)) && slice_eq(vhost, access_vhost_name(a));
}

static void step_again(struct turn *t, struct slice said)
{
	struct mqtt *s = t->s;
	char buf[MQTT_REASON_WORDS];
	struct text why = text_of(buf, sizeof buf);
	const enum proof_result r = hear(t, said, &why);
	must(s->phase == PHASE_RUNNING);
	if (r == PROOF_MORE) {
		say(t, MQTT_REASON_CONTINUE);
		return;
	}
	if (r == PROOF_RIGHT && is_himself(t)) {
		say(t, MQTT_REASON_SUCCESS);
		s->deadline_ms = UINT64_MAX;
		forget(t);
		return;
	}
	if (r == PROOF_RIGHT)
		text_puts(&why, "he is another than before");
	disbelieve(t, &why);
}

void mqtt_on_auth(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt *s = t->s;
	struct mqtt_ack a;
	must(s->version == MQTT_V5 && s->phase == PHASE_RUNNING);
	if (!is_good(t, p, &a))
		return;
	const bool is_first = a.reason == MQTT_REASON_REAUTHENTICATE;
	if (is_first == (s->proof != NULL)) { /* one after the other */
		mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
		return;
	}
	if (is_first) {
		s->proof = proof_new(s->method, t->w->mem);
		s->deadline_ms = t->w->now_ms + t->set->login_timeout_ms;
	}
	if (!s->proof)
		mqtt_refuse(t, MQTT_REASON_UNAVAILABLE);
	else
		step_again(t, a.props.auth_data);
}

void mqtt_prove_late(struct turn *t)
{
	must(t->s->phase == PHASE_RUNNING && t->s->proof);
	text_puts(&t->why, "it took too long to authenticate again");
	mqtt_refuse(t, MQTT_REASON_NOT_AUTHORIZED);
}
