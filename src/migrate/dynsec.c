#include "migrate/model.h"

#include "base/limits.h"

#include <cjson/cJSON.h>

#define ROLES_MAX 256u /* of a user, with those of his groups */

struct reader {
	struct migration *m;
	const struct security *security;
	const cJSON *root;
	struct place at;
};

static const cJSON *list_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsArray(v) ? v->child : NULL;
}

/* Empty: it is not there. */
static struct slice string_of(const struct reader *r, const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) ? hoard_copy(&r->m->hoard, slice_str(v->valuestring))
				 : SLICE_EMPTY;
}

static bool has_string(const cJSON *object, const char *name, const char *value)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) && strcmp(v->valuestring, value) == 0;
}

static int number_in(const cJSON *object, const char *name, int other)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNumber(v) ? v->valueint : other;
}

static bool is_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* The one of a list whose member `name` is `value`; NULL: there is none. */
static const cJSON *find(const struct reader *r, const char *list, const char *name,
			 const cJSON *value)
{
	for (const cJSON *v = list_of(r->root, list); v && cJSON_IsString(value); v = v->next)
		if (has_string(v, name, value->valuestring))
			return v;
	return NULL;
}

/* ---- rules -------------------------------------------------------------------------------- */

/* By priority, the highest first; those of one priority as they stand. */
static const cJSON *next_by_priority(const cJSON *list, int other, const cJSON *last)
{
	const cJSON *best = NULL;
	int bound = last ? number_in(last, "priority", other) : 0;
	bool is_past = false;
	for (const cJSON *v = list; v; v = v->next) {
		int p = number_in(v, "priority", other);
		bool is_left = !last || p < bound || (p == bound && is_past);
		if (is_left && (!best || p > number_in(best, "priority", other)))
			best = v;
		is_past = is_past || v == last;
	}
	return best;
}

struct target {
	const char *acltype;
	struct rights *rules;
	bool is_exact, is_for_all;
};

static enum err take_acl(const struct reader *r, struct user *u, const struct target *t,
			 const cJSON *acl)
{
	struct slice filter = string_of(r, acl, "topic");
	struct right rule = { .filter = { .text = filter,
					  .user = u->name,
					  .has_variables = !t->is_exact,
					  .is_for_all = t->is_for_all },
			      .is_allowed = is_true(acl, "allow"),
			      .is_exact = t->is_exact };
	if (u->is_anonymous && filter_has(filter, "%u"))
		return ERR_OK;
	if (!filter_is_good(filter)) {
		migrate_note(r->m, r->at, filter, FATE_LOST,
			     "that is no topic filter, so nothing fits it");
		return ERR_OK;
	}
	return rights_add(t->rules, &r->m->hoard, &rule) ? ERR_OK : ERR_RESOURCE_ERROR;
}

static enum err take_role(const struct reader *r, struct user *u, const cJSON *role)
{
	const struct target targets[] = {
		{ "publishClientSend", &u->write, false, false },
		{ "publishClientReceive", &u->read, false, false },
		{ "subscribeLiteral", &u->subscribe, true, false },
		{ "subscribePattern", &u->subscribe, false, true },
	};
	const cJSON *acls = list_of(role, "acls");
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		for (const cJSON *a = next_by_priority(acls, 0, NULL); a;
		     a = next_by_priority(acls, 0, a))
			if (has_string(a, "acltype", targets[i].acltype))
				TRY(take_acl(r, u, &targets[i], a));
	return ERR_OK;
}

/* The roles of a client or a group. */
static enum err take_roles(const struct reader *r, struct user *u, const cJSON *owner)
{
	const cJSON *roles = list_of(owner, "roles");
	uint32_t n = 0;
	for (const cJSON *v = next_by_priority(roles, -1, NULL); v && n < ROLES_MAX;
	     v = next_by_priority(roles, -1, v), n++) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(v, "rolename");
		const cJSON *role = find(r, "roles", "rolename", name);
		if (role)
			TRY(take_role(r, u, role));
	}
	return ERR_OK;
}

/* A client's place in a group, of which the group knows, or the client; NULL: he is not in it. */
static const cJSON *membership_of(const cJSON *group, const cJSON *client)
{
	const cJSON *user = cJSON_GetObjectItemCaseSensitive(client, "username");
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(group, "groupname");
	for (const cJSON *v = list_of(group, "clients"); v && cJSON_IsString(user); v = v->next)
		if (has_string(v, "username", user->valuestring))
			return v;
	for (const cJSON *v = list_of(client, "groups"); v && cJSON_IsString(name); v = v->next)
		if (has_string(v, "groupname", name->valuestring))
			return v;
	return NULL;
}

/* His groups, by priority, the highest first. */
static enum err take_groups(const struct reader *r, struct user *u, const cJSON *client)
{
	const cJSON *last = NULL;
	while (true) {
		const cJSON *best = NULL;
		bool is_past = false;
		int best_priority = 0;
		const cJSON *was = last ? membership_of(last, client) : NULL;
		int bound = was ? number_in(was, "priority", -1) : 0;
		for (const cJSON *g = list_of(r->root, "groups"); g; g = g->next) {
			const cJSON *in = membership_of(g, client);
			int p = in ? number_in(in, "priority", -1) : 0;
			bool is_left = in && (!last || p < bound || (p == bound && is_past));
			if (is_left && (!best || p > best_priority)) {
				best = g;
				best_priority = p;
			}
			is_past = is_past || g == last;
		}
		if (!best)
			return ERR_OK;
		TRY(take_roles(r, u, best));
		last = best;
	}
}

static void take_defaults(const struct reader *r, struct user *u)
{
	const cJSON *d = cJSON_GetObjectItemCaseSensitive(r->root, "defaultACLAccess");
	u->write.is_else_allowed = is_true(d, "publishClientSend");
	u->read.is_else_allowed = is_true(d, "publishClientReceive");
	u->subscribe.is_else_allowed = is_true(d, "subscribe");
	u->is_ruled = true;
	u->has_subscribe = true;
	u->is_of_dynsec = true;
}

/* ---- clients ------------------------------------------------------------------------------ */

static void take_password(const struct reader *r, struct user *u, const cJSON *client)
{
	struct slice encoded = string_of(r, client, "encoded_password");
	struct slice password = string_of(r, client, "password");
	struct slice salt = string_of(r, client, "salt");
	int rounds = number_in(client, "iterations", 0);
	struct page page = { 0 };
	if (slice_starts_with(encoded, slice_str("$argon2id$"))) {
		u->hash = encoded;
		u->algorithm = "argon2id";
		return;
	}
	u->algorithm = "mosquitto_pbkdf2_sha512";
	if (slice_starts_with(encoded, slice_str("$7$"))) {
		u->hash = encoded;
		return;
	}
	if (password.n == 0 || salt.n == 0 || rounds <= 0) {
		migrate_note(r->m, r->at, u->name, FATE_LOST,
			     "he has no password, so he cannot log in with one");
		return;
	}
	page_puts(&page, "$7$");
	page_putn(&page, (uint64_t)rounds);
	page_puts(&page, "$");
	page_put(&page, salt);
	page_puts(&page, "$");
	page_put(&page, password);
	u->hash = hoard_copy(&r->m->hoard, page_slice(&page));
	r->m->hoard.is_short |= page.is_short;
	page_fini(&page);
}

static enum err take_client(const struct reader *r, const cJSON *client)
{
	struct slice name = string_of(r, client, "username");
	if (name.n == 0 || name.n > LIMIT_SHORTSTR) {
		migrate_note(r->m, r->at, slice_str("client"), FATE_LOST,
			     "its user name is empty, or has more than 255 bytes");
		return ERR_OK;
	}
	struct user *u = migrate_user(r->m, name, r->at, r->security);
	if (!u)
		return ERR_RESOURCE_ERROR;
	if (u->is_of_dynsec) {
		migrate_note(r->m, r->at, name, FATE_LOST, "he was there before");
		return ERR_OK;
	}
	take_defaults(r, u);
	if (is_true(client, "disabled"))
		migrate_note(r->m, r->at, name, FATE_CHANGED,
			     "he is disabled: he has no password until he is given one");
	else
		take_password(r, u, client);
	if (cJSON_GetObjectItemCaseSensitive(client, "clientid"))
		migrate_note(r->m, r->at, name, FATE_LOST,
			     "his client may call itself as it likes; use {client_id} in topic "
			     "permissions");
	TRY(take_roles(r, u, client));
	return take_groups(r, u, client);
}

static enum err take_anonymous(const struct reader *r)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(r->root, "anonymousGroup");
	const cJSON *group = find(r, "groups", "groupname", name);
	for (struct user *u = r->m->users; u; u = u->next) {
		if (!u->is_anonymous || u->security != r->security)
			continue;
		take_defaults(r, u);
		if (group)
			TRY(take_roles(r, u, group));
	}
	return ERR_OK;
}

/* What is the same for many is said once. */
static void note_roles(const struct reader *r)
{
	bool denies_leaving = false, has_variables = false;
	for (const cJSON *role = list_of(r->root, "roles"); role; role = role->next)
		for (const cJSON *a = list_of(role, "acls"); a; a = a->next) {
			const cJSON *topic = cJSON_GetObjectItemCaseSensitive(a, "topic");
			bool is_leaving = has_string(a, "acltype", "unsubscribeLiteral") ||
					  has_string(a, "acltype", "unsubscribePattern");
			denies_leaving = denies_leaving || (is_leaving && !is_true(a, "allow"));
			if (cJSON_IsString(topic) &&
			    (strstr(topic->valuestring, "%c") || strstr(topic->valuestring, "%u")))
				has_variables = true;
		}
	if (denies_leaving)
		migrate_note(r->m, r->at, slice_str("unsubscribe"), FATE_LOST,
			     "whoever has subscribed may unsubscribe");
	if (has_variables)
		migrate_note(r->m, r->at, slice_str("%c, %u"), FATE_CHANGED,
			     "they stand for the client's id and the user's name, as in Mosquitto "
			     "2.1; in 2.0 they were letters");
}

enum err dynsec_read(struct migration *m, const struct security *s)
{
	struct reader r = { .m = m, .security = s, .at = { s->dynsec_file, 0 } };
	struct slice text;
	enum err e = ERR_OK;
	TRY(migrate_read(m, s->dynsec_place, s->dynsec_file, &text));
	cJSON *root = cJSON_ParseWithLength((const char *)text.p, text.n);
	r.root = root;
	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		text_put_printable(m->why, s->dynsec_file);
		text_puts(m->why, " is no object of JSON");
		return ERR_MALFORMED;
	}
	note_roles(&r);
	for (const cJSON *c = list_of(root, "clients"); c && e == ERR_OK; c = c->next)
		e = take_client(&r, c);
	if (e == ERR_OK)
		e = take_anonymous(&r);
	cJSON_Delete(root);
	return e;
}
