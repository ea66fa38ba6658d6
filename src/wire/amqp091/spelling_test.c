#include "wire/amqp091/spelling.h"

#include "base/must.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_row_has_a_code(void **s)
{
	(void)s;
	for (enum err e = 0; e < ERR_N; e++)
		must(amqp091_code(e) >= 200 && amqp091_code(e) <= 541);
}

static void an_inner_reason_has_the_name_of_its_code(void **s)
{
	(void)s;
	assert_string_equal(amqp091_code_name(ERR_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(amqp091_code_name(ERR_MALFORMED), "FRAME_ERROR");
	assert_string_equal(amqp091_code_name(ERR_LIMIT), "RESOURCE_ERROR");
	assert_string_equal(amqp091_code_name(ERR_CORRUPT), "INTERNAL_ERROR");
	assert_string_equal(amqp091_code_name(ERR_INTERNAL_ERROR), "INTERNAL_ERROR");
}

static void soft_errors_close_only_the_channel(void **s)
{
	(void)s;
	for (enum err e = 1; e < ERR_N; e++) {
		uint16_t code = amqp091_code(e);
		bool soft = (code >= 403 && code <= 406) || (code >= 311 && code <= 313);
		must(amqp091_closes_connection(e) == !soft);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_code),
		cmocka_unit_test(an_inner_reason_has_the_name_of_its_code),
		cmocka_unit_test(soft_errors_close_only_the_channel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
