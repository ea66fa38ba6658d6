/* topic -- the patterns of a topic exchange: a tree of words that routing walks down.
 *
 * A pattern is words with dots between: a word stands for itself, `*` for any one word, `#` for
 * any number of words, none included. An empty word is a word ("a..b" has three), but the empty
 * pattern and the empty key have none.
 *
 *   fork "a.b" --+-- here: bindings of "a.b"
 *                +-- star: patterns that go on with `*`     each of them a fork, a binding
 *                +-- hash: patterns that go on with `#`     or a set of bindings (exchange_set.h)
 *                +-- words: the others, by their next word
 *
 * A fork is where patterns part: chains of words that all share lie in the prefix below it, so a
 * lone pattern is one pointer to its binding. Persistent, as pmap.h says. Matching visits only
 * what can match a beginning of the key; `#` behind `#` is entered once per key (the first entry
 * sees all that later ones would), so that many `#` cost steps by the product of pattern and key,
 * never by its power.
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H
#include "core/exchange_set.h"

struct route;

/* topic_add and topic_del give the tree (0: empty) with one binding more, one less; what is to be
 * taken out must be in it. `key` is the secret of the words' hashes. */
uintptr_t topic_add(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
		    const struct binding *b);
uintptr_t topic_del(struct pmap_edit *e, struct hash_key key, uintptr_t tree,
		    const struct binding *b);

/* topic_any gives one of the bindings. topic_drop retires the tree, but not its bindings. */
const struct binding *topic_any(uintptr_t tree);
void topic_drop(struct pmap_edit *e, uintptr_t tree);

/* topic_route adds to `r` the queues of all bindings whose pattern matches the routing key. */
void topic_route(uintptr_t tree, struct hash_key key, struct slice routing_key, struct route *r);

/* topic_steps_free gives back the search's own room in `r`. */
void topic_steps_free(struct route *r);

void topic_check(uintptr_t tree, struct hash_key key); /* must()s every invariant */

/* Between topic.c and topic_match.c. Words are found by where they begin in a pattern; behind the
 * last one is `end`: length + 1, or 0 when there are none. */
struct topic_fork {
	uint64_t birth;
	uintptr_t here, star, hash;
	struct pmap words;
	uint32_t end; /* of the prefix; where the next word begins */
	uint8_t prefix[];
};

static inline struct topic_fork *topic_fork_of(uintptr_t at)
{
	must(at & EXCHANGE_FORK);
	return (struct topic_fork *)(at - EXCHANGE_FORK);
}

/* topic_end is where the words of a pattern of `len` bytes end. */
static inline uint32_t topic_end(size_t len)
{
	return len ? (uint32_t)len + 1 : 0;
}

/* topic_pattern gives the words that lead to what hangs in a tree: up to and with itself. */
struct slice topic_pattern(uintptr_t at, uint32_t *out_end);

/* topic_word is the word of a pattern that begins at `at`. */
static inline struct slice topic_word(struct slice pattern, uint32_t at)
{
	size_t end = at; /* words are short: a loop beats a call */
	while (end < pattern.n && pattern.p[end] != '.')
		end++;
	return slice_of(pattern.p + at, end - at);
}

/* topic_words is the kind of a fork's map: objects by the word at `at`, keys are slices. */
struct pmap_kind topic_words(struct hash_key key, uint32_t at);
#endif
