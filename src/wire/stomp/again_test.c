#include "wire/stomp/again.h"

#include "wire/stomp/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static const char head[] = "SEND\ndestination:/queue/a\ncontent-length:12\nreceipt:7\n\n";

static struct slice part(struct slice of, const char *what)
{
	for (size_t at = 0; at + strlen(what) <= of.n; at++)
		if (slice_starts_with(slice_from(of, at), slice_str(what)))
			return slice_sub(of, at, strlen(what));
	must(!"it is there");
	return SLICE_EMPTY;
}

/* `head`, of which the length and the receipt may differ. */
static struct stomp_again noted(void)
{
	static struct stomp_again a;
	struct slice all = slice_str(head);
	const struct slice places[] = { part(all, "12"), part(all, "7") };
	stomp_again_note(&a, all, places, 2);
	must(a.n == all.n - 3);
	return a;
}

static bool is_again(const struct stomp_again *a, struct slice in, struct slice places[2])
{
	size_t n = 0;
	bool is_it = stomp_again_is(a, in, places, &n);
	must(n <= in.n);
	return is_it;
}

static void a_head_is_known_again_by_what_may_not_differ(void **s)
{
	(void)s;
	struct stomp_again a = noted();
	struct slice places[STOMP_AGAIN_N];
	struct slice in = slice_str(
		"SEND\ndestination:/queue/a\ncontent-length:3456\nreceipt:a:b\n\nbody");
	size_t n = 0;
	must(stomp_again_is(&a, in, places, &n) && n == in.n - 4);
	SAME(places[0], "3456");
	SAME(places[1], "a:b");
	static const char *const others[] = {
		"SEND\ndestination:/queue/b\ncontent-length:12\nreceipt:7\n\n",
		"SEND\ndestination:/queue/a\nreceipt:7\ncontent-length:12\n\n",
		"SEND\ndestination:/queue/a\ncontent-length:12\nreceipt:7\nx:y\n\n",
		"SEND\ndestination:/queue/a\ncontent-length:12\n\n",
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		must(!is_again(&a, slice_str(others[i]), places));
}

static void what_has_not_come_is_not_looked_at(void **s)
{
	(void)s;
	struct stomp_again a = noted();
	struct slice places[STOMP_AGAIN_N];
	for (size_t n = 0; n <= sizeof head - 1; n++) {
		struct slice in = exact(slice_str(head), n);
		must(is_again(&a, in, places) == (n == sizeof head - 1));
		exact_free(in);
	}
}

/* Whoever reads it must do more than copy it. */
static void a_value_that_stands_for_something_else_is_another_head(void **s)
{
	(void)s;
	struct stomp_again a = noted();
	struct slice places[STOMP_AGAIN_N];
	static const char *const values[] = { " 7", "7\r", "\\c", "7 7" };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char in[100];
		int n = snprintf(in, sizeof in,
				 "SEND\ndestination:/queue/a\ncontent-length:12\nreceipt:%s\n\n",
				 values[i]);
		must(!is_again(&a, slice_of(in, (size_t)n), places));
	}
	for (size_t n = STOMP_AGAIN_VALUE; n <= STOMP_AGAIN_VALUE + 1; n++) {
		char in[200];
		int m = snprintf(in, sizeof in,
				 "SEND\ndestination:/queue/a\ncontent-length:12\nreceipt:%0*d\n\n",
				 (int)n, 1);
		must(is_again(&a, slice_of(in, (size_t)m), places) == (n == STOMP_AGAIN_VALUE));
	}
	must(!is_again(&a,
		       bytes_of("SEND\ndestination:/queue/a\ncontent-length:12\n"
				"receipt:7\0\n\n"),
		       places));
}

static void what_has_escapes_or_is_long_is_not_remembered(void **s)
{
	(void)s;
	struct stomp_again a = noted();
	struct slice places[STOMP_AGAIN_N];
	struct slice escaped = slice_str("SEND\na:\\c\n\n"), cr = slice_str("SEND\r\na:b\r\n\r\n");
	stomp_again_note(&a, escaped, NULL, 0);
	must(a.n == 0 && !is_again(&a, escaped, places));
	stomp_again_note(&a, cr, NULL, 0);
	must(a.n == 0 && !is_again(&a, cr, places));
	for (size_t n = STOMP_AGAIN_BYTES; n <= STOMP_AGAIN_BYTES + 1; n++) {
		uint8_t all[STOMP_AGAIN_BYTES + 1];
		memset(all, 'a', sizeof all);
		struct slice in = exact(slice_of(all, sizeof all), n);
		stomp_again_note(&a, in, NULL, 0);
		must(is_again(&a, in, places) == (n == STOMP_AGAIN_BYTES));
		exact_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_known_again_by_what_may_not_differ),
		cmocka_unit_test(what_has_not_come_is_not_looked_at),
		cmocka_unit_test(a_value_that_stands_for_something_else_is_another_head),
		cmocka_unit_test(what_has_escapes_or_is_long_is_not_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
