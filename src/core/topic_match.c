#include "core/topic.h"

#include "base/limits.h"
#include "base/must.h"
#include "core/route.h"

/* One place of the search: so far in the tree, so far in the key. Both by where a word begins. */
struct topic_step {
	uintptr_t tree;
	uint16_t at; /* in the tree's pattern */
	uint16_t in; /* in the key */
	uint8_t how;
	uint8_t pad[3];
};
enum {
	FLOATS = 1,  /* just behind `#`: any number of the key's words may be skipped */
	FLOATED = 2, /* there was a `#` somewhere on the way */
	AGAIN = 4    /* floats on at a fork that was served for an earlier word */
};

struct match {
	struct route *r;
	struct hash_key secret;
	struct slice key;
	uint32_t end; /* of the key's words */
};

/* Where the word behind the one at `in` begins. */
static uint32_t next(const struct match *m, uint32_t in)
{
	must(in < m->end);
	return in + (uint32_t)topic_word(m->key, in).n + 1;
}

/* Where the key goes on behind the word at `in` if that is `word` or `*`; 0: it is another. */
static uint32_t behind(const struct match *m, uint32_t in, struct slice word)
{
	uint32_t end = in + (uint32_t)word.n + 1;
	must(in < m->end);
	if (word.n == 1 && word.p[0] == '*')
		return next(m, in);
	if (end > m->end || (end < m->end && m->key.p[end - 1] != '.'))
		return 0;
	return memcmp(m->key.p + in, word.p, word.n) == 0 ? end : 0;
}

static bool steps_grow(struct route *r)
{
	must(r->steps_n == r->steps_cap);
	uint32_t cap = r->steps_cap ? r->steps_cap * 2 : 32;
	struct topic_step *steps = mem_get(r->mem, cap * sizeof steps[0], "route");
	if (!steps)
		return false;
	if (r->steps_n)
		memcpy(steps, r->steps, r->steps_n * sizeof steps[0]);
	mem_put(r->mem, r->steps, r->steps_cap * sizeof steps[0]);
	r->steps = steps;
	r->steps_cap = cap;
	return true;
}

void topic_steps_free(struct route *r)
{
	mem_put(r->mem, r->steps, r->steps_cap * sizeof r->steps[0]);
	r->steps = NULL;
	r->steps_n = r->steps_cap = 0;
}

/* Steps are taken last in, first out: what is pushed first is looked at last. */
static void push(struct match *m, uintptr_t tree, uint32_t at, uint32_t in, unsigned how)
{
	struct route *r = m->r;
	if (tree == 0)
		return;
	must(at < 1u << 9 && in <= m->end);
	if (r->steps_n == r->steps_cap && !steps_grow(r)) {
		r->is_short = true;
		return;
	}
	r->steps[r->steps_n++] = (struct topic_step){
		.tree = tree, .at = (uint16_t)at, .in = (uint16_t)in, .how = (uint8_t)how
	};
}

/* Goes over a `#`. False: it has been entered, and always at an earlier word: floats go on word by
 * word, and everything behind a word comes before the next. */
static bool floats(struct match *m, struct topic_step *s)
{
	s->at += 2;
	uint64_t place = (uint64_t)s->tree << 9 | s->at;
	must(s->at < 1u << 9 && (uint64_t)s->tree >> 55 == 0);
	if (s->how & FLOATED && !route_seen_add(m->r, &m->r->floats, place))
		return false;
	s->how = FLOATS | FLOATED;
	return true;
}

/* Goes over the words of the pattern that hangs at the step. False: they do not match. */
static bool prefix(struct match *m, struct topic_step *s, struct slice pattern, uint32_t end)
{
	while (s->at < end) {
		must(s->in <= m->end);
		struct slice word = topic_word(pattern, s->at);
		if (word.n == 1 && word.p[0] == '#') {
			if (!floats(m, s))
				return false;
			continue;
		}
		if (s->in == m->end)
			return false;
		if (s->how & FLOATS)
			push(m, s->tree, s->at, next(m, s->in), s->how);
		uint32_t in = behind(m, s->in, word);
		if (in == 0)
			return false;
		s->how &= FLOATED;
		s->at = (uint16_t)(s->at + word.n + 1);
		s->in = (uint16_t)in;
	}
	return true;
}

static void fork(struct match *m, const struct topic_step *s, const struct topic_fork *f)
{
	bool is_end = s->in == m->end;
	must(s->at == f->end);
	unsigned how = s->how & FLOATED;
	if (s->how & FLOATS && !is_end)
		push(m, s->tree, s->at, next(m, s->in), s->how | AGAIN);
	if (!(s->how & AGAIN)) {
		if (is_end || s->how & FLOATS)
			route_add(m->r, f->here);
		push(m, f->hash, f->end, s->in, how);
	}
	if (is_end)
		return;
	push(m, f->star, f->end, s->in, how);
	if (f->words.n) {
		struct slice word = topic_word(m->key, s->in);
		struct pmap_kind kind = topic_words(m->secret, f->end);
		uint64_t hash = hash_slice(m->secret, word);
		push(m, pmap_find(&f->words, &kind, hash, &word), f->end, s->in, how);
	}
}

void topic_route(uintptr_t tree, struct hash_key key, struct slice routing_key, struct route *r)
{
	struct match m = { r, key, routing_key, topic_end(routing_key.n) };
	must(r->steps_n == 0 && routing_key.n <= LIMIT_SHORTSTR);
	push(&m, tree, 0, 0, 0);
	while (r->steps_n > 0) {
		struct topic_step s = r->steps[--r->steps_n];
		r->topic_steps++;
		uint32_t end;
		struct slice pattern = topic_pattern(s.tree, &end);
		if (!prefix(&m, &s, pattern, end))
			continue;
		if (s.tree & EXCHANGE_FORK)
			fork(&m, &s, topic_fork_of(s.tree));
		else if (s.in == m.end || s.how & FLOATS)
			route_add(r, s.tree);
	}
	route_seen_clear(&r->floats);
}
