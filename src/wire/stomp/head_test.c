#include "wire/stomp/head.h"

#include "wire/stomp/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t room[1000];

static enum err read(struct slice head, enum stomp_version v, struct stomp_head *out)
{
	struct wr scratch = wr_of(room, sizeof room);
	return stomp_head_read(head, v, STOMP_ESCAPES, &scratch, out);
}

static void the_first_of_a_name_counts(void **s)
{
	(void)s;
	struct stomp_head h;
	must(read(bytes_of("id:1\nfoo:x\nid:2\r\nack:auto\r\n"), STOMP_1_2, &h) == ERR_OK);
	must(stomp_has(&h, STOMP_H_ID) && stomp_has(&h, STOMP_H_ACK));
	must(!stomp_has(&h, STOMP_H_DESTINATION));
	SAME(h.at[STOMP_H_ID], "1");
	SAME(h.at[STOMP_H_ACK], "auto");
}

static void every_name_is_found(void **s)
{
	(void)s;
#define HEADER(name, text, in_send, property, prose) \
	must(stomp_header_of(slice_str(text)) == STOMP_H_##name);
#include "wire/stomp/headers.def"
#undef HEADER
	must(stomp_header_of(slice_str("dastination")) == STOMP_H_N);
	must(stomp_header_of(SLICE_EMPTY) == STOMP_H_N);
	must(stomp_header_is_ours(STOMP_H_RECEIPT) && !stomp_header_is_ours(STOMP_H_N));
}

static void escapes_are_those_of_the_version(void **s)
{
	(void)s;
	struct stomp_head h;
	struct slice in = bytes_of("id:a\\cb\\nc\\\\d\\re\n");
	must(read(in, STOMP_1_2, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "a:b\nc\\d\re");
	must(read(in, STOMP_1_1, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "a:b\nc\\d\re");
	must(read(in, STOMP_1_0, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "a\\cb\\nc\\\\d\\re");
	must(read(bytes_of("\\cid:1\n"), STOMP_1_2, &h) == ERR_OK && !stomp_has(&h, STOMP_H_ID));
	must(read(bytes_of("foo:1\\t\n"), STOMP_1_2, &h) == ERR_MALFORMED);
	must(read(bytes_of("foo:1\\\n"), STOMP_1_1, &h) == ERR_MALFORMED);
	must(read(bytes_of("foo:1\\t\n"), STOMP_1_0, &h) == ERR_OK);
}

static void what_is_no_escape_may_stand_for_itself(void **s)
{
	(void)s;
	struct stomp_head h;
	struct wr scratch = wr_of(room, sizeof room);
	struct slice in = bytes_of("id:C\\c\\\\\\temp\\\n");
	must(stomp_head_read(in, STOMP_1_2, STOMP_ESCAPES_OR_NOT, &scratch, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "C:\\\\temp\\");
}

static void blanks_before_a_value_are_none_of_it_in_1_0(void **s)
{
	(void)s;
	struct stomp_head h;
	must(read(bytes_of("id:  a \n"), STOMP_1_0, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "a ");
	must(read(bytes_of("id:  a \n"), STOMP_1_1, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "  a ");
}

static void a_name_that_is_not_known_is_found_as_it_came(void **s)
{
	(void)s;
	struct slice raw, head = bytes_of("id:1\nx-y:a\\cb\nx-y:c\n");
	must(stomp_head_find(head, "x-y", &raw));
	SAME(raw, "a\\cb");
	must(stomp_head_find(head, "id", &raw));
	SAME(raw, "1");
	must(!stomp_head_find(head, "x", &raw) && !stomp_head_find(SLICE_EMPTY, "x", &raw));
}

static void a_colon_is_part_of_the_value(void **s)
{
	(void)s;
	struct stomp_head h;
	must(read(bytes_of("id:a:b\n"), STOMP_1_0, &h) == ERR_OK);
	SAME(h.at[STOMP_H_ID], "a:b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_a_name_counts),
		cmocka_unit_test(every_name_is_found),
		cmocka_unit_test(escapes_are_those_of_the_version),
		cmocka_unit_test(what_is_no_escape_may_stand_for_itself),
		cmocka_unit_test(blanks_before_a_value_are_none_of_it_in_1_0),
		cmocka_unit_test(a_name_that_is_not_known_is_found_as_it_came),
		cmocka_unit_test(a_colon_is_part_of_the_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
