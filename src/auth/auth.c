#include "auth/auth.h"

#include "base/must.h"

#define EXPANDED_MAX (AUTH_EXPRESSION_MAX + 4384u) /* with its variables filled in */

/* The default exchange's name in permissions. */
static struct slice name_of(const struct auth_wish *w)
{
	must(w->action < AUTH_ACTION_N);
	return w->kind == AUTH_EXCHANGE && w->name.n == 0 ? slice_str("amq.default") : w->name;
}

static bool fits(struct patterns *p, struct slice expr, struct slice s)
{
	if (expr.n == 0)
		return s.n == 0;
	if (slice_eq(expr, slice_str(".*")))
		return true;
	must(p != NULL);
	return p->ops->match(p, expr, s);
}

bool auth_may(struct patterns *p, const struct grant *g, const struct auth_wish *w)
{
	must(w->action < AUTH_ACTION_N);
	return fits(p, g->pattern[w->action], name_of(w));
}

/* Every sign of ASCII that may have a meaning in an expression gets a backslash. */
static void put_literally(struct slice s, struct text *out)
{
	must(s.p != NULL);
	for (size_t i = 0; i < s.n; i++) {
		const uint8_t c = s.p[i], low = c | 0x20;
		bool is_plain = c >= 0x80 || (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z');
		if (!is_plain)
			text_putc(out, '\\');
		text_putc(out, (char)c);
	}
}

#define CLIENT_ID "{client_id}"

/* Puts the value of the variable that `expr` begins with; 0: it begins with none. */
static size_t put_variable(struct slice expr, const struct auth_wish *w, struct text *out)
{
	static const char user[] = "{username}", vhost[] = "{vhost}";
	must(expr.n > 0);
	if (slice_starts_with(expr, slice_str(user))) {
		text_put_slice(out, w->user);
		return sizeof user - 1;
	}
	if (slice_starts_with(expr, slice_str(vhost))) {
		text_put_slice(out, w->vhost);
		return sizeof vhost - 1;
	}
	if (w->client.p && slice_starts_with(expr, slice_str(CLIENT_ID))) {
		put_literally(w->client, out);
		return sizeof CLIENT_ID - 1;
	}
	return 0;
}

/* A client that is named like a wildcard would read by its own name what others have. */
static bool is_wild(struct slice client)
{
	must(client.p || client.n == 0);
	return slice_find(client, '*') < client.n || slice_find(client, '#') < client.n;
}

bool auth_may_key(struct patterns *p, const struct grant *g, const struct auth_wish *w)
{
	char room[EXPANDED_MAX];
	struct text full = text_of(room, sizeof room);
	struct slice expr = g->pattern[w->action];
	must(w->action == AUTH_WRITE || w->action == AUTH_READ);
	while (expr.n > 0) {
		size_t n = put_variable(expr, w, &full);
		if (n == sizeof CLIENT_ID - 1 && w->action == AUTH_READ && is_wild(w->client))
			return false;
		if (n == 0)
			text_putc(&full, (char)expr.p[n++]);
		expr = slice_from(expr, n);
	}
	return !text_is_full(&full) && fits(p, text_slice(&full), w->key);
}

/* ---- words -------------------------------------------------------------------------------- */

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

static void put_place(const struct auth_wish *w, struct text *out)
{
	must(w->kind == AUTH_EXCHANGE || w->kind == AUTH_QUEUE);
	text_puts(out, nouns[w->kind]);
	text_put_quoted(out, " ", name_of(w));
	text_put_quoted(out, " in vhost ", w->vhost);
	text_put_quoted(out, " refused for user ", w->user);
}

void auth_refusal(const struct auth_wish *w, struct text *out)
{
	must(w->action < AUTH_ACTION_N);
	text_puts(out, verbs[w->action]);
	text_puts(out, " access to ");
	put_place(w, out);
}

void auth_refusal_key(const struct auth_wish *w, struct text *out)
{
	must(w->action < AUTH_ACTION_N);
	text_puts(out, verbs[w->action]);
	text_put_quoted(out, " access to topic ", w->key);
	text_puts(out, " in ");
	put_place(w, out);
}
