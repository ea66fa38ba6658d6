/* An operator, his session, and a test in the place of the shards and loops. */
#include "session/manage/desk_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct rig {
	struct desk desk;
	struct session *s;
	struct run asked; /* the last question */
	uint32_t asked_n;
	char heard[65536];
};

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	desk_init(&r->desk, "orders", "bills");
	r->s = desk_open(&r->desk);
}

static void rig_fini(struct rig *r)
{
	r->s->ops->free(r->s, &r->desk.w);
	desk_fini(&r->desk);
}

static enum feed type(struct rig *r, const char *z)
{
	struct block *b = block_take(&r->desk.home, 0);
	uint32_t off = b->fill, need = 0, loop = 0;
	memcpy((uint8_t *)b + off, z, strlen(z));
	b->fill += (uint32_t)strlen(z);
	enum feed f = r->s->ops->feed(r->s, &r->desk.w, b, &off, &need, &loop);
	assert_true(f == FEED_CLOSE || need > b->fill - off);
	block_close(b);
	block_collect(&r->desk.home);
	return f;
}

/* Lets the session go on, and takes what it has asked. */
static uint32_t pump(struct rig *r)
{
	uint32_t n = 0;
	r->s->ops->pump(r->s, &r->desk.w);
	for (uint32_t to = 0; to < DESK_LOOPS; to++)
		for (struct batch *b = post_take(&r->desk.post, to), *next; b; b = next) {
			next = b->next;
			for (struct run *q = batch_first(b); q; q = batch_next(b, q), n++) {
				assert_int_equal(r->desk.post.loop_of_shard[q->shard], to);
				assert_int_equal(q->session, r->s->handle);
				r->asked = *q;
			}
			post_give_back(&r->desk.post, b);
		}
	r->asked_n += n;
	return n;
}

static void answer_with(struct rig *r, struct reply_row row, const char *text)
{
	struct run head = { .kind = FX_REPLY, .session = r->s->handle, .arg = r->asked.arg };
	struct post p;
	row.op = r->asked.kind;
	post_init(&p, 0, 1, &r->desk.heap.mem);
	r->s->ops->tell(r->s, &r->desk.w,
			post_run(&p, 0, &head, &row, sizeof row, 1, slice_str(text)));
	post_fini(&p);
}

static void answer(struct rig *r, const char *text)
{
	answer_with(r, (struct reply_row){ 0 }, text);
}

static const char *heard(struct rig *r)
{
	struct sendq *q = &r->s->sendq;
	must(q->bytes < sizeof r->heard);
	size_t n = (size_t)q->bytes;
	sendq_newest(q, n, (uint8_t *)r->heard);
	r->heard[n] = '\0';
	sendq_sent(q, &r->desk.heap.mem, n);
	return r->heard;
}

static bool is_over(struct rig *r)
{
	return r->s->ops->deadline(r->s) == 0 && r->s->ops->tick(r->s, &r->desk.w) == FEED_CLOSE;
}

/* ---- the stories -------------------------------------------------------------------------- */

static void a_line_may_come_in_pieces_and_has_an_end(void **s)
{
	(void)s;
	struct rig r;
	char line[MANAGE_LINE_MAX + 1];
	rig_init(&r);
	assert_int_equal(type(&r, "dig"), FEED_MORE);
	assert_int_equal(pump(&r), 0);
	memset(line, 'x', MANAGE_LINE_MAX);
	line[MANAGE_LINE_MAX] = '\0';
	assert_int_equal(type(&r, line), FEED_CLOSE);
	assert_string_equal(heard(&r), "error: the line is too long\n");
	rig_fini(&r);
}

static void who_says_nothing_is_sent_away(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	assert_int_equal(r.s->ops->deadline(r.s), 6000);
	assert_int_equal(r.s->ops->tick(r.s, &r.desk.w), FEED_MORE);
	r.desk.w.now_ms = 6000;
	assert_int_equal(r.s->ops->tick(r.s, &r.desk.w), FEED_CLOSE);
	assert_string_equal(heard(&r), "error: no line has come\n");
	rig_fini(&r);
}

static void the_node_is_asked_for_itself_and_each_loop(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	assert_int_equal(type(&r, "dump node\n"), FEED_MORE);
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.kind == CMD_DUMP_LOOP && r.asked.flags == DUMP_NODE);
	assert_int_equal(pump(&r), 0);
	answer(&r, "node: 1\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.flags == DUMP_ONE_LOOP && r.asked.shard == DESK_FIRST_VOLATILE);
	answer(&r, "loop: 0\n");
	assert_int_equal(pump(&r), 1);
	assert_int_equal(r.asked.shard, DESK_FIRST_VOLATILE + 1);
	assert_false(is_over(&r));
	answer(&r, "loop: 1\n");
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "node: 1\n\nloop: 0\n\nloop: 1\n");
	rig_fini(&r);
}

static void a_queue_is_found_by_its_name(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	const struct queue_record *q = catalog_queue(r.desk.w.view, 0, slice_str("orders"));
	type(&r, "dump queue orders\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.kind == CMD_DUMP && r.asked.queue == q->id &&
		    r.asked.shard == q->shard);
	answer(&r, "ready: 3\n");
	assert_true(is_over(&r));
	assert_non_null(strstr(heard(&r), "queue: orders\nvhost: /\nshard: "));
	assert_non_null(strstr(r.heard, "\nready: 3\n"));
	rig_fini(&r);
	rig_init(&r);
	assert_int_equal(type(&r, "dump queue nobody's\n"), FEED_CLOSE);
	assert_string_equal(heard(&r), "error: no queue 'nobody's' in vhost '/'\n");
	rig_fini(&r);
	rig_init(&r);
	assert_int_equal(type(&r, "dump queue -p moon q\n"), FEED_CLOSE);
	assert_string_equal(heard(&r), "error: no vhost 'moon'\n");
	rig_fini(&r);
}

static void all_queues_are_asked_one_after_the_other(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	type(&r, "dump queue\n");
	assert_int_equal(pump(&r), 1);
	answer(&r, "ready: 3\n");
	assert_int_equal(pump(&r), 1);
	answer_with(&r, (struct reply_row){ .err = ERR_NOT_FOUND }, ""); /* it has just gone */
	assert_true(is_over(&r));
	assert_non_null(strstr(heard(&r), "queue: orders\n"));
	assert_null(strstr(r.heard, "queue: bills\n"));
	rig_fini(&r);
}

static void forget(struct rig *r, const char *queue)
{
	remove_queue(&r->desk.catalog, queue);
	r->desk.w.view = catalog_view(r->desk.catalog.c);
}

/* Between an answer and the next question everything may change. */
static void queues_may_go_before_they_are_asked(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	type(&r, "dump queue\n");
	assert_int_equal(pump(&r), 1);
	answer(&r, "ready: 3\n");
	forget(&r, "bills");
	assert_int_equal(pump(&r), 0);
	assert_true(is_over(&r));
	assert_non_null(strstr(heard(&r), "queue: orders\n"));
	rig_fini(&r);
	rig_init(&r);
	type(&r, "dump queue orders\n");
	forget(&r, "orders");
	assert_int_equal(pump(&r), 0);
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "error: it has just gone\n");
	rig_fini(&r);
	rig_init(&r);
	type(&r, "dump queue\n");
	forget(&r, "orders");
	forget(&r, "bills");
	assert_int_equal(pump(&r), 0);
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "none: 0\n");
	rig_fini(&r);
}

static void an_exchange_that_delays_is_listed_page_by_page(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	declare_x(&r.desk.catalog, "later", "x-delayed-message", EXCHANGE_DURABLE,
		  "x-delayed-type=direct");
	r.desk.w.view = catalog_view(r.desk.catalog.c);
	const struct queue_record *q = catalog_queue(r.desk.w.view, 0,
						     slice_str("amq.delayed.later"));
	type(&r, "delayed list\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.kind == CMD_LIST && r.asked.queue == q->id &&
		    r.asked.shard == q->shard && r.asked.tail_len == sizeof(uint64_t));
	answer_with(&r, (struct reply_row){ .a = 600 }, "message: 1-512\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.kind == CMD_LIST && r.asked.queue == q->id);
	answer(&r, "message: 1-600\n");
	assert_true(is_over(&r));
	assert_string_equal(strstr(heard(&r), "message"), "message: 1-512\nmessage: 1-600\n");
	assert_non_null(strstr(r.heard, "queue: amq.delayed.later\nvhost: /\nshard: "));
	r.s->ops->free(r.s, &r.desk.w);
	r.s = desk_open(&r.desk);
	assert_int_equal(type(&r, "delayed list orders\n"), FEED_CLOSE);
	assert_string_equal(heard(&r), "error: no exchange 'orders' that delays messages in vhost "
				       "'/'\n");
	rig_fini(&r);
}

static void a_delayed_message_is_cancelled(void **s)
{
	(void)s;
	static const struct {
		const char *line, *said;
		enum cmd asked;
		struct reply_row row;
	} rows[] = {
		{ "delayed cancel 1-512 x\n", "cancelled: 1\n", CMD_CANCEL, { .a = 1 } },
		{ "delayed cancel all x\n", "cancelled: 7\n", CMD_PURGE, { .a = 7 } },
		{ "delayed cancel 1-512 amq.delayed\n", "cancelled: 1\n", CMD_CANCEL, { .a = 1 } },
		{ "delayed cancel 1-513 x\n",
		  "error: no such message\n",
		  CMD_CANCEL,
		  { .err = ERR_NOT_FOUND } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		rig_init(&r);
		declare_x(&r.desk.catalog, "x", "x-delayed-message", 0, "x-delayed-type=topic");
		declare_delay_store(&r.desk.catalog);
		r.desk.w.view = catalog_view(r.desk.catalog.c);
		type(&r, rows[i].line);
		assert_int_equal(pump(&r), 1);
		assert_int_equal(r.asked.kind, rows[i].asked);
		answer_with(&r, rows[i].row, "");
		assert_true(is_over(&r));
		assert_string_equal(heard(&r), rows[i].said);
		rig_fini(&r);
	}
}

static void connections_come_in_pages(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	type(&r, "dump connection\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.flags == DUMP_CONNECTIONS && r.asked.queue == 0);
	answer_with(&r, (struct reply_row){ .a = 40 }, "connection: 1\n\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.queue == 40 && r.asked.shard == DESK_FIRST_VOLATILE);
	answer(&r, "connection: 41\n\n");
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.queue == 0 && r.asked.shard == DESK_FIRST_VOLATILE + 1);
	answer(&r, "");
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "connection: 1\n\nconnection: 41\n");
	rig_fini(&r);
}

static void one_connection_is_looked_for_on_every_loop(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	type(&r, "dump connection 7\n");
	for (uint32_t loop = 0; loop < DESK_LOOPS; loop++) {
		assert_int_equal(pump(&r), 1);
		assert_true(r.asked.flags == DUMP_CONNECTION && r.asked.queue == 7);
		answer(&r, "");
	}
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "error: no connection 7\n");
	rig_fini(&r);
}

static void one_connection_is_closed_wherever_it_is(void **s)
{
	(void)s;
	for (uint32_t at = 0; at <= DESK_LOOPS; at++) {
		struct rig r;
		rig_init(&r);
		type(&r, "close connection 7 go home\n");
		for (uint32_t loop = 0; loop < DESK_LOOPS; loop++) {
			assert_int_equal(pump(&r), 1);
			assert_true(r.asked.kind == CMD_CLOSE && r.asked.queue == 7);
			answer_with(&r, (struct reply_row){ .op = CMD_CLOSE, .a = loop == at }, "");
		}
		assert_true(is_over(&r));
		assert_string_equal(heard(&r),
				    at < DESK_LOOPS ? "closed: 1\n" : "error: no connection 7\n");
		rig_fini(&r);
	}
}

static void what_is_wanted_of_a_queue_or_a_loop_is_answered(void **s)
{
	(void)s;
	static const char deletion[] = "delete queue if-unused if-empty -p / orders\n";
	const uint8_t ifs = DELETE_IF_UNUSED | DELETE_IF_EMPTY;
	const struct {
		const char *line;
		enum cmd kind;
		uint64_t number; /* 0: that of a queue */
		uint8_t flags;
		struct reply_row row;
		const char *said;
	} rows[] = {
#define NO(flag) { .err = ERR_PRECONDITION_FAILED, .a = (flag) }
#define SAID     { .a = 77 }, "limit_bytes: 77\n"
		{ deletion, CMD_QUEUE_DELETE, 0, ifs, { .a = 3 }, "deleted: 3\n" },
		{ deletion, CMD_QUEUE_DELETE, 0, ifs, NO(DELETE_IF_UNUSED),
		  "error: Queue is in use\n" },
		{ deletion, CMD_QUEUE_DELETE, 0, ifs, NO(DELETE_IF_EMPTY),
		  "error: Queue is not empty\n" },
		{ "limit memory 5\n", CMD_BOUND, 5, 0, SAID },
		{ "limit memory relative 0.5\n", CMD_BOUND, 500000000, BOUND_RELATIVE, SAID },
		{ "limit disk 5\n", CMD_BOUND, 5, BOUND_DISK, SAID },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		rig_init(&r);
		type(&r, rows[i].line);
		assert_int_equal(pump(&r), 1);
		assert_true(r.asked.kind == rows[i].kind && r.asked.flags == rows[i].flags);
		assert_true(r.asked.queue == rows[i].number || rows[i].number == 0);
		answer_with(&r, rows[i].row, "");
		assert_true(is_over(&r));
		assert_string_equal(heard(&r), rows[i].said);
		rig_fini(&r);
	}
}

static void digests_have_a_line_for_each_durable_shard(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	type(&r, "digest\n");
	for (uint32_t no = 0; no <= LIMIT_SHARD_DATA_N; no++) {
		assert_int_equal(pump(&r), 1);
		assert_true(r.asked.kind == CMD_DIGEST && r.asked.shard == no);
		answer_with(&r, (struct reply_row){ .a = no, .b = 255 }, "");
	}
	assert_true(is_over(&r));
	assert_non_null(strstr(heard(&r), "shard 16: 000000000000001000000000000000ff\n"));
	rig_fini(&r);
}

static void nothing_is_asked_while_nobody_reads(void **s)
{
	(void)s;
	struct rig r;
	char text[5001];
	rig_init(&r);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	type(&r, "dump shard\n");
	assert_int_equal(pump(&r), 1);
	answer(&r, text);
	assert_int_equal(pump(&r), 0);
	heard(&r);
	assert_int_equal(pump(&r), 1);
	rig_fini(&r);
}

static void lines_come(struct rig *r, uint32_t loop, uint32_t n)
{
	char text[4096];
	struct run head = { .kind = FX_TRACE,
			    .session = r->s->handle,
			    .shard = (uint16_t)(DESK_FIRST_VOLATILE + loop) };
	struct post p;
	memset(text, '.', sizeof text);
	post_init(&p, 0, 1, &r->desk.heap.mem);
	for (; n > 0; n -= (uint32_t)sizeof text)
		r->s->ops->tell(r->s, &r->desk.w,
				post_run(&p, 0, &head, NULL, 0, 0, slice_of(text, sizeof text)));
	post_fini(&p);
}

static void begin_trace(struct rig *r, const char *line, bool is_there)
{
	type(r, line);
	for (uint32_t loop = 0; loop < DESK_LOOPS; loop++) {
		assert_int_equal(pump(r), 1);
		assert_true(r->asked.kind == CMD_TRACE && r->asked.flags == TRACE_ON);
		assert_int_equal(r->asked.shard, DESK_FIRST_VOLATILE + loop);
		answer_with(r, (struct reply_row){ .a = is_there && loop == 1 }, "");
	}
}

static void a_trace_goes_on_as_far_as_it_is_read(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	begin_trace(&r, "trace 4\n", true);
	assert_int_equal(r.asked.queue, 4);
	assert_string_equal(heard(&r), "tracing: connection 4\n");
	lines_come(&r, 1, TRACE_WINDOW_BYTES);
	assert_int_equal(pump(&r), 0);
	struct sendq *q = &r.s->sendq;
	sendq_sent(q, &r.desk.heap.mem, q->bytes - 100);
	assert_int_equal(pump(&r), 1);
	assert_true(r.asked.flags == TRACE_MORE && r.asked.arg == TRACE_WINDOW_BYTES);
	assert_int_equal(r.asked.shard, DESK_FIRST_VOLATILE + 1);
	assert_true(r.s->ops->gone(r.s, &r.desk.w));
	assert_int_equal(pump(&r), DESK_LOOPS);
	assert_int_equal(r.asked.flags, TRACE_OFF);
	rig_fini(&r);
}

static void a_trace_of_nobody_ends_everywhere(void **s)
{
	(void)s;
	struct rig r;
	rig_init(&r);
	begin_trace(&r, "trace 4\n", false);
	assert_true(is_over(&r));
	assert_string_equal(heard(&r), "error: no connection 4\n");
	assert_int_equal(pump(&r), DESK_LOOPS);
	assert_int_equal(r.asked.flags, TRACE_OFF);
	lines_come(&r, 0, 4096); /* under way meanwhile */
	assert_string_equal(heard(&r), "");
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_may_come_in_pieces_and_has_an_end),
		cmocka_unit_test(who_says_nothing_is_sent_away),
		cmocka_unit_test(the_node_is_asked_for_itself_and_each_loop),
		cmocka_unit_test(a_queue_is_found_by_its_name),
		cmocka_unit_test(all_queues_are_asked_one_after_the_other),
		cmocka_unit_test(queues_may_go_before_they_are_asked),
		cmocka_unit_test(an_exchange_that_delays_is_listed_page_by_page),
		cmocka_unit_test(a_delayed_message_is_cancelled),
		cmocka_unit_test(connections_come_in_pages),
		cmocka_unit_test(one_connection_is_looked_for_on_every_loop),
		cmocka_unit_test(one_connection_is_closed_wherever_it_is),
		cmocka_unit_test(what_is_wanted_of_a_queue_or_a_loop_is_answered),
		cmocka_unit_test(digests_have_a_line_for_each_durable_shard),
		cmocka_unit_test(nothing_is_asked_while_nobody_reads),
		cmocka_unit_test(a_trace_goes_on_as_far_as_it_is_read),
		cmocka_unit_test(a_trace_of_nobody_ends_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
