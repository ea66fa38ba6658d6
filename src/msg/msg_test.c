#include "msg/msg.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
	struct mem_for_tests heap;
	struct block_home home;
};

static int begin(void **s)
{
	static struct world w;
	w.heap = mem_for_tests(4 << 20);
	block_home_init(&w.home, &w.heap.mem, 4);
	*s = &w;
	return 0;
}

static int end(void **s)
{
	struct world *w = *s;
	block_home_fini(&w->home);
	assert_int_equal(w->heap.mem.used, 0);
	return 0;
}

static uint32_t put(struct block *b, const char *z)
{
	uint32_t at = b->fill;
	memcpy((uint8_t *)b + at, z, strlen(z));
	b->fill += (uint32_t)strlen(z);
	return at;
}

/* "route", "props" and a body of three pieces, "abcd" "efgh" "ij", with two bytes between. */
static struct msg *pieces(struct block *b)
{
	struct msg facts = { .proto = MSG_AMQP091,
			     .flags = MSG_PERSISTENT,
			     .route_len = 5,
			     .props_len = 5,
			     .body_bytes = 10,
			     .piece_bytes = 4,
			     .gap = 2 };
	facts.route_off = put(b, "route");
	facts.props_off = put(b, "props");
	facts.body_off = put(b, "abcd--efgh--ij");
	return msg_new(b, &facts);
}

static void a_body_in_pieces_is_found_piece_by_piece(void **s)
{
	struct world *w = *s;
	struct block *b = block_take(&w->home, 0);
	struct msg *m = pieces(b);
	assert_int_equal(msg_piece_n(m), 3);
	assert_true(slice_eq(msg_route(m), slice_str("route")));
	assert_true(slice_eq(msg_props(m), slice_str("props")));
	assert_true(slice_eq(msg_piece(m, 1), slice_str("efgh")));
	assert_true(slice_eq(msg_piece(m, 2), slice_str("ij")));
	block_close(b);
}

static void what_is_stored_is_loaded_without_gaps(void **s)
{
	struct world *w = *s;
	struct block *b = block_take(&w->home, 0);
	struct msg *m = pieces(b);
	uint32_t bytes = msg_stored_bytes(m);
	struct wr out = wr_of((uint8_t *)b + b->fill, bytes);
	msg_store(m, &out);
	assert_int_equal(out.n, bytes);
	uint32_t at = b->fill;
	b->fill += bytes;
	const struct msg *back;
	assert_int_equal(msg_load(b, at, bytes, &back), ERR_OK);
	assert_int_equal(msg_piece_n(back), 1);
	assert_true(slice_eq(msg_piece(back, 0), slice_str("abcdefghij")));
	assert_true(slice_eq(msg_route(back), slice_str("route")));
	assert_int_equal(back->flags, MSG_PERSISTENT);
	for (uint32_t n = 0; n < bytes; n++)
		assert_int_equal(msg_load(b, at, n, &back), ERR_CORRUPT);
	block_close(b);
}

static void a_stored_message_with_any_bit_wrong_is_not_loaded(void **s)
{
	struct world *w = *s;
	struct block *b = block_take(&w->home, 0);
	struct msg *m = pieces(b);
	uint32_t bytes = msg_stored_bytes(m), at = b->fill;
	struct wr out = wr_of((uint8_t *)b + at, bytes);
	msg_store(m, &out);
	b->fill += bytes;
	const struct msg *back;
	for (uint32_t bit = 0; bit < 8 * bytes; bit++) {
		out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(msg_load(b, at, bytes, &back), ERR_CORRUPT);
		out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(msg_load(b, at, bytes, &back), ERR_OK);
	block_close(b);
}

static void headers_never_meet_the_bytes(void **s)
{
	struct world *w = *s;
	const uint32_t sizes[] = { 0, 3 * BLOCK_ALIGN };
	for (int i = 0; i < 2; i++) {
		struct block *b = block_take(&w->home, sizes[i]);
		b->fill += block_room(b) - 2 * BLOCK_HEADER_ROOM;
		uint32_t fill = b->fill, n = 0;
		memset(b->at + (block_is_large(b) ? BLOCK_LARGE_HEADERS : 0), 7, 64);
		struct msg facts = { .proto = MSG_AMQP091 };
		for (struct msg *m; (m = msg_new(b, &facts)) != NULL; n++) {
			assert_ptr_equal(block_of(m), b);
			if (!block_is_large(b))
				assert_true((uint8_t *)m >= (uint8_t *)b + fill);
			else
				assert_true((uint8_t *)(m + 1) <= b->at + BLOCK_LARGE_HEADERS);
		}
		assert_true(n >= 2);
		block_close(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_body_in_pieces_is_found_piece_by_piece, begin,
						end),
		cmocka_unit_test_setup_teardown(what_is_stored_is_loaded_without_gaps, begin, end),
		cmocka_unit_test_setup_teardown(a_stored_message_with_any_bit_wrong_is_not_loaded,
						begin, end),
		cmocka_unit_test_setup_teardown(headers_never_meet_the_bytes, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
