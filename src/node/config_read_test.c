#include "base/exact_for_tests.h"
#include "base/text.h"
#include "node/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static char reason[600];
static struct config c;
static struct config_notes notes;

/* Reads a copy that ends where the heap block does. */
static enum err read_bytes(const char *text, size_t n)
{
	struct text why = text_of(reason, sizeof reason);
	struct slice copy = exact(slice_of(text, n), n);
	config_defaults(&c);
	notes.n = 0;
	enum err e = config_read(&c, "x.conf", copy, &notes, &why);
	exact_free(copy);
	return e;
}

static bool is_read(const char *text)
{
	return read_bytes(text, strlen(text)) == ERR_OK;
}

static void refused(const char *text, const char *because)
{
	must(!is_read(text));
	assert_string_equal(reason, because);
}

static void a_line_is_key_and_value(void **s)
{
	(void)s;
	must(is_read("") && is_read("\n\n") && is_read("   \t") && is_read("# comment") &&
	     is_read("  # comment\n#\n"));
	must(is_read("heartbeat=7") && c.heartbeat_s == 7);
	must(is_read("  heartbeat\t =  7 \t\n") && c.heartbeat_s == 7);
	must(is_read("heartbeat = 7 # seconds\r\nchannel_max = 9\r\n") && c.channel_max == 9);
	must(is_read("heartbeat = 7\nheartbeat = 8\n") && c.heartbeat_s == 8);
}

static void a_value_ends_at_a_comment_or_is_quoted(void **s)
{
	(void)s;
	must(is_read("default_pass = a b  c") &&
	     slice_eq(slice_str(c.default_pass), slice_str("a b  c")));
	must(is_read("default_pass = a#b") && slice_eq(slice_str(c.default_pass), slice_str("a")));
	must(is_read("default_pass = 'a#b' # so") &&
	     slice_eq(slice_str(c.default_pass), slice_str("a#b")));
	must(is_read("default_pass = ' a '") &&
	     slice_eq(slice_str(c.default_pass), slice_str(" a ")));
	must(is_read("default_pass = a'b'") &&
	     slice_eq(slice_str(c.default_pass), slice_str("a'b'")));
	must(is_read("default_pass = a=b=c") &&
	     slice_eq(slice_str(c.default_pass), slice_str("a=b=c")));
	must(is_read("default_pass = \"x\"") &&
	     slice_eq(slice_str(c.default_pass), slice_str("\"x\"")));
	must(is_read("default_pass = ''") && c.default_pass[0] == '\0');
	must(is_read("heartbeat = '7'") && c.heartbeat_s == 7);
}

static void a_key_may_escape_its_dots(void **s)
{
	(void)s;
	must(is_read("loopback_users.ann\\.lee = true"));
	must(config_is_loopback_only(&c, slice_str("ann.lee")));
}

static void what_is_no_line_is_refused_with_its_place(void **s)
{
	(void)s;
	refused("\n[rabbit]\n", "x.conf:2: a line is KEY = VALUE, or begins with # for a comment");
	refused("heartbeat", "x.conf:1: there is no = behind the key");
	refused("heartbeat 7", "x.conf:1: there is no = behind the key");
	refused("heart beat = 7", "x.conf:1: there is no = behind the key");
	refused("heartbeat =", "x.conf:1: there is no value; an empty one is written ''");
	refused("heartbeat = # 7", "x.conf:1: there is no value; an empty one is written ''");
	refused("= 7", "x.conf:1: a line is KEY = VALUE, or begins with # for a comment");
	refused("log..file = x", "x.conf:1: a key is words with one dot between them");
	refused(".log = x", "x.conf:1: a key is words with one dot between them");
	refused("log. = x", "x.conf:1: a line is KEY = VALUE, or begins with # for a comment");
	refused("default_pass = 'a\nb'", "x.conf:1: the quote ' is not closed on this line");
	refused("default_pass = 'a' b", "x.conf:1: something follows the closing quote '");
	refused("include /etc/more.conf", "x.conf:1: other files are not included; put their lines "
					  "here");
	refused("heartbeat = 7\n\nframe_max = 1\n",
		"x.conf:3: frame_max: must be from 4096 to 16777216 bytes, not '1'");
	refused("# 1\nframemax = 1\n", "x.conf:2: unknown key framemax; did you mean frame_max?");
}

static void keys_have_an_end(void **s)
{
	(void)s;
	char line[400];
	memset(line, 'k', sizeof line);
	must(read_bytes(line, sizeof line) == ERR_MALFORMED);
	assert_string_equal(reason, "x.conf:1: the key is too long");
}

/* What people have: the example of the project's own documentation, shortened. */
static const char real_life[] = "# ======================================\n"
				"# RabbitMQ broker section\n"
				"# ======================================\n"
				"\n"
				"listeners.tcp.local    = 127.0.0.1:5672\n"
				"listeners.tcp.local_v6 = ::1:5672\n"
				"# listeners.ssl.default = 5671\n"
				"num_acceptors.tcp = 10\n"
				"handshake_timeout = 10000\n"
				"reverse_dns_lookups = false\n"
				"loopback_users.guest = true\n"
				"auth_mechanisms.1 = PLAIN\n"
				"auth_mechanisms.2 = AMQPLAIN\n"
				"auth_backends.1 = internal\n"
				"default_vhost = /\n"
				"default_user = admin\n"
				"default_pass = 's3cret#1'\n"
				"default_permissions.configure = .*\n"
				"default_permissions.read = .*\n"
				"default_permissions.write = .*\n"
				"default_user_tags.administrator = true\n"
				"heartbeat = 600\n"
				"frame_max = 131072\n"
				"channel_max = 128\n"
				"tcp_listen_options.backlog = 4096\n"
				"tcp_listen_options.nodelay = true\n"
				"tcp_listen_options.exit_on_close = false\n"
				"vm_memory_high_watermark.relative = 0.4\n"
				"vm_memory_high_watermark.absolute = 2GB\n"
				"vm_memory_high_watermark_paging_ratio = 0.5\n"
				"disk_free_limit.absolute = 500KB\n"
				"cluster_partition_handling = ignore\n"
				"queue_master_locator = client-local\n"
				"collect_statistics_interval = 5000\n"
				"management.tcp.port = 15672\n"
				"log.dir = /var/log/rabbitmq\n"
				"log.file = rabbit.log\n"
				"log.file.level = info\n"
				"log.file.rotation.date = $D0\n"
				"log.console = false\n"
				"log.connection.level = warning\n"
				"mqtt.sparkplug = false\n";

static void a_real_file_starts_as_it_is(void **s)
{
	(void)s;
	if (!is_read(real_life))
		fail_msg("%s", reason);
	must(c.amqp.n == 2 && c.amqp.at[0].port == 5672 && c.amqp.at[1].port == 5672);
	assert_string_equal(c.amqp.at[1].host, "::1");
	assert_string_equal(c.default_pass, "s3cret#1");
	must(c.memory_watermark_bytes == 2000000000 && c.disk_free_limit_bytes == 500000);
	must(c.backlog == 4096 && c.channel_max == 128 && c.log_connection_level == 2);
	must(!c.is_log_console && notes.n == 11);
	must(notes.at[0].line == 8);
	assert_string_equal(notes.at[0].key, "num_acceptors.tcp");
	assert_string_equal(notes.at[0].source, "x.conf");
	struct text why = text_of(reason, sizeof reason);
	must(config_check(&c, &why) == ERR_OK);
}

static void every_prefix_of_a_file_is_read_or_refused(void **s)
{
	(void)s;
	for (size_t n = 0; n < sizeof real_life; n++)
		if (read_bytes(real_life, n) != ERR_OK)
			must(reason[0] == 'x');
}

static void notes_are_bounded(void **s)
{
	(void)s;
	char text[CONFIG_NOTES_MAX * 60];
	struct text t = text_of(text, sizeof text);
	for (int i = 0; i < 2 * CONFIG_NOTES_MAX; i++)
		text_puts(&t, "mqtt.sparkplug = false\n");
	must(is_read(text) && notes.n == 2 * CONFIG_NOTES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_key_and_value),
		cmocka_unit_test(a_value_ends_at_a_comment_or_is_quoted),
		cmocka_unit_test(a_key_may_escape_its_dots),
		cmocka_unit_test(what_is_no_line_is_refused_with_its_place),
		cmocka_unit_test(keys_have_an_end),
		cmocka_unit_test(a_real_file_starts_as_it_is),
		cmocka_unit_test(every_prefix_of_a_file_is_read_or_refused),
		cmocka_unit_test(notes_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
