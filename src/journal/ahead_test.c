#include "journal/ahead.h"
#include "journal/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The keeper has looked whether the journal is broken, and then the writer breaks it. */
static void the_writer_may_break_the_journal_meanwhile(void **s)
{
	(void)s;
	static struct journal j;
	struct segment spare = { .number = 7, .file = -1, .is_closed = true };
	enum err e = ERR_OK;
	atomic_store(&j.broken, ERR_IO);
	assert_false(ahead_shrink(&j, &e));
	assert_int_equal(ahead_spare(&j, &spare), ERR_OK);
	assert_false(ahead_shrink(&j, &e));
	assert_int_equal(e, ERR_OK);
	ahead_check(&j.ahead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writer_may_break_the_journal_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
