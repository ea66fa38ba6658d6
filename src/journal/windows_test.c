#include "journal/windows.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MIB WINDOW_BYTES

static uint8_t memory[WINDOWS_N];

/* read puts a window where windows_spare says. */
static struct window *read_one(struct windows *ws, const struct window *kept, uint64_t loc)
{
	struct window *w = windows_spare(ws, kept);
	must(w != NULL);
	w->n = 0;
	w->at = &memory[w - ws->at];
	window_take(ws, w, loc, false, MIB);
	w->is_ahead = kept != NULL;
	windows_check(ws);
	return w;
}

static void a_byte_is_found_in_the_window_that_has_it(void **state)
{
	(void)state;
	struct windows ws = { 0 };
	struct window *w = read_one(&ws, NULL, 3 * MIB);
	must(windows_find(&ws, 3 * MIB, false) == w && windows_find(&ws, 4 * MIB - 1, false) == w);
	must(!windows_find(&ws, 3 * MIB - 1, false) && !windows_find(&ws, 4 * MIB, false));
	must(!windows_find(&ws, 3 * MIB, true)); /* a spill file of the same number */
}

static void reading_goes_on_behind_what_was_mostly_wanted(void **state)
{
	(void)state;
	struct windows ws = { 0 };
	struct window *w = read_one(&ws, NULL, 3 * MIB);
	window_use(&ws, w, MIB / 2);
	must(!windows_before(&ws, 4 * MIB, false));
	window_use(&ws, w, MIB / 4);
	must(windows_before(&ws, 4 * MIB, false) == w && !windows_before(&ws, 4 * MIB, true));
	must(windows_before(&ws, 4 * MIB + WINDOW_GAP_BYTES, false) == w);
	must(!windows_before(&ws, 4 * MIB + WINDOW_GAP_BYTES + 1, false));
}

static void who_reads_here_and_there_needs_one_window(void **state)
{
	(void)state;
	struct windows ws = { 0 };
	struct window *first = read_one(&ws, NULL, 9 * MIB);
	for (uint64_t i = 1; i < 20; i++)
		must(read_one(&ws, NULL, i * 20 * MIB) == first);
}

/* What was read ahead stays until it was asked for, and no longer than anybody may still ask. */
static void what_is_promised_stays(void **state)
{
	(void)state;
	struct windows ws = { 0 };
	struct window *w = read_one(&ws, NULL, 1 * MIB);
	struct window *next = read_one(&ws, w, 2 * MIB), *last = read_one(&ws, w, 3 * MIB);
	must(next != w && last != w && last != next && windows_promised_n(&ws) == 2);
	for (uint64_t i = 1; i < WINDOWS_STALE - 1; i++) {
		struct window *other = read_one(&ws, NULL, i * 20 * MIB);
		must(other != next && other != last && windows_promised_n(&ws) == 2);
	}
	window_use(&ws, last, 1000);
	must(windows_promised_n(&ws) == 1); /* the second, asked for, is read like any other */
	(void)read_one(&ws, NULL, 900 * MIB);
	(void)read_one(&ws, NULL, 920 * MIB);
	must(windows_promised_n(&ws) == 0);
}

/* Behind the one that is being given out there is room, whatever it was last used for. */
static void the_one_that_is_given_out_is_kept(void **state)
{
	(void)state;
	struct windows ws = { 0 };
	struct window *w = read_one(&ws, NULL, MIB);
	for (uint64_t i = 2; i < 50; i++) {
		window_use(&ws, w, MIB);
		struct window *next = read_one(&ws, w, i * MIB);
		must(next != w && windows_find(&ws, (i - 1) * MIB, false) == w);
		w = next;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_is_found_in_the_window_that_has_it),
		cmocka_unit_test(reading_goes_on_behind_what_was_mostly_wanted),
		cmocka_unit_test(who_reads_here_and_there_needs_one_window),
		cmocka_unit_test(what_is_promised_stays),
		cmocka_unit_test(the_one_that_is_given_out_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
