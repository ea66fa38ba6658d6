#include "session/access.h"

#include "auth/account.h"
#include "base/ablate.h"
#include "base/must.h"
#include "base/tally.h"
#include "core/fact.h"

/* What is counted of each user and virtual host, told apart in the tally; of the user 0, who is
 * none, what is counted of the whole node. */
#define NODE UINT64_C(0)
enum { COUNT_USER_CONNECTIONS, COUNT_USER_CHANNELS, COUNT_VHOST_CONNECTIONS, COUNT_KINDS };

static uint64_t counted(uint64_t id, int what)
{
	must(what < COUNT_KINDS);
	return id * COUNT_KINDS + (uint64_t)what;
}

static const struct fact *user_fact(const struct session_world *w, struct slice name)
{
	must(w->view != NULL);
	return catalog_fact(w->view, FACT_USER, name, SLICE_EMPTY, SLICE_EMPTY);
}

static struct fact_limits limits_of(const struct session_world *w, enum fact_kind kind,
				    struct slice name)
{
	must(kind == FACT_USER_LIMITS || kind == FACT_VHOST_LIMITS);
	if (ABLATED(limits))
		return fact_limits_of(NULL);
	return fact_limits_of(catalog_fact(w->view, kind, name, SLICE_EMPTY, SLICE_EMPTY));
}

/* ---- login -------------------------------------------------------------------------------- */

static bool is_loopback_only(const struct session_world *w, struct slice user)
{
	const struct session_limits *l = w->limits;
	must(l->loopback_users_n <= SESSION_LOOPBACK_USERS_MAX);
	for (uint32_t i = 0; i < l->loopback_users_n; i++)
		if (slice_eq(l->loopback_users[i], user))
			return true;
	return false;
}

static enum secret let_in(const struct access *a, const struct session_world *w,
			  bool *out_is_tellable, struct text *why)
{
	must(a->user != 0);
	if (a->is_loopback || !is_loopback_only(w, access_name(a)))
		return SECRET_RIGHT;
	text_put_quoted(why, "user ", access_name(a));
	text_puts(why, " can only connect via localhost");
	*out_is_tellable = true;
	return SECRET_WRONG;
}

/* A copy that stays; NULL: no memory. */
static char *keep(struct session_world *w, struct slice name, const char *kind)
{
	must(name.n > 0 && name.n <= UINT8_MAX);
	char *copy = mem_get(w->mem, name.n, kind);
	if (copy)
		memcpy(copy, name.p, name.n);
	return copy;
}

static enum secret refuse(struct text *why, const char *reason)
{
	must(reason[0] != '\0');
	text_puts(why, reason);
	return SECRET_WRONG;
}

/* Keeps who he is, once it is known that there is such a user. */
static enum secret name_user(struct access *a, struct session_world *w, const struct fact *f,
			     struct slice user, struct text *why)
{
	must(!a->name && !a->user);
	a->name = keep(w, user, "user name");
	if (!a->name)
		return refuse(why, "no memory");
	a->name_n = (uint8_t)user.n;
	a->user = f->id;
	return SECRET_RIGHT;
}

enum secret access_trust(struct access *a, struct session_world *w, struct slice user,
			 bool *out_is_tellable, struct text *why)
{
	const struct fact *f = user_fact(w, user);
	*out_is_tellable = false;
	if (!f || user.n == 0 || user.n > UINT8_MAX)
		return refuse(why, "unknown user");
	if (name_user(a, w, f, user, why) != SECRET_RIGHT)
		return SECRET_WRONG;
	return let_in(a, w, out_is_tellable, why);
}

enum secret access_login(struct access *a, struct session_world *w,
			 const struct access_login *login, bool *out_is_tellable, struct text *why)
{
	const struct fact *f = user_fact(w, login->user);
	struct account account;
	must(!a->name && !a->user);
	*out_is_tellable = false;
	if (!f || login->user.n == 0 || login->user.n > UINT8_MAX)
		return refuse(why, "unknown user");
	if (account_get(f->value, &account) != ERR_OK || account.hash.n == 0)
		return refuse(why, "the user has no password");
	if (login->password.n == 0)
		return refuse(why, "an empty password");
	if (name_user(a, w, f, login->user, why) != SECRET_RIGHT)
		return SECRET_WRONG;
	enum secret s = w->secrets->ops->check(w->secrets, account.algorithm, account.hash,
					       login->password, login->ticket);
	a->asked = s == SECRET_LATER ? login->ticket : 0;
	if (s == SECRET_LATER)
		return s;
	return access_checked(a, w, s == SECRET_RIGHT, out_is_tellable, why);
}

enum secret access_checked(struct access *a, struct session_world *w, bool is_right,
			   bool *out_is_tellable, struct text *why)
{
	*out_is_tellable = false;
	a->asked = 0;
	must(a->user != 0);
	if (!is_right)
		return refuse(why, "wrong password");
	if (!catalog_fact_by_id(w->view, a->user))
		return refuse(why, "the user has just been deleted");
	return let_in(a, w, out_is_tellable, why);
}

bool access_has_tag(const struct access *a, const struct session_world *w, const char *tag)
{
	const struct fact *f = a->user ? catalog_fact_by_id(w->view, a->user) : NULL;
	must(tag[0] != '\0');
	return f && account_has_tag(f->value, tag);
}

/* ---- a virtual host ----------------------------------------------------------------------- */

static enum err limited(struct text *why, const char *of, int64_t max)
{
	must(max >= 0);
	text_putf(why, ": %sconnection limit (%lld) is reached", of, (long long)max);
	return ERR_LIMIT;
}

/* Counts the connection where bounds are. */
static enum err count(struct access *a, struct session_world *w, struct slice vhost,
		      struct text *why)
{
	int64_t of_vhost = limits_of(w, FACT_VHOST_LIMITS, vhost).connections;
	int64_t of_user = limits_of(w, FACT_USER_LIMITS, access_name(a)).connections;
	uint64_t there = counted(a->vhost, COUNT_VHOST_CONNECTIONS);
	must(!a->is_in);
	enum err e = tally_add(w->tally, there, of_vhost);
	if (e == ERR_LIMIT) {
		text_put_quoted(why, "access to vhost ", vhost);
		text_put_quoted(why, " refused for user ", access_name(a));
		return limited(why, "", of_vhost);
	}
	TRY(e);
	e = tally_add(w->tally, counted(a->user, COUNT_USER_CONNECTIONS), of_user);
	if (e != ERR_OK)
		tally_sub(w->tally, there);
	if (e == ERR_LIMIT) {
		text_put_quoted(why, "connection refused for user ", access_name(a));
		return limited(why, "user ", of_user);
	}
	a->is_in = e == ERR_OK;
	return e;
}

static enum err count_of_node(struct access *a, struct session_world *w, struct text *why)
{
	int64_t max = w->limits->connection_max;
	must(!a->is_of_node);
	if (max < 0)
		return ERR_OK;
	enum err e = tally_add(w->tally, counted(NODE, COUNT_USER_CONNECTIONS), max);
	a->is_of_node = e == ERR_OK;
	if (e != ERR_LIMIT)
		return e;
	text_putf(why, "connection refused: node connection limit (%lld) is reached",
		  (long long)max);
	return ERR_LIMIT;
}

enum err access_enter(struct access *a, struct session_world *w, struct slice vhost,
		      struct text *why)
{
	const struct fact *f = catalog_fact(w->view, FACT_VHOST, vhost, SLICE_EMPTY, SLICE_EMPTY);
	must(a->user != 0 && !a->is_in);
	TRY(count_of_node(a, w, why));
	if (catalog_vhost(w->view, vhost, &a->number) != ERR_OK) {
		text_puts(why, "vhost ");
		text_put_slice(why, vhost);
		text_puts(why, " not found");
		return ERR_NOT_ALLOWED;
	}
	a->vhost = f ? f->id : 0;
	a->facts_version = catalog_facts_version(w->view);
	a->vhost_name = keep(w, vhost, "vhost name");
	if (!a->vhost_name)
		return ERR_RESOURCE_ERROR;
	a->vhost_name_n = (uint8_t)vhost.n;
	TRY(count(a, w, vhost, why));
	if (catalog_fact(w->view, FACT_PERMISSION, access_name(a), vhost, SLICE_EMPTY))
		return ERR_OK;
	text_put_quoted(why, "access to vhost ", vhost);
	text_put_quoted(why, " refused for user ", access_name(a));
	return ERR_NOT_ALLOWED;
}

void access_leave(struct access *a, struct session_world *w)
{
	if (a->is_in) {
		access_channel_gone(a, w, a->channels_n);
		tally_sub(w->tally, counted(a->user, COUNT_USER_CONNECTIONS));
		tally_sub(w->tally, counted(a->vhost, COUNT_VHOST_CONNECTIONS));
	}
	if (a->is_of_node)
		tally_sub(w->tally, counted(NODE, COUNT_USER_CONNECTIONS));
	a->is_in = a->is_of_node = false;
	must(a->channels_n == 0);
}

void access_fini(struct access *a, struct session_world *w)
{
	access_leave(a, w);
	if (a->asked)
		w->secrets->ops->forget(w->secrets, a->asked);
	mem_put(w->mem, a->name, a->name_n);
	mem_put(w->mem, a->vhost_name, a->vhost_name_n);
	*a = (struct access){ .number = a->number };
}

enum err access_look(struct access *a, const struct session_world *w, struct text *why)
{
	uint64_t version = catalog_facts_version(w->view);
	must(why != NULL);
	if (!a->is_in || version == a->facts_version)
		return ERR_OK;
	a->facts_version = version;
	if (!catalog_fact_by_id(w->view, a->user)) {
		text_put_quoted(why, "user ", access_name(a));
		text_puts(why, " is deleted");
		return ERR_CONNECTION_FORCED;
	}
	if (a->vhost && !catalog_fact_by_id(w->view, a->vhost)) {
		text_put_quoted(why, "vhost ", access_vhost_name(a));
		text_puts(why, " is deleted");
		return ERR_CONNECTION_FORCED;
	}
	return ERR_OK;
}

/* ---- channels ----------------------------------------------------------------------------- */

/* Is one more allowed by the whole node? */
static enum err channel_of_node(struct session_world *w, struct text *why)
{
	int64_t max = w->limits->channel_max_per_node;
	must(why != NULL);
	if (max < 0)
		return ERR_OK;
	enum err e = tally_add(w->tally, counted(NODE, COUNT_USER_CHANNELS), max);
	if (e != ERR_LIMIT)
		return e;
	text_put_quoted(why, "number of channels opened on node ", w->limits->cluster_name);
	text_putf(why, " has reached the maximum allowed limit of (%lld)", (long long)max);
	return ERR_NOT_ALLOWED;
}

static void channels_of_node_gone(struct session_world *w, uint32_t n)
{
	must(w->tally != NULL);
	for (; w->limits->channel_max_per_node >= 0 && n > 0; n--)
		tally_sub(w->tally, counted(NODE, COUNT_USER_CHANNELS));
}

enum err access_channel(struct access *a, struct session_world *w, struct text *why)
{
	int64_t max = limits_of(w, FACT_USER_LIMITS, access_name(a)).objects;
	must(a->is_in);
	TRY(channel_of_node(w, why));
	enum err e = tally_add(w->tally, counted(a->user, COUNT_USER_CHANNELS), max);
	a->channels_n += e == ERR_OK;
	if (e != ERR_OK)
		channels_of_node_gone(w, 1);
	if (e != ERR_LIMIT)
		return e;
	text_put_quoted(why, "number of channels opened for user ", access_name(a));
	text_puts(why, " has reached the maximum allowed user limit of ");
	text_putf(why, "(%lld)", (long long)max);
	return ERR_NOT_ALLOWED;
}

void access_channel_gone(struct access *a, struct session_world *w, uint32_t n)
{
	must(n <= a->channels_n);
	a->channels_n -= n;
	channels_of_node_gone(w, n);
	for (; n > 0; n--)
		tally_sub(w->tally, counted(a->user, COUNT_USER_CHANNELS));
}

/* ---- permissions -------------------------------------------------------------------------- */

static struct auth_wish wish_of(const struct access *a, enum auth_kind kind,
				enum auth_action action, struct slice name)
{
	must(a->is_in);
	return (struct auth_wish){ .kind = kind,
				   .action = action,
				   .user = access_name(a),
				   .vhost = access_vhost_name(a),
				   .name = name };
}

/* What he may do in his virtual host. False: nothing. */
static bool grant_of(const struct access *a, const struct session_world *w, struct grant *out)
{
	const struct fact *f = catalog_fact(w->view, FACT_PERMISSION, access_name(a),
					    access_vhost_name(a), SLICE_EMPTY);
	must(a->is_in);
	return f && grant_get(f->value, out) == ERR_OK;
}

enum err access_allow(const struct access *a, const struct session_world *w, enum auth_kind kind,
		      enum auth_action action, struct slice name, struct text *why)
{
	if (a->is_trusted)
		return ERR_OK;
	struct auth_wish wish = wish_of(a, kind, action, name);
	struct grant g;
	must(action < AUTH_ACTION_N);
	if (grant_of(a, w, &g) && auth_may(w->patterns, &g, &wish))
		return ERR_OK;
	auth_refusal(&wish, why);
	return ERR_ACCESS_REFUSED;
}

enum err access_allow_any(const struct access *a, const struct session_world *w,
			  enum auth_kind kind, struct slice name, struct text *why)
{
	if (a->is_trusted)
		return ERR_OK;
	struct auth_wish wish = wish_of(a, kind, AUTH_CONFIGURE, name);
	struct grant g;
	const bool has_grant = grant_of(a, w, &g);
	must(why != NULL);
	for (int action = 0; has_grant && action < AUTH_ACTION_N; action++) {
		wish.action = (enum auth_action)action;
		if (auth_may(w->patterns, &g, &wish))
			return ERR_OK;
	}
	wish.action = AUTH_CONFIGURE;
	auth_refusal(&wish, why);
	return ERR_ACCESS_REFUSED;
}

enum err access_allow_key(const struct access *a, const struct session_world *w,
			  enum auth_action action, struct slice exchange, struct slice key,
			  struct text *why)
{
	struct auth_wish wish = wish_of(a, AUTH_EXCHANGE, action, exchange);
	const struct fact *f = catalog_fact(w->view, FACT_TOPIC_PERMISSION, wish.user, wish.vhost,
					    exchange);
	struct grant g;
	must(action == AUTH_READ || action == AUTH_WRITE);
	wish.key = key;
	wish.client = a->client;
	if (!f || (grant_get(f->value, &g) == ERR_OK && auth_may_key(w->patterns, &g, &wish)))
		return ERR_OK;
	auth_refusal_key(&wish, why);
	return ERR_ACCESS_REFUSED;
}
