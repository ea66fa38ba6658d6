#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/mapping.h"
#include "session/mqtt/prove.h"

/* ---- who it is ---------------------------------------------------------------------------- */

/* A virtual host may stand before the last colon of a user's name. False: there is none. */
static bool split_user(const struct turn *t, struct slice *io_user, struct slice *out_vhost)
{
	const struct slice user = *io_user;
	size_t at = t->set->takes_colons ? 0 : user.n;
	must(t->set->vhost.n > 0);
	while (at > 0 && user.p[at - 1] != ':')
		at--;
	if (at == 0)
		return false;
	*out_vhost = slice_sub(user, 0, at - 1);
	*io_user = slice_from(user, at);
	return true;
}

/* What the operator has given to the port where the client came. */
static bool vhost_of_port(const struct turn *t, struct slice *out)
{
	char buf[8];
	struct text port = text_of(buf, sizeof buf);
	text_putf(&port, "%u", t->s->session.port);
	must(port.n > 0);
	return mapping_find(t->w->view, slice_str(MAPPING_OF_PORTS), text_slice(&port), out);
}

/* As in RabbitMQ: of a client with a certificate the mappings count first, of one without it the
 * name of its user. */
struct slice mqtt_vhost_of(const struct turn *t, struct slice *io_user)
{
	const struct slice cert = t->s->session.cert_name;
	struct slice vhost = t->set->vhost;
	must(vhost.n > 0);
	if (cert.n > 0) {
		if (!mapping_find(t->w->view, slice_str(MAPPING_OF_CERTIFICATES), cert, &vhost) &&
		    !vhost_of_port(t, &vhost))
			(void)split_user(t, io_user, &vhost);
	} else if (!split_user(t, io_user, &vhost)) {
		(void)vhost_of_port(t, &vhost);
	}
	return vhost;
}

/* As in RabbitMQ: who names a virtual host that is not there has said a wrong name. */
static uint8_t reason_of(const struct turn *t, enum err e)
{
	uint16_t number;
	must(e != ERR_OK);
	if (e == ERR_LIMIT)
		return MQTT_REASON_QUOTA;
	return catalog_vhost(t->w->view, t->s->vhost_wish, &number) == ERR_OK
		       ? MQTT_REASON_NOT_AUTHORIZED
		       : MQTT_REASON_BAD_LOGIN;
}

static void logged_in(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->access.user != 0);
	const enum err e = access_enter(&s->access, t->w, s->vhost_wish, &t->why);
	if (e != ERR_OK) {
		mqtt_refuse(t, reason_of(t, e));
		return;
	}
	mqtt_unkeep(t, &s->vhost_wish);
	s->access.client = s->client_id;
	s->asker.vhost = s->access.number;
	mqtt_claim(t);
}

/* The reason is for the log, unless the peer may know it, too: then he is who he says, and has come
 * from a place from which he may not. */
void mqtt_turned_away(struct turn *t, struct slice user, bool is_tellable,
		      const struct text *reason)
{
	must(t->s->phase <= PHASE_CHECKING);
	mqtt_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
					     .user = user,
					     .reason = text_slice(reason),
					     .text = slice_str("MQTT") });
	if (is_tellable)
		text_put_slice(&t->why, text_slice(reason));
	mqtt_refuse(t, is_tellable ? MQTT_REASON_NOT_AUTHORIZED : MQTT_REASON_BAD_LOGIN);
}

/* A user's name, or whom his certificate names, or whoever comes without. */
static enum secret log_in(struct turn *t, const struct mqtt_connect *c, struct slice *out_user,
			  bool *out_is_tellable, struct text *reason)
{
	struct mqtt *s = t->s;
	const struct session_limits *l = t->w->limits;
	struct access_login in = { .password = c->password, .ticket = s->session.handle };
	must(s->phase == PHASE_GREETING);
	*out_is_tellable = false;
	in.user = c->user;
	s->vhost_wish = mqtt_keep(t, mqtt_vhost_of(t, &in.user), "vhost name");
	*out_user = in.user;
	if (c->has_user)
		return access_login(&s->access, t->w, &in, out_is_tellable, reason);
	if (t->set->is_login_by_cert && s->session.cert_name.n > 0) {
		*out_user = s->session.cert_name;
		return access_trust(&s->access, t->w, *out_user, out_is_tellable, reason);
	}
	if (!t->set->is_open_to_all || l->anonymous_user.n == 0) {
		text_puts(reason, "no user name, and nobody may be anonymous");
		return SECRET_WRONG;
	}
	in.user = l->anonymous_user;
	in.password = l->anonymous_pass;
	*out_user = in.user;
	return access_login(&s->access, t->w, &in, out_is_tellable, reason);
}

static void authenticate(struct turn *t, const struct mqtt_connect *c)
{
	char buf[MQTT_REASON_WORDS];
	struct text reason = text_of(buf, sizeof buf);
	struct slice user;
	bool is_tellable;
	must(t->s->client_id.n > 0);
	switch (log_in(t, c, &user, &is_tellable, &reason)) {
	case SECRET_RIGHT: logged_in(t); return;
	case SECRET_WRONG: mqtt_turned_away(t, user, is_tellable, &reason); return;
	case SECRET_LATER: t->s->phase = PHASE_CHECKING; return;
	}
}

void mqtt_trust(struct turn *t, struct slice user, struct slice vhost)
{
	char buf[MQTT_REASON_WORDS];
	struct text reason = text_of(buf, sizeof buf);
	bool is_tellable;
	must(t->s->phase <= PHASE_PROVING && t->s->client_id.n > 0);
	t->s->vhost_wish = mqtt_keep(t, vhost, "vhost name");
	if (access_trust(&t->s->access, t->w, user, &is_tellable, &reason) == SECRET_RIGHT)
		logged_in(t);
	else
		mqtt_turned_away(t, user, is_tellable && !t->s->calling, &reason);
}

void mqtt_trust_named(struct turn *t, struct slice user)
{
	const struct slice vhost = mqtt_vhost_of(t, &user);
	must(t->s->phase == PHASE_PROVING);
	mqtt_trust(t, user, vhost);
}

void mqtt_checked(struct session *own, struct session_world *w, bool is_right)
{
	struct turn t;
	char buf[MQTT_REASON_WORDS];
	struct text reason = text_of(buf, sizeof buf);
	bool is_tellable;
	mqtt_turn(&t, own, w);
	must(t.s->client_id.n > 0);
	if (t.s->phase != PHASE_CHECKING)
		return;
	if (access_checked(&t.s->access, w, is_right, &is_tellable, &reason) == SECRET_RIGHT)
		logged_in(&t);
	else
		mqtt_turned_away(&t, access_name(&t.s->access), is_tellable, &reason);
}

/* ---- what it wants ------------------------------------------------------------------------ */

/* How long the session may outlive the connection. Before version 5 that is all or nothing. */
static uint32_t expiry_of(const struct turn *t, const struct mqtt_connect *c)
{
	const uint32_t max = t->set->session_expiry_s;
	if (c->version != MQTT_V5)
		return c->clean_start ? 0 : max;
	must(c->props.session_expiry_s == 0 || c->props.has & MQTT_HAS(session_expiry_s));
	return c->props.session_expiry_s < max ? c->props.session_expiry_s : max;
}

static void note_wishes(struct turn *t, const struct mqtt_connect *c)
{
	struct mqtt *s = t->s;
	const struct mqtt_props *p = &c->props;
	must(s->version == c->version);
	s->is_clean_start = c->clean_start;
	s->keep_alive_s = c->keep_alive_s;
	s->expiry_s = expiry_of(t, c);
	s->is_capped = p->session_expiry_s != s->expiry_s && s->version == MQTT_V5;
	s->is_terse = p->has & MQTT_HAS(request_problem_info) && !p->request_problem_info;
	s->is_bridge = c->is_bridge;
	s->window = t->set->prefetch;
	if (p->has & MQTT_HAS(receive_maximum) && p->receive_maximum < s->window)
		s->window = p->receive_maximum;
	s->packet_max = p->maximum_packet_size;
	s->told_max = p->topic_alias_maximum;
	if (s->told_max > t->set->alias_max)
		s->told_max = t->set->alias_max;
	if (c->has_will)
		mqtt_will_keep(t, c);
}

/* A name for who has none. */
static void name_client(struct turn *t, struct slice id)
{
	char buf[NAME_MADE_MAX];
	must(t->s->client_id.n == 0);
	t->s->is_named_by_us = id.n == 0;
	if (id.n == 0)
		id = ask_name(t->w, slice_str("mqtt"), buf);
	t->s->client_id = mqtt_keep(t, id, "client id");
}

/* Whether the client's identifier will not do; t->why has why. */
static bool is_id_bad(struct turn *t, struct slice id)
{
	const struct slice in_cert = session_cert_id(&t->s->session);
	must(t->s->client_id.n == 0);
	if (id.n > CLIENT_ID_MAX) {
		text_putf(&t->why, "the client identifier has more than %u octets", CLIENT_ID_MAX);
		return true;
	}
	if (in_cert.n > 0 && !slice_eq(id, in_cert)) {
		text_puts(&t->why, "the client identifier is not the one in the certificate");
		return true;
	}
	return false;
}

void mqtt_on_connect(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt *s = t->s;
	struct mqtt_connect c;
	enum mqtt_fault f = mqtt_connect_decode(p, &c);
	must(s->phase == PHASE_GREETING);
	s->version = c.version;
	meter_add(t->w->lane, METER_connects, 1);
	if (f == MQTT_FAULT_NAME)
		mqtt_note(t, &(struct session_note){ .event = SESSION_UNKNOWN_PROTOCOL,
						     .text = mqtt_packet_whole(p) });
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	const bool is_proved = (c.props.has & MQTT_HAS(auth_method)) != 0;
	const struct proof_method *method = proof_method(c.props.auth_method);
	if (is_proved && !method) {
		mqtt_refuse(t, MQTT_REASON_BAD_METHOD);
		return;
	}
	if (is_id_bad(t, c.client_id)) {
		mqtt_refuse(t, MQTT_REASON_BAD_CLIENT_ID);
		return;
	}
	if (c.will_topic.n > LIMIT_SHORTSTR) {
		text_putf(&t->why, "a topic has at most %u octets", (unsigned)LIMIT_SHORTSTR);
		mqtt_refuse(t, MQTT_REASON_BAD_TOPIC);
		return;
	}
	name_client(t, c.client_id);
	note_wishes(t, &c);
	if (is_proved)
		mqtt_prove(t, method, &c);
	else
		authenticate(t, &c);
}
