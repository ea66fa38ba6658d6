/* Big bodies in and out again, through a journal that is an array. */
#include "session/upload.h"

#include "msg/big.h"
#include "session/kit_for_tests.h"
#include "session/whole.h"

#include <stdio.h>

#define TICKET 7000u
#define BODY   "a body of several chunks"

static struct kit *kit;
static struct upload up;
static struct block *block;

static int begin(void **s)
{
	*s = kit = kit_new();
	up = (struct upload){ .chunks_n = 0 };
	block = NULL;
	return 0;
}

/* Whoever was given what the upload was for has let it go. */
static int end(void **s)
{
	must(*s == kit);
	for (uint32_t i = 0; i < kit->stores.n; i++)
		msg_unref(kit->stores.at[i].mem, 1);
	if (block)
		block_close(block);
	block_collect(&kit->home);
	for (struct block *b; (b = block_ended(&kit->home)) != NULL;)
		block_forget(&kit->home, b);
	kit_free(kit);
	return 0;
}

static void begin_upload(uint32_t chunk_max)
{
	const struct uploading what = { .session = kit->session.handle,
					.ticket = TICKET,
					.route = slice_str("\1x\3k.k"),
					.props = slice_str("props"),
					.body_bytes = strlen(BODY),
					.chunk_max = chunk_max,
					.proto = MSG_MQTT5,
					.flags = MSG_PERSISTENT };
	assert_int_equal(upload_begin(&up, &kit->w, &what, &block), ERR_OK);
	assert_int_equal(block->noted, (uint8_t *)up.msg - (uint8_t *)block);
}

static void send_body(size_t step)
{
	struct slice left = slice_str(BODY);
	while (left.n > 0) {
		struct slice piece = slice_sub(left, 0, left.n < step ? left.n : step);
		assert_int_equal(upload_body(&up, &kit->w, piece), ERR_OK);
		left = slice_from(left, piece.n);
	}
}

/* From the last to the first. */
static enum upload_state store_all(void)
{
	enum upload_state state = UPLOAD_MORE;
	for (uint32_t i = kit->stores.n; i-- > 0;) {
		const struct store *one = &kit->stores.at[i];
		assert_int_equal(state, UPLOAD_MORE);
		assert_true(one->session == kit->session.handle);
		state = upload_stored(&up, one->ticket, 1 + i, msg_stored_bytes(msg_of(one->mem)));
	}
	return state;
}

/* Reads it as a session does that can only write whole messages. */
static uint64_t read_back(void)
{
	struct whole whole = { .list = NULL };
	uint64_t mem = 0;
	assert_true(whole_begin(&whole, &kit->w, kit->session.handle, up.msg));
	for (uint32_t i = 0; i < kit->loads.n; i++) {
		const struct load *one = &kit->loads.at[i];
		uint64_t chunk = kit->stores.at[one->loc - 1].mem;
		msg_ref(chunk, 1);
		enum whole_state s = whole_loaded(&whole, &kit->w, one->ticket, chunk, &mem);
		assert_int_equal(s, i + 1 == kit->stores.n ? WHOLE_DONE : WHOLE_MORE);
	}
	return mem;
}

static void what_goes_in_comes_out(void **s)
{
	for (uint32_t chunk_max = 1; chunk_max <= strlen(BODY) + 1; chunk_max++) {
		begin_upload(chunk_max);
		send_body(1 + chunk_max % 7);
		assert_true(upload_is_whole(&up));
		assert_int_equal(kit->stores.n, (strlen(BODY) + chunk_max - 1) / chunk_max);
		assert_int_equal(store_all(), UPLOAD_DONE);
		assert_false(upload_is_whole(&up));
		const struct msg *m = msg_of(read_back());
		assert_true(slice_eq(msg_piece(m, 0), slice_str(BODY)));
		assert_true(slice_eq(msg_props(m), slice_str("props")));
		assert_true(slice_eq(msg_route(m), slice_str("\1x\3k.k")));
		assert_true(m->proto == MSG_MQTT5 && m->flags == MSG_PERSISTENT);
		msg_unref(msg_mem(m), 1);
		upload_end(&up);
		end(s);
		begin(s);
	}
}

static void what_cannot_be_stored_ends_it(void **s)
{
	(void)s;
	begin_upload(4);
	send_body(100);
	assert_int_equal(upload_stored(&up, TICKET + 1, 5, MSG_STORED_HEAD_BYTES + 4), UPLOAD_MORE);
	assert_int_equal(upload_stored(&up, TICKET, 0, 0), UPLOAD_BROKEN);
	upload_end(&up);
	assert_int_equal(upload_stored(&up, TICKET + 2, 6, MSG_STORED_HEAD_BYTES + 4),
			 UPLOAD_STRANGE);
}

static void one_that_is_broken_off_leaves_nothing(void **s)
{
	(void)s;
	begin_upload(8);
	assert_int_equal(upload_body(&up, &kit->w, slice_str("a body of s")), ERR_OK);
	assert_false(upload_is_whole(&up));
	assert_int_equal(kit->stores.n, 1);
	assert_int_equal(upload_stored(&up, TICKET + 1, 5, 10), UPLOAD_STRANGE); /* not sent */
	upload_end(&up);
}

static void properties_have_their_bound(void **s)
{
	(void)s;
	static uint8_t props[LIMIT_CHUNK_BYTES + 1];
	const struct uploading what = { .route = slice_str("\1x\3k.k"),
					.props = slice_of(props, sizeof props),
					.body_bytes = 1,
					.chunk_max = 4,
					.proto = MSG_STOMP };
	assert_int_equal(upload_begin(&up, &kit->w, &what, &block), ERR_LIMIT);
	assert_true(upload_is_needed(4, 4, LIMIT_CHUNK_BYTES + 1));
	assert_true(upload_is_needed(4, LIMIT_CHUNK_BYTES, LIMIT_CHUNK_BYTES));
	assert_false(upload_is_needed(4, 4096, LIMIT_CHUNK_BYTES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_stored_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(one_that_is_broken_off_leaves_nothing, begin, end),
		cmocka_unit_test_setup_teardown(properties_have_their_bound, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
