#include "core/retain.h"

#include "base/mem_for_tests.h"
#include "core/topic_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MANY    300u
#define KEY_MAX 64u

/* A store, and the same keys as plain texts. */
struct both {
	struct mem_for_tests heap;
	struct retain r;
	char key[MANY][KEY_MAX];
	uint64_t number[MANY];
	struct retained *e[MANY];
	uint32_t n;
};

static void begin(struct both *b)
{
	memset(b, 0, sizeof *b);
	b->heap = mem_for_tests(1 << 28);
	retain_init(&b->r, NULL, &b->heap.mem);
}

static void end(struct both *b)
{
	retain_fini(&b->r);
	assert_int_equal(b->heap.mem.used, 0);
}

static struct retained *get(const struct both *b, const char *key, uint64_t number)
{
	uint8_t words[LIMIT_SHORTSTR];
	retain_fold(slice_str(key), words);
	return retain_get(&b->r, (struct retain_key){ slice_of(words, strlen(key)), number });
}

static uint32_t place_of(const struct both *b, const char *key, uint64_t number)
{
	uint32_t i = 0;
	while (i < b->n && (b->number[i] != number || strcmp(b->key[i], key) != 0))
		i++;
	return i;
}

static void put(struct both *b, const char *key, uint64_t number)
{
	uint8_t words[LIMIT_SHORTSTR];
	retain_fold(slice_str(key), words);
	if (place_of(b, key, number) < b->n || b->n == MANY)
		return;
	must(strlen(key) < KEY_MAX);
	memcpy(b->key[b->n], key, strlen(key) + 1);
	b->number[b->n] = number;
	b->e[b->n++] = retain_add(&b->r,
				  (struct retain_key){ slice_of(words, strlen(key)), number });
}

static void del(struct both *b, uint32_t i)
{
	retain_del(&b->r, b->e[i]);
	b->n--;
	memmove(b->key[i], b->key[b->n], KEY_MAX);
	b->number[i] = b->number[b->n];
	b->e[i] = b->e[b->n];
}

/* The words of two keys in order: word by word, and then by number. */
static int order(const struct retained *a, const struct retained *b)
{
	size_t n = a->words_n < b->words_n ? a->words_n : b->words_n;
	int by = memcmp(a->words, b->words, n);
	if (by == 0)
		by = (a->words_n > b->words_n) - (a->words_n < b->words_n);
	return by ? by : (a->number > b->number) - (a->number < b->number);
}

/* What the filter finds is what it matches, each once and in order, however often the search is
 * broken off. */
static uint32_t compare_some(const struct both *b, const char *filter, uint32_t steps_max,
			     bool is_numbered)
{
	uint8_t words[LIMIT_SHORTSTR], kept[RETAIN_CURSOR_BYTES];
	struct retain_cursor at;
	const struct retained *e, *before = NULL;
	uint32_t n = 0, want = 0, kept_n = 0, rounds = 0;
	bool is_end = false;
	retain_fold(slice_str(filter), words);
	while (!is_end) {
		uint32_t steps = steps_max;
		must(retain_cursor_get(slice_of(kept, kept_n), &at) && rounds++ < 100000);
		at.is_numbered = is_numbered;
		while ((e = retain_next(&b->r, slice_of(words, strlen(filter)), &at, &steps)) !=
		       NULL) {
			must(!before || order(before, e) < 0);
			before = e;
			uint32_t i = 0;
			while (b->e[i] != e)
				must(++i < b->n);
			must(naive_match(filter, b->key[i]) && (b->number[i] != 0) == is_numbered);
			n++;
		}
		is_end = at.is_end;
		kept_n = is_end ? 0 : retain_cursor_put(&at, kept);
	}
	for (uint32_t i = 0; i < b->n; i++)
		want += (b->number[i] != 0) == is_numbered && naive_match(filter, b->key[i]);
	must(n == want);
	return n;
}

static uint32_t compare(const struct both *b, const char *filter, uint32_t steps_max)
{
	return compare_some(b, filter, steps_max, false) + compare_some(b, filter, steps_max, true);
}

static void keys_come_and_go_and_filters_find_what_they_match(void **s)
{
	(void)s;
	static struct both b;
	struct prng r = prng_of(5);
	uint32_t found_n = 0;
	for (uint32_t round = 0; round < 40; round++) {
		begin(&b);
		for (uint32_t i = 0; i < 400; i++) {
			char key[KEY_MAX], filter[KEY_MAX];
			make_words(&r, key, sizeof key, false, 7);
			if (b.n > 0 && prng_below(&r, 5) == 0)
				del(&b, (uint32_t)prng_below(&r, b.n));
			else
				put(&b, key,
				    prng_below(&r, 3) ? 0 : prng_u64(&r) >> prng_below(&r, 63));
			make_words(&r, filter, sizeof filter, true, 6);
			found_n += compare(&b, filter, 1 + (uint32_t)prng_below(&r, 50));
			if (i % 50 == 0)
				retain_check(&b.r);
		}
		end(&b);
	}
	assert_true(found_n > 50000);
}

static void words_are_in_order_whatever_bytes_they_have(void **s)
{
	(void)s;
	static struct both b;
	begin(&b);
	const char *keys[] = { "a",   "a-",  "a.b", "a-.b", "a!",   "a!.b",   "a..b",
			       "a.",  "",    ".",   "\x01", "\x2f", "a.\xff", "\xff",
			       "b.*", "b.#", "b",   "*",    "#" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		put(&b, keys[i], 0);
		put(&b, keys[i], UINT64_MAX);
		put(&b, keys[i], 255);
	}
	const char *filters[] = { "#",   "*",     "a.*",  "a.#", "*.b",   "#.b",
				  "",    "a",     "a..b", "*.*", "*.*.*", "b.*",
				  "#.#", "*.#.*", "a-.*", "c",   "\x02.*" };
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		for (uint32_t steps = 1; steps < 40; steps += 3)
			(void)compare(&b, filters[i], steps);
	assert_int_equal(compare(&b, "#", 1000), b.n);
	retain_check(&b.r);
	end(&b);
}

static void a_key_is_its_words_and_its_number(void **s)
{
	(void)s;
	static struct both b;
	begin(&b);
	put(&b, "a.b", 0);
	put(&b, "a.b", 1);
	put(&b, "a.b", (uint64_t)1 << 63);
	assert_non_null(get(&b, "a.b", 1));
	assert_ptr_not_equal(get(&b, "a.b", 1), get(&b, "a.b", 0));
	assert_null(get(&b, "a.b", 2));
	assert_null(get(&b, "a", 0));
	assert_null(get(&b, "a.b.", 0));
	assert_int_equal(compare(&b, "a.b", 10), 3);
	end(&b);
}

/* A search for what few have in common looks at these, and not at what lies between. */
static void what_cannot_match_is_passed_over(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 28);
	struct retain r;
	struct retain_cursor at = { 0 };
	uint8_t words[LIMIT_SHORTSTR], filter[LIMIT_SHORTSTR];
	uint32_t n = 0, steps = 1000;
	retain_init(&r, NULL, &heap.mem);
	for (uint32_t i = 0; i < 100; i++)
		for (uint32_t k = 0; k < 200; k++) {
			char key[KEY_MAX];
			int len = snprintf(key, sizeof key, "site.%u.device.%u", i, k);
			retain_fold(slice_str(key), words);
			(void)retain_add(&r,
					 (struct retain_key){ slice_of(words, (size_t)len), 0 });
		}
	const char *wanted = "site.*.device.77";
	retain_fold(slice_str(wanted), filter);
	while (retain_next(&r, slice_of(filter, strlen(wanted)), &at, &steps))
		n++;
	assert_true(at.is_end);
	assert_int_equal(n, 100);
	assert_true(steps > 1000 - 350);
	retain_fini(&r);
	assert_int_equal(heap.mem.used, 0);
}

static void slots_that_were_given_back_are_taken_again(void **s)
{
	(void)s;
	static struct both b;
	begin(&b);
	char key[KEY_MAX];
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 2 * RETAIN_PAGE_N; i++) {
			snprintf(key, sizeof key, "k%u.%u", round, i);
			put(&b, key, 0);
		}
		assert_int_equal(retain_slots(&b.r), 2 * RETAIN_PAGE_N);
		while (b.n)
			del(&b, b.n / 2);
	}
	retain_check(&b.r);
	end(&b);
}

static void an_entry_is_restored_to_its_slot_or_not_at_all(void **s)
{
	(void)s;
	static struct both b;
	begin(&b);
	struct retain_key one = { slice_str("one"), 0 }, two = { slice_str("two"), 0 };
	assert_non_null(retain_add_at(&b.r, one, 3 * RETAIN_PAGE_N + 5));
	assert_null(retain_add_at(&b.r, one, 7));
	assert_null(retain_add_at(&b.r, two, 3 * RETAIN_PAGE_N + 5));
	assert_null(retain_add_at(&b.r, two, UINT64_MAX));
	assert_int_equal(b.r.n, 1);
	assert_non_null(retain_add_at(&b.r, two, 0));
	retain_check(&b.r);
	end(&b);
}

static void a_cursor_is_read_as_it_was_written_or_refused(void **s)
{
	(void)s;
	struct retain_cursor at = { .number = 9, .words_n = 2, .words = { 'a', 1 } }, back;
	uint8_t buf[RETAIN_CURSOR_BYTES], large[RETAIN_CURSOR_BYTES + 1] = { 0 };
	uint32_t n = retain_cursor_put(&at, buf);
	assert_int_equal(n, 10);
	assert_true(retain_cursor_get(slice_of(buf, n), &back));
	assert_int_equal(back.number, 9);
	assert_memory_equal(back.words, at.words, 2);
	assert_false(retain_cursor_get(slice_of(buf, 7), &back));
	assert_false(retain_cursor_get(slice_of(large, sizeof large), &back));
	assert_true(retain_cursor_get(slice_of(buf, 0), &back) && back.words_n == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_and_go_and_filters_find_what_they_match),
		cmocka_unit_test(words_are_in_order_whatever_bytes_they_have),
		cmocka_unit_test(a_key_is_its_words_and_its_number),
		cmocka_unit_test(what_cannot_match_is_passed_over),
		cmocka_unit_test(slots_that_were_given_back_are_taken_again),
		cmocka_unit_test(an_entry_is_restored_to_its_slot_or_not_at_all),
		cmocka_unit_test(a_cursor_is_read_as_it_was_written_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
