#include "auth/auth.h"

#include "base/must.h"

void auth_init(struct auth *a)
{
	must(a != NULL);
	a->users_n = 0;
	a->permissions_n = 0;
}

enum err auth_add(struct auth *a, const struct auth_user *user, uint16_t *out_user)
{
	must(user->name.n <= LIMIT_SHORTSTR);
	for (uint16_t i = 0; i < a->users_n; i++)
		if (slice_eq(a->users[i].name, user->name))
			return ERR_EXISTS;
	if (a->users_n == LIMIT_AUTH_USERS_MAX)
		return ERR_LIMIT;
	a->users[a->users_n] = *user;
	*out_user = a->users_n++;
	return ERR_OK;
}

static struct auth_permission *find(const struct auth *a, uint16_t user, uint16_t vhost)
{
	must(user < a->users_n);
	for (uint16_t i = 0; i < a->permissions_n; i++) {
		const struct auth_permission *p = &a->permissions[i];
		if (p->user == user && p->vhost == vhost)
			return (struct auth_permission *)(uintptr_t)p;
	}
	return NULL;
}

enum err auth_permit(struct auth *a, uint16_t user, uint16_t vhost, uint8_t actions)
{
	must(actions <= AUTH_EVERYTHING);
	struct auth_permission *p = find(a, user, vhost);
	if (!p && a->permissions_n == LIMIT_AUTH_USERS_MAX)
		return ERR_LIMIT;
	if (!p)
		p = &a->permissions[a->permissions_n++];
	*p = (struct auth_permission){ user, vhost, actions };
	return ERR_OK;
}

/* Compares secrets in a time that depends only on the length of what the peer sent. */
static bool is_same(struct slice secret, struct slice given)
{
	must(given.n <= UINT32_MAX);
	uint32_t differs = secret.n != given.n;
	for (size_t i = 0; i < given.n; i++)
		differs |= (uint32_t)(given.p[i] ^ (secret.n ? secret.p[i % secret.n] : 0xff));
	return differs == 0;
}

static const struct auth_user *find_user(const struct auth *a, struct slice name)
{
	for (uint16_t i = 0; i < a->users_n; i++)
		if (slice_eq(a->users[i].name, name))
			return &a->users[i];
	return NULL;
}

enum err auth_login(const struct auth *a, struct slice name, struct slice password,
		    bool is_loopback, uint16_t *out_user, bool *out_is_tellable, struct text *why)
{
	must(out_user && out_is_tellable && why);
	const struct auth_user *u = find_user(a, name);
	bool is_right = is_same(u ? u->password : SLICE_EMPTY, password);
	*out_is_tellable = false;
	if (!u || !is_right || u->password.n == 0) {
		text_puts(why, !u ? "unknown user" : "wrong password");
		return ERR_ACCESS_REFUSED;
	}
	if (u->is_loopback_only && !is_loopback) {
		text_puts(why, "user '");
		text_put_slice(why, name);
		text_puts(why, "' can only connect via localhost");
		*out_is_tellable = true;
		return ERR_ACCESS_REFUSED;
	}
	*out_user = (uint16_t)(u - a->users);
	return ERR_OK;
}

enum err auth_enter(const struct auth *a, uint16_t user, uint16_t vhost)
{
	return find(a, user, vhost) ? ERR_OK : ERR_ACCESS_REFUSED;
}

enum err auth_check(const struct auth *a, uint16_t user, uint16_t vhost, enum auth_kind kind,
		    struct slice name, enum auth_action action)
{
	must(action < AUTH_ACTION_N && name.n <= LIMIT_SHORTSTR);
	(void)kind;
	const struct auth_permission *p = find(a, user, vhost);
	return p && (p->actions >> action & 1) ? ERR_OK : ERR_ACCESS_REFUSED;
}

void auth_refusal(const struct auth *a, uint16_t user, struct slice vhost, enum auth_kind kind,
		  struct slice name, enum auth_action action, struct text *out)
{
	static const char *const verbs[] = {
#define ACTION(name, verb, prose) verb,
#include "auth/action.def"
#undef ACTION
	};
	static const char *const nouns[] = {
#define RESOURCE(name, noun, prose) noun,
#include "auth/resource.def"
#undef RESOURCE
	};
	must(action < AUTH_ACTION_N);
	text_puts(out, verbs[action]);
	text_puts(out, " access to ");
	text_puts(out, nouns[kind]);
	text_puts(out, " '");
	text_put_slice(out, name);
	text_puts(out, "' in vhost '");
	text_put_slice(out, vhost);
	text_puts(out, "' refused for user '");
	text_put_slice(out, auth_user_name(a, user));
	text_putc(out, '\'');
}

struct slice auth_user_name(const struct auth *a, uint16_t user)
{
	must(user < a->users_n);
	return a->users[user].name;
}

bool auth_has_tag(const struct auth *a, uint16_t user, uint8_t tag)
{
	must(user < a->users_n);
	return a->users[user].tags & tag;
}
