#include "session/deadletter/deadletter_for_tests.h"
#include "wire/amqp091/table.h"

#define KEEPER "amq.delayed.x"

/* An exchange that delays, and a queue that is bound to it with `k`. */
static struct rig *rig_of_delays(void)
{
	struct rig *r = rig_new();
	r->is_alive = true;
	declare_x(&r->world, "x", "x-delayed-message", EXCHANGE_DURABLE, "x-delayed-type=direct");
	declare_queue(&r->world, "q", QUEUE_DURABLE, "");
	bind_to(&r->world, "x", "q", "k");
	return r;
}

static void what_is_due_goes_through_its_exchange(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	die(r, KEEPER, DEAD_EXPIRED, 601, message(r, "k", "one", MSG_AMQP091));
	die(r, KEEPER, DEAD_EXPIRED, 602, message(r, "k", "two", MSG_AMQP091));
	SAY("1:q!p 'one' | 2:q!p 'two'");
	confirm(r, 1, 1);
	SAY("settle " KEEPER " 601");
	answer(r, FX_REFUSED, 2, 1); /* by a full queue: as with any publisher's */
	SAY("settle " KEEPER " 602");
	assert_true(deadletter_is_idle(r->letters));
	rig_free(r);
}

static void a_foreign_one_goes_on_as_it_is(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	r->is_to_keep = true;
	die(r, KEEPER, DEAD_EXPIRED, 601, message(r, "k", "one", MSG_STOMP));
	SAY("1:q!p 'one'");
	const struct msg *m = msg_of(r->last);
	assert_int_equal(m->proto, MSG_STOMP);
	assert_int_equal(msg_props(m).n, 2);
	msg_unref(r->last, 1);
	rig_free(r);
}

static void what_leads_nowhere_is_dropped(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	die(r, KEEPER, DEAD_EXPIRED, 601, message(r, "other", "one", MSG_AMQP091));
	SAY("settle " KEEPER " 601");
	assert_true(deadletter_is_idle(r->letters));
	rig_free(r);
}

static void an_exchange_that_has_gone_takes_its_messages_along(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	const struct queue_record *q = catalog_queue(catalog_view(r->world.c), 0,
						     slice_str(KEEPER));
	struct {
		struct run run;
		struct deliver_row row;
	} fx = { { .kind = FX_DEAD_LETTER,
		   .flags = DEAD_EXPIRED,
		   .n = 1,
		   .row_bytes = sizeof(struct deliver_row),
		   .session = HANDLE,
		   .shard = q->shard,
		   .queue = q->id },
		 { .mem = message(r, "k", "one", MSG_AMQP091), .pos = 601 } };
	delete_x(&r->world, "x", 0);
	deadletter_session_ops.tell(r->letters, &r->sw, &fx.run);
	SAY("settle ? 601");
	rig_free(r);
}

static void it_is_where_it_was_published_to_until_it_is_delivered(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	r->is_to_keep = true;
	die(r, KEEPER, DEAD_EXPIRED, 601, message(r, "k", "one", MSG_AMQP091));
	SAY("1:q!p 'one'");
	struct rd rd = rd_of(msg_route(msg_of(r->last))); /* it came through the default exchange */
	assert_int_equal(rd_str8(&rd).n, 0);
	assert_true(slice_eq(rd_str8(&rd), slice_str("k")) && rd_done(&rd));
	msg_unref(r->last, 1);
	confirm(r, 1, 1);
	SAY("settle " KEEPER " 601");
	rig_free(r);
}

static void what_was_taken_once_is_not_kept_again(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	r->is_alive = true;
	declare_x(&r->world, "x", "x-message-deduplication", EXCHANGE_DURABLE, "x-cache-size=5");
	declare_queue(&r->world, "q", QUEUE_DURABLE, "");
	bind_to(&r->world, "x", "q", "");
	die(r, "amq.unique.x", DEAD_EXPIRED, 601, message(r, "k", "one", MSG_AMQP091));
	SAY("1:q!p 'one'");
	confirm(r, 1, 1);
	SAY("settle amq.unique.x 601");
	rig_free(r);
}

/* What waits in a store goes where it was sent, by its own exchange. */
static void what_waits_without_an_exchange_goes_where_it_was_sent(void **s)
{
	(void)s;
	struct rig *r = rig_of_delays();
	declare_delay_store(&r->world);
	die(r, DELAY_STORE_NAME, DEAD_EXPIRED, 601, message(r, "q", "one", MSG_STOMP));
	die(r, DELAY_STORE_NAME, DEAD_EXPIRED, 602, message(r, "k", "two", MSG_AMQP091));
	SAY("1:q!p 'one' | settle " DELAY_STORE_NAME " 602");
	confirm(r, 1, 1);
	SAY("settle " DELAY_STORE_NAME " 601");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_goes_through_its_exchange),
		cmocka_unit_test(a_foreign_one_goes_on_as_it_is),
		cmocka_unit_test(what_leads_nowhere_is_dropped),
		cmocka_unit_test(what_waits_without_an_exchange_goes_where_it_was_sent),
		cmocka_unit_test(an_exchange_that_has_gone_takes_its_messages_along),
		cmocka_unit_test(what_was_taken_once_is_not_kept_again),
		cmocka_unit_test(it_is_where_it_was_published_to_until_it_is_delivered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
