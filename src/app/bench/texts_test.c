#include "app/bench/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char buf[100];

/* take reads the frames of `n` bytes in a block of just that size. */
static enum err take(const char *bytes, size_t n, struct texts_frame *out, size_t *out_at)
{
	struct text why = text_of(buf, sizeof buf);
	struct client c = { .fd = -1, .in = malloc(n + 1), .in_n = n, .in_cap = 1024, .why = &why };
	assert_non_null(c.in);
	memcpy(c.in, bytes, n);
	enum err e = texts_next(&c, out);
	*out_at = c.in_at;
	free(c.in);
	return e;
}

static void a_frame_is_taken_when_it_is_whole(void **s)
{
	static const char bytes[] = "\n\nMESSAGE\nack:T_1\ncontent-length:3\nx:y\n\na\0b\0\nRE";
	const size_t whole = sizeof bytes - 1 - 3;
	struct texts_frame f;
	size_t at;
	(void)s;
	for (size_t n = 0; n < whole; n++)
		assert_int_equal(take(bytes, n, &f, &at), ERR_MORE);
	for (size_t n = whole; n < sizeof bytes; n++) {
		assert_int_equal(take(bytes, n, &f, &at), ERR_OK);
		assert_int_equal(at, whole);
		assert_int_equal(f.command, TEXTS_MESSAGE);
		assert_int_equal(f.body.n, 3);
		assert_int_equal(f.ack.n, 3);
	}
}

static void without_a_length_a_body_ends_with_a_nul(void **s)
{
	static const char bytes[] = "RECEIPT\nreceipt-id:0000000012\n\n";
	struct texts_frame f;
	size_t at;
	(void)s;
	assert_int_equal(take(bytes, sizeof bytes, &f, &at), ERR_OK);
	assert_int_equal(at, sizeof bytes);
	assert_int_equal(f.command, TEXTS_RECEIPT);
	assert_int_equal(f.receipt_id.n, TEXTS_RECEIPT_DIGITS);
	assert_int_equal(f.body.n, 0);
}

static void a_body_that_does_not_end_where_it_says_is_refused(void **s)
{
	static const char bytes[] = "MESSAGE\ncontent-length:1\n\nab";
	struct texts_frame f;
	size_t at;
	(void)s;
	assert_int_equal(take(bytes, sizeof bytes, &f, &at), ERR_CLOSED);
	assert_non_null(strstr(buf, "no frame"));
}

static void what_can_never_be_whole_is_refused(void **s)
{
	char bytes[1024];
	struct texts_frame f;
	size_t at;
	(void)s;
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(take(bytes, sizeof bytes - 1, &f, &at), ERR_MORE);
	assert_int_equal(take(bytes, sizeof bytes, &f, &at), ERR_CLOSED);
	memcpy(bytes, "MESSAGE\ncontent-length:9x\n\n", 27);
	assert_int_equal(take(bytes, sizeof bytes, &f, &at), ERR_CLOSED);
}

static void a_send_has_its_receipt_and_its_body_where_it_says(void **s)
{
	uint8_t bytes[300];
	size_t receipt_at, body_at;
	const struct texts_message m = { "q", 5, true, true };
	struct wr w = wr_of(bytes, sizeof bytes);
	(void)s;
	texts_send(&w, &m, &receipt_at, &body_at);
	texts_number(bytes + receipt_at, 1234567890);
	static const char expected[] = "SEND\ndestination:/amq/queue/q\npersistent:true\n"
				       "content-length:5\nreceipt:1234567890\n\n\0\0\0\0\0";
	assert_true(wr_ok(&w));
	assert_int_equal(w.n, sizeof expected);
	assert_memory_equal(bytes, expected, sizeof expected);
	assert_int_equal(body_at, w.n - 6);
	assert_int_equal(texts_send_bytes(&m), w.n);
}

static void a_receipt_is_its_number(void **s)
{
	uint8_t digits[TEXTS_RECEIPT_DIGITS];
	(void)s;
	texts_number(digits, 42);
	assert_int_equal(texts_number_of(slice_of(digits, sizeof digits)), 42);
	assert_int_equal(texts_number_of(slice_str(TEXTS_BYE)), 0);
	assert_int_equal(texts_number_of(slice_str("00000000x1")), 0);
	assert_int_equal(texts_number_of(slice_str("42")), 0);
}

static void an_ack_names_what_the_message_said(void **s)
{
	uint8_t bytes[TEXTS_ACK_MAX];
	char longer[TEXTS_ACK_MAX] = "";
	struct wr w = wr_of(bytes, sizeof bytes);
	(void)s;
	assert_true(texts_ack(&w, slice_str("T_1")));
	assert_int_equal(w.n, 13);
	assert_memory_equal(bytes, "ACK\nid:T_1\n\n", 13);
	memset(longer, 'a', sizeof longer - 1);
	assert_false(texts_ack(&w, slice_str(longer)));
	assert_false(texts_ack(&w, SLICE_EMPTY));
	assert_int_equal(w.n, 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_taken_when_it_is_whole),
		cmocka_unit_test(without_a_length_a_body_ends_with_a_nul),
		cmocka_unit_test(a_body_that_does_not_end_where_it_says_is_refused),
		cmocka_unit_test(what_can_never_be_whole_is_refused),
		cmocka_unit_test(a_send_has_its_receipt_and_its_body_where_it_says),
		cmocka_unit_test(a_receipt_is_its_number),
		cmocka_unit_test(an_ack_names_what_the_message_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
