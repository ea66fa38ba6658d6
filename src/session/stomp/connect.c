#include "session/stomp/activemq.h"

#include "base/must.h"
#include "wire/stomp/put.h"

#define REASON_MAX 400u /* why a login was refused */

/* ---- versions ----------------------------------------------------------------------------- */

/* The highest that both speak; without the header it is 1.0. False: none. */
static bool agree(const struct turn *t, enum stomp_version *out)
{
	static const char *const words[] = { "1.0", "1.1", "1.2" };
	bool is_any = false;
	*out = STOMP_1_0;
	if (!stomp_has(t->head, STOMP_H_ACCEPT_VERSION))
		return true;
	struct slice list = t->head->at[STOMP_H_ACCEPT_VERSION];
	must(t->s->phase == PHASE_LOGIN);
	while (list.n) {
		struct slice one = stomp_trim(slice_cut(&list, ','), STOMP_1_0);
		while (one.n && one.p[one.n - 1] == ' ')
			one.n--;
		for (int v = STOMP_1_0; v <= STOMP_1_2; v++) {
			if (!slice_eq(one, slice_str(words[v])))
				continue;
			*out = !is_any || v > (int)*out ? (enum stomp_version)v : *out;
			is_any = true;
		}
	}
	return is_any;
}

/* ---- in ----------------------------------------------------------------------------------- */

static void say_connected(struct turn *t)
{
	struct stomp *s = t->s;
	char server[300];
	struct text words = text_of(server, sizeof server);
	struct sendq *q = &s->session.sendq;
	must(s->phase == PHASE_RUNNING);
	text_put_slice(&words, t->w->limits->product);
	text_putc(&words, '/');
	text_put_slice(&words, t->w->limits->server_version);
	const struct stomp_connected c = {
		.version = (enum stomp_version)s->version,
		.server = text_slice(&words),
		.session = s->client_id && s->is_activemq ? slice_of(s->client_id, s->client_id_n)
							  : stomp_name(s),
		.sends_ms = s->sends_ms,
		.wants_ms = s->wants_ms,
		.has_receipt = s->greeting && s->is_activemq,
		.receipt = s->greeting ? slice_of(s->greeting->id, s->greeting->n) : SLICE_EMPTY
	};
	size_t n = stomp_connected_put(NULL, &c);
	(void)stomp_connected_put(sendq_reserve(q, t->w->mem, (uint32_t)n), &c);
	sendq_commit(q, (uint32_t)n);
	stomp_say_end(t);
	stomp_greeted(t);
}

static enum done refuse_vhost(struct turn *t, struct slice vhost)
{
	char room[400];
	struct text body = text_of(room, sizeof room);
	must(t->why.n > 0);
	stomp_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
					      .user = access_name(&t->s->access),
					      .reason = text_slice(&t->why),
					      .text = slice_str("CONNECT") });
	text_puts(&body, "Virtual host '");
	text_put_slice(&body, vhost);
	text_puts(&body, "' access denied");
	return stomp_fail_quietly(t, "Bad CONNECT", text_slice(&body));
}

/* The virtual host waits in the call, for the password may be looked at elsewhere. */
static void let_in(struct turn *t)
{
	struct stomp *s = t->s;
	struct call *c = s->call;
	must(c != NULL);
	struct slice vhost = slice_of(c->text, c->text_n);
	if (access_enter(&s->access, t->w, vhost, &t->why) != ERR_OK) {
		(void)refuse_vhost(t, vhost);
		return;
	}
	s->asker.vhost = s->access.number;
	if (s->client_id && s->is_activemq)
		stomp_claim(t);
	else
		stomp_welcome(t);
}

void stomp_welcome(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase < PHASE_RUNNING && s->phase != PHASE_REFUSED);
	s->phase = PHASE_RUNNING;
	s->deadline_ms = UINT64_MAX;
	s->name_n = (uint8_t)ask_name(t->w, slice_str("session"), s->name).n;
	say_connected(t);
	stomp_beat_start(t);
	stomp_note(t, &(struct session_note){ .event = SESSION_OPENED,
					      .user = access_name(&s->access),
					      .vhost = access_vhost_name(&s->access),
					      .text = slice_str("STOMP") });
}

/* ---- not in ------------------------------------------------------------------------------- */

/* The refused wait in silence, so that guessing is slow; it counts from their question: how long
 * the password took to look at would say whether the user exists. */
static void refuse_login(struct turn *t, struct slice user, const struct text *reason)
{
	struct stomp *s = t->s;
	struct call *c = stomp_call(t);
	struct text body = text_of(c->text, sizeof c->text);
	stomp_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
					      .user = user,
					      .reason = text_slice(reason),
					      .text = slice_str("CONNECT") });
	text_puts(&body, s->is_activemq ? "User name [" : "Access refused for user '");
	text_put_slice(&body, user);
	text_puts(&body, s->is_activemq ? "] or password is invalid." : "'\n");
	c->text_n = (uint16_t)body.n;
	must(s->phase == PHASE_LOGIN || s->phase == PHASE_CHECKING);
	s->phase = PHASE_REFUSED;
	uint64_t end = s->asked_ms + LIMIT_LOGIN_REFUSED_DELAY_MS;
	if (end < s->deadline_ms)
		s->deadline_ms = end;
}

void stomp_refused_over(struct turn *t)
{
	struct call *c = t->s->call;
	must(t->s->phase == PHASE_REFUSED && c);
	c->text[c->text_n < CALL_TEXT_MAX ? c->text_n : CALL_TEXT_MAX - 1] = '\0';
	(void)stomp_fail_quietly(t, t->s->is_activemq ? c->text : "Bad CONNECT",
				 slice_of(c->text, c->text_n));
}

void stomp_checked(struct session *own, struct session_world *w, bool is_right)
{
	struct turn t;
	char room[REASON_MAX];
	struct text reason = text_of(room, sizeof room);
	bool is_tellable;
	stomp_turn(&t, own, w);
	if (t.s->phase != PHASE_CHECKING)
		return;
	if (access_checked(&t.s->access, w, is_right, &is_tellable, &reason) == SECRET_RIGHT)
		let_in(&t);
	else
		refuse_login(&t, access_name(&t.s->access), &reason);
	if (t.s->phase != PHASE_REFUSED)
		stomp_call_free(&t);
}

/* ---- CONNECT ------------------------------------------------------------------------------ */

/* Who a certificate names needs no password, if the operator takes it. */
static bool is_certified(const struct turn *t)
{
	must(t->head != NULL);
	return t->w->limits->stomp->takes_cert && t->s->session.cert_name.n > 0;
}

static enum secret log_in(struct turn *t, const struct access_login *login, struct text *reason)
{
	bool is_tellable;
	must(t->s->phase == PHASE_LOGIN);
	if (is_certified(t))
		return access_trust(&t->s->access, t->w, t->s->session.cert_name, &is_tellable,
				    reason);
	return access_login(&t->s->access, t->w, login, &is_tellable, reason);
}

/* Who says nothing is the default user, if there is one. */
static bool login_of(struct turn *t, struct access_login *out)
{
	const struct stomp_settings *l = t->w->limits->stomp;
	bool has_login = stomp_has(t->head, STOMP_H_LOGIN);
	*out = (struct access_login){ .ticket = t->s->session.handle };
	must(out->ticket != 0);
	if (is_certified(t)) {
		out->user = t->s->session.cert_name;
		return true;
	}
	out->user = has_login ? t->head->at[STOMP_H_LOGIN] : l->default_user;
	out->password = stomp_has(t->head, STOMP_H_PASSCODE) ? t->head->at[STOMP_H_PASSCODE]
			: has_login                          ? SLICE_EMPTY
							     : l->default_pass;
	return has_login || l->default_user.n > 0;
}

static bool keep_vhost(struct turn *t)
{
	struct slice vhost = stomp_has(t->head, STOMP_H_HOST) ? t->head->at[STOMP_H_HOST]
							      : t->w->limits->stomp->default_vhost;
	struct call *c = stomp_call(t);
	must(c->text_n == 0);
	if (t->s->is_activemq)
		vhost = t->w->limits->stomp->default_vhost; /* host means nothing to it */
	if (vhost.n > UINT8_MAX)
		return false;
	if (vhost.n)
		memcpy(c->text, vhost.p, vhost.n);
	c->text_n = (uint16_t)vhost.n;
	return true;
}

/* ActiveMQ's; false: it is too long. */
static bool keep_client(struct turn *t)
{
	struct stomp *s = t->s;
	struct slice id = t->head->at[STOMP_H_CLIENT_ID];
	if (!stomp_has(t->head, STOMP_H_CLIENT_ID) || id.n == 0)
		return true;
	if (id.n > UINT8_MAX)
		return false;
	must(!s->client_id);
	s->client_id = mem_get(t->w->mem, id.n, "client id");
	must(s->client_id != NULL);
	memcpy(s->client_id, id.p, id.n);
	s->client_id_n = (uint8_t)id.n;
	return true;
}

/* What is to be said of it when it is answered. ActiveMQ's clients of old call it request-id. */
static void keep_receipt(struct turn *t)
{
	struct slice id;
	must(!t->s->greeting);
	if (t->s->is_activemq && stomp_head_find(t->frame->head, "request-id", &id))
		t->s->greeting = stomp_receipt_for(t, id);
	else
		t->s->greeting = stomp_receipt_new(t);
}

static enum done refuse_version(struct turn *t)
{
	must(t->s->phase == PHASE_LOGIN);
	if (t->s->is_activemq)
		return stomp_amq_fail(t, "Invalid Protocol version[",
				      t->head->at[STOMP_H_ACCEPT_VERSION],
				      "], supported versions are: [1.2, 1.1, 1.0]");
	return stomp_fail(t, "Version mismatch", slice_str("Supported versions are 1.0,1.1,1.2\n"));
}

static enum done refuse_beat(struct turn *t)
{
	must(t->s->phase == PHASE_LOGIN);
	if (t->s->is_activemq)
		return stomp_amq_fail(
			t, "Invalid heart-beat header:", t->head->at[STOMP_H_HEART_BEAT], "");
	return stomp_fail(t, "Processing error", slice_str("Invalid heart-beat header"));
}

enum done stomp_on_connect(struct turn *t)
{
	struct stomp *s = t->s;
	enum stomp_version version;
	struct access_login login;
	char room[REASON_MAX];
	struct text reason = text_of(room, sizeof room);
	must(s->phase == PHASE_LOGIN);
	if (!agree(t, &version))
		return refuse_version(t);
	if (stomp_has(t->head, STOMP_H_HEART_BEAT) &&
	    !stomp_beat_read(s, t->head->at[STOMP_H_HEART_BEAT]))
		return refuse_beat(t);
	if (!login_of(t, &login))
		return stomp_fail(t, "Bad CONNECT",
				  slice_str("Missing login or passcode header(s)"));
	if (!keep_client(t) && s->is_activemq)
		return stomp_fail(t, "Bad CONNECT", slice_str("The client-id is too long"));
	if (!keep_vhost(t))
		return stomp_fail(t, "Bad CONNECT", slice_str("The name in host is too long"));
	keep_receipt(t);
	s->version = (uint8_t)version;
	if (version == STOMP_1_0) /* it has no heart-beats, whatever its client asks for */
		s->sends_ms = s->wants_ms = 0;
	s->asked_ms = t->w->now_ms;
	enum secret come = log_in(t, &login, &reason);
	if (come == SECRET_LATER)
		s->phase = PHASE_CHECKING;
	else if (come == SECRET_RIGHT)
		let_in(t);
	else
		refuse_login(t, login.user, &reason);
	return DONE;
}
