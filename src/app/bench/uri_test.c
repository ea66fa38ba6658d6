#include "app/bench/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void expect(const char *z, const char *user, const char *password, const char *host,
		   const char *port, const char *vhost)
{
	struct uri u;
	assert_int_equal(uri_parse(z, &u), ERR_OK);
	assert_string_equal(u.user, user);
	assert_string_equal(u.password, password);
	assert_string_equal(u.host, host);
	assert_string_equal(u.port, port);
	assert_string_equal(u.vhost, vhost);
}

static void what_is_missing_is_the_usual(void **s)
{
	(void)s;
	expect("amqp://", "guest", "guest", "127.0.0.1", "5672", "/");
	expect("amqp://broker", "guest", "guest", "broker", "5672", "/");
	expect("amqp://broker:1234/", "guest", "guest", "broker", "1234", "/");
	expect("mqtt://broker", "guest", "guest", "broker", "1883", "/");
	expect("stomp://broker", "guest", "guest", "broker", "61613", "/");
}

static void every_part_is_read(void **s)
{
	(void)s;
	expect("amqp://me:secret@10.0.0.1:99/%2f", "me", "secret", "10.0.0.1", "99", "/");
	expect("amqp://me@h/shop?heartbeat=5", "me", "guest", "h", "5672", "shop");
	expect("amqp://[::1]:99/a", "guest", "guest", "::1", "99", "a");
}

static void percent_signs_are_resolved(void **s)
{
	(void)s;
	expect("amqp://a%40b:c%3Ad@h/x%2Fy", "a@b", "c:d", "h", "5672", "x/y");
}

static void what_is_no_uri_is_refused_and_nothing_written(void **s)
{
	(void)s;
	static const char *const bad[] = {
		"",           "amqp:/",       "http://h",     "amqp://h/%2",
		"amqp://h/%", "amqp://h/%zz", "amqp://h/%00", "amqp://h:123456789/"
	};
	char longer[400] = "amqp://";
	struct uri u = { .host = "untouched" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(uri_parse(bad[i], &u), ERR_SYNTAX_ERROR);
	memset(longer + 7, 'h', 256);
	assert_int_equal(uri_parse(longer, &u), ERR_SYNTAX_ERROR);
	assert_string_equal(u.host, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_the_usual),
		cmocka_unit_test(every_part_is_read),
		cmocka_unit_test(percent_signs_are_resolved),
		cmocka_unit_test(what_is_no_uri_is_refused_and_nothing_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
