#include "base/regex.h"
#include "core/catalog_for_tests.h"
#include "core/fact.h"
#include "core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool match(struct patterns *p, struct slice expr, struct slice subject)
{
	must(p->ops != NULL);
	return regex_find(expr, subject);
}

static const struct patterns_ops ops = { .match = match };
static struct patterns small = { &ops };

static void begin(struct world *w)
{
	uint8_t buf[64];
	struct fact f = fact_of(FACT_VHOST, slice_str("/"), SLICE_EMPTY, SLICE_EMPTY);
	world_init(w);
	catalog_match_by(w->c, &small);
	must(ask(w, CMD_FACT_PUT, 0, 0, slice_of(buf, fact_put(&f, buf, sizeof buf))) == ERR_OK);
}

static enum err put(struct world *w, enum fact_kind kind, const char *name, const char *pattern,
		    int64_t priority, const struct queue_rules *rules)
{
	uint8_t buf[2048], value[1024], bytes[RULES_BYTES_MAX];
	struct policy p = { .pattern = slice_str(pattern),
			    .priority = priority,
			    .apply_to = POLICY_CLASSIC | POLICY_STREAMS,
			    .rules = slice_of(bytes, rules_put(rules, bytes, sizeof bytes)) };
	struct fact f = fact_of(kind, slice_str("/"), slice_str(name), SLICE_EMPTY);
	f.value = slice_of(value, policy_put(&p, value, sizeof value));
	return ask(w, CMD_FACT_PUT, 0, 0, slice_of(buf, fact_put(&f, buf, sizeof buf)));
}

static struct queue_rules of(const struct world *w, const char *queue)
{
	const struct catalog_view *v = catalog_view(w->c);
	uint8_t buf[RULES_BYTES_MAX];
	struct queue_rules r;
	uint32_t n = policy_rules(v, &small, catalog_queue(v, 0, slice_str(queue)), buf);
	must(rules_get(slice_of(buf, n), &r) == ERR_OK);
	r.dead_letter_exchange = SLICE_EMPTY; /* it lay in buf */
	return r;
}

static bool holds(const struct world *w, enum fact_kind kind, const char *queue, const char *policy)
{
	const struct catalog_view *v = catalog_view(w->c);
	const struct fact *f = policy_of_queue(v, &small, kind,
					       catalog_queue(v, 0, slice_str(queue)));
	return policy ? f && slice_eq(f->name[1], slice_str(policy)) : !f;
}

static void declare(struct world *w, const char *name, const struct queue_rules *rules)
{
	uint8_t buf[DECLARE_BYTES_MAX + RULES_BYTES_MAX], bytes[RULES_BYTES_MAX];
	struct declare_queue d = { .name = slice_str(name),
				   .flags = QUEUE_DURABLE,
				   .shard = 1,
				   .rules = slice_of(bytes,
						     rules_put(rules, bytes, sizeof bytes)) };
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	(void)ask(w, CMD_QUEUE_DECLARE, 0, 0, slice_of(buf, n));
}

static void the_policy_with_the_highest_priority_holds(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules r = rules_none();
	begin(&w);
	declare(&w, "orders", &r);
	declare(&w, "other", &r);
	r.max_length = 10;
	uint32_t opens_n = w.told.opens_n;
	must(put(&w, FACT_POLICY, "a", "^ord", 1, &r) == ERR_OK);
	must(w.told.opens_n == opens_n + 2); /* all are told again */
	must(of(&w, "orders").max_length == 10 && of(&w, "other").max_length == RULE_NONE);
	must(holds(&w, FACT_POLICY, "orders", "a") && holds(&w, FACT_POLICY, "other", NULL));
	r.max_length = 20;
	must(put(&w, FACT_POLICY, "b", "^ord", 2, &r) == ERR_OK);
	must(holds(&w, FACT_POLICY, "orders", "b") &&
	     holds(&w, FACT_OPERATOR_POLICY, "orders", NULL));
	must(of(&w, "orders").max_length == 20);
	r.max_length = 30;
	must(put(&w, FACT_POLICY, "c", "^ord", 0, &r) == ERR_OK);
	must(of(&w, "orders").max_length == 20);
	must(put(&w, FACT_OPERATOR_POLICY, "c", ".*", 0, &r) == ERR_OK);
	must(holds(&w, FACT_OPERATOR_POLICY, "other", "c"));
	world_fini(&w);
}

static void limits_are_the_least_and_the_rest_as_declared_or_as_the_operator_says(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules declared = rules_none(), policy = rules_none(), operators = rules_none();
	begin(&w);
	declared.max_length = 50;
	declared.overflow = OVERFLOW_REJECT;
	declare(&w, "q", &declared);
	policy.max_length = 40;
	policy.message_ttl_ms = 1000;
	policy.overflow = OVERFLOW_DROP_HEAD;
	policy.consumer_timeout_ms = 5;
	policy.has_dead_letter_exchange = true;
	policy.dead_letter_exchange = slice_str("dlx");
	must(put(&w, FACT_POLICY, "p", ".*", 0, &policy) == ERR_OK);
	operators.max_length = 45;
	operators.message_ttl_ms = 10;
	operators.consumer_timeout_ms = 7;
	must(put(&w, FACT_OPERATOR_POLICY, "o", ".*", 0, &operators) == ERR_OK);
	struct queue_rules r = of(&w, "q");
	must(r.max_length == 40 && r.message_ttl_ms == 10 && r.overflow == OVERFLOW_REJECT);
	must(r.consumer_timeout_ms == 7 && r.has_dead_letter_exchange && r.type == RULE_NONE);
	world_fini(&w);
}

static void declare_limited(struct world *w, const char *name, uint64_t limit, uint64_t is_assumed)
{
	struct queue_rules r = rules_none();
	r.delivery_limit = limit;
	r.limit_is_assumed = is_assumed;
	declare(w, name, &r);
	must(of(w, name).delivery_limit == limit);
}

static void a_delivery_limit_that_no_queue_has_named_gives_way_to_a_policy(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules policy = rules_none();
	begin(&w);
	declare_limited(&w, "assumed", 20, 1);
	declare_limited(&w, "named", 20, RULE_NONE);
	declare_limited(&w, "endless", RULE_NONE, RULE_NONE);
	policy.delivery_limit = 50;
	must(put(&w, FACT_POLICY, "p", "", 0, &policy) == ERR_OK);
	must(of(&w, "assumed").delivery_limit == 50 && of(&w, "named").delivery_limit == 20);
	must(of(&w, "endless").delivery_limit == 50);
	policy.delivery_limit = RULE_ENDLESS;
	must(put(&w, FACT_POLICY, "p", "", 0, &policy) == ERR_OK);
	must(of(&w, "assumed").delivery_limit == RULE_ENDLESS);
	must(of(&w, "named").delivery_limit == 20);
	policy.delivery_limit = 30; /* the operator's bounds the policy's, not what is assumed */
	must(put(&w, FACT_OPERATOR_POLICY, "o", "", 0, &policy) == ERR_OK);
	must(of(&w, "assumed").delivery_limit == 30 && of(&w, "named").delivery_limit == 20);
	policy.delivery_limit = RULE_NONE;
	policy.max_length = 1;
	must(put(&w, FACT_POLICY, "p", "", 0, &policy) == ERR_OK);
	must(put(&w, FACT_OPERATOR_POLICY, "o", "", 0, &policy) == ERR_OK);
	must(of(&w, "assumed").delivery_limit == 20); /* both say nothing of it */
	world_fini(&w);
}

static void only_queues_of_the_kind_are_meant(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules r = rules_none();
	begin(&w);
	r.type = QUEUE_QUORUM;
	declare(&w, "quorum", &r);
	r = rules_none();
	r.max_length = 1;
	must(put(&w, FACT_POLICY, "p", "", 0, &r) == ERR_OK);
	must(of(&w, "quorum").max_length == RULE_NONE && of(&w, "quorum").type == QUEUE_QUORUM);
	world_fini(&w);
}

static void a_queue_takes_of_a_policy_what_its_type_knows(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules r = rules_none();
	begin(&w);
	declare(&w, "classic", &r);
	r.type = QUEUE_STREAM;
	declare(&w, "stream", &r);
	r = rules_none();
	r.max_length = 2;
	r.max_length_bytes = 1000;
	r.max_age_ms = 5;
	r.max_priority = 3; /* no type has it of a policy */
	must(put(&w, FACT_POLICY, "p", "", 0, &r) == ERR_OK);
	must(of(&w, "classic").max_length == 2 && of(&w, "classic").max_length_bytes == 1000);
	must(of(&w, "classic").max_age_ms == RULE_NONE);
	must(of(&w, "stream").max_length == RULE_NONE && of(&w, "stream").max_length_bytes == 1000);
	must(of(&w, "stream").max_age_ms == 5 && of(&w, "stream").type == QUEUE_STREAM);
	must(of(&w, "classic").max_priority == RULE_NONE);
	world_fini(&w);
}

static void no_policy_reaches_what_an_exchange_keeps(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules policy = rules_none();
	begin(&w);
	policy.message_ttl_ms = 1;
	must(put(&w, FACT_POLICY, "p", ".*", 0, &policy) == ERR_OK);
	must(declare_x(&w, "x", "x-recent-history", EXCHANGE_DURABLE, "") == ERR_N);
	must(of(&w, "amq.history.x").message_ttl_ms == RULE_NONE);
	must(of(&w, "amq.history.x").max_length == LIMIT_RECENT_HISTORY_DEFAULT);
	world_fini(&w);
}

static void exchanges_take_their_alternate_from_a_policy_unless_they_have_one(void **s)
{
	(void)s;
	struct world w;
	uint8_t buf[500], value[400];
	begin(&w);
	must(declare_x(&w, "x", "topic", EXCHANGE_DURABLE, "") == ERR_OK);
	struct policy p = { .pattern = slice_str("^x"),
			    .apply_to = POLICY_EXCHANGES,
			    .alternate = slice_str("amq.fanout") };
	struct fact f = fact_of(FACT_POLICY, slice_str("/"), slice_str("p"), SLICE_EMPTY);
	f.value = slice_of(value, policy_put(&p, value, sizeof value));
	struct slice tail = slice_of(buf, fact_put(&f, buf, sizeof buf));
	must(ask(&w, CMD_FACT_PUT, 0, 0, tail) == ERR_OK);
	const struct exchange *x = catalog_exchange(catalog_view(w.c), 0, slice_str("x"));
	must(slice_eq(x->by_policy, slice_str("amq.fanout")));
	must(declare_x(&w, "xx", "direct", 0, "") == ERR_OK); /* a later one, too */
	x = catalog_exchange(catalog_view(w.c), 0, slice_str("xx"));
	must(slice_eq(x->by_policy, slice_str("amq.fanout")));
	x = catalog_exchange(catalog_view(w.c), 0, slice_str("amq.topic"));
	must(x->by_policy.p == NULL);
	p.priority = 1; /* the same, elsewhere in memory */
	f.value = slice_of(value, policy_put(&p, value, sizeof value));
	tail = slice_of(buf, fact_put(&f, buf, sizeof buf));
	must(ask(&w, CMD_FACT_PUT, 0, 0, tail) == ERR_OK);
	everybody_has_seen(&w);
	x = catalog_exchange(catalog_view(w.c), 0, slice_str("x"));
	must(slice_eq(x->by_policy, slice_str("amq.fanout")));
	catalog_check(w.c);
	must(ask(&w, CMD_FACT_DELETE, 0, 0, tail) == ERR_OK);
	everybody_has_seen(&w);
	x = catalog_exchange(catalog_view(w.c), 0, slice_str("x"));
	must(x->by_policy.p == NULL);
	world_fini(&w);
}

static void every_prefix_of_a_policy_is_refused_or_one_with_less_json(void **s)
{
	(void)s;
	uint8_t buf[100];
	struct policy p = { .pattern = slice_str("^a"), .priority = -3, .json = slice_str("{}") };
	uint32_t n = policy_put(&p, buf, sizeof buf);
	for (uint32_t i = 0; i <= n; i++) {
		uint8_t *copy = malloc(i ? i : 1);
		struct policy got;
		must(copy != NULL);
		memcpy(copy, buf, i);
		must((policy_get(slice_of(copy, i), &got) == ERR_OK) == (i >= n - 2));
		must_if(i == n, got.priority == -3 && slice_eq(got.pattern, slice_str("^a")));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policy_with_the_highest_priority_holds),
		cmocka_unit_test(
			limits_are_the_least_and_the_rest_as_declared_or_as_the_operator_says),
		cmocka_unit_test(a_delivery_limit_that_no_queue_has_named_gives_way_to_a_policy),
		cmocka_unit_test(only_queues_of_the_kind_are_meant),
		cmocka_unit_test(a_queue_takes_of_a_policy_what_its_type_knows),
		cmocka_unit_test(no_policy_reaches_what_an_exchange_keeps),
		cmocka_unit_test(exchanges_take_their_alternate_from_a_policy_unless_they_have_one),
		cmocka_unit_test(every_prefix_of_a_policy_is_refused_or_one_with_less_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
