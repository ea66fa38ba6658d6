/* What goes wrong with large messages; that they arrive is told by test/interop/matrix. */
#include "session/large.h"

#include "session/kit_for_tests.h"

static struct kit *kit;
static struct large *large;

static int begin(void **s)
{
	kit = kit_new();
	large = NULL;
	*s = kit;
	return 0;
}

static int end(void **s)
{
	must(*s == kit);
	large_end(&kit->w, large);
	for (uint32_t i = 0; i < kit->stores.n; i++)
		msg_unref(kit->stores.at[i].mem, 1);
	block_collect(&kit->home);
	for (struct block *b; (b = block_ended(&kit->home)) != NULL;)
		block_forget(&kit->home, b);
	kit_free(kit);
	return 0;
}

static enum err start(uint32_t body_n, uint64_t serial)
{
	static uint8_t body[4 * LIMIT_CHUNK_BYTES];
	const struct large_of what = { .session = kit->session.handle,
				       .serial = serial,
				       .route = slice_str("\1x\1k"),
				       .props = slice_str("props"),
				       .body = slice_of(body, body_n),
				       .word = 7,
				       .proto = MSG_STOMP,
				       .flags = MSG_PERSISTENT };
	return large_begin(&kit->w, &what, &large);
}

static enum upload_state stored(uint32_t i, uint64_t loc)
{
	const struct store *one = &kit->stores.at[i];
	return upload_stored(&large->upload, one->ticket, loc, msg_stored_bytes(msg_of(one->mem)));
}

static void it_is_done_when_all_parts_are_stored(void **s)
{
	(void)s;
	assert_int_equal(start(3 * LIMIT_CHUNK_BYTES + 1, 1), ERR_OK);
	assert_int_equal(kit->stores.n, 4);
	for (uint32_t i = 4; i-- > 0;)
		assert_int_equal(stored(i, 12 + i), i ? UPLOAD_MORE : UPLOAD_DONE);
	assert_true(large->word == 7 && msg_encoding(large_msg(large)) == MSG_STOMP);
	assert_true(large_msg(large)->flags & MSG_PERSISTENT);
}

static void parts_of_another_are_strange(void **s)
{
	(void)s;
	assert_int_equal(start(LIMIT_CHUNK_BYTES + 1, 1), ERR_OK);
	large_end(&kit->w, large);
	assert_int_equal(start(LIMIT_CHUNK_BYTES + 1, 2), ERR_OK);
	assert_int_equal(stored(0, 12), UPLOAD_STRANGE);
	assert_int_equal(stored(2, 13), UPLOAD_MORE);
	assert_int_equal(stored(3, 0), UPLOAD_BROKEN);
}

static void without_a_body_nothing_can_be_done(void **s)
{
	(void)s;
	assert_int_equal(start(0, 1), ERR_LIMIT);
	assert_null(large);
	kit->heap.mem.max = kit->heap.mem.used + LIMIT_CHUNK_BYTES;
	assert_int_equal(start(LIMIT_CHUNK_BYTES + 1, 1), ERR_RESOURCE_ERROR);
	assert_null(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_done_when_all_parts_are_stored, begin, end),
		cmocka_unit_test_setup_teardown(parts_of_another_are_strange, begin, end),
		cmocka_unit_test_setup_teardown(without_a_body_nothing_can_be_done, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
