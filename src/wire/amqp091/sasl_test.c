#include "wire/amqp091/sasl.h"

#include "wire/amqp091/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static bool plain(struct slice response, const char *user, const char *password)
{
	struct slice block = exact(response, response.n);
	struct amqp091_login login;
	bool good = amqp091_sasl_plain(block, &login) == ERR_OK;
	if (good) {
		must(slice_eq(login.user, slice_str(user)));
		must(slice_eq(login.password, slice_str(password)));
	}
	exact_free(block);
	return good;
}

static void plain_is_three_strings(void **s)
{
	(void)s;
	must(plain(bytes_of("\0guest\0secret"), "guest", "secret"));
	must(plain(bytes_of("guest\0guest\0secret"), "guest", "secret"));
	must(plain(bytes_of("\0\0"), "", ""));
	must(plain(bytes_of("\0u\0"), "u", ""));
}

static void plain_is_refused_when_it_is_anything_else(void **s)
{
	(void)s;
	must(!plain(bytes_of(""), "", ""));
	must(!plain(bytes_of("guest"), "", ""));
	must(!plain(bytes_of("\0guest"), "", ""));
	must(!plain(bytes_of("\0u\0p\0"), "", ""));
	must(!plain(bytes_of("root\0guest\0secret"), "", ""));
}

static void amqplain_is_a_table(void **s)
{
	(void)s;
	struct slice whole = bytes_of("\5LOGINS\0\0\0\5guest\10PASSWORDS\0\0\0\2pw");
	struct amqp091_login login;
	for (size_t n = 0; n < whole.n; n++) {
		struct slice part = exact(whole, n);
		must(amqp091_sasl_amqplain(part, &login) == ERR_MALFORMED);
		exact_free(part);
	}
	must(amqp091_sasl_amqplain(whole, &login) == ERR_OK);
	must(slice_eq(login.user, slice_str("guest")) && slice_eq(login.password, slice_str("pw")));
	must(amqp091_sasl_amqplain(bytes_of("\5LOGINt\1\10PASSWORDS\0\0\0\2pw"), &login) ==
	     ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_three_strings),
		cmocka_unit_test(plain_is_refused_when_it_is_anything_else),
		cmocka_unit_test(amqplain_is_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
