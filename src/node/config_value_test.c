#include "node/config_value.h"

#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static char reason[256];
static struct text why;

static struct text *fresh(void)
{
	why = text_of(reason, sizeof reason);
	return &why;
}

static const struct config_bounds any = { 0, INT64_MAX, "bytes" };

static int64_t bytes(const char *z)
{
	int64_t v = -1;
	enum err e = config_value_bytes(slice_str(z), any, &v, fresh());
	must((e == ERR_OK) == (v >= 0));
	return v;
}

static void bytes_have_units_in_either_case(void **s)
{
	(void)s;
	must(bytes("0") == 0 && bytes("1048576") == 1048576);
	must(bytes("64k") == 65536 && bytes("64Ki") == 65536 && bytes("64KiB") == 65536);
	must(bytes("50MB") == 50000000 && bytes("50mb") == 50000000 && bytes("2GB") == 2000000000);
	must(bytes("1G") == 1 << 30 && bytes("1 GiB") == 1 << 30 && bytes("1TB") == 1000000000000);
	must(bytes("2P") == INT64_C(2) << 50 && bytes("8191P") > 0);
	must(bytes("8192P") == -1 && bytes("9223372036854775808") == -1);
	must(bytes("") == -1 && bytes("MB") == -1 && bytes("1.5GB") == -1 && bytes("-1") == -1);
	must(bytes("1 G B") == -1 && bytes("1x") == -1);
	assert_string_equal(
		reason,
		"must be a number of bytes, such as 1073741824, 1GiB, 512MB or 64k, not '1x'");
}

static bool is_int(const char *z)
{
	int64_t v = 0;
	return config_value_int(slice_str(z), (struct config_bounds){ 5, 10, "seconds" }, &v,
				fresh()) == ERR_OK &&
	       v >= 5 && v <= 10;
}

static void a_bound_may_be_none(void **s)
{
	(void)s;
	const struct config_bounds b = { 0, 10, "queues" };
	int64_t v = 5;
	must(config_value_bound(slice_str("infinity"), b, &v, fresh()) == ERR_OK && v == -1);
	must(config_value_bound(slice_str("0"), b, &v, fresh()) == ERR_OK && v == 0);
	must(config_value_bound(slice_str("11"), b, &v, fresh()) == ERR_MALFORMED && v == 0);
	must(config_value_bound(slice_str("Infinity"), b, &v, fresh()) == ERR_MALFORMED);
}

static void numbers_keep_their_bounds(void **s)
{
	(void)s;
	must(is_int("5") && is_int("10") && is_int("007"));
	must(!is_int("4") && !is_int("11") && !is_int("") && !is_int("5s") && !is_int("0x6") &&
	     !is_int(" 6") && !is_int("+6") && !is_int("99999999999999999999999"));
	must(!is_int("sixty"));
	assert_string_equal(reason, "must be from 5 to 10 seconds, not 'sixty'");
}

static double ratio(const char *z)
{
	double v = -1;
	enum err e = config_value_ratio(slice_str(z), (struct config_bounds){ 0, 1, "" }, &v,
					fresh());
	must((e == ERR_OK) == (v >= 0));
	return v;
}

static void ratios_are_decimal(void **s)
{
	(void)s;
	must(ratio("0") == 0 && ratio("1") == 1 && ratio("1.0") == 1 && ratio("0.5") == 0.5);
	must(ratio("0.4") > 0.3999 && ratio("0.4") < 0.4001);
	must(ratio("1.01") == -1 && ratio(".5") == -1 && ratio("0.") == -1 && ratio("0,4") == -1 &&
	     ratio("1e-1") == -1 && ratio("") == -1 && ratio("-0.1") == -1);
}

static void booleans_are_two_words(void **s)
{
	(void)s;
	bool v = false;
	must(config_value_bool(slice_str("true"), &v, fresh()) == ERR_OK && v);
	must(config_value_bool(slice_str("false"), &v, fresh()) == ERR_OK && !v);
	must(config_value_bool(slice_str("yes"), &v, fresh()) == ERR_MALFORMED && !v);
	assert_string_equal(reason, "must be true or false, not 'yes'");
}

static void choices_are_counted(void **s)
{
	(void)s;
	int v = 7;
	must(config_value_choice(slice_str("a"), "a|bc|d", &v, fresh()) == ERR_OK && v == 0);
	must(config_value_choice(slice_str("bc"), "a|bc|d", &v, fresh()) == ERR_OK && v == 1);
	must(config_value_choice(slice_str("d"), "a|bc|d", &v, fresh()) == ERR_OK && v == 2);
	must(config_value_choice(slice_str("b"), "a|bc|d", &v, fresh()) == ERR_MALFORMED && v == 2);
	assert_string_equal(reason, "must be one of a, bc, d, not 'b'");
}

static bool is_listener(const char *z, const char *host, uint16_t port)
{
	struct config_listener l = { .port = 1 };
	if (config_value_listener(slice_str(z), &l, fresh()) != ERR_OK)
		return false;
	return slice_eq(slice_str(l.host), slice_str(host)) && l.port == port;
}

static void listeners_are_ports_with_addresses(void **s)
{
	(void)s;
	must(is_listener("5672", "", 5672) && is_listener("0", "", 0) &&
	     is_listener("65535", "", 65535));
	must(is_listener("127.0.0.1:5672", "127.0.0.1", 5672));
	must(is_listener("::1:5672", "::1", 5672) && is_listener("[::1]:5672", "::1", 5672));
	must(is_listener(":::5672", "::", 5672));
	must(is_listener("fe80::1%eth0:5672", "fe80::1%eth0", 5672));
	struct config_listener l;
	const char *const bad[] = {
		"",      "65536",       "127.0.0.1",   "127.0.0.1:",     "127.0.0:5672",
		":5672", "256.0.0.1:1", "1.2.3.4.5:1", "localhost:5672", "[]:1",
		"tcp"
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(config_value_listener(slice_str(bad[i]), &l, fresh()) == ERR_MALFORMED);
	assert_string_equal(reason, "must be a port (0 to 65535) or ADDRESS:PORT, not 'tcp'");
}

static void strings_have_a_length(void **s)
{
	(void)s;
	char out[CONFIG_STRING_MAX + 1] = "old";
	struct config_bounds b = { 1, 4, "" };
	must(config_value_string(slice_str(""), b, out, fresh()) == ERR_MALFORMED);
	must(config_value_string(slice_str("12345"), b, out, fresh()) == ERR_MALFORMED);
	assert_string_equal(reason, "must have 1 to 4 bytes, not 5");
	must(config_value_string(slice_of("a\0b", 3), b, out, fresh()) == ERR_MALFORMED);
	b.max = CONFIG_STRING_MAX;
	must(config_value_string(slice_str("encrypted:x"), b, out, fresh()) == ERR_MALFORMED);
	assert_string_equal(out, "old");
	must(config_value_string(slice_str("new"), b, out, fresh()) == ERR_OK);
	assert_string_equal(out, "new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_units_in_either_case),
		cmocka_unit_test(a_bound_may_be_none),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(ratios_are_decimal),
		cmocka_unit_test(booleans_are_two_words),
		cmocka_unit_test(choices_are_counted),
		cmocka_unit_test(listeners_are_ports_with_addresses),
		cmocka_unit_test(strings_have_a_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
