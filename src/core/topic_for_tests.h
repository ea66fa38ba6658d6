/* topic_for_tests -- the rules of topic patterns as they are written, with no thought of cost. */
#ifndef CORE_TOPIC_FOR_TESTS_H
#define CORE_TOPIC_FOR_TESTS_H
#include "base/prng.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The words behind the first; NULL is no words. */
static inline const char *words_after(const char *p)
{
	const char *dot = p ? strchr(p, '.') : NULL;
	return dot ? dot + 1 : NULL;
}

/* first_word_is compares first words. */
static inline bool first_word_is(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");
	return n == strcspn(b, ".") && memcmp(a, b, n) == 0;
}

/* words_match says whether words match words. */
static inline bool words_match(const char *p, const char *k)
{
	if (!p)
		return !k;
	if (first_word_is(p, "#"))
		return words_match(words_after(p), k) || (k && words_match(p, words_after(k)));
	return k && (first_word_is(p, "*") || first_word_is(p, k)) &&
	       words_match(words_after(p), words_after(k));
}

/* naive_match says whether a pattern matches a key; the empty text has no words. */
static inline bool naive_match(const char *pattern, const char *key)
{
	return words_match(pattern[0] ? pattern : NULL, key[0] ? key : NULL);
}

/* make_words writes a pattern or a key of up to `max` words from a few, so that many meet. */
static inline void make_words(struct prng *r, char *out, size_t cap, bool is_pattern, unsigned max)
{
	static const char *const words[] = { "a", "b", "", "ab", "a", "b", "*", "#", "#" };
	uint64_t words_n = prng_below(r, max + 1);
	out[0] = '\0';
	for (uint64_t i = 0; i < words_n; i++) {
		const char *word = words[prng_below(r, is_pattern ? 9 : 6)];
		size_t n = strlen(out);
		snprintf(out + n, cap - n, "%s%s", i ? "." : "", word);
	}
}
#endif
