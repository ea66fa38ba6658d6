#include "app/bench/frames.h"

#include "app/bench/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static uint8_t buf[20000];

/* frame checks one frame's head and end, and gives the place behind it. */
static size_t frame(size_t at, enum frames_type type, uint16_t channel, uint32_t len)
{
	assert_int_equal(buf[at], type);
	assert_int_equal(load_be16(buf + at + 1), channel);
	assert_int_equal(load_be32(buf + at + 3), len);
	assert_int_equal(buf[at + FRAMES_HEAD + len], FRAMES_END);
	return at + FRAMES_OVERHEAD + len;
}

static void a_small_message_is_three_frames(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	struct frames_message m = { "x", "key", NULL, 16, 4096, 5, false, false, 0, 0 };
	size_t body_at;
	frames_publish(&w, &m, &body_at);
	assert_true(wr_ok(&w));
	assert_int_equal(w.n, frames_publish_bytes(&m));
	size_t at = frame(0, FRAMES_METHOD, 5, 4 + 2 + 2 + 4 + 1);
	assert_int_equal(load_be32(buf + 7), BASIC_PUBLISH);
	assert_memory_equal(buf + 13, "\1x\3key\0", 7);
	at = frame(at, FRAMES_CONTENT, 5, 14);
	assert_int_equal(load_be64(buf + at - 11), 16);
	assert_int_equal(body_at, at + FRAMES_HEAD);
	assert_int_equal(frame(at, FRAMES_BODY, 5, 16), w.n);
}

static void a_large_durable_message_is_cut_at_frame_max(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	struct frames_message m = { "", "q", NULL, 10000, 4096, 1, true, false, 0, 0 };
	size_t body_at;
	frames_publish(&w, &m, &body_at);
	assert_int_equal(w.n, frames_publish_bytes(&m));
	size_t at = frame(0, FRAMES_METHOD, 1, 4 + 2 + 1 + 2 + 1);
	at = frame(at, FRAMES_CONTENT, 1, 15);
	assert_int_equal(buf[at - 2], 2);
	at = frame(at, FRAMES_BODY, 1, 4088);
	at = frame(at, FRAMES_BODY, 1, 4088);
	assert_int_equal(frame(at, FRAMES_BODY, 1, 1824), w.n);
}

static void a_message_may_have_headers(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	struct frames_message m = { "x", "key", "0000007", 16, 4096, 5, true, false, 0, 0 };
	size_t body_at;
	frames_publish(&w, &m, &body_at);
	assert_int_equal(w.n, frames_publish_bytes(&m));
	size_t at = frame(0, FRAMES_METHOD, 5, 4 + 2 + 2 + 4 + 1);
	assert_memory_equal(buf + at + FRAMES_HEAD + 12, "\x30\0\0\0\0\x1e\2idS\0\0\0\0070000007",
			    21);
}

static void a_message_may_have_a_priority(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	struct frames_message m = { "", "key", NULL, 16, 4096, 5, true, true, 9, 0 };
	size_t body_at;
	frames_publish(&w, &m, &body_at);
	assert_int_equal(w.n, frames_publish_bytes(&m));
	size_t at = frame(0, FRAMES_METHOD, 5, 4 + 2 + 1 + 4 + 1);
	assert_memory_equal(buf + at + FRAMES_HEAD + 12, "\x18\0\2\x9", 4);
}

static void a_message_may_have_to_wait(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	struct frames_message m = { "x", "key", "not then", 16, 4096, 5, false, false, 0, 258 };
	size_t body_at;
	frames_publish(&w, &m, &body_at);
	assert_int_equal(w.n, frames_publish_bytes(&m));
	size_t at = frame(0, FRAMES_METHOD, 5, 4 + 2 + 2 + 4 + 1);
	assert_memory_equal(buf + at + FRAMES_HEAD + 12, "\x20\0\0\0\0\x0d\7x-delayI\0\0\1\2", 19);
}

static void every_frame_that_does_not_fit_says_so(void **s)
{
	(void)s;
	size_t need = 0;
	for (size_t cap = sizeof buf; cap > 0;
	     cap = need > 0 && cap > need + 1 ? need + 1 : cap - 1) {
		struct wr w = wr_of(buf, cap);
		memset(buf, 0xEE, 600);
		frames_start_ok(&w, "guest", "guest");
		frames_queue_declare(&w, 1, "queue", true, "quorum", 60000, 9);
		frames_queue_declare_mortal(&w, 1, "queue", true, "next");
		frames_ack(&w, 1, 1, false);
		if (need == 0)
			need = w.n;
		assert_true(w.n <= cap);
		for (size_t i = cap; i < 600; i++)
			assert_int_equal(buf[i], 0xEE);
		assert_int_equal(wr_ok(&w), cap >= need);
	}
	assert_true(need > 200 && need < 600);
}

static void an_ack_has_tag_and_flag(void **s)
{
	(void)s;
	struct wr w = wr_of(buf, sizeof buf);
	frames_ack(&w, 3, 77, true);
	assert_int_equal(frame(0, FRAMES_METHOD, 3, 13), w.n);
	assert_int_equal(load_be32(buf + 7), BASIC_ACK);
	assert_int_equal(load_be64(buf + 11), 77);
	assert_int_equal(buf[19], 1);
}

static void the_relay_copies_whole_frames_and_leaves_the_rest(void **s)
{
	(void)s;
	static uint8_t out[64];
	uint8_t in[] = { 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0, 0, 0, 1, 'c' };
	static const size_t whole[] = { 0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 10, 10, 10, 10, 10, 15 };
	for (size_t n = 0; n <= sizeof in; n++) {
		assert_int_equal(relay_copy(in, n, out), whole[n]);
		assert_memory_equal(out, in, whole[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_message_is_three_frames),
		cmocka_unit_test(a_large_durable_message_is_cut_at_frame_max),
		cmocka_unit_test(a_message_may_have_headers),
		cmocka_unit_test(a_message_may_have_a_priority),
		cmocka_unit_test(a_message_may_have_to_wait),
		cmocka_unit_test(every_frame_that_does_not_fit_says_so),
		cmocka_unit_test(an_ack_has_tag_and_flag),
		cmocka_unit_test(the_relay_copies_whole_frames_and_leaves_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
