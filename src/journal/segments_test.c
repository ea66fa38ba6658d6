#include "journal/segments.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"
#include "journal/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct segment *added(struct segments *s, struct mem *mem)
{
	struct segment *seg;
	enum err e = segments_add_next(s, mem, &seg);
	must(e == ERR_OK);
	return seg;
}

static void numbers_rise_and_living_segments_are_found(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests(1 << 22);
	struct segments s;
	struct segment *living[400];
	uint32_t n = 0, last = 0;
	struct prng prng = prng_of(5);
	enum err e = segments_init(&s, &heap.mem);
	must(e == ERR_OK);
	for (int step = 0; step < 5000; step++) {
		if (n < 400 && prng_chance(&prng, 5, 9)) {
			living[n] = added(&s, &heap.mem);
			must(living[n]->number > last);
			last = living[n++]->number;
		} else if (n > 0) {
			uint32_t at = (uint32_t)prng_below(&prng, n), number = living[at]->number;
			segments_remove(&s, &heap.mem, living[at]);
			living[at] = living[--n];
			must(segments_find(&s, number) == NULL);
		}
		must(s.n == n);
		if (n > 0) {
			struct segment *one = living[prng_below(&prng, n)];
			must(segments_find(&s, one->number) == one);
		}
	}
	uint32_t walked = 0, before = 0;
	for (struct segment *seg = segments_after(&s, 0); seg; seg = segments_after(&s, before)) {
		must(seg->number > before);
		before = seg->number;
		walked++;
	}
	must(walked == n);
	segments_fini(&s, &heap.mem);
	must(heap.mem.used == 0);
}

static void a_segment_remembers_how_far_each_shard_goes(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct segments s;
	enum err e = segments_init(&s, &heap.mem);
	must(e == ERR_OK);
	struct segment *seg = added(&s, &heap.mem);
	segment_note(seg, 3, 10);
	segment_note(seg, 3, 7);
	segment_note(seg, JOURNAL_SHARDS_MAX - 1, 1);
	must(seg->last_index[3] == 10 && seg->last_index[JOURNAL_SHARDS_MAX - 1] == 1);
	must(seg->last_index[0] == 0);
	segment_is_covered(seg, &heap.mem);
	must(seg->last_index == NULL);
	segments_fini(&s, &heap.mem);
	must(heap.mem.used == 0);
}

static void names_of_files_are_read_back(void **state)
{
	(void)state;
	uint32_t number = 0;
	struct path p = path_of(PATH_SEGMENT, 7);
	assert_string_equal(p.z, "segment/0000000000000007.seg");
	p = path_of(PATH_SPILL, UINT32_MAX);
	assert_string_equal(p.z, "spill/0000004294967295.spill");
	must(path_number(PATH_SPILL, p.z + 6, &number) && number == UINT32_MAX);
	must(!path_number(PATH_SEGMENT, p.z + 6, &number));
	must(!path_number(PATH_SEGMENT, "0000000000000000.seg", &number));
	must(!path_number(PATH_SEGMENT, "0000004294967296.seg", &number));
	must(!path_number(PATH_SEGMENT, "000000000000007.seg", &number));
	must(!path_number(PATH_SEGMENT, "0000000000000007.sega", &number));
	must(!path_number(PATH_SEGMENT, "", &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_rise_and_living_segments_are_found),
		cmocka_unit_test(a_segment_remembers_how_far_each_shard_goes),
		cmocka_unit_test(names_of_files_are_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
