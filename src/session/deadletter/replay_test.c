#include "session/deadletter/deadletter_for_tests.h"

#define KEEPER "amq.history.x"

/* An exchange that remembers, and a queue. */
static struct rig *rig_of_history(void)
{
	struct rig *r = rig_new();
	r->is_alive = true;
	declare_x(&r->world, "x", "x-recent-history", EXCHANGE_DURABLE, "");
	declare_queue(&r->world, "q", QUEUE_DURABLE, "");
	return r;
}

static const struct queue_record *keeper(const struct rig *r)
{
	return catalog_queue(catalog_view(r->world.c), 0, slice_str(KEEPER));
}

static void tell(struct rig *r, struct run *fx)
{
	const struct queue_record *q = keeper(r);
	fx->session = HANDLE;
	fx->queue = q->id;
	fx->shard = q->shard;
	deadletter_session_ops.tell(r->letters, &r->sw, fx);
}

/* Session 9 was bound, or its exchange was; `ticket` is its call's. */
static void bound(struct rig *r, const char *to, bool to_exchange, uint64_t ticket)
{
	struct {
		struct run run;
		struct replay_for who;
		uint8_t bind[DECLARE_BYTES_MAX];
	} fx = { { .kind = FX_REPLAY },
		 { .session = session_handle(0, 9, 9), .arg = ticket },
		 { 0 } };
	const struct bind b = { .exchange = slice_str("x"),
				.queue = slice_str(to),
				.to_exchange = to_exchange };
	uint32_t n = bind_put(&b, fx.bind, sizeof fx.bind);
	assert_true(n > 0);
	fx.run.tail_len = (uint32_t)sizeof fx.who + n;
	tell(r, &fx.run);
}

static void reply(struct rig *r, enum cmd op, enum err err, uint64_t a)
{
	struct {
		struct run run;
		struct reply_row row;
	} fx = { { .kind = FX_REPLY, .n = 1, .row_bytes = sizeof(struct reply_row) },
		 { .err = err, .op = op, .a = a } };
	tell(r, &fx.run);
}

/* One of the kept messages comes; mem 0: it must be read. */
static void got(struct rig *r, uint64_t pos, uint64_t mem)
{
	struct {
		struct run run;
		struct deliver_row row;
	} fx = { { .kind = FX_DELIVER,
		   .flags = DELIVER_GET,
		   .n = 1,
		   .row_bytes = sizeof(struct deliver_row) },
		 { .mem = mem, .loc = mem ? 0 : 77, .pos = pos, .bytes = 20 } };
	tell(r, &fx.run);
}

static void what_is_kept_goes_to_a_queue_and_then_back(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "q", false, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 2);
	SAY("get " KEEPER " | get " KEEPER);
	got(r, 601, message(r, "k", "one", MSG_AMQP091));
	got(r, 602, message(r, "k", "two", MSG_AMQP091));
	SAY("1:q!p 'one' | 2:q!p 'two'");
	assert_false(deadletter_is_idle(r->letters));
	confirm(r, 2, 1);
	SAY("");
	confirm(r, 1, 1);
	SAY("back " KEEPER " 601 | back " KEEPER " 602 | bound 5");
	assert_true(deadletter_is_idle(r->letters));
	rig_free(r);
}

static void one_follows_the_other(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "q", false, 5);
	bound(r, "q", false, 6);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 1);
	SAY("get " KEEPER);
	got(r, 601, message(r, "k", "one", MSG_AMQP091));
	SAY("1:q!p 'one'");
	confirm(r, 1, 1);
	SAY("back " KEEPER " 601 | bound 5 | stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 0);
	SAY("bound 6");
	rig_free(r);
}

/* Whatever it says, it has said. */
static void swallow(struct rig *r)
{
	say(r, r->said_bytes, __LINE__);
}

static void a_long_history_comes_in_portions(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "q", false, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, REPLAY_AHEAD + 1);
	r->sw.view = catalog_view(r->world.c);
	for (uint64_t i = 0; i < REPLAY_AHEAD; i++)
		got(r, 601 + i, message(r, "k", "m", MSG_AMQP091));
	deadletter_session_ops.pump(r->letters, &r->sw);
	const struct deadletter *d = (const struct deadletter *)r->letters;
	assert_int_equal(d->sent.n, REPLAY_AHEAD);
	swallow(r);
	confirm(r, 1, 1);
	SAY("get " KEEPER);
	reply(r, CMD_GET, ERR_NOT_FOUND, 1); /* it was too old meanwhile */
	confirm(r, 2, REPLAY_AHEAD - 1);
	assert_int_equal(d->replays.n, 0);
	rig_free(r);
}

static void an_exchange_that_is_bound_routes_it(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bind_to(&r->world, "amq.direct", "q", "k");
	bound(r, "amq.direct", true, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 2);
	SAY("get " KEEPER " | get " KEEPER);
	got(r, 601, message(r, "other", "nowhere", MSG_AMQP091));
	got(r, 602, message(r, "k", "two", MSG_AMQP091));
	SAY("1:q!p 'two'");
	confirm(r, 1, 1);
	SAY("back " KEEPER " 601 | back " KEEPER " 602 | bound 5");
	rig_free(r);
}

static void a_queue_that_has_gone_gets_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "gone", false, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 1);
	SAY("get " KEEPER);
	got(r, 601, message(r, "k", "one", MSG_AMQP091));
	SAY("back " KEEPER " 601 | bound 5");
	rig_free(r);
}

static void what_cannot_be_read_is_left_out(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "q", false, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_OK, 1);
	SAY("get " KEEPER);
	got(r, 601, 0);
	SAY("");
	assert_int_equal(r->loads.n, 1);
	deadletter_session_ops.loaded(r->letters, &r->sw, r->loads.at[0].ticket, 0);
	SAY("back " KEEPER " 601 | bound 5");
	rig_free(r);
}

static void a_keeper_that_has_gone_ends_it(void **s)
{
	(void)s;
	struct rig *r = rig_of_history();
	bound(r, "q", false, 5);
	SAY("stat " KEEPER);
	reply(r, CMD_QUEUE_STAT, ERR_NOT_FOUND, 0);
	SAY("bound 5");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_goes_to_a_queue_and_then_back),
		cmocka_unit_test(one_follows_the_other),
		cmocka_unit_test(a_long_history_comes_in_portions),
		cmocka_unit_test(an_exchange_that_is_bound_routes_it),
		cmocka_unit_test(a_queue_that_has_gone_gets_nothing),
		cmocka_unit_test(what_cannot_be_read_is_left_out),
		cmocka_unit_test(a_keeper_that_has_gone_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
