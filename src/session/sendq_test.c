#include "session/sendq.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"
#include "msg/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define STREAM_BYTES 400000u

/* The bytes of a known stream go in as copies and as slices of blocks, and come out in order,
 * whatever the socket takes at a time. */
static void bytes_leave_in_the_order_in_which_they_came(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(16 << 20);
	struct block_home home;
	struct prng p = prng_of(7);
	struct sendq q = { 0 };
	uint64_t in = 0, out = 0;
	block_home_init(&home, &heap.mem, 4);
	while (out < STREAM_BYTES) {
		uint32_t n = (uint32_t)prng_below(&p, 30000);
		if (in < STREAM_BYTES && prng_chance(&p, 1, 2)) {
			struct block *b = block_take(&home, n + 1);
			uint8_t *at = (uint8_t *)b + b->fill;
			for (uint32_t i = 0; i < n; i++)
				at[i] = (uint8_t)((in + i) % 251);
			b->fill += n;
			if (prng_chance(&p, 1, 2))
				sendq_copy(&q, &heap.mem, slice_of(at, n));
			else
				sendq_slice(&q, &heap.mem, b, slice_of(at, n));
			block_close(b);
			in += n;
		}
		struct slice parts[8];
		uint32_t parts_n = sendq_parts(&q, parts, 8);
		uint64_t take = 0, most = prng_below(&p, 40000);
		for (uint32_t k = 0; k < parts_n; k++)
			for (size_t i = 0; i < parts[k].n && take < most; i++, take++)
				assert_int_equal(parts[k].p[i], (out + take) % 251);
		sendq_sent(&q, &heap.mem, take);
		out += take;
		assert_int_equal(q.bytes, in - out);
		if (in >= STREAM_BYTES && q.bytes == 0)
			break;
	}
	sendq_fini(&q, &heap.mem);
	block_home_fini(&home);
	assert_int_equal(heap.mem.used, 0);
}

/* Across pieces, and when the front is half sent. */
static void the_newest_bytes_can_be_looked_at(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct sendq q = { 0 };
	uint8_t bytes[SENDQ_CHUNK_BYTES + 100], seen[sizeof bytes];
	for (uint32_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i % 251);
	sendq_copy(&q, &heap.mem, slice_of(bytes, SENDQ_CHUNK_BYTES - 10));
	sendq_copy(&q, &heap.mem, slice_of(bytes + SENDQ_CHUNK_BYTES - 10, 110));
	sendq_sent(&q, &heap.mem, 50);
	for (uint32_t n = 0; n <= sizeof bytes - 50; n += 7) {
		sendq_newest(&q, n, seen);
		assert_memory_equal(seen, bytes + sizeof bytes - n, n);
	}
	sendq_fini(&q, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

static void one_queue_joins_another_in_order(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct sendq q = { 0 }, later = { 0 };
	uint8_t seen[6];
	sendq_join(&q, &later);
	assert_int_equal(q.bytes, 0);
	for (int i = 0; i < 2; i++) {
		sendq_copy(&later, &heap.mem, slice_of((const uint8_t *)"abc", 3));
		sendq_join(&q, &later);
		assert_int_equal(later.bytes, 0);
	}
	assert_int_equal(q.bytes, 6);
	assert_int_equal(q.total_bytes, 6);
	sendq_newest(&q, 6, seen);
	assert_memory_equal(seen, "abcabc", 6);
	sendq_fini(&q, &heap.mem);
	sendq_fini(&later, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

static void an_empty_queue_holds_no_memory(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct sendq q = { 0 };
	memset(sendq_reserve(&q, &heap.mem, 100), 1, 40);
	sendq_commit(&q, 40);
	sendq_sent(&q, &heap.mem, 40);
	assert_int_equal(heap.mem.used, 0);
	sendq_fini(&q, &heap.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_leave_in_the_order_in_which_they_came),
		cmocka_unit_test(the_newest_bytes_can_be_looked_at),
		cmocka_unit_test(one_queue_joins_another_in_order),
		cmocka_unit_test(an_empty_queue_holds_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
