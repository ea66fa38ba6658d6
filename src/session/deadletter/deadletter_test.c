#include "base/regex.h"
#include "core/fact.h"
#include "core/policy.h"
#include "msg/big.h"
#include "session/deadletter/deadletter_for_tests.h"
#include "session/defaults.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

/* ---- stories ------------------------------------------------------------------------------ */

static void an_entry_is_settled_when_its_letter_is_safe(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	die(r, "work", DEAD_REJECTED, 602, message(r, "work", "two", MSG_AMQP091));
	SAY("1:dead!p 'one' | 2:dead!p 'two'");
	assert_false(deadletter_is_idle(r->letters));
	confirm(r, 2, 1);
	SAY("settle work 602");
	confirm(r, 1, 1);
	SAY("settle work 601");
	assert_true(deadletter_is_idle(r->letters));
	rig_free(r);
}

static void all_its_targets_must_have_it(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "amq.fanout", NULL, DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "a", QUEUE_DURABLE, "");
	declare_queue(&r->world, "b", QUEUE_DURABLE, "");
	bind_to(&r->world, "amq.fanout", "a", "");
	bind_to(&r->world, "amq.fanout", "b", "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	SAY("1:a!p 'one' | 1:b!p 'one'");
	confirm(r, 1, 1);
	SAY("");
	confirm(r, 1, 1);
	SAY("settle work 601");
	rig_free(r);
}

static void nowhere_to_go_is_the_end_of_it(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "missing", NULL, DEAD_LETTER_AT_MOST_ONCE);
	declare_mortal(r, "other", "", "missing", DEAD_LETTER_AT_MOST_ONCE);
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	die(r, "other", DEAD_EXPIRED, 602, message(r, "work", "two", MSG_AMQP091));
	SAY("settle work 601 | settle other 602");
	rig_free(r);
}

static void at_least_once_it_waits_for_somebody_to_take_it(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "amq.fanout", NULL, DEAD_LETTER_AT_LEAST_ONCE);
	assert_false(deadletter_waits(r->letters));
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	SAY("");
	SAY("");
	assert_true(deadletter_waits(r->letters));
	assert_true(deadletter_session_ops.deadline(r->letters) ==
		    r->sw.now_ms + LIMIT_DEAD_LETTER_RETRY_MS);
	r->sw.now_ms += LIMIT_DEAD_LETTER_RETRY_MS;
	deadletter_session_ops.tick(r->letters, &r->sw);
	SAY("");
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	bind_to(&r->world, "amq.fanout", "dead", "");
	SAY("1:dead!p 'one'");
	assert_true(deadletter_session_ops.deadline(r->letters) == UINT64_MAX);
	confirm(r, 1, 1);
	SAY("settle work 601");
	rig_free(r);
}

static void what_is_buried_waits_for_its_place(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_queue(&r->world, "work", QUEUE_DURABLE, "");
	die(r, "work", DEAD_BURIED, 601, message(r, "work", "one", MSG_AMQP091));
	SAY("");
	assert_true(deadletter_waits(r->letters));
	declare_queue(&r->world, DEFAULTS_DEAD_LETTERS, QUEUE_DURABLE, "");
	SAY("1:" DEFAULTS_DEAD_LETTERS "!p 'one'");
	answer(r, FX_REFUSED, 1, 1);
	SAY("");
	r->sw.now_ms += LIMIT_DEAD_LETTER_RETRY_MS;
	deadletter_session_ops.tick(r->letters, &r->sw);
	SAY("2:" DEFAULTS_DEAD_LETTERS "!p 'one'");
	confirm(r, 2, 1);
	SAY("settle work 601");
	/* which is true of this queue, too: nothing is lost by saying it again */
	die(r, DEFAULTS_DEAD_LETTERS, DEAD_BURIED, 602,
	    message(r, DEFAULTS_DEAD_LETTERS, "two", MSG_AMQP091));
	SAY("3:" DEFAULTS_DEAD_LETTERS "!p 'two'");
	confirm(r, 3, 1);
	SAY("settle " DEFAULTS_DEAD_LETTERS " 602");
	rig_free(r);
}

static void what_a_full_queue_refuses_is_gone_or_tried_again(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_mortal(r, "safe", "", "dead", DEAD_LETTER_AT_LEAST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	die(r, "safe", DEAD_REJECTED, 602, message(r, "safe", "two", MSG_AMQP091));
	SAY("1:dead!p 'one' | 2:dead!p 'two'");
	answer(r, FX_REFUSED, 1, 2);
	SAY("settle work 601");
	assert_true(deadletter_is_idle(r->letters));
	r->sw.now_ms += LIMIT_DEAD_LETTER_RETRY_MS;
	deadletter_session_ops.tick(r->letters, &r->sw);
	SAY("3:dead!p 'two'");
	confirm(r, 3, 1);
	SAY("settle safe 602");
	rig_free(r);
}

static void nothing_goes_round_unless_somebody_rejects_it(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "amq.fanout", NULL, DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	bind_to(&r->world, "amq.fanout", "work", "");
	die(r, "work", DEAD_EXPIRED, 601, message(r, "work", "one", MSG_AMQP091));
	SAY("settle work 601");
	bind_to(&r->world, "amq.fanout", "dead", "");
	die(r, "work", DEAD_EXPIRED, 602, message(r, "work", "two", MSG_AMQP091));
	SAY("1:dead!p 'two'");
	die(r, "work", DEAD_REJECTED, 603, message(r, "work", "three", MSG_AMQP091));
	SAY("2:dead!p 'three' | 2:work!p 'three'"); /* by shard */
	rig_free(r);
}

static void what_is_tried_again_comes_before_what_died_later(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "amq.fanout", NULL, DEAD_LETTER_AT_LEAST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	die(r, "work", DEAD_REJECTED, 602, message(r, "work", "two", MSG_AMQP091));
	die(r, "work", DEAD_REJECTED, 603, 0);
	SAY("");
	assert_int_equal(r->loads.n, 1);
	bind_to(&r->world, "amq.fanout", "dead", "");
	SAY("1:dead!p 'one' | 2:dead!p 'two'");
	assert_int_equal(r->loads.n, 1);
	deadletter_session_ops.loaded(r->letters, &r->sw, r->loads.at[0].ticket,
				      message(r, "work", "three", MSG_AMQP091));
	SAY("3:dead!p 'three'");
	rig_free(r);
}

static bool match(struct patterns *p, struct slice expr, struct slice subject)
{
	must(p->ops != NULL);
	return regex_find(expr, subject);
}

static const struct patterns_ops ops = { .match = match };
static struct patterns patterns = { &ops };

static void put_fact(struct rig *r, const struct fact *f)
{
	uint8_t buf[2048];
	(void)ask(&r->world, CMD_FACT_PUT, 0, 0, slice_of(buf, fact_put(f, buf, sizeof buf)));
	assert_int_equal(r->world.told.err, ERR_OK);
}

static void a_policy_sends_them_too(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	uint8_t value[1024], bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	struct fact vhost = fact_of(FACT_VHOST, slice_str("/"), SLICE_EMPTY, SLICE_EMPTY);
	struct fact f = fact_of(FACT_POLICY, slice_str("/"), slice_str("p"), SLICE_EMPTY);
	rules.has_dead_letter_exchange = rules.has_dead_letter_key = true;
	rules.dead_letter_key = slice_str("dead");
	struct policy p = { .pattern = slice_str("^work"),
			    .apply_to = POLICY_CLASSIC,
			    .rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes)) };
	f.value = slice_of(value, policy_put(&p, value, sizeof value));
	catalog_match_by(r->world.c, &patterns);
	r->sw.patterns = &patterns;
	put_fact(r, &vhost);
	declare_queue(&r->world, "work", QUEUE_DURABLE, "");
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	put_fact(r, &f);
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	SAY("1:dead!p 'one'");
	uint8_t buf[2048];
	(void)ask(&r->world, CMD_FACT_DELETE, 0, 0, slice_of(buf, fact_put(&f, buf, sizeof buf)));
	die(r, "work", DEAD_REJECTED, 602, message(r, "work", "two", MSG_AMQP091));
	SAY("settle work 602");
	rig_free(r);
}

static void what_must_be_read_keeps_its_place(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, 0);
	die(r, "work", DEAD_REJECTED, 602, message(r, "work", "two", MSG_AMQP091));
	die(r, "work", DEAD_REJECTED, 603, 0);
	SAY("");
	assert_int_equal(r->loads.n, 2);
	deadletter_session_ops.loaded(r->letters, &r->sw, r->loads.at[0].ticket,
				      message(r, "work", "one", MSG_AMQP091));
	SAY("1:dead!p 'one' | 2:dead!p 'two'");
	deadletter_session_ops.loaded(r->letters, &r->sw, r->loads.at[1].ticket, 0);
	SAY("settle work 603"); /* unreadable */
	rig_free(r);
}

static void a_queue_that_is_gone_has_no_dead_letters(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	remove_queue(&r->world, "work");
	SAY("settle ? 601");
	rig_free(r);
}

static void a_big_body_stays_where_it_is(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "locloclocbyt", MSG_CHUNKS));
	SAY("1:dead!p 'big'");
	assert_int_equal(r->stores.n, 1);
	const struct msg *m = msg_of(r->stores.at[0].mem);
	assert_int_equal(m->proto, MSG_CHUNKS);
	assert_true(slice_eq(big_list(m), slice_str("locloclocbyt")));
	msg_unref(r->stores.at[0].mem, 1);
	block_collect(&r->home);
	struct block *ended = block_ended(&r->home);
	assert_non_null(ended);
	block_forget(&r->home, ended);
	rig_free(r);
}

/* Its history has no other place. What was published with an exchange or key of its own is not
 * changed by it. */
static void a_foreign_one_is_rewritten(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct amqp091_props p;
	struct slice reason;
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	r->is_to_keep = true;
	die(r, "work", DEAD_EXPIRED, 601, message(r, "work", "one", MSG_STOMP));
	SAY("1:dead!p 'one'");
	const struct msg *m = msg_of(r->last);
	assert_int_equal(m->proto, MSG_AMQP091);
	assert_int_equal(amqp091_props_decode(msg_props(m), &p), ERR_OK);
	assert_true(p.flags == (AMQP091_HAS_headers | AMQP091_HAS_delivery_mode));
	assert_int_equal(p.delivery_mode, 2);
	assert_true(amqp091_table_str(p.headers, "x-first-death-reason", &reason));
	assert_true(slice_eq(reason, slice_str("expired")));
	msg_unref(r->last, 1);
	rig_free(r);
}

/* Its properties are rewritten, and say so; its chunks are the same. */
static void a_big_foreign_one_is_rewritten(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct amqp091_props p;
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	uint64_t mem = message(r, "work", "locloclocbyt", MSG_CHUNKS);
	((struct msg *)(uintptr_t)mem)->flags |= msg_inner(MSG_STOMP);
	r->is_to_keep = true;
	die(r, "work", DEAD_EXPIRED, 601, mem);
	SAY("1:dead!p 'big'");
	const struct msg *m = msg_of(r->last);
	assert_true(m->proto == MSG_CHUNKS && msg_encoding(m) == MSG_AMQP091);
	assert_int_equal(m->flags, MSG_PERSISTENT | MSG_DEAD);
	assert_true(slice_eq(big_list(m), slice_str("locloclocbyt")));
	assert_int_equal(amqp091_props_decode(msg_props(m), &p), ERR_OK);
	assert_true(p.flags == (AMQP091_HAS_headers | AMQP091_HAS_delivery_mode));
	msg_unref(r->last, 1);
	msg_unref(r->stores.at[0].mem, 1);
	block_collect(&r->home);
	block_forget(&r->home, block_ended(&r->home));
	rig_free(r);
}

static void no_more_bytes_are_under_way_than_allowed(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	r->limits.unconfirmed_bytes_max = 1;
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
	die(r, "work", DEAD_REJECTED, 602, message(r, "work", "two", MSG_AMQP091));
	SAY("1:dead!p 'one'");
	confirm(r, 1, 1);
	SAY("settle work 601 | 2:dead!p 'two'");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_settled_when_its_letter_is_safe),
		cmocka_unit_test(all_its_targets_must_have_it),
		cmocka_unit_test(nowhere_to_go_is_the_end_of_it),
		cmocka_unit_test(at_least_once_it_waits_for_somebody_to_take_it),
		cmocka_unit_test(what_is_buried_waits_for_its_place),
		cmocka_unit_test(what_a_full_queue_refuses_is_gone_or_tried_again),
		cmocka_unit_test(nothing_goes_round_unless_somebody_rejects_it),
		cmocka_unit_test(what_is_tried_again_comes_before_what_died_later),
		cmocka_unit_test(a_policy_sends_them_too),
		cmocka_unit_test(what_must_be_read_keeps_its_place),
		cmocka_unit_test(a_queue_that_is_gone_has_no_dead_letters),
		cmocka_unit_test(a_big_body_stays_where_it_is),
		cmocka_unit_test(a_foreign_one_is_rewritten),
		cmocka_unit_test(a_big_foreign_one_is_rewritten),
		cmocka_unit_test(no_more_bytes_are_under_way_than_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
