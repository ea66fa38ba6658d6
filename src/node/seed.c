/* The first start: a virtual host, a user, and what he may do there, from the settings. They hold
 * at once, and are told to the log as well; a start that finds facts leaves them as they are. */
#include "node/seed.h"

#include "auth/account.h"
#include "auth/grant.h"
#include "base/must.h"
#include "base/text.h"
#include "core/fact.h"
#include "node/loop.h"
#include "session/defaults.h"

#define SEED_BYTES 4096u /* of one fact: three patterns of a setting's length at most */

static struct slice z(const char *s)
{
	return slice_of(s, strlen(s));
}

union room {
	struct run head;
	uint8_t bytes[sizeof(struct run) + SEED_BYTES];
};

struct seeds {
	union room at[4];
	uint32_t n;
};

static void add(struct seeds *s, const struct fact *f)
{
	union room *room = &s->at[s->n++];
	struct run *r = &room->head;
	must(s->n <= 4);
	*r = (struct run){ .kind = OUTCOME_FACT_PUT, .flags = RUN_LOGGED };
	r->tail_len = fact_put(f, room->bytes + sizeof *r, SEED_BYTES);
	r->len = (uint32_t)sizeof *r + ((r->tail_len + 7u) & ~7u);
	must(r->tail_len > 0);
}

/* All are true at once; then all are told to the log. */
static void tell(struct node *n, struct seeds *all)
{
	struct shard *s = n->shard[0];
	for (uint32_t i = 0; i < all->n; i++) {
		all->at[i].head.queue = catalog_fact_next(catalog_view(s->catalog));
		catalog_apply(s->catalog, &all->at[i].head, 0, NULL);
	}
	for (uint32_t i = 0; i < all->n; i++) {
		struct run *r = &all->at[i].head;
		r->kind = CMD_FACT_PUT;
		r->flags = FACT_AGAIN;
		r->queue = 0;
		shard_command(s, r);
	}
	must(!catalog_is_fresh(catalog_view(s->catalog)));
}

static enum err add_user(struct node *n, struct seeds *s, struct text *why)
{
	const struct config *c = n->config;
	struct secrets *secrets = n->setup.secrets[0];
	char hash[SECRET_HASH_MAX + 1], line[SECRET_HASH_MAX + 1];
	uint8_t buf[SEED_BYTES];
	struct text t = text_of(hash, sizeof hash), scram = text_of(line, sizeof line);
	struct account a = { 0 };
	if (c->default_pass[0]) {
		const char *algorithm = secrets->ops->make(secrets, z(c->default_pass), &t, &scram);
		if (!algorithm) {
			text_puts(why, "the password of default_user cannot be hashed");
			return ERR_RESOURCE_ERROR;
		}
		a.algorithm = z(algorithm);
		a.hash = text_slice(&t);
		a.scram = text_slice(&scram);
	}
	for (uint32_t i = 0; i < c->default_user_tags.n && i < ACCOUNT_TAGS_MAX; i++)
		a.tags[a.tags_n++] = z(c->default_user_tags.at[i].name);
	struct fact f = fact_of(FACT_USER, z(c->default_user), SLICE_EMPTY, SLICE_EMPTY);
	f.value = slice_of(buf, account_put(&a, buf, sizeof buf));
	must(f.value.n > 0);
	add(s, &f);
	return ERR_OK;
}

static enum err check(struct node *n, const char *key, const char *expr, struct text *why)
{
	struct patterns *p = n->setup.patterns[0];
	must(p != NULL);
	text_putf(why, "%s = %s: ", key, expr);
	TRY(p->ops->check(p, z(expr), why));
	*why = text_of(why->p, why->cap);
	return ERR_OK;
}

static enum err check_limits(struct node *n, struct text *why)
{
	const struct config_limits *c = &n->config->vhost_limits;
	must(c->n <= CONFIG_LIMITS_MAX);
	for (uint32_t i = 0; i < c->n; i++)
		TRY(check(n, "default_limits.vhosts pattern", c->at[i].pattern, why));
	return ERR_OK;
}

static void add_limits(struct node *n, struct seeds *s)
{
	struct slice vhost = z(n->config->default_vhost);
	struct fact f = fact_of(FACT_VHOST_LIMITS, vhost, SLICE_EMPTY, SLICE_EMPTY);
	uint8_t buf[FACT_LIMITS_BYTES];
	struct fact_limits l;
	must(s->n == 1);
	if (!defaults_limits(&n->limits, n->setup.patterns[0], vhost, &l))
		return;
	fact_limits_put(&l, buf);
	f.value = slice_of(buf, sizeof buf);
	add(s, &f);
}

static enum err add_permission(struct node *n, struct seeds *s, struct text *why)
{
	const struct config *c = n->config;
	uint8_t buf[SEED_BYTES];
	struct grant g = { { [AUTH_CONFIGURE] = z(c->default_configure),
			     [AUTH_WRITE] = z(c->default_write),
			     [AUTH_READ] = z(c->default_read) } };
	TRY(check(n, "default_permissions.configure", c->default_configure, why));
	TRY(check(n, "default_permissions.write", c->default_write, why));
	TRY(check(n, "default_permissions.read", c->default_read, why));
	struct fact f = fact_of(FACT_PERMISSION, z(c->default_user), z(c->default_vhost),
				SLICE_EMPTY);
	f.value = slice_of(buf, grant_put(&g, buf, sizeof buf));
	must(f.value.n > 0);
	add(s, &f);
	return ERR_OK;
}

/* ---- later starts ------------------------------------------------------------------------- */

/* Whether the account has another password, as far as can be said at once. */
static bool is_other_password(struct node *n, const struct account *a)
{
	struct secrets *secrets = n->setup.secrets[0];
	if (!slice_eq(a->algorithm, slice_str("rabbit_password_hashing_sha256")))
		return false;
	return secrets->ops->check(secrets, a->algorithm, a->hash, z(n->config->default_pass), 0) ==
	       SECRET_WRONG;
}

/* Settings that somebody has changed after the first start, and that nobody will look at. The
 * built-in ones are nobody's wish. */
static void say_late(struct node *n)
{
	const struct config *c = n->config;
	const struct catalog_view *v = catalog_view(n->shard[0]->catalog);
	const struct fact *f = catalog_fact(v, FACT_USER, z(c->default_user), SLICE_EMPTY,
					    SLICE_EMPTY);
	const char *what = NULL;
	struct account a;
	must(!catalog_is_fresh(v));
	if (strcmp(c->default_user, "guest") == 0 && strcmp(c->default_pass, "guest") == 0)
		return;
	if (!f && c->default_user[0])
		what = "there is no such user";
	else if (f && account_get(f->value, &a) == ERR_OK && is_other_password(n, &a))
		what = "the password is not default_pass";
	struct log_value values[2] = { log_str(z(c->default_user)), log_str(z(what ? what : "")) };
	if (what)
		loop_log(&n->loops[0], LOG_default_user_late, values, 2);
}

enum err node_seed(struct node *n, struct text *why)
{
	must(n->shard[0]->catalog != NULL);
	TRY(check_limits(n, why));
	if (n->setup.has_definitions)
		return ERR_OK;
	if (!catalog_is_fresh(catalog_view(n->shard[0]->catalog))) {
		say_late(n);
		return ERR_OK;
	}
	struct seeds s = { .n = 0 };
	struct fact vhost = fact_of(FACT_VHOST, z(n->config->default_vhost), SLICE_EMPTY,
				    SLICE_EMPTY);
	add(&s, &vhost);
	add_limits(n, &s);
	if (n->config->default_user[0]) {
		TRY(add_user(n, &s, why));
		TRY(add_permission(n, &s, why));
	}
	tell(n, &s);
	return ERR_OK;
}
