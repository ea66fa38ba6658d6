#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_row_has_an_id_of_its_own_and_closed_braces(void **s)
{
	(void)s;
	for (enum log_id i = 0; i < LOG_N; i++) {
		const struct log_row *row = &log_rows[i];
		must(strlen(row->id) == 4 && row->name[0] && row->prose[0]);
		must(log_find(slice_str(row->id)) == i); /* so none stands twice */
		size_t open = 0;
		for (const char *c = row->text; *c; c++) {
			must(*c != '}' || open > 0);
			open = open + (*c == '{') - (*c == '}');
			must(open <= 1);
		}
		must(open == 0 && log_values_n(i) <= 8);
	}
	must(log_find(slice_str("Z999")) == LOG_N);
}

static void a_line_reads_as_text_and_as_json(void **s)
{
	(void)s;
	char buf[300];
	struct text t = text_of(buf, sizeof buf);
	const struct log_value values[] = { log_u64(17), log_str(slice_str("10.0.0.1:5")),
					    log_u64(60) };
	log_put_text(&t, LOG_heartbeat_timeout, values, 3);
	assert_string_equal(buf, "connection 17 from 10.0.0.1:5 silent for 60 s");
	t = text_of(buf, sizeof buf);
	log_put_json(&t, LOG_heartbeat_timeout, values, 3);
	assert_string_equal(buf,
			    "\"id\":\"C006\",\"level\":\"warning\",\"event\":\"heartbeat_timeout\","
			    "\"conn\":17,\"peer\":\"10.0.0.1:5\",\"s\":60");
}

static void what_a_client_sent_cannot_break_the_line(void **s)
{
	(void)s;
	char buf[300];
	struct text t = text_of(buf, sizeof buf);
	const struct log_value values[] = { log_str(slice_str("p")), log_str(slice_str("why")),
					    log_str(slice_str("a\nG004 x")), log_str(SLICE_EMPTY) };
	log_put_text(&t, LOG_login_refused, values, 4);
	assert_string_equal(buf, "login from p refused: why, user a\\x0aG004 x, mechanism ");
}

static void levels_are_found_by_name(void **s)
{
	(void)s;
	must(log_level_find(slice_str("debug")) == LOG_LEVEL_debug);
	must(log_level_find(slice_str("error")) == LOG_LEVEL_error);
	must(log_level_find(slice_str("loud")) == LOG_LEVEL_N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_an_id_of_its_own_and_closed_braces),
		cmocka_unit_test(a_line_reads_as_text_and_as_json),
		cmocka_unit_test(what_a_client_sent_cannot_break_the_line),
		cmocka_unit_test(levels_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
