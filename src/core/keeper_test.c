#include "core/keeper.h"
#include "core/catalog_for_tests.h"
#include "core/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HISTORY "amq.history."

static const struct queue_record *record(const struct world *w, const char *name)
{
	return catalog_queue(catalog_view(w->c), 0, slice_str(name));
}

static struct queue_rules rules_of(const struct world *w, const char *name)
{
	struct queue_rules r = { 0 };
	assert_true(record(w, name) &&
		    rules_get(queue_record_rules(record(w, name)), &r) == ERR_OK);
	return r;
}

static void route_as(struct world *w, struct route *r, const char *exchange,
		     const struct routing *m)
{
	const struct catalog_view *v = catalog_view(w->c);
	const struct exchange *x = catalog_exchange(v, 0, slice_str(exchange));
	assert_true(x && route_message(v, x, m, r) == ERR_OK);
}

/* Routes a message with these headers. */
static void find(struct world *w, struct route *r, const char *exchange, const char *key,
		 const char *headers)
{
	route_as(w, r, exchange,
		 &(struct routing){ .key = slice_str(key),
				    .headers = &words_ops,
				    .props = slice_str(headers),
				    .now_ms = 5000 });
}

/* Likewise, of one that says that it is to come back if it finds no queue. */
static void find_mandatory(struct world *w, struct route *r, const char *exchange, const char *key,
			   const char *headers)
{
	route_as(w, r, exchange,
		 &(struct routing){ .key = slice_str(key),
				    .headers = &words_ops,
				    .props = slice_str(headers),
				    .is_mandatory = true });
}

static void it_comes_and_goes_with_its_exchange(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	assert_int_equal(declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, ""), ERR_N);
	const struct queue_record *q = record(&w, HISTORY "x");
	assert_int_equal(q->flags, QUEUE_KEEPER | QUEUE_DURABLE);
	assert_true(w.told.opens_n == 2 && w.told.queue == q->id && w.log_n == 2);
	struct queue_rules r = rules_of(&w, HISTORY "x");
	assert_true(r.keeper == EXCHANGE_RECENT_HISTORY);
	assert_int_equal(r.max_length, LIMIT_RECENT_HISTORY_DEFAULT);
	assert_int_equal(delete_x(&w, "x", 0), ERR_OK);
	assert_true(!record(&w, HISTORY "x") && w.told.drops_n == 1 && w.log_n == 4);
	catalog_check(w.c);
	declare_x(&w, "y", "x-recent-history", 0, "x-recent-history-length=3");
	assert_int_equal(record(&w, HISTORY "y")->flags, QUEUE_KEEPER);
	assert_int_equal(rules_of(&w, HISTORY "y").max_length, 3);
	assert_true(w.log_n == 4);
	world_fini(&w);
}

/* Who has heard that it is there may publish to it from another thread than the catalog's: nothing
 * orders the two but its queue's own answer. */
static void its_queue_answers_for_it(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	w.waits = true;
	assert_int_equal(declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, ""), ERR_N);
	uint64_t ticket = w.ticket;
	assert_int_equal(w.told.opens_n, 0);
	assert_int_equal(declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, ""), ERR_N);
	commit(&w);
	assert_int_equal(w.told.opens_n, 3); /* made, and asked for twice */
	assert_true(w.told.replies_n == 0 && w.told.ticket == ticket + 1);
	assert_int_equal(declare_x(&w, "y", "fanout", EXCHANGE_DURABLE, ""), ERR_N);
	commit(&w);
	assert_true(w.told.err == ERR_OK && w.told.replies_n == 1 && w.told.opens_n == 3);
	world_fini(&w);
}

static void one_that_is_left_over_is_taken_again(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, "");
	uint64_t id = id_of(&w, HISTORY "x");
	struct world later; /* the power failed when the log had the queue only */
	world_init(&later);
	catalog_apply(later.c, w.log[0], 1, NULL);
	assert_true(id_of(&later, HISTORY "x") == id && !has_x(&later, "x"));
	assert_int_equal(declare_x(&later, "x", "x-recent-history", EXCHANGE_DURABLE, ""), ERR_N);
	assert_true(id_of(&later, HISTORY "x") == id && has_x(&later, "x"));
	world_fini(&later);
	world_fini(&w);
}

static void bad_arguments_are_refused(void **s)
{
	(void)s;
	struct world w;
	char name[LIMIT_SHORTSTR + 1] = { 0 };
	world_init(&w);
	assert_int_equal(declare_x(&w, "x", "x-recent-history", 0, "x-recent-history-length=0"),
			 ERR_PRECONDITION_FAILED);
	assert_true(said(&w, "Invalid argument 0, 'x-recent-history-length' must be a positive "
			     "integer"));
	declare_x(&w, "x", "x-recent-history", 0, "x-recent-history-length=a");
	assert_true(said(&w, "Invalid argument <<\"a\">>, 'x-recent-history-length' must be a "
			     "positive integer"));
	declare_x(&w, "x", "x-recent-history", 0, "x-recent-history-length=99999999999");
	assert_int_equal(rules_of(&w, HISTORY "x").max_length, LIMIT_RECENT_HISTORY_MAX);
	memset(name, 'n', KEEPER_EXCHANGE_NAME_MAX + 1);
	assert_int_equal(declare_x(&w, name, "x-recent-history", 0, ""), ERR_PRECONDITION_FAILED);
	name[KEEPER_EXCHANGE_NAME_MAX] = '\0';
	assert_int_equal(declare_x(&w, name, "x-recent-history", 0, ""), ERR_N);
	assert_int_equal(delete_x(&w, name, 0), ERR_OK);
	world_fini(&w);
}

static void a_history_keeps_what_passes(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, "");
	declare_queue(&w, "q", 0, "");
	uint64_t keeper = id_of(&w, HISTORY "x");
	find(&w, &r, "x", "k", "");
	assert_true(r.n == 1 && r.to[0].queue == keeper && route_is_nowhere(&r) && r.varies);
	bind_to(&w, "x", "q", "any");
	find(&w, &r, "x", "k", "");
	assert_true(r.n == 2 && r.kept_n == 1 && !route_is_nowhere(&r));
	find(&w, &r, "x", "k", "x-recent-history-no-store=yes"); /* not a bool */
	assert_int_equal(r.n, 2);
	join_x(&w, CMD_BIND, "amq.direct", "x", "k", "");
	find(&w, &r, "amq.direct", "k", "");
	assert_true(r.n == 2 && r.kept_n == 1 && r.varies);
	find(&w, &r, "", HISTORY "x", ""); /* nobody can publish to it but its exchange */
	assert_int_equal(r.n, 0);
	route_fini(&r);
	world_fini(&w);
}

static void a_kept_message_outlives_its_expiry(void **s)
{
	(void)s;
	const struct route_to to[] = { { .queue = 1, .flags = QUEUE_DURABLE },
				       { .queue = 2, .flags = QUEUE_DURABLE | QUEUE_KEEPER },
				       { .queue = 3, .flags = QUEUE_KEEPER, .wait_ms = 70 } };
	const uint64_t want_ms[] = { 1500, 0, 1070 };
	for (int i = 0; i < 3; i++) {
		struct publish_row row = { .expiry_ms = 1500 };
		route_to_row(&to[i], 1000, true, &row);
		assert_int_equal(row.expiry_ms, want_ms[i]);
		assert_int_equal(row.flags, i < 2 ? ENTRY_PERSISTENT : 0);
	}
	const struct route_to lasts = { .flags = QUEUE_DURABLE | QUEUE_KEEPER, .wait_ms = 1 };
	struct publish_row row = { 0 }; /* though it was published to be transient */
	route_to_row(&lasts, 1000, false, &row);
	assert_int_equal(row.flags, ENTRY_PERSISTENT);
}

static void a_delayed_message_goes_nowhere_else_meanwhile(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	declare_x(&w, "x", "x-delayed-message", EXCHANGE_DURABLE,
		  "x-delayed-type=topic alternate-exchange=amq.fanout");
	declare_queue(&w, "q", 0, "");
	bind_to(&w, "x", "q", "a.*");
	bind_to(&w, "amq.fanout", "q", "");
	uint64_t keeper = id_of(&w, "amq.delayed.x");
	find(&w, &r, "x", "a.b", "x-delay=70");
	assert_true(r.n == 1 && r.to[0].queue == keeper && r.to[0].wait_ms == 70);
	assert_true(route_is_delayed(&r) && !route_is_nowhere(&r)); /* who knows where to? */
	find(&w, &r, "x", "a.b", "x-delay='70");
	assert_true(r.n == 1 && r.to[0].queue == keeper && r.to[0].wait_ms == 70);
	find(&w, &r, "x", "none", "x-delay=4294967295"); /* not to the alternate either */
	assert_true(r.n == 1 && r.to[0].wait_ms == UINT32_MAX);
	static const char *const at_once[] = { "",
					       "x-delay=0",
					       "x-delay=-5",
					       "x-delay=a",
					       "x-delay=1.5",
					       "x-delay=4294967296",
					       "x-delay='4294967296",
					       "x-delay='7a",
					       "x-delay='99999999999999999999" };
	for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) {
		find(&w, &r, "x", "a.b", at_once[i]);
		assert_true(r.n == 1 && r.to[0].queue == id_of(&w, "q") && !route_is_delayed(&r));
	}
	join_x(&w, CMD_BIND, "amq.direct", "x", "a.b", "");
	bind_to(&w, "amq.direct", "q", "a.b");
	find(&w, &r, "amq.direct", "a.b", "x-delay=5"); /* now to one, later to the other */
	assert_true(r.n == 2 && r.delays_n == 1 && !route_is_delayed(&r));
	route_fini(&r);
	world_fini(&w);
}

/* Until a moment, in milliseconds since 1970; one that is a time has seconds. */
static void a_message_may_say_until_when_it_waits(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	struct publish_row row = { 0 };
	world_init(&w);
	route_init(&r, &w.side.mem);
	declare_x(&w, "x", "x-delayed-message", EXCHANGE_DURABLE, "x-delayed-type=fanout");
	declare_queue(&w, "q", 0, "");
	bind_to(&w, "x", "q", "");
	static const struct {
		const char *headers;
		uint64_t until_ms; /* it is 5000 now; 0: it goes at once */
	} rows[] = {
		{ "x-opt-delivery-time=5001", 5001 },
		{ "x-opt-delivery-time='5001", 5001 },
		{ "x-opt-delivery-time=17592186044415", 17592186044415 }, /* in the year 2527 */
		{ "x-opt-delivery-time=17592186044416", 0 },
		{ "x-opt-delivery-time='17592186044416", 0 },
		{ "x-opt-delivery-time='99999999999999999999", 0 },
		{ "x-opt-delivery-time=5000", 0 },
		{ "x-opt-delivery-time=0", 0 },
		{ "x-opt-delivery-time='soon", 0 },
		{ "x-opt-delivery-time=6000.5", 0 },
		{ "x-opt-delivery-time=t6", 6000 },
		{ "x-opt-delivery-time=t5", 0 },
		{ "x-opt-delivery-time=t17592186045", 0 },
		{ "x-delay=0 x-opt-delivery-time=6000", 0 }, /* which says how long */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		find(&w, &r, "x", "", rows[i].headers);
		assert_true(r.n == 1 && route_is_delayed(&r) == (rows[i].until_ms > 0));
		route_to_row(&r.to[0], 5000, false, &row);
		assert_true(!rows[i].until_ms || row.expiry_ms == rows[i].until_ms);
		assert_int_equal(r.to[0].queue,
				 id_of(&w, rows[i].until_ms ? "amq.delayed.x" : "q"));
	}
	find(&w, &r, "x", "", "x-opt-delivery-time=6000 x-delay=70");
	assert_true(r.to[0].wait_ms == 70 && r.to[0].number == 0);
	route_fini(&r);
	world_fini(&w);
}

static void what_is_mandatory_is_delayed_if_it_would_find_a_queue_now(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	declare_x(&w, "x", "x-delayed-message", 0, "x-delayed-type=direct");
	declare_x(&w, "y", "x-delayed-message", 0,
		  "x-delayed-type=direct alternate-exchange=amq.fanout");
	declare_queue(&w, "q", 0, "");
	bind_to(&w, "x", "q", "k");
	find_mandatory(&w, &r, "x", "k", "x-delay=70");
	assert_true(r.n == 1 && r.to[0].queue == id_of(&w, "amq.delayed.x"));
	assert_true(r.to[0].wait_ms == 70 && !route_is_nowhere(&r));
	find_mandatory(&w, &r, "x", "none", "x-delay=70");
	assert_true(r.n == 0 && route_is_nowhere(&r));
	find_mandatory(&w, &r, "y", "none", "x-delay=70"); /* nor by the alternate */
	assert_int_equal(r.n, 0);
	bind_to(&w, "amq.fanout", "q", "");
	find_mandatory(&w, &r, "y", "none", "x-delay=70");
	assert_true(r.n == 1 && r.to[0].queue == id_of(&w, "amq.delayed.y"));
	join_x(&w, CMD_BIND, "amq.direct", "x", "none", "");
	find_mandatory(&w, &r, "amq.direct", "none", "x-delay=70"); /* it waits behind another */
	assert_int_equal(r.n, 0);
	declare_x(&w, "h", "x-recent-history", 0, "");
	join_x(&w, CMD_BIND, "amq.direct", "h", "none", "");
	find_mandatory(&w, &r, "amq.direct", "none", "x-delay=70"); /* a history has what is lost */
	assert_true(r.n == 1 && r.to[0].queue == id_of(&w, HISTORY "h") && route_is_nowhere(&r));
	bind_to(&w, "amq.direct", "q", "none");
	find_mandatory(&w, &r, "amq.direct", "none", "x-delay=70"); /* one queue has it now */
	assert_true(r.n == 3 && r.kept_n == 1 && r.delays_n == 1 && !route_is_nowhere(&r));
	route_fini(&r);
	world_fini(&w);
}

static void a_delayed_exchange_must_say_how_it_routes(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	static const char *const bad[] = { "", "x-delayed-type=nope", "x-delayed-type=5",
					   "x-delayed-type=x-delayed-message",
					   "x-delayed-type=x-recent-history" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(declare_x(&w, "x", "x-delayed-message", 0, bad[i]),
				 ERR_PRECONDITION_FAILED);
		assert_true(said(&w, "Invalid argument, 'x-delayed-type' must be an existing "
				     "exchange type"));
	}
	assert_int_equal(
		declare_x(&w, "x", "x-delayed-message", 0, "x-delayed-type=x-consistent-hash"),
		ERR_N);
	struct queue_rules r = rules_of(&w, "amq.delayed.x");
	assert_true(r.keeper == EXCHANGE_DELAYED && r.max_length == RULE_NONE);
	assert_true(slice_eq(r.dead_letter_exchange, slice_str("x")));
	declare_queue(&w, "q", 0, "");
	assert_int_equal(bind_to(&w, "x", "q", "1"), ERR_OK); /* nothing to be replayed */
	catalog_check(w.c);
	world_fini(&w);
}

static void a_message_goes_to_the_bindings_by_the_keeper_that_knows_it(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	assert_int_equal(declare_x(&w, "x", "x-message-deduplication", EXCHANGE_DURABLE,
				   "x-cache-size=5 x-cache-ttl=70"),
			 ERR_N);
	struct queue_rules rules = rules_of(&w, "amq.unique.x");
	assert_true(rules.cache_size == 5 && rules.cache_ttl_ms == 70);
	find(&w, &r, "x", "k", "x-deduplication-header=a");
	assert_int_equal(r.n, 0); /* nobody is bound: it comes back if mandatory */
	declare_queue(&w, "q", 0, "");
	bind_to(&w, "x", "q", "");
	find(&w, &r, "x", "k", "x-deduplication-header=a");
	uint64_t a = r.to[0].number;
	assert_true(r.n == 1 && r.to[0].queue == id_of(&w, "amq.unique.x") && a % 2 == 1);
	assert_true(route_is_delayed(&r) && !route_is_nowhere(&r));
	find(&w, &r, "x", "other", "x-deduplication-header=a y=z");
	assert_true(r.to[0].number == a);
	find(&w, &r, "x", "k", "x-deduplication-header=b");
	assert_true(r.to[0].number != a);
	find(&w, &r, "x", "k", "");
	assert_true(r.to[0].number == KEEPER_NO_NUMBER);
	struct publish_row row = { .expiry_ms = 9 };
	route_to_row(&r.to[0], 1000, true, &row);
	assert_true(row.expiry_ms == KEEPER_NO_NUMBER && row.flags == ENTRY_PERSISTENT);
	const struct catalog_view *v = catalog_view(w.c);
	const struct exchange *x = catalog_exchange(v, 0, slice_str("x"));
	const struct routing m = { .key = slice_str("k"), .past = x->id };
	assert_true(route_message(v, x, &m, &r) == ERR_OK && r.to[0].queue == id_of(&w, "q"));
	route_fini(&r);
	world_fini(&w);
}

static void bad_caches_are_refused(void **s)
{
	(void)s;
	static const struct {
		const char *arguments, *why;
		enum err err;
	} rows[] = {
		{ "",
		  "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0",
		  ERR_PRECONDITION_FAILED },
		{ "x-cache-size=a",
		  "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0",
		  ERR_PRECONDITION_FAILED },
		{ "x-cache-size=1 x-cache-ttl=0",
		  "Invalid argument, 'x-cache-ttl' must be an integer greater than 0",
		  ERR_PRECONDITION_FAILED },
		{ "x-cache-size=1 x-cache-persistence=no",
		  "Invalid argument, 'x-cache-persistence' must be either 'memory' or 'disk'",
		  ERR_PRECONDITION_FAILED },
		{ "x-cache-size=1 x-cache-persistence=disk", "x-cache-persistence=disk",
		  ERR_NOT_IMPLEMENTED },
	};
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(
			declare_x(&w, "x", "x-message-deduplication", 0, rows[i].arguments),
			rows[i].err);
		assert_true(said(&w, rows[i].why));
	}
	declare_x(&w, "x", "x-message-deduplication", 0,
		  "x-cache-size=99999999999 x-cache-persistence=memory");
	assert_int_equal(rules_of(&w, "amq.unique.x").cache_size, LIMIT_DEDUPLICATION_MAX);
	world_fini(&w);
}

static void a_log_may_say_what_was_never_admitted(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	char name[LIMIT_SHORTSTR + 1] = { 0 };
	struct {
		struct run run;
		uint8_t bytes[DECLARE_BYTES_MAX];
	} o = { .run = { .kind = OUTCOME_EXCHANGE_DECLARE } };
	memset(name, 'n', LIMIT_SHORTSTR);
	const struct declare_exchange d = { .name = slice_str(name),
					    .type = slice_str("x-delayed-message") };
	world_init(&w);
	route_init(&r, &w.side.mem);
	o.run.tail_len = declare_exchange_put(&d, o.bytes, sizeof o.bytes);
	catalog_apply(w.c, &o.run, 1, NULL);
	declare_queue(&w, "q", 0, "");
	bind_to(&w, name, "q", "k");
	find(&w, &r, name, "k", "x-delay=5"); /* there is nothing to keep it in */
	assert_true(r.n == 1 && r.to[0].queue == id_of(&w, "q"));
	assert_int_equal(delete_x(&w, name, 0), ERR_OK);
	catalog_check(w.c);
	route_fini(&r);
	world_fini(&w);
}

static void who_is_bound_gets_it_from_the_keeper(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, "");
	declare_queue(&w, "q", 0, "");
	uint32_t replies_n = w.told.replies_n;
	assert_int_equal(bind_to(&w, "x", "q", "a"), ERR_N); /* its keeper answers */
	assert_true(w.told.replays_n == 1 && w.told.replies_n == replies_n);
	assert_int_equal(bind_to(&w, "x", "q", "a"), ERR_OK); /* as it was */
	assert_int_equal(bind_to(&w, "x", "q", "b"), ERR_N);
	assert_int_equal(join_x(&w, CMD_BIND, "x", "amq.topic", "", ""), ERR_N);
	assert_int_equal(unbind_from(&w, "x", "q", "a"), ERR_OK);
	assert_int_equal(w.told.replays_n, 3);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_and_goes_with_its_exchange),
		cmocka_unit_test(its_queue_answers_for_it),
		cmocka_unit_test(one_that_is_left_over_is_taken_again),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(a_history_keeps_what_passes),
		cmocka_unit_test(a_kept_message_outlives_its_expiry),
		cmocka_unit_test(a_delayed_message_goes_nowhere_else_meanwhile),
		cmocka_unit_test(a_message_may_say_until_when_it_waits),
		cmocka_unit_test(what_is_mandatory_is_delayed_if_it_would_find_a_queue_now),
		cmocka_unit_test(a_delayed_exchange_must_say_how_it_routes),
		cmocka_unit_test(a_message_goes_to_the_bindings_by_the_keeper_that_knows_it),
		cmocka_unit_test(bad_caches_are_refused),
		cmocka_unit_test(a_log_may_say_what_was_never_admitted),
		cmocka_unit_test(who_is_bound_gets_it_from_the_keeper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
