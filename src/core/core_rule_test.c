#include "core/core_for_tests.h"
#include "msg/big.h"

#define Q 7u

static struct queue_rules up_to(uint64_t messages, enum overflow overflow)
{
	struct queue_rules rules = rules_none();
	rules.max_length = messages;
	rules.overflow = overflow;
	return rules;
}

static struct rig *rig_with(uint8_t flags, struct queue_rules rules)
{
	struct rig *r = rig_new();
	rig_open(r, Q, flags, &rules);
	return r;
}

static const struct queue *queue(struct rig *r)
{
	return core_find_queue(r->core, Q);
}

static void the_oldest_go_when_there_are_too_many(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, up_to(3, OVERFLOW_DROP_HEAD));
	rig_publish(r, Q, 1, 5, ENTRY_CONFIRM);
	must(queue(r)->ready_n == 3 && queue_counted(queue(r))->overflowed == 2);
	rig_subscribe(r, Q, 1, 0, 2);
	SAY("confirm 1-5 | reply 1 OK 3 1 | c1 3 | c1 4");
	rig_publish(r, Q, 6, 3, 0); /* what is held does not count */
	must(queue(r)->ready_n == 3 && queue(r)->live_n == 5);
	rig_settle(r, Q, 1, pos_of(1, 2), SETTLE_RELEASE);
	SAY("c1 3r");
	rig_free(r);
}

static void bytes_count_likewise(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.max_length_bytes = 24; /* bodies of 8 */
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	rig_publish(r, Q, 1, 5, ENTRY_PERSISTENT);
	rig_commit(r);
	must(queue(r)->live_n == 3 && queue(r)->has->ruled->ready_bodies == 24);
	rules.overflow = OVERFLOW_REJECT;
	rules.max_length_bytes = 31;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 6, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rules.max_length_bytes = 40;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 7, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_publish(r, Q, 8, 2, ENTRY_CONFIRM);
	SAY("refused 6-6 | refused 9-9");
	rig_commit(r);
	SAY("confirm 7-8");
	must(queue(r)->has->ruled->ready_bodies == 40 && queue(r)->has->ruled->pending_bytes == 0);
	rules.max_length_bytes = RULE_NONE;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue(r)->has->ruled->ready_bodies == 0);
	rig_free(r);
}

/* Message `number` with a body of 8 bytes and so many of properties, in a block of its own. */
static uint32_t publish_with_properties(struct rig *r, uint64_t number, uint32_t props_n)
{
	const uint32_t bytes = 8 + props_n + 8;
	struct block *b = block_take(&r->home, bytes + (uint32_t)sizeof(struct msg) + 64);
	must(b != NULL);
	const uint32_t off = (b->fill + 7u) & ~7u;
	uint8_t *at = (uint8_t *)b + off;
	memset(at, 0, bytes);
	memcpy(at + 8 + props_n, &number, 8);
	b->fill = off + bytes;
	const struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
							.route_len = 2,
							.props_off = off + 8,
							.props_len = props_n,
							.body_off = off + 8 + props_n,
							.body_bytes = 8,
							.proto = 1 });
	const struct publish_row row = { .mem = msg_mem(m),
					 .queue = Q,
					 .bytes = msg_stored_bytes(m),
					 .flags = ENTRY_PERSISTENT };
	block_give(b, 1);
	block_close(b);
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
	return row.bytes;
}

static void what_a_log_says_of_bodies_is_all_that_counts(void **s)
{
	(void)s;
	const uint32_t props_n[] = { 9, 65500, 65536, 65550, 131000, 200000 };
	const uint32_t n = sizeof props_n / sizeof props_n[0];
	struct queue_rules rules = rules_none();
	rules.max_length_bytes = 1000;
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bytes = publish_with_properties(r, i + 1, props_n[i]);
		must(bytes > props_n[i] + 8);
		rig_commit(r);
	}
	must(queue(r)->has->ruled->ready_bodies == (uint64_t)n * 8);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue(r)->live_n == n && queue(r)->has->ruled->ready_bodies == (uint64_t)n * 8);
	rig_free(r);
}

/* It comes with its place in the spill file where others have their message. */
static void publish_spilled(struct rig *r, uint64_t seq, uint32_t bytes)
{
	const struct publish_row row = { .mem = UINT64_C(1) << 57 | seq << 20,
					 .queue = Q,
					 .bytes = bytes,
					 .flags = ENTRY_SPILLED | ENTRY_CONFIRM };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, seq), &row, sizeof row, 1);
	rig_give(r);
}

static void of_what_is_spilled_all_counts(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.max_length_bytes = 100;
	rules.overflow = OVERFLOW_REJECT;
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	publish_spilled(r, 1, 60);
	rig_publish(r, Q, 2, 5, 0);
	must(queue(r)->live_n == 6 && queue(r)->has->ruled->ready_bodies == 100);
	publish_spilled(r, 7, 60);
	must(queue(r)->live_n == 6 && queue(r)->has->ruled->ready_bodies == 100);
	rig_free(r);
}

/* However many there are: no mean of theirs is rounded. */
static void small_bodies_count_exactly(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.max_length_bytes = 30;
	rules.overflow = OVERFLOW_REJECT;
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	for (uint64_t seq = 1; seq <= 40; seq++)
		publish_spilled(r, seq, 1 + seq % 2);
	must(queue(r)->live_n == 20 && queue(r)->has->ruled->ready_bodies == 30);
	rig_free(r);
}

static void durable_ones_are_dropped_in_the_log(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, up_to(2, OVERFLOW_DROP_HEAD));
	rig_publish(r, Q, 1, 3, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_publish(r, Q, 4, 2, ENTRY_CONFIRM);
	rig_commit(r);
	SAY("confirm 1-5");
	must(queue(r)->live_n == 2 && queue(r)->durable_n == 0 && r->live_bytes == 0);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	must(queue(r)->live_n == 0);
	rig_free(r);
}

static void consumers_come_before_limits(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, up_to(0, OVERFLOW_DROP_HEAD));
	rig_subscribe(r, Q, 1, 0, 3);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_publish(r, Q, 3, 2, 0);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2 | c1 3");
	must(queue(r)->ready_n == 0 && queue_counted(queue(r))->overflowed == 1);
	rig_free(r);
}

static void what_does_not_fit_is_refused(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, up_to(3, OVERFLOW_REJECT));
	rig_publish(r, Q, 1, 5, ENTRY_CONFIRM);
	SAY("refused 4-4 | refused 5-5 | confirm 1-3");
	must(queue(r)->ready_n == 3 && queue_counted(queue(r))->refused == 2);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_publish(r, Q, 6, 2, ENTRY_CONFIRM);
	SAY("got 1 | refused 7-7 | confirm 6-6");
	rig_free(r);
}

static void what_waits_for_the_log_counts(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, up_to(3, OVERFLOW_REJECT));
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_publish(r, Q, 3, 2, ENTRY_CONFIRM);
	rig_publish(r, Q, 5, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("refused 4-4 | refused 5-5");
	rig_commit(r);
	SAY("confirm 1-3");
	must(queue(r)->ready_n == 3);
	rig_free(r);
}

static void what_consumers_take_is_not_refused(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, up_to(2, OVERFLOW_REJECT));
	rig_subscribe(r, Q, 1, 0, 3);
	rig_publish(r, Q, 1, 7, ENTRY_CONFIRM);
	SAY("reply 1 OK 0 1 | refused 6-6 | refused 7-7 | confirm 1-5 | c1 1 | c1 2 | c1 3");
	must(queue(r)->ready_n == 2);
	rig_free(r);
}

static void who_waits_takes_nothing_that_has_no_room(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, up_to(0, OVERFLOW_REJECT));
	struct queue_rules small = rules_none();
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 1, ENTRY_CONFIRM);
	small.max_length_bytes = 7; /* bodies of 8 */
	small.overflow = OVERFLOW_REJECT;
	rig_open(r, Q, 0, &small);
	rig_publish(r, Q, 2, 1, ENTRY_CONFIRM);
	small.max_length_bytes = 8;
	rig_open(r, Q, 0, &small);
	rig_publish(r, Q, 3, 2, ENTRY_CONFIRM);
	SAY("reply 1 OK 0 1 | refused 1-1 | refused 2-2 | c1 3 | c1 4 | confirm 3-4");
	rig_free(r);
}

/* One message for the queues 8 and Q, or Q and 8. */
static void publish_to_both(struct rig *r, uint64_t number, uint8_t flags, bool is_last)
{
	uint64_t mem = rig_message(r, number, 2);
	struct publish_row row[2] = {
		{ .mem = mem, .queue = is_last ? 8 : Q, .bytes = RIG_STORED_BYTES, .flags = flags },
		{ .mem = mem,
		  .queue = is_last ? Q : 8,
		  .bytes = RIG_STORED_BYTES,
		  .flags = flags | ENTRY_SAME | ENTRY_CONFIRM },
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), row, sizeof *row, 2);
	rig_give(r);
}

static void one_queue_without_room_refuses_the_message(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, up_to(1, OVERFLOW_REJECT));
	struct queue_rules none = rules_none();
	rig_open(r, 8, QUEUE_DURABLE, &none);
	publish_to_both(r, 1, ENTRY_PERSISTENT, true);
	rig_commit(r);
	SAY("confirm 1-1");
	publish_to_both(r, 2, ENTRY_PERSISTENT, true);
	publish_to_both(r, 3, ENTRY_PERSISTENT, false);
	publish_to_both(r, 4, 0, false);
	publish_to_both(r, 5, 0, true);
	rig_commit(r);
	SAY("refused 2-2 | refused 3-3 | refused 4-4 | refused 5-5");
	must(queue(r)->ready_n == 1 && core_find_queue(r->core, 8)->ready_n == 5);
	rig_publish(r, 8, 6, 1, ENTRY_CONFIRM);
	SAY("confirm 6-6");
	rig_free(r);
}

static void a_message_that_is_split_is_refused_as_one(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, up_to(0, OVERFLOW_REJECT));
	struct queue_rules none = rules_none();
	rig_open(r, 8, 0, &none);
	uint64_t mem = rig_message(r, 1, 2);
	struct publish_row row = { .mem = mem, .queue = Q, .bytes = RIG_STORED_BYTES };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 1), &row, sizeof row, 1);
	row.queue = 8;
	row.flags = ENTRY_SAME | ENTRY_CONFIRM;
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 1), &row, sizeof row, 1);
	rig_give(r);
	SAY("refused 1-1");
	rig_free(r);
}

static void what_is_refused_can_become_a_dead_letter(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = up_to(1, OVERFLOW_REJECT_DLX);
	rules.has_dead_letter_exchange = true;
	core_dead_to(r->core, RIG_SESSION(9));
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 1, 3, ENTRY_CONFIRM);
	must(queue(r)->ready_n == 1 && queue(r)->live_n == 3);
	rig_publish(r, Q, 4, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("refused 2-2 | refused 3-3 | confirm 1-1 | dead2 2 | "
	    "dead2 3 | refused 4-4 | dead2 4");
	must(queue(r)->ready_n == 1 && queue_counted(queue(r))->dead_lettered == 3);
	rules.has_dead_letter_exchange = false; /* nowhere to go: only refused */
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 5, 1, ENTRY_CONFIRM);
	SAY("refused 5-5");
	rig_free(r);
}

/* Its publisher is told that the queue has it not: no crash must bring it back there. */
static void what_is_refused_and_dies_is_not_in_the_log(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = up_to(1, OVERFLOW_REJECT_DLX);
	rules.has_dead_letter_exchange = true;
	core_dead_to(r->core, RIG_SESSION(9));
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("refused 2-2 | dead2 2"); /* nor waits for what does */
	rig_commit(r);
	SAY("confirm 1-1");
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue(r)->live_n == 1);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_commit(r);
	SAY("got 1!");
	rig_free(r);
}

static void a_limit_can_come_later(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, rules_none());
	struct queue_rules later = up_to(2, OVERFLOW_DROP_HEAD);
	rig_publish(r, Q, 1, 5, 0);
	rig_open(r, Q, 0, &later);
	must(queue(r)->ready_n == 2);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	SAY("got 4");
	rig_free(r);
}

/* What need not survive is not taken while too much is there; the consumer hears it once. */
static void what_need_not_survive_is_shed(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.passing_bytes = 2 * RIG_STORED_BYTES;
	struct rig *r = rig_with(0, rules);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, 1);
	rig_publish(r, Q, 1, 1, 0);
	rig_publish(r, Q, 2, 2, 0);
	SAY("reply 1 OK 0 1 | c1 1");
	rig_publish(r, Q, 4, 1, ENTRY_CONFIRM);
	rig_publish(r, Q, 5, 1, ENTRY_CONFIRM);
	SAY("command 143 queue 7 | confirm 4-4 | confirm 5-5");
	rig_publish(r, Q, 6, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("confirm 6-6");
	must(queue(r)->ready_n == 3 && queue_counted(queue(r))->overflowed == 2);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_publish(r, Q, 7, 1, 0);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	SAY("got 2 | got 3 | got 6 | got 7");
	rig_free(r);
}

/* One whose body lies in three pieces; of properties it has enough for the list of forty more. */
static void publish_large(struct rig *r, uint64_t number, uint8_t flags)
{
	const uint32_t props_n = 40 * BIG_ROW_BYTES, list_n = 3 * BIG_ROW_BYTES;
	uint32_t off;
	struct block *b = block_with_room(&r->home, &r->filling, 2 + props_n + list_n, &off);
	memset((uint8_t *)b + off, 0, 2 + props_n + list_n);
	b->fill = off + 2 + props_n + list_n;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = 2,
						  .props_off = off + 2,
						  .props_len = props_n,
						  .body_off = off + 2 + props_n,
						  .body_bytes = list_n,
						  .proto = MSG_CHUNKS });
	must(m != NULL);
	for (uint32_t i = 0; i < 3; i++)
		big_put((uint8_t *)b + m->body_off, i, (struct big_chunk){ number, 20 });
	block_give(b, 1);
	struct publish_row row = {
		.mem = msg_mem(m),
		.queue = Q,
		.bytes = msg_stored_bytes(m),
		.flags = (uint8_t)(flags | ENTRY_BIG),
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
	core_check(r->core);
}

/* Their lists are short; the pieces are what waits, on the disk. */
static void large_messages_count_with_their_pieces(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.passing_bytes = 5 * LIMIT_CHUNK_BYTES;
	struct rig *r = rig_with(0, rules);
	for (uint64_t n = 1; n <= 4; n++)
		publish_large(r, n, 0);
	must(queue(r)->ready_n == 2 && queue_counted(queue(r))->overflowed == 2);
	must(queue(r)->has->ready_pieces == 6);
	rig_do(r, CMD_GET, Q, 9, GET_NO_ACK);
	rig_do(r, CMD_GET, Q, 9, 0);
	SAY("got 1 | got 2");
	must(queue(r)->has->ready_pieces == 0);
	publish_large(r, 5, 0);
	must(queue(r)->ready_n == 1 && queue(r)->has->ready_pieces == 3);
	core_check(r->core);
	rig_free(r);
}

/* Their properties do not count, nor does the log think so. */
static void of_large_messages_the_pieces_are_all_that_counts(void **s)
{
	(void)s;
	const uint64_t each = 3 * LIMIT_CHUNK_BYTES;
	struct queue_rules rules = rules_none();
	rules.max_length_bytes = 2 * each;
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	for (uint64_t n = 1; n <= 3; n++) {
		publish_large(r, n, ENTRY_PERSISTENT);
		rig_commit(r);
	}
	must(queue(r)->ready_n == 2 && queue(r)->has->ruled->ready_bodies == 2 * each);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue(r)->ready_n == 2 && queue(r)->has->ruled->ready_bodies == 2 * each);
	core_check(r->core);
	rig_free(r);
}

static void a_consumer_that_can_do_without_loses_all_kinds(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	rules.passing_bytes = 2 * RIG_STORED_BYTES;
	struct rig *r = rig_with(0, rules);
	const struct credit_row nothing = { 0 };
	struct run lossless = rig_head(CMD_CREDIT, Q, 1);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK | SUBSCRIBE_LOSSY, 0);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_publish(r, Q, 3, 2, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("reply 1 OK 0 1 | command 143 queue 7 | confirm 3-4");
	lossless.flags = CREDIT_LOSSLESS;
	rig_admit(r, lossless, &nothing, sizeof nothing, 1);
	rig_publish(r, Q, 5, 1, ENTRY_PERSISTENT);
	rig_publish(r, Q, 6, 1, 0);
	must(queue(r)->ready_n == 3 && queue_counted(queue(r))->overflowed == 3);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK | SUBSCRIBE_LOSSY, 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0); /* nobody is there that could do without */
	rig_publish(r, Q, 7, 1, ENTRY_PERSISTENT);
	must(queue(r)->ready_n == 4);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_go_when_there_are_too_many),
		cmocka_unit_test(bytes_count_likewise),
		cmocka_unit_test(what_a_log_says_of_bodies_is_all_that_counts),
		cmocka_unit_test(of_what_is_spilled_all_counts),
		cmocka_unit_test(small_bodies_count_exactly),
		cmocka_unit_test(durable_ones_are_dropped_in_the_log),
		cmocka_unit_test(consumers_come_before_limits),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(what_waits_for_the_log_counts),
		cmocka_unit_test(what_consumers_take_is_not_refused),
		cmocka_unit_test(who_waits_takes_nothing_that_has_no_room),
		cmocka_unit_test(one_queue_without_room_refuses_the_message),
		cmocka_unit_test(a_message_that_is_split_is_refused_as_one),
		cmocka_unit_test(what_is_refused_can_become_a_dead_letter),
		cmocka_unit_test(what_is_refused_and_dies_is_not_in_the_log),
		cmocka_unit_test(a_limit_can_come_later),
		cmocka_unit_test(what_need_not_survive_is_shed),
		cmocka_unit_test(large_messages_count_with_their_pieces),
		cmocka_unit_test(of_large_messages_the_pieces_are_all_that_counts),
		cmocka_unit_test(a_consumer_that_can_do_without_loses_all_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
