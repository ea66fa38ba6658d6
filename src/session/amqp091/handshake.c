#include "session/amqp091/amqp091.h"

#include "base/must.h"
#include "wire/amqp091/sasl.h"
#include "wire/amqp091/str8.h"
#include "wire/amqp091/table.h"

#define SERVER_PROPERTIES_MAX 2048u
#define MECHANISM_NAMES_MAX   128u
#define CLIENT_NAME_MAX       64u
#define REASON_MAX            400u /* why a login was refused */

/* ---- connection.start --------------------------------------------------------------------- */

/* What this broker can do; clients look some of it up by name. */
static void put_capabilities(struct wr *w)
{
	static const char *const capabilities[] = {
		"publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
		"consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
		"authentication_failure_close", "per_consumer_qos",           "direct_reply_to",
	};
	must(w != NULL);
	size_t mark = amqp091_put_table(w, "capabilities");
	for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
		amqp091_put_bool(w, capabilities[i], true);
	amqp091_put_close(w, mark);
}

/* EXTERNAL is for who has shown a certificate: clients that see it offered take it. */
static bool is_for(const struct turn *t, struct slice mechanism)
{
	must(mechanism.n > 0);
	return t->s->session.cert_name.n > 0 || !slice_eq(mechanism, slice_str("EXTERNAL"));
}

static void put_mechanisms(struct text *out, const struct turn *t)
{
	const struct session_limits *l = t->w->limits;
	must(l->mechanisms_n <= SESSION_MECHANISMS_MAX);
	for (uint32_t i = 0, n = 0; i < l->mechanisms_n; i++) {
		if (!is_for(t, l->mechanisms[i]))
			continue;
		text_puts(out, n++ ? " " : "");
		text_put_slice(out, l->mechanisms[i]);
	}
}

void amqp091_send_start(struct turn *t)
{
	uint8_t buf[SERVER_PROPERTIES_MAX];
	char names[MECHANISM_NAMES_MAX];
	struct text mechanisms = text_of(names, sizeof names);
	struct wr w = wr_of(buf, sizeof buf);
	const struct session_limits *l = t->w->limits;
	put_capabilities(&w);
	amqp091_put_str(&w, "cluster_name", l->cluster_name);
	amqp091_put_str(&w, "copyright", slice_str("Copyright the Godwit authors"));
	amqp091_put_str(&w, "information", slice_str("Licensed under the Apache License 2.0"));
	amqp091_put_str(&w, "platform", l->platform);
	amqp091_put_str(&w, "product", l->product);
	amqp091_put_str(&w, "version", l->version);
	amqp091_put_str(&w, "godwit_version", l->server_version);
	must(wr_ok(&w));

	struct amqp091_method m = { .kind = AMQP091_connection_start };
	m.connection_start.version_major = 0;
	m.connection_start.version_minor = 9;
	m.connection_start.server_properties = wr_done(&w);
	put_mechanisms(&mechanisms, t);
	m.connection_start.mechanisms = text_slice(&mechanisms);
	m.connection_start.locales = slice_str("en_US");
	amqp091_send(t, 0, &m);
	t->s->phase = PHASE_START;
}

void amqp091_wrong_greeting(struct turn *t, struct slice in)
{
	size_t n = in.n < AMQP091_GREETING_LEN ? in.n : AMQP091_GREETING_LEN;
	must(t->s->phase == PHASE_GREETING);
	amqp091_note(t, &(struct session_note){ .event = SESSION_UNKNOWN_PROTOCOL,
						.text = slice_sub(in, 0, n) });
	sendq_copy(&t->s->session.sendq, t->w->mem,
		   slice_of(amqp091_greeting_octets, AMQP091_GREETING_LEN));
	t->s->phase = PHASE_CLOSED;
}

/* ---- login -------------------------------------------------------------------------------- */

static void read_client(struct turn *t, struct slice properties)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} known[] = {
		{ "authentication_failure_close", CLIENT_AUTH_FAILURE_CLOSE },
		{ "consumer_cancel_notify", CLIENT_CANCEL_NOTIFY },
		{ "connection.blocked", CLIENT_BLOCKED },
	};
	struct amqp091 *s = t->s;
	struct slice capabilities = SLICE_EMPTY, name = SLICE_EMPTY;
	bool is_there;
	must(s->client_name == NULL);
	(void)amqp091_table_table(properties, "capabilities", &capabilities);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (amqp091_table_bool(capabilities, known[i].name, &is_there) && is_there)
			s->client |= known[i].bit;
	if (!amqp091_table_str(properties, "connection_name", &name) &&
	    !amqp091_table_str(properties, "product", &name))
		return;
	name = slice_sub(name, 0, name.n < CLIENT_NAME_MAX ? name.n : CLIENT_NAME_MAX);
	if (name.n == 0)
		return;
	s->client_name = amqp091_get(t, name.n, "client name");
	s->client_name_n = (uint8_t)name.n;
	memcpy(s->client_name, name.p, name.n);
}

/* The refused wait in silence, so that guessing is slow, and hear only then why. The silence counts
 * from their question: how long the password took to look at would say whether the user exists. */
static void refuse_login(struct turn *t, enum err e)
{
	struct amqp091 *s = t->s;
	char buf[TEXT_MAX];
	struct slice text = amqp091_reply_text(t, e, buf, sizeof buf);
	struct call *call = amqp091_call(t, AMQP091_connection_close, 0, TICKET_NONE, text,
					 SLICE_EMPTY);
	call->code = amqp091_code(e);
	s->phase = PHASE_REFUSED;
	uint64_t end = s->asked_ms + LIMIT_LOGIN_REFUSED_DELAY_MS;
	if (end < s->deadline_ms)
		s->deadline_ms = end;
}

void amqp091_refused_over(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->phase == PHASE_REFUSED && s->call);
	struct call *call = s->call;
	bool is_refusal = call->code == amqp091_code(ERR_ACCESS_REFUSED);
	if (is_refusal && s->client & CLIENT_AUTH_FAILURE_CLOSE) {
		amqp091_send_close(t, call->code, amqp091_call_name(call), 0, 0);
		s->deadline_ms = t->w->now_ms + LIMIT_LOGIN_REFUSED_DELAY_MS;
	} else {
		s->phase = PHASE_CLOSED;
	}
	amqp091_call_free(t);
}

/* Errors before the login are not worth an answer: nobody is trusted yet. */
void amqp091_refuse_handshake(struct turn *t, enum err e, uint16_t class_id, uint16_t method_id)
{
	must(t->s->phase < PHASE_RUNNING && e != ERR_OK);
	if (t->s->phase < PHASE_TUNE)
		refuse_login(t, e);
	else
		amqp091_fail(t, e, class_id, method_id);
}

/* RFC 4505: who he is need not be said, and what is said is not looked at. */
static enum err read_anonymous(struct slice response, const struct turn *t,
			       struct amqp091_login *out)
{
	const struct session_limits *l = t->w->limits;
	(void)response;
	if (l->anonymous_user.n == 0)
		return ERR_MALFORMED;
	*out = (struct amqp091_login){ l->anonymous_user, l->anonymous_pass };
	return ERR_OK;
}
/* RFC 4422 A: what he says is not looked at either; TLS has said it. */
static enum err read_external(struct slice response, const struct turn *t,
			      struct amqp091_login *out)
{
	(void)response;
	must(t->s->session.cert_name.n > 0);
	*out = (struct amqp091_login){ t->s->session.cert_name, SLICE_EMPTY };
	return ERR_OK;
}
static enum err read_plain(struct slice response, const struct turn *t, struct amqp091_login *out)
{
	must(t->s->phase == PHASE_START);
	return amqp091_sasl_plain(response, out);
}
static enum err read_amqplain(struct slice response, const struct turn *t,
			      struct amqp091_login *out)
{
	must(t->s->phase == PHASE_START);
	return amqp091_sasl_amqplain(response, out);
}

static const struct {
	const char *name;
	enum err (*read)(struct slice response, const struct turn *t, struct amqp091_login *out);
	bool is_trusted; /* nothing is left to check */
} mechanisms[] = {
	{ "PLAIN", read_plain, false },
	{ "AMQPLAIN", read_amqplain, false },
	{ "ANONYMOUS", read_anonymous, false },
	{ "EXTERNAL", read_external, true },
};
#define MECHANISMS_N (sizeof mechanisms / sizeof *mechanisms)

static bool is_offered(const struct turn *t, struct slice name)
{
	const struct session_limits *l = t->w->limits;
	must(l->mechanisms_n <= SESSION_MECHANISMS_MAX);
	for (uint32_t i = 0; i < l->mechanisms_n; i++)
		if (slice_eq(l->mechanisms[i], name))
			return is_for(t, name);
	return false;
}

static enum err read_login(struct turn *t, const struct amqp091_connection_start_ok *ok,
			   struct amqp091_login *out)
{
	must(t->s->phase == PHASE_START);
	for (uint8_t i = 0; is_offered(t, ok->mechanism) && i < MECHANISMS_N; i++) {
		t->s->mechanism = i;
		if (slice_eq(ok->mechanism, slice_str(mechanisms[i].name)))
			return mechanisms[i].read(ok->response, t, out);
	}
	return ERR_MALFORMED;
}

/* The reason is for the log, unless the peer may know it, too. */
static void refused(struct turn *t, struct slice user, struct slice mechanism, bool is_tellable,
		    const struct text *reason)
{
	must(t->s->phase == PHASE_START);
	amqp091_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
						.user = user,
						.reason = text_slice(reason),
						.text = mechanism });
	if (is_tellable) {
		text_put_slice(&t->why, text_slice(reason));
	} else {
		text_puts(&t->why, "Login was refused using authentication mechanism ");
		text_put_slice(&t->why, mechanism);
		text_puts(&t->why, ". For details see the broker logfile.");
	}
	refuse_login(t, ERR_ACCESS_REFUSED);
}

static void send_tune(struct turn *t)
{
	struct amqp091_method tune = { .kind = AMQP091_connection_tune };
	must(t->s->access.user != 0);
	tune.connection_tune.channel_max = (uint16_t)t->w->limits->channel_max;
	tune.connection_tune.frame_max = t->w->limits->frame_max;
	tune.connection_tune.heartbeat = (uint16_t)t->w->limits->heartbeat_s;
	amqp091_send(t, 0, &tune);
	t->s->phase = PHASE_TUNE;
}

static enum secret log_in(struct turn *t, const struct amqp091_login *login, bool *out_is_tellable,
			  struct text *reason)
{
	struct access *a = &t->s->access;
	const struct access_login in = { login->user, login->password, t->s->session.handle };
	must(t->s->mechanism < MECHANISMS_N);
	if (mechanisms[t->s->mechanism].is_trusted)
		return access_trust(a, t->w, login->user, out_is_tellable, reason);
	return access_login(a, t->w, &in, out_is_tellable, reason);
}

enum err amqp091_on_connection_start_ok(struct turn *t, struct channel *c,
					const struct amqp091_method *m)
{
	const struct amqp091_connection_start_ok *ok = &m->connection_start_ok;
	struct amqp091_login login = { SLICE_EMPTY, SLICE_EMPTY };
	char buf[REASON_MAX];
	struct text reason = text_of(buf, sizeof buf);
	bool is_tellable = false;
	must(c == NULL && t->s->phase == PHASE_START);
	t->s->asked_ms = t->w->now_ms;
	read_client(t, ok->client_properties);
	enum secret come = SECRET_WRONG;
	if (read_login(t, ok, &login) != ERR_OK) {
		text_puts(&reason, "unknown mechanism or malformed response");
	} else {
		come = log_in(t, &login, &is_tellable, &reason);
	}
	if (come == SECRET_WRONG)
		refused(t, login.user, ok->mechanism, is_tellable, &reason);
	else if (come == SECRET_RIGHT)
		send_tune(t);
	t->s->is_checking = come == SECRET_LATER;
	return ERR_OK;
}

void amqp091_checked(struct session *own, struct session_world *w, bool is_right)
{
	struct turn t;
	char buf[REASON_MAX];
	struct text reason = text_of(buf, sizeof buf);
	bool is_tellable;
	amqp091_turn(&t, own, w);
	if (!t.s->is_checking || t.s->phase != PHASE_START)
		return;
	t.s->is_checking = false;
	struct slice mechanism = slice_str(mechanisms[t.s->mechanism].name);
	if (access_checked(&t.s->access, w, is_right, &is_tellable, &reason) == SECRET_RIGHT)
		send_tune(&t);
	else
		refused(&t, access_name(&t.s->access), mechanism, is_tellable, &reason);
}

/* A password does not run out, so there is nothing to check; a token's backend will. */
enum err amqp091_on_connection_update_secret(struct turn *t, struct channel *c,
					     const struct amqp091_method *m)
{
	must(c == NULL);
	(void)m;
	amqp091_send_bare(t, 0, AMQP091_connection_update_secret_ok);
	return ERR_OK;
}

/* ---- limits ------------------------------------------------------------------------------- */

/* 0 is "no limit": above any other. */
static enum err negotiate(struct turn *t, const char *name, const char *no_limit, uint32_t min,
			  uint32_t ours, uint32_t theirs)
{
	bool is_low = theirs != 0 && theirs < min;
	bool is_high = ours != 0 && (theirs == 0 || theirs > ours);
	must(min > 0);
	if (!is_low && !is_high)
		return ERR_OK;
	text_putf(&t->why, "negotiated %s = %u%s is %s than the %s allowed value (%u)", name,
		  theirs, theirs == 0 ? no_limit : "", is_low ? "lower" : "higher",
		  is_low ? "minimum" : "maximum", is_low ? min : ours);
	return ERR_NOT_ALLOWED;
}

enum err amqp091_on_connection_tune_ok(struct turn *t, struct channel *c,
				       const struct amqp091_method *m)
{
	const struct amqp091_connection_tune_ok *ok = &m->connection_tune_ok;
	const struct session_limits *l = t->w->limits;
	struct amqp091 *s = t->s;
	must(c == NULL && s->phase == PHASE_TUNE);
	enum err e = negotiate(t, "frame_max", "", LIMIT_FRAME_MAX_MIN, l->frame_max,
			       ok->frame_max);
	if (e == ERR_OK)
		e = negotiate(t, "channel_max", " (no limit)", 1, l->channel_max, ok->channel_max);
	if (e != ERR_OK) {
		amqp091_fail(t, e, 10, 30); /* RabbitMQ names connection.tune, its own method */
		return ERR_OK;
	}
	s->frame_max = ok->frame_max ? ok->frame_max : LIMIT_FRAME_MAX_MAX;
	s->channel_max = ok->channel_max;
	s->heartbeat_s = ok->heartbeat;
	s->phase = PHASE_OPEN;
	amqp091_beat_start(t);
	return ERR_OK;
}

/* ---- connection.open ---------------------------------------------------------------------- */

static void note_opened(struct turn *t, struct slice vhost)
{
	must(t->s->phase == PHASE_RUNNING);
	amqp091_note(t, &(struct session_note){
				.event = SESSION_OPENED,
				.user = access_name(&t->s->access),
				.vhost = vhost,
				.text = slice_of(t->s->client_name, t->s->client_name_n) });
}

enum err amqp091_on_connection_open(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	struct slice name = m->connection_open.virtual_host;
	struct amqp091 *s = t->s;
	must(c == NULL && s->phase == PHASE_OPEN);
	enum err e = access_enter(&s->access, t->w, name, &t->why);
	if (e != ERR_OK)
		return e == ERR_LIMIT ? ERR_NOT_ALLOWED : e; /* as RabbitMQ */
	s->vhost = s->access.number;
	amqp091_send_bare(t, 0, AMQP091_connection_open_ok);
	s->phase = PHASE_RUNNING;
	s->deadline_ms = UINT64_MAX;
	note_opened(t, name);
	return ERR_OK;
}
