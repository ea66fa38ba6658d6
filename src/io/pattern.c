#include "io/pattern.h"

#include "base/hash.h"
#include "base/list.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define ENTRIES     512u   /* expressions that are kept; a newer one takes an older one's place */
#define STEPS_MAX   100000 /* of one match; beyond it nothing fits */
#define DEPTH_MAX   1000
#define HEAP_KB_MAX 256

struct entry {
	pcre2_code *code; /* NULL with expr: it is no expression */
	char *expr;       /* NULL: free */
	size_t n;
};

struct pattern_cache {
	struct patterns port;
	pcre2_match_context *limits;
	pcre2_match_data *match;
	struct entry at[ENTRIES];
};

static pcre2_code *compile(struct slice expr, int *out_error, size_t *out_at)
{
	const uint8_t *p = expr.n ? expr.p : (const uint8_t *)"";
	return pcre2_compile(p, expr.n, 0, out_error, out_at, NULL);
}

static void forget(struct entry *e)
{
	pcre2_code_free(e->code);
	free(e->expr);
	*e = (struct entry){ 0 };
}

/* The entry of the expression, compiled now if it is new; NULL: no memory. */
static const struct entry *find(struct pattern_cache *c, struct slice expr)
{
	struct hash_key key = { 1, 2 }; /* operators choose expressions: no secret is needed */
	struct entry *e = &c->at[hash_slice(key, expr) % ENTRIES];
	int error;
	size_t at;
	if (e->expr && slice_eq(slice_of(e->expr, e->n), expr))
		return e;
	forget(e);
	e->expr = malloc(expr.n + 1);
	if (!e->expr)
		return NULL;
	if (expr.n)
		memcpy(e->expr, expr.p, expr.n);
	e->n = expr.n;
	e->code = compile(expr, &error, &at);
	if (e->code)
		(void)pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE); /* without it: slower */
	return e;
}

/* What matching needs, made by the first match: whose users have no patterns of their own never
 * loads the library's pages. False: no memory. */
static bool is_ready(struct pattern_cache *c)
{
	if (c->match)
		return true;
	if (!c->limits)
		c->limits = pcre2_match_context_create(NULL);
	if (!c->limits)
		return false;
	pcre2_set_match_limit(c->limits, STEPS_MAX);
	pcre2_set_depth_limit(c->limits, DEPTH_MAX);
	pcre2_set_heap_limit(c->limits, HEAP_KB_MAX);
	c->match = pcre2_match_data_create(1, NULL);
	return c->match != NULL;
}

static bool match(struct patterns *p, struct slice expr, struct slice subject)
{
	struct pattern_cache *c = containerof(p, struct pattern_cache, port);
	const struct entry *e = find(c, expr);
	const uint8_t *s = subject.n ? subject.p : (const uint8_t *)"";
	return e && e->code && is_ready(c) &&
	       pcre2_match(e->code, s, subject.n, 0, 0, c->match, c->limits) >= 0;
}

enum err pattern_check(struct slice expr, struct text *why)
{
	int error;
	size_t at;
	uint8_t words[256];
	pcre2_code *code = compile(expr, &error, &at);
	if (code) {
		pcre2_code_free(code);
		return ERR_OK;
	}
	if (pcre2_get_error_message(error, words, sizeof words) < 0)
		words[0] = '\0';
	text_putf(why, "%s at its byte %zu", (const char *)words, at);
	return ERR_MALFORMED;
}

static enum err check(struct patterns *p, struct slice expr, struct text *why)
{
	(void)p;
	return pattern_check(expr, why);
}

struct pattern_cache *pattern_new(void)
{
	static const struct patterns_ops ops = { .match = match, .check = check };
	struct pattern_cache *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->port.ops = &ops;
	return c;
}

void pattern_free(struct pattern_cache *own_c)
{
	if (!own_c)
		return;
	for (uint32_t i = 0; i < ENTRIES; i++)
		forget(&own_c->at[i]);
	pcre2_match_data_free(own_c->match);
	pcre2_match_context_free(own_c->limits);
	free(own_c);
}

struct patterns *pattern_port(struct pattern_cache *c)
{
	return &c->port;
}
