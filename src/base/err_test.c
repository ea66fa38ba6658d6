#include "base/err.h"

#include "base/must.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_row_is_spelled_for_every_protocol(void **s)
{
	(void)s;
	for (enum err e = 0; e < ERR_N; e++)
		must(err_words[e].name[0] && err_words[e].text[0]);
#define ERR(name, text, code, condition, reason, status, prose)                     \
	must(prose[0] && (condition[0] || ERR_##name == ERR_OK) && (code) >= 200 && \
	     (code) <= 541);                                                        \
	must((status) >= 200 && (status) <= 599);                                   \
	must(ERR_##name == ERR_OK || (reason) == 0x10 || (reason) >= 0x80);
#include "base/err.def"
#undef ERR
}

static enum err pass_up(enum err e, bool *went_on)
{
	TRY(e);
	*went_on = true;
	return ERR_OK;
}

static void try_returns_only_failures(void **s)
{
	(void)s;
	bool went_on = false;
	must(pass_up(ERR_BUSY, &went_on) == ERR_BUSY && !went_on);
	must(pass_up(ERR_OK, &went_on) == ERR_OK && went_on);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_spelled_for_every_protocol),
		cmocka_unit_test(try_returns_only_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
