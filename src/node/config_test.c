#include "node/config_for_tests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static enum err set_env(struct config *c, const char *name, const char *value)
{
	struct text why = text_of(reason, sizeof reason);
	return config_set_env(c, slice_str(name), slice_str(value), &why);
}

static void defaults_are_those_of_the_limits(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(c->frame_max == LIMIT_FRAME_MAX_DEFAULT &&
	     c->channel_max == LIMIT_CHANNEL_MAX_DEFAULT);
	must(c->heartbeat_s == LIMIT_HEARTBEAT_DEFAULT_S);
	must(c->initial_frame_max == LIMIT_INITIAL_FRAME_MAX);
	must(c->handshake_timeout_ms == LIMIT_HANDSHAKE_TIMEOUT_MS);
	must(c->message_bytes_max == LIMIT_MESSAGE_BYTES_DEFAULT);
	must(c->stomp_frame_max == LIMIT_STOMP_FRAME_DEFAULT);
	must(c->journal_segment_bytes == LIMIT_SEGMENT_BYTES);
	must(c->journal_checkpoint_every_bytes == LIMIT_CHECKPOINT_EVERY_BYTES);
	must(c->amqp.n == 1 && c->amqp.at[0].port == 5672 && c->amqp.at[0].host[0] == '\0');
	must(config_is_loopback_only(c, slice_str("guest")));
	must(!config_is_loopback_only(c, slice_str("guests")));
	must(c->memory_watermark_ratio > 0.59 && c->memory_watermark_ratio < 0.61);
	must(c->disk_free_limit_bytes == 50000000);
	struct text why = text_of(reason, sizeof reason);
	must(config_check(c, &why) == ERR_OK);
}

struct bound {
	const char *key, *type;
	int64_t min, max;
};
static const struct bound bounds[] = {
#define CONFIG(field, type, key, value, min, max, unit, prose) { key, #type, min, max },
#include "node/config.def"
#undef CONFIG
};

static enum err set_number(struct config *c, const char *key, int64_t v)
{
	char digits[32];
	struct text t = text_of(digits, sizeof digits);
	text_putf(&t, "%lld", (long long)v);
	return set(c, key, digits);
}

static void every_number_keeps_its_bounds(void **s)
{
	(void)s;
	struct config *c = fresh();
	int tried = 0;
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		const struct bound *b = &bounds[i];
		if (*b->type != 'I' && !slice_eq(slice_str(b->type), slice_str("BYTES")))
			continue;
		must(set_number(c, b->key, b->min) == ERR_OK &&
		     set_number(c, b->key, b->max) == ERR_OK);
		must(set_number(c, b->key, b->min - 1) == ERR_MALFORMED);
		if (b->max < INT64_MAX)
			must(set_number(c, b->key, b->max + 1) == ERR_MALFORMED);
		must(set(c, b->key, "many") == ERR_MALFORMED);
		tried++;
	}
	must(tried > 15);
	must(set(c, "frame_max", "4095") == ERR_MALFORMED);
	assert_string_equal(reason,
			    "--set: frame_max: must be from 4096 to 16777216 bytes, not '4095'");
}

static void bounds_are_those_of_the_limits(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set_number(c, "frame_max", LIMIT_FRAME_MAX_MIN) == ERR_OK);
	must(set_number(c, "frame_max", LIMIT_FRAME_MAX_MAX) == ERR_OK);
	must(set_number(c, "frame_max", LIMIT_FRAME_MAX_MAX + 1) == ERR_MALFORMED);
	must(set_number(c, "max_message_size", LIMIT_MESSAGE_BYTES_MAX) == ERR_OK);
	must(set_number(c, "max_message_size", LIMIT_MESSAGE_BYTES_MAX + 1) == ERR_MALFORMED);
	must(set_number(c, "loops", LIMIT_LOOPS_MAX + 1) == ERR_MALFORMED);
}

static void an_unknown_key_names_the_nearest(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set(c, "heartbeet", "10") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: unknown key heartbeet; did you mean heartbeat?");
	must(set(c, "listners.tcp.default", "5672") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: unknown key listners.tcp.default; did you mean "
				    "listeners.tcp.default?");
	must(set(c, "disk_free_limit", "1GB") == ERR_MALFORMED);
	must(set(c, "colour\n", "red") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: unknown key colour\\x0a; godwit.conf(5) has them "
				    "all");
	must(set(c, "", "red") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: there is no key before the =");
}

/* The rows of settings without effect do not cover slips in those that have one. */
static void every_key_that_lacks_a_letter_is_refused(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text why = text_of(reason, sizeof reason);
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		struct slice key = slice_str(bounds[i].key);
		key.n--;
		enum err e = config_set(c, (struct config_source){ "--set", 0 }, key,
					slice_str("1"), &notes, &why);
		if (e != ERR_MALFORMED)
			fail_msg("%.*s is taken", (int)key.n, (const char *)key.p);
	}
}

static void a_slip_among_settings_of_rabbitmq_names_ours(void **s)
{
	(void)s;
	static const char *const slips[][2] = {
		{ "mqtt.allow_anonymos", "mqtt.allow_anonymous" },
		{ "mqtt.ssl_cert_logn", "mqtt.ssl_cert_login" },
		{ "tcp_listen_options.nodely", "tcp_listen_options.nodelay" },
		{ "web_mqtt.allow_origin.1", "web_mqtt.allow_origins" },
		{ "web_mqtt.tcp.prt", "web_mqtt.tcp.port" },
		{ "web_stomp.ws_fram", "web_stomp.ws_frame" },
		{ "web_stomp.ssl.prt", "web_stomp.tcp.port" },
		{ "log.file.levl", "log.file.level" },
		{ "log.console.levl", "log.console.level" },
		{ "log.connection.levl", "log.connection.level" },
		{ "log.default.levl", "log.default.level" },
	};
	struct config *c = fresh();
	char said[200];
	for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
		must(set(c, slips[i][0], "1") == ERR_MALFORMED);
		(void)snprintf(said, sizeof said, "--set: unknown key %s; did you mean %s?",
			       slips[i][0], slips[i][1]);
		assert_string_equal(reason, said);
	}
}

static void a_setting_without_effect_is_noted(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set(c, "management.tcp.port", "15672") == ERR_OK && notes.n == 1);
	assert_string_equal(notes.at[0].key, "management.tcp.port");
	assert_string_equal(notes.at[0].reason, "this version has no management interface");
	must(set(c, "ssl_options.sni_fallback", "x") == ERR_OK);
	assert_string_equal(notes.at[0].reason, "who names no host is shown ssl_options.certfile");
	must(set(c, "trust_store.directory", "x") == ERR_OK);
	assert_string_equal(notes.at[0].reason,
			    "clients are believed by ssl_options.cacertfile alone");
	must(set(c, "collect_statistics", "fine") == ERR_OK && notes.n == 1);
	must(set(c, "num_acceptors.tcp", "10") == ERR_OK && notes.n == 1);
	must(set(c, "tcp_listen_options.linger.timeout", "0") == ERR_OK && notes.n == 1);
	must(set(c, "log.file.rotation.size", "10") == ERR_OK && notes.n == 1);
	must(set(c, "stomp.max_connections", "infinity") == ERR_OK && notes.n == 1);
	must(set(c, "amqp1_0.default_vhost", "/") == ERR_OK && notes.n == 1);
	must(set(c, "log.error_logger_format_depth", "unlimited") == ERR_OK && notes.n == 1);
	must(set(c, "ssl_options", "none") == ERR_OK && notes.n == 1);
	must(set(c, "ssl_options.cacerts.a", "x") == ERR_OK && notes.n == 1);
	must(set(c, "heartbeat", "30") == ERR_OK && notes.n == 0);
	must(set(c, "managementx", "1") == ERR_MALFORMED);
}

static void listeners_replace_the_default_one(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set(c, "listeners.tcp.local", "127.0.0.1:5673") == ERR_OK && c->amqp.n == 1);
	must(c->amqp.at[0].port == 5673);
	must(set(c, "listeners.tcp.other", "[::1]:5674") == ERR_OK && c->amqp.n == 2);
	must(set(c, "listeners.tcp.local", "5675") == ERR_OK && c->amqp.n == 2);
	must(c->amqp.at[0].port == 5675 && c->amqp.at[0].host[0] == '\0');
	must(set(c, "listeners.tcp", "none") == ERR_OK && c->amqp.n == 0);
	must(set(c, "listeners.tcp", "5672") == ERR_MALFORMED);
	must(set(c, "listeners.tcp.", "5672") == ERR_MALFORMED);
	must(set(c, "listeners.tcpx", "5672") == ERR_MALFORMED);
	char key[40];
	for (int i = 0; i <= CONFIG_LISTENERS_MAX; i++) {
		struct text t = text_of(key, sizeof key);
		text_putf(&t, "listeners.tcp.n%d", i);
		must((set(c, key, "0") == ERR_OK) == (i < CONFIG_LISTENERS_MAX));
	}
}

static void a_listener_is_set_to_a_dialect(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set(c, "stomp.listeners.old.dialect", "activemq") == ERR_OK);
	must(set(c, "stomp.listeners.tcp.old", "61623") == ERR_OK && c->stomp.n == 1);
	must(config_has_dialect(&c->stomp_dialects, slice_str("old")));
	must(!config_has_dialect(&c->stomp_dialects, slice_str("other")));
	must(set(c, "stomp.listeners.old.dialect", "rabbitmq") == ERR_OK);
	must(!config_has_dialect(&c->stomp_dialects, slice_str("old")));
	must(set(c, "stomp.listeners.old.dialect", "artemis") == ERR_MALFORMED);
	must(set(c, "stomp.listeners..dialect", "activemq") == ERR_MALFORMED);
	must(set(c, "stomp.listeners.dialect", "activemq") == ERR_MALFORMED);
	must(set(c, "stomp.listeners.old", "61623") == ERR_MALFORMED);
}

static void a_dialect_is_of_a_listener(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text why = text_of(reason, sizeof reason);
	struct slice file = slice_str("# one\nstomp.listeners.old.dialect = activemq\n");
	must(config_read(c, "a.conf", file, &notes, &why) == ERR_OK);
	must(config_check(c, &why) == ERR_MALFORMED);
	assert_string_equal(reason,
			    "a.conf:2: stomp.listeners.old.dialect: there is no listener of "
			    "that name; open one as stomp.listeners.tcp.old");
	must(set(c, "stomp.listeners.ssl.old", "61624") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "stomp.listeners.ssl", "none") == ERR_OK);
	must(set(c, "stomp.listeners.old.dialect", "rabbitmq") == ERR_OK);
	must(config_check(c, &why) == ERR_MALFORMED);
	must(set(c, "stomp.listeners.tcp.old", "61623") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "stomp.listeners.web_stomp.dialect", "activemq") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "web_stomp.tcp", "none") == ERR_OK && config_check(c, &why) == ERR_MALFORMED);
}

static void mechanisms_go_by_their_numbers(void **s)
{
	(void)s;
	struct config *c = fresh();
	const uint8_t *at = c->auth_mechanisms.at;
	must(at[0] == 1 && at[1] == 2 && at[2] == 3 && at[3] == 0);
	must(slice_eq(config_choice(CONFIG_MECHANISMS, 1), slice_str("PLAIN")));
	must(slice_eq(config_choice(CONFIG_MECHANISMS, 3), slice_str("ANONYMOUS")));
	must(set(c, "auth_mechanisms.2", "PLAIN") == ERR_OK && at[0] == 0 && at[1] == 1);
	must(set(c, "auth_mechanisms.1", "ANONYMOUS") == ERR_OK && at[0] == 3 && at[1] == 1);
	must(set(c, "auth_mechanisms.9", "PLAIN") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: auth_mechanisms.9: is none, or goes on with a number "
				    "from 1 to 8, as in auth_mechanisms.1 = ...");
	must(set(c, "auth_mechanisms", "PLAIN") == ERR_MALFORMED);
	must(set(c, "auth_mechanisms.1", "EXTERNAL") == ERR_OK && at[0] == 4);
	must(set(c, "auth_mechanisms.1", "SCRAM") == ERR_MALFORMED);
	must(set(c, "auth_mechanisms", "none") == ERR_OK && at[0] == 0 && at[1] == 0);
}

static void loopback_users_come_and_go(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set(c, "loopback_users.bob", "true") == ERR_OK && c->loopback_users.n == 2);
	must(set(c, "loopback_users.bob", "true") == ERR_OK && c->loopback_users.n == 2);
	must(set(c, "loopback_users.guest", "false") == ERR_OK && c->loopback_users.n == 1);
	must(config_is_loopback_only(c, slice_str("bob")));
	must(!config_is_loopback_only(c, slice_str("guest")));
	must(set(c, "loopback_users", "none") == ERR_OK && c->loopback_users.n == 0);
	must(set(c, "loopback_users.bob", "maybe") == ERR_MALFORMED);
	must(set(c, "loopback_users", "true") == ERR_MALFORMED);
	assert_string_equal(reason, "--set: loopback_users: is none, or goes on with a name, as in "
				    "loopback_users.guest = true");
}

static void the_environment_spells_keys_its_own_way(void **s)
{
	(void)s;
	struct config *c = fresh();
	must(set_env(c, "GODWIT_HEARTBEAT", "7") == ERR_OK && c->heartbeat_s == 7);
	must(set_env(c, "GODWIT_JOURNAL_SYNC_GAP", "500") == ERR_OK &&
	     c->journal_sync_gap_us == 500);
	must(set_env(c, "GODWIT_LOG_CONSOLE", "false") == ERR_OK && !c->is_log_console);
	must(set_env(c, "GODWIT_LOG_CONSOLE_LEVEL", "error") == ERR_OK &&
	     c->log_console_level == 3);
	must(set_env(c, "GODWIT_LISTENERS_TCP_DEFAULT", "127.0.0.1:9") == ERR_OK);
	must(c->amqp.n == 1 && c->amqp.at[0].port == 9);
	assert_string_equal(c->amqp.at[0].name, "default");
	must(set_env(c, "GODWIT_LOOPBACK_USERS_GUEST", "false") == ERR_OK);
	must(c->loopback_users.n == 0);
	must(set_env(c, "GODWIT_HEARTBEAT", "x") == ERR_MALFORMED);
	assert_string_equal(reason, "GODWIT_HEARTBEAT: heartbeat: must be from 0 to 65535 seconds, "
				    "not 'x'");
}

static void foreign_variables_are_left_alone_and_slips_are_not(void **s)
{
	(void)s;
	struct config *c = fresh();
	const char *const foreign[] = { "HEARTBEAT",
					"GODWIT_SERVICE_HOST",
					"GODWIT_PORT",
					"GODWIT_",
					"GODWIT_PORT_5672_TCP_ADDR",
					"GODWIT_DIR",
					"GODWIT_RELEASE_DIR",
					"GODWIT_TSAN_DIR",
					"GODWIT_DEV_DIR" };
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		must(set_env(c, foreign[i], "1") == ERR_OK);
	must(c->heartbeat_s == 60);
	must(set_env(c, "GODWIT_HEARTBEET", "1") == ERR_MALFORMED);
	assert_string_equal(reason, "GODWIT_HEARTBEET: no setting is called so; did you mean "
				    "heartbeat?");
	must(set_env(c, "GODWIT_JOURNAL_SYNCGAP", "1") == ERR_MALFORMED);
}

static void settings_must_fit_together(void **s)
{
	(void)s;
	struct config *c = fresh();
	struct text why = text_of(reason, sizeof reason);
	must(set(c, "frame_max", "4096") == ERR_OK && config_check(c, &why) == ERR_MALFORMED);
	must(set(c, "initial_frame_max", "4096") == ERR_OK && config_check(c, &why) == ERR_OK);
	must(set(c, "listeners.tcp.a", "9") == ERR_OK && set(c, "listeners.tcp.b", "9") == ERR_OK);
	must(config_check(c, &why) == ERR_MALFORMED);
	must(set(c, "listeners.tcp.b", "127.0.0.1:9") == ERR_OK && config_check(c, &why) == ERR_OK);
	must(set(c, "listeners.tcp.a", "0") == ERR_OK && set(c, "listeners.tcp.b", "0") == ERR_OK);
	must(config_check(c, &why) == ERR_OK);
	must(set(c, "listeners.ssl.c", "127.0.0.1:9") == ERR_OK &&
	     set(c, "listeners.tcp.a", "127.0.0.1:9") == ERR_OK);
	why = text_of(reason, sizeof reason);
	must(config_check(c, &why) == ERR_MALFORMED);
	assert_string_equal(reason, "listeners.tcp.a and listeners.ssl.c have the same address; "
				    "take one out");
	must(set(c, "listeners.ssl", "none") == ERR_OK && config_check(c, &why) == ERR_OK);
	must(set(c, "control_socket", "/tmp/x") == ERR_OK &&
	     config_check(c, &why) == ERR_MALFORMED);
}

static void changes_are_listed_by_key(void **s)
{
	(void)s;
	static struct config old;
	struct config *c = fresh();
	config_defaults(&old);
	struct text out = text_of(reason, sizeof reason);
	config_changes(&old, c, &out);
	assert_string_equal(reason, "none");
	must(set(c, "default_user", "a") == ERR_OK && set(c, "default_user", "guest") == ERR_OK);
	must(set(c, "heartbeat", "7") == ERR_OK && set(c, "log.file", "x") == ERR_OK);
	out = text_of(reason, sizeof reason);
	config_changes(&old, c, &out);
	assert_string_equal(reason, "heartbeat log.file");
}

static void limits_of_virtual_hosts_have_names(void **state)
{
	(void)state;
	static const char *const bad[][2] = {
		{ "default_limits.vhosts.1", "5" },
		{ "default_limits.vhosts.1.max", "5" },
		{ "default_limits.vhosts.1.max_queues", "0" },
		{ "default_limits.vhosts.1.max_queues", "many" },
		{ "default_limits.vhosts.1.pattern", "" },
	};
	struct config c;
	struct config_source from = { "f", 1 };
	char room[300];
	struct text why = text_of(room, sizeof room);
	notes.n = 0;
	config_defaults(&c);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(config_set(&c, from, slice_str(bad[i][0]), slice_str(bad[i][1]), &notes,
				&why) == ERR_MALFORMED);
	must(c.vhost_limits.n == 0);
	must(config_set(&c, from, slice_str("default_limits.vhosts.a.max_queues"), slice_str("7"),
			&notes, &why) == ERR_OK);
	must(config_set(&c, from, slice_str("default_limits.vhosts.b.pattern"), slice_str("^b"),
			&notes, &why) == ERR_OK);
	must(config_set(&c, from, slice_str("default_limits.vhosts.a.max_connections"),
			slice_str("8"), &notes, &why) == ERR_OK);
	must(c.vhost_limits.n == 2 && notes.n == 0);
	const struct config_limits_one *a = &c.vhost_limits.at[0], *b = &c.vhost_limits.at[1];
	must(strcmp(a->name, "a") == 0 && strcmp(a->pattern, ".*") == 0);
	must(a->queues == 7 && a->connections == 8);
	must(strcmp(b->name, "b") == 0 && strcmp(b->pattern, "^b") == 0);
	must(b->queues == -1 && b->connections == -1);
	for (int i = 0; i < CONFIG_LIMITS_MAX; i++) {
		char key[60];
		(void)snprintf(key, sizeof key, "default_limits.vhosts.n%d.max_queues", i);
		must((config_set(&c, from, slice_str(key), slice_str("1"), &notes, &why) ==
		      ERR_OK) == (i < CONFIG_LIMITS_MAX - 2));
	}
}

static void words_go_by_their_numbers(void **s)
{
	(void)s;
	static struct config other;
	struct config *c = fresh();
	must(set(c, "ssl_options.ciphers.2", "B") == ERR_OK);
	must(set(c, "ssl_options.ciphers.64", "C") == ERR_OK);
	other = *c;
	must(set(c, "ssl_options.ciphers.1", "A") == ERR_OK);
	must(!config_words_same(&c->tls_ciphers, &other.tls_ciphers));
	assert_string_equal(c->tls_ciphers.at[0].word, "A");
	assert_string_equal(c->tls_ciphers.at[1].word, "B");
	assert_string_equal(c->tls_ciphers.at[63].word, "C");
	must(set(c, "ssl_options.ciphers.0", "D") == ERR_MALFORMED);
	must(set(c, "ssl_options.ciphers.65", "D") == ERR_MALFORMED && strstr(reason, "1 to 64"));
	must(set(c, "ssl_options.ciphers.x", "D") == ERR_MALFORMED);
	must(set(c, "ssl_options.ciphers.3", "") == ERR_MALFORMED);
	must(set(c, "ssl_options.ciphers", "none") == ERR_OK && !c->tls_ciphers.at[1].word[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_of_virtual_hosts_have_names),
		cmocka_unit_test(defaults_are_those_of_the_limits),
		cmocka_unit_test(every_number_keeps_its_bounds),
		cmocka_unit_test(bounds_are_those_of_the_limits),
		cmocka_unit_test(an_unknown_key_names_the_nearest),
		cmocka_unit_test(every_key_that_lacks_a_letter_is_refused),
		cmocka_unit_test(a_slip_among_settings_of_rabbitmq_names_ours),
		cmocka_unit_test(a_setting_without_effect_is_noted),
		cmocka_unit_test(listeners_replace_the_default_one),
		cmocka_unit_test(a_listener_is_set_to_a_dialect),
		cmocka_unit_test(a_dialect_is_of_a_listener),
		cmocka_unit_test(mechanisms_go_by_their_numbers),
		cmocka_unit_test(words_go_by_their_numbers),
		cmocka_unit_test(loopback_users_come_and_go),
		cmocka_unit_test(the_environment_spells_keys_its_own_way),
		cmocka_unit_test(foreign_variables_are_left_alone_and_slips_are_not),
		cmocka_unit_test(settings_must_fit_together),
		cmocka_unit_test(changes_are_listed_by_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
