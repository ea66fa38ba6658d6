#include "core/core.h"
#include "core/catalog.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TEN "0123456789"
#define LONG                                                                                    \
	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN \
		TEN TEN TEN "12345"

/* Every prefix in a block of its own length: the sanitizer sees a byte read too far. */
static void try_prefixes(const uint8_t *bytes, uint32_t n, enum err (*get)(struct slice))
{
	for (uint32_t i = 0; i <= n; i++) {
		uint8_t *copy = malloc(i ? i : 1);
		must(copy != NULL);
		memcpy(copy, bytes, i);
		must(get(slice_of(copy, i)) == (i == n ? ERR_OK : ERR_MALFORMED));
		free(copy);
	}
}

static enum err get_x(struct slice from)
{
	struct declare_exchange d;
	return declare_exchange_get(from, &d);
}

static enum err get_q(struct slice from)
{
	struct declare_queue d;
	return declare_queue_get(from, &d);
}

static enum err get_b(struct slice from)
{
	struct bind d;
	return bind_get(from, &d);
}

static void an_exchange_comes_back_as_it_went(void **s)
{
	(void)s;
	uint8_t buf[DECLARE_BYTES_MAX + 3];
	struct declare_exchange d = { slice_str(LONG), slice_str("topic"), slice_str("abc"), 258,
				      7 };
	struct declare_exchange back;
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	must(n > 0 && declare_exchange_get(slice_of(buf, n), &back) == ERR_OK);
	must(slice_eq(d.name, back.name) && slice_eq(d.type, back.type));
	must(slice_eq(d.arguments, back.arguments) && back.vhost == 258 && back.flags == 7);
	must(declare_exchange_put(&d, buf, n - 1) == 0);
	try_prefixes(buf, n, get_x);
}

static void a_queue_comes_back_as_it_went(void **s)
{
	(void)s;
	uint8_t buf[DECLARE_BYTES_MAX + 3];
	struct declare_queue d = { slice_str(LONG),
				   slice_str("abc"),
				   UINT64_MAX - 1,
				   258,
				   81,
				   QUEUE_DURABLE | QUEUE_AUTO_DELETE,
				   SLICE_EMPTY };
	struct declare_queue back;
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	must(n > 0 && declare_queue_get(slice_of(buf, n), &back) == ERR_OK);
	must(slice_eq(d.name, back.name) && slice_eq(d.arguments, back.arguments));
	must(back.owner == UINT64_MAX - 1 && back.vhost == 258 && back.shard == 81);
	must(back.flags == (QUEUE_DURABLE | QUEUE_AUTO_DELETE));
	must(declare_queue_put(&d, buf, n - 1) == 0);
	try_prefixes(buf, n, get_q);
}

static void a_queue_takes_its_rules_along(void **s)
{
	(void)s;
	uint8_t buf[DECLARE_BYTES_MAX], bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	rules.message_ttl_ms = 1000;
	struct declare_queue d = { .name = slice_str(LONG), .arguments = slice_str("abc") }, back;
	uint32_t without = declare_queue_put(&d, buf, sizeof buf);
	d.rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes));
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	must(n == without + 2 + d.rules.n && declare_queue_put(&d, buf, n - 1) == 0);
	for (uint32_t i = without; i < n; i++) /* without is as it was before there were rules */
		must(declare_queue_get(slice_of(buf, i), &back) ==
		     (i == without ? ERR_OK : ERR_MALFORMED));
	must(back.rules.n == 0 && declare_queue_get(slice_of(buf, n), &back) == ERR_OK);
	must(slice_eq(back.rules, d.rules));
	bytes[0] = 200;
	n = declare_queue_put(&d, buf, sizeof buf);
	must(declare_queue_get(slice_of(buf, n), &back) == ERR_NOT_IMPLEMENTED);
}

static void an_exclusive_queue_does_not_last(void **s)
{
	(void)s;
	uint8_t buf[DECLARE_BYTES_MAX];
	struct declare_queue d = { .owner = 1, .flags = QUEUE_DURABLE | QUEUE_EXCLUSIVE };
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	must(declare_queue_get(slice_of(buf, n), &d) == ERR_OK && d.flags == QUEUE_EXCLUSIVE);
}

static void a_binding_comes_back_as_it_went(void **s)
{
	(void)s;
	uint8_t buf[DECLARE_BYTES_MAX + 3];
	struct bind d = {
		slice_str(LONG), slice_str(LONG), slice_str(LONG), slice_str("abc"), 3, false
	};
	struct bind back;
	uint32_t n = bind_put(&d, buf, sizeof buf);
	must(n > 0 && bind_get(slice_of(buf, n), &back) == ERR_OK);
	must(slice_eq(d.exchange, back.exchange) && slice_eq(d.queue, back.queue));
	must(slice_eq(d.key, back.key) && slice_eq(d.arguments, back.arguments));
	must(back.vhost == 3 && bind_put(&d, buf, n - 1) == 0);
	try_prefixes(buf, n, get_b);
	must(!back.to_exchange);
	d.to_exchange = true;
	uint32_t more = bind_put(&d, buf, sizeof buf);
	must(more == n + 1 && bind_get(slice_of(buf, more), &back) == ERR_OK && back.to_exchange);
	buf[n] = 2;
	must(bind_get(slice_of(buf, more), &back) == ERR_NOT_IMPLEMENTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_comes_back_as_it_went),
		cmocka_unit_test(a_queue_comes_back_as_it_went),
		cmocka_unit_test(a_queue_takes_its_rules_along),
		cmocka_unit_test(an_exclusive_queue_does_not_last),
		cmocka_unit_test(a_binding_comes_back_as_it_went),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
