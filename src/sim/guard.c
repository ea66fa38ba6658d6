#include "sim/guard.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/must.h"
#include "base/regex.h"

#include <string.h>

static bool match(struct patterns *p, struct slice expr, struct slice subject)
{
	must(p->ops != NULL);
	return regex_find(expr, subject);
}

static enum err check_pattern(struct patterns *p, struct slice expr, struct text *why)
{
	must(p->ops != NULL && why != NULL);
	(void)expr;
	return ERR_OK;
}

static enum secret check(struct secrets *s, struct slice algorithm, struct slice hash,
			 struct slice password, uint64_t ticket)
{
	struct guard *g = containerof(s, struct guard, secrets);
	bool is_right = slice_eq(algorithm, slice_str("open")) && slice_eq(hash, password);
	if (g->n == GUARD_LATER_MAX)
		return is_right ? SECRET_RIGHT : SECRET_WRONG;
	g->later[g->n++] = (struct guard_later){ ticket, is_right };
	return SECRET_LATER;
}

static void forget(struct secrets *s, uint64_t ticket)
{
	struct guard *g = containerof(s, struct guard, secrets);
	uint32_t n = 0;
	must(g->n <= GUARD_LATER_MAX);
	for (uint32_t i = 0; i < g->n; i++)
		if (g->later[i].ticket != ticket)
			g->later[n++] = g->later[i];
	g->n = n;
}

static bool take(struct secrets *s, uint64_t *out_ticket, bool *out_is_right)
{
	struct guard *g = containerof(s, struct guard, secrets);
	if (g->n == 0)
		return false;
	*out_ticket = g->later[0].ticket;
	*out_is_right = g->later[0].is_right;
	g->n--;
	memmove(g->later, g->later + 1, g->n * sizeof g->later[0]);
	return true;
}

static bool has(struct secrets *s)
{
	return containerof(s, struct guard, secrets)->n > 0;
}

/* Some sum, of all that it is made of. */
static void sum(struct slice key, struct slice of, uint8_t out[SECRET_SUM_BYTES])
{
	const uint64_t keyed = hash_slice((struct hash_key){ 1, 2 }, key);
	for (uint64_t i = 0; i < SECRET_SUM_BYTES / 8; i++) {
		const uint64_t part = hash_slice((struct hash_key){ keyed, i }, of);
		memcpy(out + 8 * i, &part, 8);
	}
}

static const char *make(struct secrets *s, struct slice password, struct text *out_hash,
			struct text *out_scram)
{
	must(s->ops != NULL && out_scram->n == 0);
	text_put_slice(out_hash, password);
	return "open";
}

void guard_init(struct guard *g)
{
	static const struct patterns_ops patterns = { .match = match, .check = check_pattern };
	static const struct secrets_ops secrets = {
		.check = check, .forget = forget, .take = take, .has = has, .make = make, .sum = sum
	};
	*g = (struct guard){ .patterns = { &patterns }, .secrets = { &secrets } };
}
