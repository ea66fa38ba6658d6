#include "migrate/bridge.h"
#include "migrate/model.h"

#include <stdlib.h>

/* ---- who comes without a name ------------------------------------------------------------- */

/* Has a file said that there are listeners? Without any only this machine is served, and everybody
 * on it. */
static bool is_local_only(const struct migration *m)
{
	for (const struct listener *l = m->listeners; l; l = l->next)
		if (l->is_described || l->is_off)
			return false;
	return true;
}

static bool lets_anybody_in(const struct migration *m, const struct security *s)
{
	return s->anonymous >= 0 ? s->anonymous > 0 : is_local_only(m);
}

static const struct security *security_of(const struct migration *m, const struct listener *l)
{
	return l->security ? l->security : m->global;
}

/* The security under which he may come, if he may everywhere; NULL: he may not. */
static const struct security *anonymous_under(struct migration *m)
{
	const struct security *first = NULL;
	bool is_everywhere = true;
	struct place at = { 0 };
	if (is_local_only(m))
		return lets_anybody_in(m, m->global) ? m->global : NULL;
	for (const struct listener *l = m->listeners; l; l = l->next) {
		const struct security *s = security_of(m, l);
		if (!listener_is_used(l))
			continue;
		is_everywhere = is_everywhere && lets_anybody_in(m, s);
		if (!first && lets_anybody_in(m, s)) {
			first = s;
			at = l->place;
		}
	}
	if (first && !is_everywhere)
		migrate_note(m, at, slice_str("allow_anonymous"), FATE_LOST,
			     "another listener wants a name, and mqtt.allow_anonymous is of all: "
			     "it is false");
	return is_everywhere ? first : NULL;
}

static bool has_user(const struct migration *m, struct slice name)
{
	for (const struct user *u = m->users; u; u = u->next)
		if (slice_eq(u->name, name))
			return true;
	return false;
}

static enum err add_anonymous(struct migration *m)
{
	const struct security *s = anonymous_under(m);
	struct place nowhere = { m->setup->path, 0 };
	(void)migrate_set(m, "mqtt.allow_anonymous", slice_str(s ? "true" : "false"));
	if (!s)
		return ERR_OK;
	struct user *u = migrate_user(m, SLICE_EMPTY, nowhere, s);
	if (!u)
		return ERR_RESOURCE_ERROR;
	u->is_anonymous = true;
	u->hash = m->setup->anonymous_hash;
	u->algorithm = m->setup->anonymous_algorithm;
	if (s->password_file.n == 0 && s->dynsec_file.n == 0)
		migrate_note(m, nowhere, slice_str("allow_anonymous"), FATE_CHANGED,
			     "Mosquitto lets in whatever name a client gives, as there is no "
			     "password_file; here a client that gives one must be known: add "
			     "users");
	return ERR_OK;
}

/* He gets a name that nobody has, when all users are known. */
static void name_anonymous(struct migration *m)
{
	static const char *const names[] = { "anonymous", "mqtt-anonymous", "mqtt-nobody" };
	struct user *u = m->users;
	while (u && !u->is_anonymous)
		u = u->next;
	if (!u)
		return;
	size_t i = 0;
	while (i + 1 < sizeof names / sizeof *names && has_user(m, slice_str(names[i])))
		i++;
	u->name = slice_str(names[i]);
	(void)migrate_set(m, "anonymous_login_user", u->name);
	(void)migrate_set(m, "anonymous_login_pass", m->setup->anonymous_password);
}

/* ---- users and what they may do ----------------------------------------------------------- */

/* Where there is something that says what is allowed, nothing else is. */
static void rule_others(struct migration *m)
{
	for (struct user *u = m->users; u; u = u->next) {
		u->is_ruled = u->is_ruled || u->security->acl_file.n > 0 ||
			      u->security->dynsec_file.n > 0;
		if (slice_find(u->name, ':') < u->name.n)
			migrate_note(m, u->place, u->name, FATE_LOST,
				     "what stands before the last colon of a name is a virtual "
				     "host: he needs another name");
	}
}

static enum err read_users(struct migration *m)
{
	for (const struct security *s = m->securities; s; s = s->next)
		if (s->password_file.n > 0)
			TRY(passwd_read(m, s));
	TRY(add_anonymous(m));
	for (const struct security *s = m->securities; s; s = s->next)
		if (s->dynsec_file.n > 0)
			TRY(dynsec_read(m, s));
	for (const struct security *s = m->securities; s; s = s->next)
		if (s->acl_file.n > 0)
			TRY(acl_read(m, s));
	rule_others(m);
	name_anonymous(m);
	return ERR_OK;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* What is the same for all rules about topics. */
static void report_rules(struct migration *m)
{
	for (const struct security *s = m->securities; s; s = s->next) {
		if (s->acl_file.n == 0 && s->dynsec_file.n == 0)
			continue;
		struct place at = s->acl_file.n > 0 ? s->acl_place : s->dynsec_place;
		migrate_note(m, at, slice_str("read"), FATE_CHANGED,
			     "a subscription is refused (0x80, 0x87) unless one rule allows all of "
			     "its topics; Mosquitto withholds single messages");
		migrate_note(m, at, slice_str("topic"), FATE_CHANGED,
			     "a topic with a dot in it is judged as if that were a slash: who may "
			     "use a/b may use a.b, too");
	}
}

static void report_sum(struct migration *m)
{
	static const char *const words[FATE_N] = { " changed, ", " needless, ", " lost\n" };
	page_putn(&m->report, m->kept_n);
	page_puts(&m->report, " kept, ");
	for (int i = 0; i < FATE_N; i++) {
		page_putn(&m->report, m->fates[i]);
		page_puts(&m->report, words[i]);
	}
}

static enum err read_all(struct migration *m)
{
	struct place nowhere = { 0 };
	m->global = hoard_get(&m->hoard, sizeof *m->global);
	if (!m->global || !listener_new(m, (struct place){ m->setup->path, 0 }))
		return ERR_RESOURCE_ERROR;
	m->global->anonymous = -1;
	m->securities = m->global;
	m->securities_end = &m->global->next;
	m->listener = m->listeners;
	TRY(conf_read(m, nowhere, m->setup->path, 0));
	if (m->known_n == 0 && m->unknown_n > 0) {
		text_put_printable(m->why, m->setup->path);
		text_puts(m->why, " is no mosquitto.conf: it has no option that is known");
		return ERR_MALFORMED;
	}
	TRY(read_users(m));
	TRY(bridges_settle(m));
	listeners_settle(m);
	report_rules(m);
	return ERR_OK;
}

static enum err run(struct migration *m, struct migrate_out *out)
{
	struct page definitions = { 0 }, conf = { 0 };
	TRY(read_all(m));
	write_definitions(m, &definitions);
	write_conf(m, &conf);
	report_sum(m);
	bool is_short = m->hoard.is_short;
	out->definitions = page_take(&definitions);
	out->conf = page_take(&conf);
	out->report = page_take(&m->report);
	if (!is_short && out->definitions && out->conf && out->report)
		return ERR_OK;
	migrate_out_fini(out);
	return ERR_RESOURCE_ERROR;
}

enum err migrate_mosquitto(const struct migrate_setup *setup, struct migrate_out *out,
			   struct text *why)
{
	struct migration m = { .setup = setup, .why = why, .log_level = -1 };
	m.listeners_end = &m.listeners;
	m.users_end = &m.users;
	m.settings_end = &m.settings;
	m.bridges_end = &m.bridges;
	*out = (struct migrate_out){ 0 };
	enum err e = run(&m, out);
	if (e == ERR_RESOURCE_ERROR)
		text_puts(why, "there is not enough memory");
	page_fini(&m.report);
	hoard_fini(&m.hoard);
	return e;
}

void migrate_out_fini(struct migrate_out *own_out)
{
	free(own_out->definitions);
	free(own_out->conf);
	free(own_out->report);
	*own_out = (struct migrate_out){ 0 };
}
