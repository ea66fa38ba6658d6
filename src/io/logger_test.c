#include "io/logger.h"

#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void a_line_has_time_level_and_id(void **s)
{
	(void)s;
	char room[300];
	struct text t = text_of(room, sizeof room);
	struct log_value v[] = { log_u64(12) };
	struct logger_entry e = { 1769903999123, LOG_daemon_ready, v, 1 };
	logger_format(&t, false, &e);
	assert_string_equal(room, "2026-01-31T23:59:59.123Z info    G002 ready after 12 ms");
	t = text_of(room, sizeof room);
	logger_format(&t, true, &e);
	assert_string_equal(room, "{\"time\":\"2026-01-31T23:59:59.123Z\",\"id\":\"G002\","
				  "\"level\":\"info\",\"event\":\"daemon_ready\",\"ms\":12}");
}

static char dir[200], path[260];

static void remove_file(void)
{
	unlink(path);
	rmdir(dir);
}

static size_t lines_in(const char *file)
{
	char buf[4096];
	int f = open(file, O_RDONLY);
	ssize_t n = f < 0 ? 0 : read(f, buf, sizeof buf);
	size_t lines = 0;
	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	if (f >= 0)
		close(f);
	return lines;
}

static void levels_and_files_are_as_configured(void **s)
{
	(void)s;
	static struct config c;
	const char *tmp = getenv("TMPDIR");
	char why_room[300];
	struct text why = text_of(why_room, sizeof why_room);
	config_defaults(&c);
	snprintf(dir, sizeof dir, "%s/logger.XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/x.log", dir);
	atexit(remove_file);
	c.is_log_console = false;
	c.log_connection_level = LOG_LEVEL_error;
	snprintf(c.log_dir, sizeof c.log_dir, "%s", dir);
	snprintf(c.log_file, sizeof c.log_file, "x.log");
	struct logger l;
	must(logger_open(&l, &c, &why) == ERR_OK);
	struct log_value v[5] = { log_u64(1), log_u64(2), log_u64(3), log_u64(4), log_u64(5) };
	logger_line(&l, LOG_daemon_ready, v, 1);
	logger_line(&l, LOG_connection_opened, v, 5);
	must(lines_in(path) == 1);
	l.port.line(&l.port, LOG_daemon_stopped, v, 1);
	must(lines_in(path) == 2);
	must(unlink(path) == 0 && logger_reopen(&l, &why) == ERR_OK);
	logger_line(&l, LOG_daemon_ready, v, 1);
	must(lines_in(path) == 1);
	logger_close(&l);
	snprintf(c.log_dir, sizeof c.log_dir, "%s/none", dir);
	must(logger_open(&l, &c, &why) == ERR_IO);
	must(strstr(why_room, "x.log: No such file or directory; see log.file") != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_and_id),
		cmocka_unit_test(levels_and_files_are_as_configured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
