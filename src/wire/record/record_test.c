#include "wire/record/record.h"

#include "base/crc32c.h"
#include "base/exact_for_tests.h"
#include "wire/record/commit.h"
#include "wire/record/head.h"
#include "wire/record/unit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GENERATION 7u

/* ---- records ---------------------------------------------------------------------------- */

static uint32_t make_record(uint8_t *at, uint32_t body_len)
{
	struct record r = { .shard = 3,
			    .kind = RECORD_OUTCOMES,
			    .epoch = 5,
			    .index = 1u << 20,
			    .wall_ms = 1234567890123 };
	for (uint32_t i = 0; i < body_len; i++)
		at[RECORD_HEAD_BYTES + i] = (uint8_t)(i * 7);
	record_put(at, &r, body_len);
	record_stamp(at, GENERATION);
	return record_space(body_len);
}

static void a_record_comes_back_as_it_was(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 70; len++) {
		uint8_t buf[128];
		uint32_t space = make_record(buf, len), got_space = 0;
		struct slice s = exact(slice_of(buf, space), space);
		struct record r = { 0 };
		enum err e = record_get(s, GENERATION, &r, &got_space);
		assert_int_equal(e, ERR_OK);
		assert_int_equal(got_space, space);
		assert_int_equal(space % RECORD_ALIGN, 0);
		assert_int_equal(r.shard, 3);
		assert_int_equal(r.kind, RECORD_OUTCOMES);
		assert_int_equal(r.epoch, 5);
		assert_int_equal(r.index, 1u << 20);
		assert_int_equal(r.wall_ms, 1234567890123);
		assert_int_equal(r.body.n, len);
		for (uint32_t i = 0; i < len; i++)
			assert_int_equal(r.body.p[i], (uint8_t)(i * 7));
		assert_int_equal(record_peek_space(buf), space);
		assert_int_equal(record_peek_shard(buf), 3);
		assert_int_equal(record_peek_index(buf), 1u << 20);
		exact_free(s);
	}
}

static void every_prefix_of_a_record_wants_more(void **state)
{
	(void)state;
	uint8_t buf[128];
	uint32_t space = make_record(buf, 33);
	for (size_t n = 0; n < space; n++) {
		struct slice s = exact(slice_of(buf, n), n);
		struct record r;
		uint32_t got;
		assert_int_equal(record_get(s, GENERATION, &r, &got), ERR_MORE);
		exact_free(s);
	}
}

static void every_flipped_bit_of_a_record_is_seen(void **state)
{
	(void)state;
	uint8_t buf[128];
	uint32_t space = make_record(buf, 32);
	for (uint32_t bit = 0; bit < (RECORD_HEAD_BYTES + 32) * 8; bit++) {
		struct record r;
		uint32_t got;
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(record_get(slice_of(buf, space), GENERATION, &r, &got),
				     ERR_OK);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_record_of_another_generation_is_not_the_log(void **state)
{
	(void)state;
	uint8_t buf[128];
	struct record r;
	uint32_t space = make_record(buf, 8), got;
	assert_int_equal(record_get(slice_of(buf, space), GENERATION + 1, &r, &got), ERR_CORRUPT);
}

/* ---- commits ---------------------------------------------------------------------------- */

static struct commit make_commit(uint8_t at[COMMIT_HEAD_BYTES])
{
	struct commit c = { .generation = GENERATION,
			    .bytes = 1000,
			    .records_n = 3,
			    .number = 12,
			    .synced = 11,
			    .prev = 0x700001000,
			    .prev_crc = 99 };
	commit_put(at, &c);
	return c;
}

static void a_commit_comes_back_as_it_was(void **state)
{
	(void)state;
	uint8_t buf[COMMIT_HEAD_BYTES];
	struct commit c = make_commit(buf), got;
	assert_int_equal(commit_get(slice_of(buf, sizeof buf), GENERATION, &got), ERR_OK);
	assert_true(got.generation == c.generation && got.bytes == c.bytes && got.crc == c.crc);
	assert_true(got.number == c.number && got.synced == c.synced && got.prev == c.prev);
	assert_true(got.prev_crc == c.prev_crc && got.records_n == c.records_n);
	assert_int_equal(commit_space(got.bytes), 1024);
	for (size_t n = 0; n < sizeof buf; n++) {
		struct slice s = exact(slice_of(buf, n), n);
		assert_int_equal(commit_get(s, GENERATION, &got), ERR_MORE);
		exact_free(s);
	}
	assert_int_equal(commit_get(slice_of(buf, sizeof buf), GENERATION + 1, &got), ERR_CORRUPT);
}

static void every_flipped_bit_of_a_commit_is_seen(void **state)
{
	(void)state;
	uint8_t buf[COMMIT_HEAD_BYTES];
	(void)make_commit(buf);
	for (uint32_t bit = 0; bit < sizeof buf * 8; bit++) {
		struct commit got;
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(commit_get(slice_of(buf, sizeof buf), GENERATION, &got),
				 ERR_CORRUPT);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_commit_follows_only_the_one_it_names(void **state)
{
	(void)state;
	struct commit before = { .number = 11, .crc = 99 };
	uint8_t buf[COMMIT_HEAD_BYTES];
	struct commit c = make_commit(buf);
	assert_true(commit_follows(&c, &before, 0x700001000));
	assert_false(commit_follows(&c, &before, 0x700001200));
	before.crc = 98;
	assert_false(commit_follows(&c, &before, 0x700001000));
	before.crc = 99;
	before.number = 10;
	assert_false(commit_follows(&c, &before, 0x700001000));
}

/* ---- heads ------------------------------------------------------------------------------ */

static void make_head(uint8_t at[HEAD_BYTES], enum head_kind kind)
{
	struct head h = { .kind = kind,
			  .store = 1,
			  .cluster = 2,
			  .number = 3,
			  .wall_ms = 4,
			  .file = 5,
			  .end = 6,
			  .floor = 7,
			  .units_n = 8 };
	head_put(at, &h);
}

static void a_head_comes_back_as_it_was(void **state)
{
	(void)state;
	static const enum head_kind kinds[] = { HEAD_SEGMENT, HEAD_CHECKPOINT, HEAD_STORE };
	for (size_t k = 0; k < 3; k++) {
		uint8_t buf[HEAD_BYTES];
		struct head h;
		make_head(buf, kinds[k]);
		assert_int_equal(head_get(slice_of(buf, sizeof buf), kinds[k], &h), ERR_OK);
		assert_int_equal(h.kind, kinds[k]);
		assert_int_equal(h.version, HEAD_VERSION);
		assert_true(h.store == 1 && h.cluster == 2 && h.number == 3 && h.wall_ms == 4);
		assert_true(h.file == 5 && h.end == 6 && h.floor == 7 && h.units_n == 8);
		assert_int_equal(head_get(slice_of(buf, sizeof buf), kinds[(k + 1) % 3], &h),
				 ERR_NOT_FOUND);
		struct slice s = exact(slice_of(buf, HEAD_BYTES - 1), HEAD_BYTES - 1);
		assert_int_equal(head_get(s, kinds[k], &h), ERR_MORE);
		exact_free(s);
	}
}

static void a_head_says_which_features_it_needs(void **state)
{
	(void)state;
	uint8_t buf[HEAD_BYTES];
	struct head h = { .kind = HEAD_STORE, .store = 1, .features = FEATURES_KNOWN }, got;
	head_put(buf, &h);
	assert_int_equal(head_get(slice_of(buf, sizeof buf), HEAD_STORE, &got), ERR_OK);
	assert_true(got.features == FEATURES_KNOWN);
	const uint64_t unknown = UINT64_C(1) << 63;
	store_le64(buf + 48, FEATURES_KNOWN | unknown);
	store_le32(buf + HEAD_BYTES - 4, crc32c_extend(0, buf, HEAD_BYTES - 4));
	assert_int_equal(head_get(slice_of(buf, sizeof buf), HEAD_STORE, &got),
			 ERR_NOT_IMPLEMENTED);
	assert_true(got.version == HEAD_VERSION && got.features & unknown);
}

static void every_flipped_bit_of_a_head_is_seen(void **state)
{
	(void)state;
	uint8_t buf[HEAD_BYTES];
	make_head(buf, HEAD_STORE);
	for (uint32_t bit = 0; bit < sizeof buf * 8; bit++) {
		struct head h;
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum err e = head_get(slice_of(buf, sizeof buf), HEAD_STORE, &h);
		assert_true(e == ERR_CORRUPT || e == ERR_NOT_FOUND);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* ---- units ------------------------------------------------------------------------------ */

static uint32_t make_unit(uint8_t *at, const uint8_t *content, size_t n)
{
	struct unit u = { .kind = UNIT_CONTENT,
			  .shard = 4,
			  .checkpoint = 9,
			  .a = 10,
			  .b = UINT64_MAX,
			  .content = { content, n } };
	unit_put(at, &u);
	return unit_space((uint32_t)n);
}

static void a_unit_comes_back_as_it_was(void **state)
{
	(void)state;
	static const uint8_t content[100] = "what a shard keeps";
	for (size_t n = 0; n < sizeof content; n++) {
		uint8_t buf[160];
		struct unit u;
		uint32_t space = make_unit(buf, content, n), got;
		struct slice s = exact(slice_of(buf, space), space);
		assert_int_equal(unit_get(s, &u, &got), ERR_OK);
		assert_int_equal(got, space);
		assert_true(u.kind == UNIT_CONTENT && u.shard == 4 && u.checkpoint == 9);
		assert_true(u.a == 10 && u.b == UINT64_MAX && u.content.n == n);
		if (n)
			assert_memory_equal(u.content.p, content, n);
		exact_free(s);
		for (size_t part = 0; part < space; part++) {
			s = exact(slice_of(buf, part), part);
			assert_int_equal(unit_get(s, &u, &got), ERR_MORE);
			exact_free(s);
		}
	}
}

static void every_flipped_bit_of_a_unit_is_seen(void **state)
{
	(void)state;
	static const uint8_t content[24] = "what a shard keeps";
	uint8_t buf[64];
	uint32_t space = make_unit(buf, content, sizeof content), got;
	for (uint32_t bit = 0; bit < space * 8; bit++) {
		struct unit u;
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(unit_get(slice_of(buf, space), &u, &got), ERR_OK);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void padding_ends_at_a_sector(void **state)
{
	(void)state;
	for (uint64_t at = 512; at <= 1536; at += 8) {
		uint8_t buf[UNIT_PAD_MAX];
		uint32_t n = unit_pad(buf, at, 1), got;
		struct unit u;
		assert_int_equal((at + n) % UNIT_ALIGN, 0);
		if (n == 0)
			continue;
		assert_int_equal(unit_get(slice_of(buf, n), &u, &got), ERR_OK);
		assert_true(got == n && u.kind == UNIT_PAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(every_prefix_of_a_record_wants_more),
		cmocka_unit_test(every_flipped_bit_of_a_record_is_seen),
		cmocka_unit_test(a_record_of_another_generation_is_not_the_log),
		cmocka_unit_test(a_commit_comes_back_as_it_was),
		cmocka_unit_test(every_flipped_bit_of_a_commit_is_seen),
		cmocka_unit_test(a_commit_follows_only_the_one_it_names),
		cmocka_unit_test(a_head_comes_back_as_it_was),
		cmocka_unit_test(a_head_says_which_features_it_needs),
		cmocka_unit_test(every_flipped_bit_of_a_head_is_seen),
		cmocka_unit_test(a_unit_comes_back_as_it_was),
		cmocka_unit_test(every_flipped_bit_of_a_unit_is_seen),
		cmocka_unit_test(padding_ends_at_a_sector),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
