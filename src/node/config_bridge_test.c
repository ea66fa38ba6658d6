/* Settings of bridges: mqtt.bridges.NAME.KEY. */
#include "node/config_for_tests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static void a_bridge_is_made_by_its_first_key(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text why = text_of(reason, sizeof reason);
	must(set(c, "mqtt.bridges.a.username", "me") == ERR_OK && c->bridges.n == 1);
	must(c->bridges.at[0].keepalive_s == 60 && c->bridges.at[0].restart_max_s == 30);
	must(config_check(c, &why) == ERR_MALFORMED &&
	     strstr(reason, "bridges.a.address is missing"));
	must(set(c, "mqtt.bridges.a.address", "h [::1]:9 ::2 x:7") == ERR_OK);
	why = text_of(reason, sizeof reason);
	must(config_check(c, &why) == ERR_MALFORMED &&
	     strstr(reason, "bridges.a.topics.1 is missing"));
	must(set(c, "mqtt.bridges.a.topics.x", "# out 1") == ERR_OK &&
	     set(c, "mqtt.bridges.a.topics.x", "a/# in") == ERR_OK &&
	     set(c, "mqtt.bridges.b.keepalive", "5") == ERR_OK);
	must(c->bridges.n == 2 && c->bridges.at[0].topics.n == 1);
	assert_string_equal(c->bridges.at[0].topics.at[0].line, "a/# in");
	must(set(c, "mqtt.bridges.b.keepalive", "4") == ERR_MALFORMED);
	must(set(c, "mqtt.bridges.b.topics", "a") == ERR_MALFORMED);
	must(set(c, "mqtt.bridges.b.adress", "h") == ERR_MALFORMED &&
	     strstr(reason, "mean address?"));
	must(set(c, "mqtt.bridges.b", "h") == ERR_MALFORMED);
	for (int i = 0; i < CONFIG_BRIDGES_MAX - 2; i++) {
		char key[64];
		snprintf(key, sizeof key, "mqtt.bridges.x%d.password", i);
		must(set(c, key, "p") == ERR_OK);
	}
	must(set(c, "mqtt.bridges.more.password", "p") == ERR_MALFORMED);
}

static void who_is_lazy_must_have_something_to_wait_for(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text why = text_of(reason, sizeof reason);
	must(set(c, "mqtt.bridges.a.address", "h") == ERR_OK &&
	     set(c, "mqtt.bridges.a.topics.x", "a in") == ERR_OK &&
	     set(c, "mqtt.bridges.a.start_type", "lazy") == ERR_OK);
	must(c->bridges.at[0].threshold == 10 && c->bridges.at[0].idle_s == 60);
	must(config_check(c, &why) == ERR_MALFORMED &&
	     strstr(reason, "needs a topic that goes out"));
	must(set(c, "mqtt.bridges.a.topics.y", "b both") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "mqtt.bridges.a.local_clean_start", "true") == ERR_OK);
	why = text_of(reason, sizeof reason);
	must(config_check(c, &why) == ERR_MALFORMED &&
	     strstr(reason, "needs local_clean_start = false"));
	must(set(c, "mqtt.bridges.a.start_type", "automatic") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "mqtt.bridges.a.threshold", "0") == ERR_MALFORMED);
}

static void addresses_of_a_bridge_come_one_by_one(void **s)
{
	(void)s;
	static const char *const bad[] = { "", "h:", "h:0", "h:65536", "[::1", "[::1]x", ":9" };
	char host[CONFIG_STRING_MAX + 1];
	uint16_t port;
	struct config *c = fresh();
	struct slice rest = slice_str("h  [::1]:9 ::2 x:7 ");
	must(config_bridge_address(&rest, host, &port) && !strcmp(host, "h") && port == 1883);
	must(config_bridge_address(&rest, host, &port) && !strcmp(host, "::1") && port == 9);
	must(config_bridge_address(&rest, host, &port) && !strcmp(host, "::2") && port == 1883);
	must(config_bridge_address(&rest, host, &port) && !strcmp(host, "x") && port == 7);
	must(!config_bridge_address(&rest, host, &port));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(set(c, "mqtt.bridges.a.address", bad[i]) == ERR_MALFORMED);
}

static void changes_of_a_bridge_are_seen(void **s)
{
	(void)s;
	static struct config other;
	char room[256];
	struct config *c = fresh();
	struct text t = text_of(room, sizeof room);
	config_defaults(&other);
	must(set(c, "mqtt.bridges.a.topics.1", "a") == ERR_OK &&
	     set(&other, "mqtt.bridges.a.topics.1", "a") == ERR_OK);
	config_changes(c, &other, &t);
	assert_string_equal(room, "none");
	must(set(&other, "mqtt.bridges.a.topics.1", "b") == ERR_OK);
	t = text_of(room, sizeof room);
	config_changes(c, &other, &t);
	assert_string_equal(room, "mqtt.bridges");
}

static void two_bridges_have_no_session_together(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text t = text_of(reason, sizeof reason);
	static const char *const names[] = { "a", "b" };
	for (size_t i = 0; i < 2; i++) {
		char key[64];
		snprintf(key, sizeof key, "mqtt.bridges.%s.address", names[i]);
		must(set(c, key, "h") == ERR_OK);
		snprintf(key, sizeof key, "mqtt.bridges.%s.topics.1", names[i]);
		must(set(c, key, "x") == ERR_OK);
	}
	must(config_check(c, &t) == ERR_OK);
	must(set(c, "mqtt.bridges.a.client_id", "edge") == ERR_OK &&
	     set(c, "mqtt.bridges.b.client_id", "edge") == ERR_OK);
	must(config_check(c, &t) == ERR_MALFORMED &&
	     strstr(reason, "bridges.a and mqtt.bridges.b"));
	must(set(c, "mqtt.bridges.b.local_client_id", "here") == ERR_OK);
	t = text_of(reason, sizeof reason);
	must(config_check(c, &t) == ERR_OK);
	must(set(c, "mqtt.bridges.a.local_client_id", "here") == ERR_OK);
	must(config_check(c, &t) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bridge_is_made_by_its_first_key),
		cmocka_unit_test(who_is_lazy_must_have_something_to_wait_for),
		cmocka_unit_test(addresses_of_a_bridge_come_one_by_one),
		cmocka_unit_test(changes_of_a_bridge_are_seen),
		cmocka_unit_test(two_bridges_have_no_session_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
