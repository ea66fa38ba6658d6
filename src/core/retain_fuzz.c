/* retain_fuzz -- any bytes as a filter, a place and keys: a search ends, finds what the filter
 * matches, each once and in order, and goes on from any place. */
#include "base/mem_for_tests.h"
#include "base/rd.h"
#include "core/retain.h"
#include "core/topic_for_tests.h"

#define KEYS_MAX  64u
#define WORDS_MAX 24u /* bytes: the matcher that is compared with takes its time */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct keys {
	char text[KEYS_MAX][WORDS_MAX + 1];
	struct retained *e[KEYS_MAX];
	uint32_t n;
};

/* A text without zeros. */
static size_t take(struct rd *r, char *out)
{
	struct slice s = rd_take(r, min_size(rd_u8(r) % (WORDS_MAX + 1), rd_left(r)));
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] ? (char)s.p[i] : 'z';
	out[s.n] = '\0';
	return s.n;
}

static void add_all(struct retain *r, struct keys *k, struct rd *from)
{
	uint8_t words[WORDS_MAX];
	while (rd_left(from) > 0 && k->n < KEYS_MAX) {
		size_t n = take(from, k->text[k->n]);
		retain_fold(slice_of(k->text[k->n], n), words);
		struct retain_key key = { slice_of(words, n), 0 };
		if (!retain_get(r, key))
			k->e[k->n++] = retain_add(r, key);
	}
	retain_check(r);
}

/* From a place on no key comes that is below it, and not one twice. */
static uint32_t search(const struct retain *r, const struct keys *k, struct slice filter,
		       const char *text, struct retain_cursor at)
{
	uint8_t folded[WORDS_MAX];
	uint64_t seen = 0;
	uint32_t n = 0, rounds = 0;
	retain_fold(filter, folded);
	while (!at.is_end) {
		uint32_t steps = 3, i = 0;
		const struct retained *e = retain_next(r, slice_of(folded, filter.n), &at, &steps);
		must(rounds++ < 100000);
		if (!e)
			continue;
		while (k->e[i] != e)
			must(++i < k->n);
		must(!(seen >> i & 1) && naive_match(text, k->text[i]));
		seen |= UINT64_C(1) << i;
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct keys k;
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct retain r;
	struct retain_cursor at;
	char filter[WORDS_MAX + 1];
	uint32_t want = 0;
	struct rd from = rd_of(slice_of(p, n));
	k.n = 0;
	retain_init(&r, NULL, &heap.mem);
	size_t filter_n = take(&from, filter);
	struct slice place = rd_take(&from, min_size(rd_u8(&from), rd_left(&from)));
	add_all(&r, &k, &from);
	for (uint32_t i = 0; i < k.n; i++)
		want += naive_match(filter, k.text[i]);
	struct retain_cursor beginning = { 0 };
	must(search(&r, &k, slice_of(filter, filter_n), filter, beginning) == want);
	if (retain_cursor_get(place, &at))
		must(search(&r, &k, slice_of(filter, filter_n), filter, at) <= want);
	while (k.n > 0)
		retain_del(&r, k.e[--k.n]);
	retain_fini(&r);
	must(heap.mem.used == 0);
	return 0;
}
