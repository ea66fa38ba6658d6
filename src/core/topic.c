#include "core/topic.h"

#include "base/must.h"

#include <string.h>

static bool is_fork(uintptr_t at)
{
	return at & EXCHANGE_FORK;
}
static size_t prefix_len(uint32_t end)
{
	return end ? end - 1 : 0;
}
static size_t fork_bytes(uint32_t end)
{
	return sizeof(struct topic_fork) + prefix_len(end);
}
static uintptr_t tagged(const struct topic_fork *f)
{
	return (uintptr_t)f + EXCHANGE_FORK;
}

struct slice topic_pattern(uintptr_t at, uint32_t *out_end)
{
	if (is_fork(at)) {
		const struct topic_fork *f = topic_fork_of(at);
		*out_end = f->end;
		return slice_of(f->prefix, prefix_len(f->end));
	}
	struct slice key = exchange_set_key(at);
	*out_end = topic_end(key.n);
	return key;
}

static uint64_t words_hash(const struct pmap_kind *k, uintptr_t object)
{
	uint32_t end;
	struct slice pattern = topic_pattern(object, &end);
	must(k->at < end);
	return hash_slice(k->key, topic_word(pattern, k->at));
}

static bool words_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	uint32_t end;
	struct slice pattern = topic_pattern(object, &end);
	must(k->at < end);
	return slice_eq(topic_word(pattern, k->at), *(const struct slice *)key);
}

struct pmap_kind topic_words(struct hash_key key, uint32_t at)
{
	return (struct pmap_kind){ .hash = words_hash, .is = words_is, .key = key, .at = at };
}

static struct topic_fork *fork_new(struct pmap_edit *e, struct slice pattern, uint32_t end)
{
	struct topic_fork *f = pmap_alloc(e, fork_bytes(end), "catalog topic");
	must(prefix_len(end) <= pattern.n);
	*f = (struct topic_fork){ .birth = e->version, .words = PMAP_HASHED, .end = end };
	if (end > 1)
		memcpy(f->prefix, pattern.p, prefix_len(end));
	return f;
}

static void fork_retire(struct pmap_edit *e, const struct topic_fork *own_f)
{
	must(own_f->birth > 0);
	pmap_retire(e, own_f, fork_bytes(own_f->end), own_f->birth);
}

static struct topic_fork *fork_edit(struct pmap_edit *e, struct topic_fork *f)
{
	if (f->birth == e->version)
		return f;
	must(f->birth < e->version);
	struct topic_fork *copy = pmap_alloc(e, fork_bytes(f->end), "catalog topic");
	memcpy(copy, f, fork_bytes(f->end));
	copy->birth = e->version;
	fork_retire(e, f);
	return copy;
}

/* The slot of a fork for patterns that go on with `word`; NULL: it is in the map of words. */
static uintptr_t *slot_of(struct topic_fork *f, struct slice word)
{
	if (word.n == 1 && word.p[0] == '*')
		return &f->star;
	return word.n == 1 && word.p[0] == '#' ? &f->hash : NULL;
}

/* The way from a fork by a pattern's next word, which is hashed once. */
struct way {
	uintptr_t *slot; /* NULL: it is in the map of words */
	struct slice word;
	struct pmap_kind kind;
	uint64_t hash;
};

static struct way way_of(struct hash_key key, struct topic_fork *f, struct slice pattern)
{
	const struct slice word = topic_word(pattern, f->end);
	uintptr_t *slot = slot_of(f, word);
	must(f->end <= UINT8_MAX + 1);
	return (struct way){ slot, word, topic_words(key, f->end),
			     slot ? 0 : hash_slice(key, word) };
}

/* Hangs `child`, which goes on behind the fork's prefix, there in the place of `old`; 0 is
 * nothing. */
static void fork_put(struct pmap_edit *e, struct topic_fork *f, const struct way *w, uintptr_t old,
		     uintptr_t child)
{
	must(f->birth == e->version);
	if (w->slot)
		*w->slot = child;
	else if (old == 0)
		(void)pmap_put(&f->words, e, &w->kind, w->hash, &w->word, child);
	else if (old != child)
		pmap_swap(&f->words, e, w->hash, old, child);
}

static uintptr_t fork_get(const struct topic_fork *f, const struct way *w)
{
	must(w->kind.at == f->end);
	return w->slot ? *w->slot : pmap_find(&f->words, &w->kind, w->hash, &w->word);
}

/* Where two patterns part, from `at` on, which both share. */
static uint32_t parting(struct slice a, uint32_t a_end, struct slice b, uint32_t b_end, uint32_t at)
{
	while (at < a_end && at < b_end) {
		struct slice word = topic_word(a, at);
		if (!slice_eq(word, topic_word(b, at)))
			break;
		at += (uint32_t)word.n + 1;
	}
	return at;
}

static uintptr_t add_at(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
			const struct binding *b, uint32_t at);

/* The fork, which lies on b's way, with b in it. */
static uintptr_t fork_add(struct pmap_edit *e, struct hash_key key, struct topic_fork *f,
			  const struct binding *b)
{
	struct slice pattern = binding_key_slice(b);
	f = fork_edit(e, f);
	must(topic_end(pattern.n) >= f->end);
	if (topic_end(pattern.n) == f->end) {
		f->here = exchange_set_add(e, f->here, b);
	} else {
		const struct way way = way_of(key, f, pattern);
		uintptr_t child = fork_get(f, &way);
		fork_put(e, f, &way, child, add_at(e, key, child, b, f->end));
	}
	return tagged(f);
}

static uintptr_t add_at(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
			const struct binding *b, uint32_t at)
{
	if (tree == 0)
		return (uintptr_t)b;
	must(at <= topic_end(b->key_len));
	uint32_t end, b_end = topic_end(b->key_len);
	struct slice pattern = topic_pattern(tree, &end), mine = binding_key_slice(b);
	uint32_t part = parting(pattern, end, mine, b_end, at);
	if (part == end && is_fork(tree))
		return fork_add(e, key, topic_fork_of(tree), b);
	if (part == end && part == b_end)
		return exchange_set_add(e, tree, b);

	struct topic_fork *f = fork_new(e, mine, part);
	const struct way way = part == end ? (struct way){ .slot = &f->here }
					   : way_of(key, f, pattern);
	fork_put(e, f, &way, 0, tree);
	return fork_add(e, key, f, b);
}

uintptr_t topic_add(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
		    const struct binding *b)
{
	must(b != NULL);
	return add_at(e, key, tree, b, 0);
}

/* A fork that has one way left is no fork: what hangs there takes its place. */
static uintptr_t fork_settle(struct pmap_edit *e, struct topic_fork *f)
{
	uint32_t n = f->words.n + (f->here != 0) + (f->star != 0) + (f->hash != 0);
	must(n > 0);
	if (n > 1)
		return tagged(f);
	uintptr_t left = f->here | f->star | f->hash | pmap_first(&f->words);
	pmap_clear(&f->words, e);
	fork_retire(e, f);
	return left;
}

uintptr_t topic_del(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
		    const struct binding *b)
{
	must(tree != 0);
	if (!is_fork(tree))
		return exchange_set_del(e, tree, b);
	struct topic_fork *f = fork_edit(e, topic_fork_of(tree));
	struct slice pattern = binding_key_slice(b);
	if (topic_end(pattern.n) == f->end) {
		f->here = exchange_set_del(e, f->here, b);
	} else {
		const struct way way = way_of(key, f, pattern);
		uintptr_t child = fork_get(f, &way);
		fork_put(e, f, &way, child, topic_del(e, key, child, b));
	}
	return fork_settle(e, f);
}

const struct binding *topic_any(uintptr_t tree)
{
	must(tree != 0);
	while (is_fork(tree)) {
		const struct topic_fork *f = topic_fork_of(tree);
		tree = f->here ? f->here : f->star ? f->star : f->hash;
		tree = tree ? tree : pmap_first(&f->words);
	}
	return exchange_set_any(tree);
}

void topic_drop(struct pmap_edit *e, uintptr_t tree)
{
	if (tree == 0 || !is_fork(tree)) {
		exchange_set_drop(e, tree);
		return;
	}
	struct topic_fork *f = topic_fork_of(tree);
	struct pmap nodes = f->words;
	struct pmap_walk w;
	must(f->end <= UINT8_MAX + 1);
	pmap_walk(&w, &nodes);
	for (uintptr_t child; (child = pmap_walk_next(&w));)
		topic_drop(e, child);
	pmap_clear(&nodes, e);
	topic_drop(e, f->here);
	topic_drop(e, f->star);
	topic_drop(e, f->hash);
	fork_retire(e, f);
}

static void check_child(uintptr_t at, struct hash_key key, const struct topic_fork *f)
{
	uint32_t end;
	struct slice pattern = topic_pattern(at, &end);
	must(end > f->end);
	must(f->end == 0 || slice_starts_with(pattern, slice_of(f->prefix, f->end - 1)));
	must(f->end <= 0 || pattern.p[f->end - 1] == '.');
	topic_check(at, key);
}

void topic_check(uintptr_t tree, struct hash_key key)
{
	if (tree == 0 || !is_fork(tree))
		return;
	const struct topic_fork *f = topic_fork_of(tree);
	struct pmap_kind kind = topic_words(key, f->end);
	struct pmap_walk w;
	must(f->words.n + (f->here != 0) + (f->star != 0) + (f->hash != 0) > 1);
	must_if(f->here != 0, topic_end(exchange_set_key(f->here).n) == f->end);
	pmap_check(&f->words, &kind);
	pmap_walk(&w, &f->words);
	for (uintptr_t child; (child = pmap_walk_next(&w));)
		check_child(child, key, f);
	if (f->star)
		check_child(f->star, key, f);
	if (f->hash)
		check_child(f->hash, key, f);
}
