#include "io/address.h"

#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static const char *shown(const char *host, uint16_t port, bool *out_is_loopback)
{
	static char room[80];
	struct config_listener l = { .port = port };
	struct address a;
	struct text t = text_of(room, sizeof room);
	memcpy(l.host, host, strlen(host));
	if (address_of(&l, &a) != ERR_OK)
		return "none";
	*out_is_loopback = address_is_loopback(&a);
	address_put(&t, &a);
	return room;
}

static void addresses_are_read_and_shown(void **s)
{
	(void)s;
	bool is_loopback = false;
	assert_string_equal(shown("127.0.0.1", 5672, &is_loopback), "127.0.0.1:5672");
	must(is_loopback);
	assert_string_equal(shown("127.8.8.8", 1, &is_loopback), "127.8.8.8:1");
	must(is_loopback);
	assert_string_equal(shown("10.0.0.1", 65535, &is_loopback), "10.0.0.1:65535");
	must(!is_loopback);
	assert_string_equal(shown("::1", 5672, &is_loopback), "[::1]:5672");
	must(is_loopback);
	assert_string_equal(shown("", 5672, &is_loopback), "[::]:5672");
	must(!is_loopback);
	assert_string_equal(shown("fe80::1%lo", 2, &is_loopback), "[fe80::1]:2");
	assert_string_equal(shown("1.2.3", 2, &is_loopback), "none");
	assert_string_equal(shown("::g", 2, &is_loopback), "none");
}

static void ipv4_over_ipv6_is_ipv4(void **s)
{
	(void)s;
	bool is_loopback = false;
	assert_string_equal(shown("::ffff:127.0.0.1", 9, &is_loopback), "127.0.0.1:9");
	must(is_loopback);
	assert_string_equal(shown("::ffff:8.8.8.8", 9, &is_loopback), "8.8.8.8:9");
	must(!is_loopback);
	struct address any = address_any4(7);
	char room[80];
	struct text t = text_of(room, sizeof room);
	address_put(&t, &any);
	assert_string_equal(room, "0.0.0.0:7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_shown),
		cmocka_unit_test(ipv4_over_ipv6_is_ipv4),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
