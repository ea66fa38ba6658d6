#include "base/err.h"

#include "base/must.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_row_is_spelled_for_every_protocol(void **s)
{
	(void)s;
	for (enum err e = 0; e < ERR_N; e++) {
		const struct err_words *w = &err_words[e];
		must(w->name[0] && w->text[0] && w->prose[0]);
		must(w->amqp091 >= 200 && w->amqp091 <= 541);
		must(w->http >= 200 && w->http <= 599);
		must((e == ERR_OK) == (strncmp(w->amqp10, "amqp:", 5) != 0));
		must(e == ERR_OK || w->mqtt5 == 0x10 || w->mqtt5 >= 0x80);
	}
}

static void an_inner_reason_has_the_name_of_its_code(void **s)
{
	(void)s;
	assert_string_equal(err_amqp091_name(ERR_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(err_amqp091_name(ERR_MALFORMED), "FRAME_ERROR");
	assert_string_equal(err_amqp091_name(ERR_LIMIT), "RESOURCE_ERROR");
	assert_string_equal(err_amqp091_name(ERR_CORRUPT), "INTERNAL_ERROR");
	assert_string_equal(err_amqp091_name(ERR_INTERNAL_ERROR), "INTERNAL_ERROR");
}

static void soft_errors_close_only_the_channel(void **s)
{
	(void)s;
	for (enum err e = 1; e < ERR_N; e++) {
		uint16_t code = err_words[e].amqp091;
		bool soft = (code >= 403 && code <= 406) || (code >= 311 && code <= 313);
		must(err_amqp091_closes_connection(e) == !soft);
	}
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
		cmocka_unit_test(an_inner_reason_has_the_name_of_its_code),
		cmocka_unit_test(soft_errors_close_only_the_channel),
		cmocka_unit_test(try_returns_only_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
