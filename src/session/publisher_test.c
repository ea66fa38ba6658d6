#include "session/publisher.h"

#include "core/tx.h"
#include "session/kit_for_tests.h"

static struct kit *kit;
static struct publisher publisher;

static int begin(void **s)
{
	kit = kit_new();
	publisher_init(&publisher);
	*s = kit;
	return 0;
}

static int end(void **s)
{
	must(*s == kit);
	publisher_fini(&publisher, &kit->heap.mem);
	kit_free(kit);
	return 0;
}

static void drop(struct kit *k, struct run *r)
{
	const struct publish_row *row = run_rows(r);
	must(r->kind == CMD_PUBLISH);
	for (uint32_t i = 0; i < r->n; i++) {
		text_putf(&k->said, "%u/%u:%u%s ", r->shard, (unsigned)row[i].queue,
			  (unsigned)(r->arg + row[i].seq_delta),
			  row[i].flags & ENTRY_CONFIRM ? "!" : "");
		msg_unref(row[i].mem, 1);
	}
}

/* Publishes to the first `n` of three queues: two of shard 1, one of shard 2. */
static void publish(uint32_t n, uint64_t word)
{
	struct route_to to[] = { { .queue = 11, .shard = 1 },
				 { .queue = 12, .shard = 1 },
				 { .queue = 21, .shard = 2 } };
	const struct route route = { .to = to, .n = n };
	const struct route_hit hit = { .route = &route };
	const struct publication what = { .priority = 1 };
	publisher_send(&publisher, &kit->w, &kit->asker, &what, &hit, kit_message(kit, 'a', 0),
		       word);
}

static void confirm(enum fx kind, uint64_t seq)
{
	const struct confirm_row row = { .first = 0, .n = 1 };
	publisher_confirmed(&publisher, kit_effect(kit, kind, seq, &row, sizeof row, 1));
}

static void expect_told(uint64_t word, bool is_refused)
{
	uint64_t told;
	bool was_refused;
	assert_true(publisher_next(&publisher, &told, &was_refused));
	assert_int_equal(told, word);
	assert_int_equal(was_refused, is_refused);
}

static void expect_nobody_told(void)
{
	uint64_t told;
	bool was_refused;
	assert_false(publisher_next(&publisher, &told, &was_refused));
}

static void every_shard_confirms_once(void **s)
{
	(void)s;
	publish(3, 7);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1! 2/21:1! ");
	confirm(FX_CONFIRM, 1);
	expect_nobody_told();
	confirm(FX_CONFIRM, 1);
	expect_told(7, false);
	assert_int_equal(publisher.bytes, 0);
}

static void it_is_told_in_the_order_of_publishing(void **s)
{
	(void)s;
	publish(1, 1);
	publish(3, 2);
	publish(0, 3);
	kit_posted(kit, drop);
	confirm(FX_CONFIRM, 2);
	confirm(FX_REFUSED, 2);
	expect_nobody_told();
	confirm(FX_CONFIRM, 1);
	expect_told(1, false);
	expect_told(2, true);
	expect_told(3, false);
	expect_nobody_told();
}

static void publishes_that_nobody_waits_for_are_bounded_too(void **s)
{
	uint32_t n = 0;
	(void)s;
	for (; !publisher_is_full(&publisher, &kit->w); n++)
		publish(1, PUBLISHER_NOBODY);
	assert_in_range(n, 30, 60);
	assert_int_equal(publisher.window.n, 4);
	kit_posted(kit, drop);
	for (uint64_t seq = 1; seq <= 4; seq++)
		confirm(FX_CONFIRM, seq);
	expect_nobody_told();
	assert_int_equal(publisher.bytes, 0);
}

/* Who waits for one that goes nowhere is told at once, however much has gone nowhere before. */
static void what_goes_nowhere_counts_for_nothing(void **s)
{
	(void)s;
	for (uint32_t n = 0; n < 100; n++)
		publish(0, PUBLISHER_NOBODY);
	assert_int_equal(publisher.silent_bytes, 0);
	publish(0, 7);
	expect_told(7, false);
	publish(1, PUBLISHER_NOBODY);
	const uint64_t silent_bytes = publisher.silent_bytes;
	publish(0, 8);
	expect_told(8, false);
	assert_true(silent_bytes > 0 && publisher.silent_bytes == silent_bytes);
	kit_posted(kit, drop);
	expect_nobody_told();
}

static void what_is_kept_goes_to_its_store_too_which_confirms_as_well(void **s)
{
	(void)s;
	struct route_to to = { .queue = 11, .shard = 1 };
	struct route route = { .to = &to, .n = 1 };
	const struct route_hit hit = { .route = &route };
	const struct queue_record store = { .id = 5,
					    .shard = 1,
					    .flags = QUEUE_DURABLE | QUEUE_KEEPER | QUEUE_RETAINS };
	const struct publication what = { .store = &store };
	publisher_send(&publisher, &kit->w, &kit->asker, &what, &hit, kit_message(kit, 'a', 0), 7);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1! 1/5:1! ");
	confirm(FX_CONFIRM, 1);
	expect_nobody_told();
	confirm(FX_REFUSED, 1);
	expect_told(7, true);
	route.n = 0;
	publisher_send(&publisher, &kit->w, &kit->asker, &what, &hit, kit_message(kit, 'b', 0), 8);
	kit_posted(kit, drop);
	kit_expect(kit, "1/5:2! ");
	confirm(FX_CONFIRM, 2);
	expect_told(8, false);
}

static void see_kept(struct kit *k, struct run *r)
{
	const struct publish_row *row = run_rows(r);
	must(r->kind == CMD_PUBLISH && r->n == 1);
	text_putf(&k->said, "%u %llu %u", row->flags & ENTRY_PERSISTENT,
		  (unsigned long long)(row->expiry_ms >> STREAM_TIME_BITS),
		  (unsigned)(row->expiry_ms & UINT32_MAX));
	msg_unref(row->mem, 1);
}

static void a_row_to_a_store_survives_and_says_which_key_it_means(void **s)
{
	(void)s;
	const struct route nowhere = { 0 };
	const struct route_hit hit = { .route = &nowhere };
	const struct queue_record store = { .id = 5,
					    .shard = 1,
					    .flags = QUEUE_DURABLE | QUEUE_KEEPER | QUEUE_RETAINS };
	const struct publication what = { .store = &store,
					  .store_number = 33,
					  .expiry_ms = 1234567 };
	publisher_send(&publisher, &kit->w, &kit->asker, &what, &hit, kit_message(kit, 'a', 0), 7);
	kit_posted(kit, see_kept);
	kit_expect(kit, "1 33 1234567");
}

static struct route_to held_to[] = { { .queue = 11, .shard = 1 },
				     { .queue = 12, .shard = 1 },
				     { .queue = 21, .shard = 2 } };
static const struct route to_three = { .to = held_to, .n = 3 }, to_two = { .to = held_to, .n = 2 },
			  to_one = { .to = held_to, .n = 1 };

static void send(const struct route *route, bool varies, uint64_t word)
{
	const struct route_hit hit = { .route = route, .varies = varies };
	const struct publication what = { .priority = 1 };
	publisher_send(&publisher, &kit->w, &kit->asker, &what, &hit, kit_message(kit, 'a', 0),
		       word);
}

static void what_is_gathered_goes_queue_by_queue(void **s)
{
	(void)s;
	publisher_gather(&publisher);
	send(&to_three, false, PUBLISHER_NOBODY);
	send(&to_three, false, PUBLISHER_NOBODY);
	kit_posted(kit, drop);
	kit_expect(kit, "");
	publisher_flush(&publisher, &kit->w);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/11:1 1/12:1 1/12:1 2/21:1 2/21:1 ");
	send(&to_two, false, PUBLISHER_NOBODY);
	publisher_gathered(&publisher, &kit->w);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 ");
	send(&to_two, false, PUBLISHER_NOBODY);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 ");
}

/* Another way, one queue, a way for one message only, and a message of which somebody is told. */
static void what_is_gathered_goes_before_anything_else(void **s)
{
	(void)s;
	publisher_gather(&publisher);
	send(&to_three, false, PUBLISHER_NOBODY);
	send(&to_two, false, PUBLISHER_NOBODY);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 2/21:1 ");
	send(&to_one, false, PUBLISHER_NOBODY);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 1/11:1 ");
	send(&to_two, false, PUBLISHER_NOBODY);
	send(&to_two, true, PUBLISHER_NOBODY);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 1/11:1 1/12:1 ");
	send(&to_two, false, PUBLISHER_NOBODY);
	send(&to_two, false, 7);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 1/11:1 1/12:1! ");
	publisher_gathered(&publisher, &kit->w);
	confirm(FX_CONFIRM, 1);
	expect_told(7, false);
}

static void no_more_is_gathered_than_there_is_room_for(void **s)
{
	(void)s;
	uint32_t n = 0;
	kit->limits.unconfirmed_bytes_max = 1 << 20;
	publisher_gather(&publisher);
	do {
		send(&to_two, false, PUBLISHER_NOBODY);
		kit_posted(kit, drop);
		n++;
	} while (kit->said.n == 0);
	assert_int_equal(n, 65);
	assert_int_equal(kit->said.n, 2 * 64 * strlen("1/11:1 "));
	kit->said = text_of(kit->said_bytes, sizeof kit->said_bytes);
	publisher_gathered(&publisher, &kit->w);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1 1/12:1 ");
}

/* ---- transactions ------------------------------------------------------------------------- */

static uint64_t same_number(void *arg)
{
	return *(uint64_t *)arg;
}

static uint64_t number = 4;

/* Where it is decided, and what is in it. */
static void drop_tx(struct kit *k, struct run *cmd)
{
	const struct tx_head h = tx_head_of(cmd);
	must(cmd->kind == CMD_TX && h.id == (number | 1));
	text_putf(&k->said, "%u(%u:%x) ", cmd->shard, h.coordinator, (unsigned)h.shards[0]);
	for (struct run *r = NULL; (r = tx_next(cmd, r)) != NULL;) {
		const struct settle_row *row = run_rows(r);
		if (r->kind == CMD_PUBLISH)
			drop(k, r);
		for (uint32_t i = 0; r->kind == CMD_SETTLE && i < r->n; i++)
			text_putf(&k->said, "-%u ", (unsigned)row[i].pos);
	}
}

static void begin_tx(void)
{
	kit->w.random = same_number;
	kit->w.random_arg = &number;
	publisher_begin(&publisher, &kit->heap.mem);
}

static void decide(uint64_t seq)
{
	const struct reply_row row = { .op = CMD_TX };
	publisher_decided(&publisher, kit_effect(kit, FX_REPLY, seq, &row, sizeof row, 1));
}

static void a_transaction_waits_for_its_commit_and_is_told_once(void **s)
{
	const struct run head = { .kind = CMD_SETTLE, .shard = 2, .queue = 21 };
	const struct settle_row settled = { .pos = 9, .how = SETTLE_ACCEPT };
	(void)s;
	publish(1, 1);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1! ");
	begin_tx();
	publish(3, 0);
	publish(0, 0);
	publish(1, 0);
	tx_parts_settle(publisher_parts(&publisher), &kit->heap.mem, &head, &settled);
	confirm(FX_CONFIRM, 1);
	expect_told(1, false);
	kit_posted(kit, drop_tx);
	kit_expect(kit, "");
	publisher_commit(&publisher, &kit->w, &kit->asker, 7);
	kit_posted(kit, drop_tx);
	kit_expect(kit, "1(1:6) 1/11:2 1/12:2! 1/11:2! 2(1:6) 2/21:2! -9 ");
	confirm(FX_CONFIRM, 2);
	confirm(FX_CONFIRM, 2);
	decide(2);
	expect_nobody_told();
	confirm(FX_REFUSED, 2);
	expect_told(7, true);
	assert_int_equal(publisher.bytes, 0);
}

static void a_transaction_that_is_broken_off_is_nothing(void **s)
{
	(void)s;
	begin_tx();
	publish(3, 0);
	publisher_abort(&publisher, &kit->heap.mem);
	publish(1, 5);
	kit_posted(kit, drop);
	kit_expect(kit, "1/11:1! ");
	begin_tx();
	publish(0, 0);
	publisher_commit(&publisher, &kit->w, &kit->asker, 6);
	kit_posted(kit, drop);
	kit_expect(kit, "");
	confirm(FX_CONFIRM, 1);
	expect_told(5, false);
	expect_told(6, false);
}

static void a_transaction_that_nobody_waits_for_is_bounded_too(void **s)
{
	(void)s;
	begin_tx();
	while (publisher_tx_bytes(&publisher) < kit->limits.unconfirmed_bytes_max)
		publish(1, PUBLISHER_NOBODY);
	assert_false(publisher_is_full(&publisher, &kit->w));
	publisher_commit(&publisher, &kit->w, &kit->asker, PUBLISHER_NOBODY);
	assert_true(publisher_is_full(&publisher, &kit->w));
	kit_posted(kit, drop_tx);
	decide(1);
	expect_nobody_told();
	assert_int_equal(publisher.bytes, 0);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		ROW(every_shard_confirms_once),
		ROW(it_is_told_in_the_order_of_publishing),
		ROW(publishes_that_nobody_waits_for_are_bounded_too),
		ROW(what_goes_nowhere_counts_for_nothing),
		ROW(what_is_gathered_goes_queue_by_queue),
		ROW(what_is_gathered_goes_before_anything_else),
		ROW(no_more_is_gathered_than_there_is_room_for),
		ROW(a_transaction_waits_for_its_commit_and_is_told_once),
		ROW(a_transaction_that_is_broken_off_is_nothing),
		ROW(a_transaction_that_nobody_waits_for_is_bounded_too),
		ROW(what_is_kept_goes_to_its_store_too_which_confirms_as_well),
		ROW(a_row_to_a_store_survives_and_says_which_key_it_means),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
