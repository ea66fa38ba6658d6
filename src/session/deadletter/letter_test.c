#include "session/deadletter/deadletter_for_tests.h"
#include "wire/amqp091/table.h"

/* A message for the default exchange with `key`; one header makes its properties `n` octets. */
static uint64_t large(struct rig *r, const char *key, size_t n)
{
	struct block *b = block_take(&r->home, (uint32_t)n + 512);
	uint32_t at = b->fill;
	struct wr w = wr_of((uint8_t *)b + at, n + 512);
	wr_u8(&w, 0);
	wr_str8(&w, slice_str(key));
	uint32_t props = (uint32_t)w.n;
	wr_u16(&w, 0x2000); /* headers */
	wr_u32(&w, (uint32_t)n - 6);
	amqp091_put_name(&w, slice_str("big"));
	wr_u8(&w, AMQP091_TYPE_LONGSTR);
	uint32_t left = (uint32_t)(props + n - w.n - 4);
	wr_u32(&w, left);
	while (left-- > 0)
		wr_u8(&w, 'y');
	assert_true(wr_ok(&w) && w.n == props + n);
	b->fill = at + (uint32_t)w.n;
	const struct msg *m = msg_new(b, &(struct msg){ .route_off = at,
							.route_len = (uint16_t)props,
							.props_off = at + props,
							.props_len = (uint32_t)n,
							.body_off = b->fill,
							.proto = MSG_AMQP091,
							.flags = MSG_PERSISTENT });
	uint64_t mem = msg_mem(m);
	block_give(b, 1);
	block_close(b);
	return mem;
}

/* Two queues whose dead letters go to each other. */
static struct rig *rig_of_two(enum dead_letter_strategy strategy)
{
	struct rig *r = rig_new();
	declare_mortal(r, "a", "", "b", strategy);
	declare_mortal(r, "b", "", "a", strategy);
	r->is_to_keep = true;
	return r;
}

/* Dies twice, nobody having rejected it; returns by how much its properties grew at first. */
static size_t die_twice(size_t n, uint64_t cut_n)
{
	struct rig *r = rig_of_two(DEAD_LETTER_AT_MOST_ONCE);
	die(r, "a", DEAD_EXPIRED, 601, large(r, "a", n));
	SAY("1:b!p ''");
	size_t grown = msg_props(msg_of(r->last)).n - n;
	confirm(r, 1, 1);
	SAY("settle a 601");
	die(r, "b", DEAD_EXPIRED, 602, r->last);
	SAY("settle b 602");
	assert_int_equal(((struct deadletter *)r->letters)->count.cut, cut_n);
	rig_free(r);
	return grown;
}

static void without_room_for_a_history_it_goes_on_once(void **s)
{
	(void)s;
	assert_int_equal(die_twice(LIMIT_DEAD_PROPS_BYTES, 1), 0);
	assert_int_equal(die_twice(100000, 1), 0);
}

static void with_room_for_one_death_it_goes_on_once(void **s)
{
	(void)s;
	size_t one = die_twice(60000, 0); /* there is room for both: the history tells */
	assert_true(one > 100);
	for (size_t spare = 0; spare < 64; spare++)
		assert_int_equal(die_twice(LIMIT_DEAD_PROPS_BYTES - one - spare, 1), one);
	assert_int_equal(die_twice(LIMIT_DEAD_PROPS_BYTES - one + 1, 1), 0);
}

/* The words of the second death are shorter: they have room, and tell of it alone. */
static void a_first_death_that_is_missing_is_found_at_the_third(void **s)
{
	(void)s;
	size_t one = die_twice(60000, 0);
	struct rig *r = rig_of_two(DEAD_LETTER_AT_MOST_ONCE);
	die(r, "a", DEAD_EXPIRED, 601, large(r, "a", LIMIT_DEAD_PROPS_BYTES - one + 1));
	SAY("1:b!p ''");
	die(r, "b", DEAD_MAXLEN, 602, r->last);
	SAY("2:a!p ''");
	die(r, "a", DEAD_EXPIRED, 603, r->last);
	SAY("settle a 603");
	assert_int_equal(((struct deadletter *)r->letters)->count.cut, 1);
	confirm(r, 1, 2);
	SAY("settle a 601 | settle b 602");
	rig_free(r);
}

static void what_a_client_rejects_goes_on_with_any_history(void **s)
{
	(void)s;
	const size_t sizes[] = { 65200, 100000 };
	for (int i = 0; i < 2; i++) {
		struct rig *r = rig_of_two(DEAD_LETTER_AT_MOST_ONCE);
		die(r, "a", DEAD_REJECTED, 601, large(r, "a", sizes[i]));
		SAY("1:b!p ''");
		die(r, "b", DEAD_REJECTED, 602, r->last);
		SAY("2:a!p ''");
		die(r, "a", DEAD_EXPIRED, 603, r->last);
		SAY("settle a 603");
		confirm(r, 1, 2);
		SAY("settle a 601 | settle b 602");
		rig_free(r);
	}
}

static void at_least_once_it_is_kept(void **s)
{
	(void)s;
	struct rig *r = rig_of_two(DEAD_LETTER_AT_LEAST_ONCE);
	die(r, "a", DEAD_EXPIRED, 601, large(r, "a", 100000));
	SAY("1:b!p ''");
	confirm(r, 1, 1);
	SAY("settle a 601");
	die(r, "b", DEAD_EXPIRED, 602, r->last);
	SAY("");
	assert_true(deadletter_waits(r->letters));
	remove_queue(&r->world, "b");
	SAY("settle ? 602");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_room_for_a_history_it_goes_on_once),
		cmocka_unit_test(with_room_for_one_death_it_goes_on_once),
		cmocka_unit_test(a_first_death_that_is_missing_is_found_at_the_third),
		cmocka_unit_test(what_a_client_rejects_goes_on_with_any_history),
		cmocka_unit_test(at_least_once_it_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
