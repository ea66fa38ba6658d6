/* Exchanges that are deleted while clients use others: the oracle is told lies, and must say so. */
#include "sim/oracle_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BINDING ((uint32_t)PLACE_d0 * PLACE_BINDINGS_OF_QUEUE)
#define KEY     0u

/* d0 is bound to xd, by the first key. */
static struct fix *fix_new(void)
{
	struct fix *f = fix_with(PLACE_d0);
	struct oracle *o = &f->oracle;
	memset(o->places.taken, 0, sizeof o->places.taken);
	memset(o->places.joined, 0, sizeof o->places.joined);
	memset(o->places.alternate, 0, sizeof o->places.alternate);
	o->places.binding[BINDING] = (struct place_binding){ .exchange = PLACE_X_xd };
	for (uint32_t has_headers = 0; has_headers < 2; has_headers++)
		o->places.taken[has_headers][PLACE_X_xd][KEY] = UINT64_C(1) << BINDING;
	oracle_exchange_set(o, PLACE_X_xd, LIFE_THERE);
	oracle_binding_set(o, BINDING, LIFE_THERE);
	return f;
}

static uint32_t publish(struct fix *f)
{
	struct message m = { .publisher = f->publisher,
			     .exchange = PLACE_X_xd,
			     .key = KEY,
			     .bytes = BYTES,
			     .flags = LETTER_PERSISTENT | LETTER_CONFIRM };
	const uint32_t id = oracle_publish(&f->oracle, 0, &m);
	(void)oracle_routed(&f->oracle, id);
	oracle_names(&f->oracle, 0, 1u << PLACE_X_xd);
	oracle_confirmed(&f->oracle, id);
	return id;
}

static void deliver(struct fix *f, uint32_t id)
{
	uint8_t body[BYTES], props[LETTER_PROPS_MAX];
	const struct letter l = oracle_letter(&f->oracle, id);
	letter_put(&l, body);
	struct oracle_delivery d = { .client = 1,
				     .queue = PLACE_d0,
				     .channel = f->consumer,
				     .exchange = slice_str("xd"),
				     .key = place_key(KEY),
				     .props = letter_props(&l, props),
				     .body = slice_of(body, sizeof body) };
	(void)oracle_deliver(&f->oracle, &d);
}

/* It was deleted, and somebody has declared it again. */
static void renew(struct fix *f, bool is_sure)
{
	oracle_exchange_set(&f->oracle, PLACE_X_xd, LIFE_GOING);
	oracle_exchange_deleted(&f->oracle, PLACE_X_xd, is_sure);
	oracle_quiet(&f->oracle, 3, true, true);
	oracle_exchange_set(&f->oracle, PLACE_X_xd, LIFE_THERE);
}

static void what_was_bound_must_come(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)publish(f);
	renew(f, true);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void what_went_with_its_exchange_binds_nothing(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	renew(f, true);
	deliver(f, publish(f));
	fix_free(f, "was not routed there");
}

/* Who deleted it is lost: nobody knows whether it went. */
static void what_may_have_gone_may_bind_or_not(void **state)
{
	(void)state;
	for (uint32_t is_given = 0; is_given < 2; is_given++) {
		struct fix *f = fix_new();
		renew(f, false);
		const uint32_t id = publish(f);
		if (is_given)
			deliver(f, id);
		oracle_drained(&f->oracle, PLACE_d0);
		fix_free(f, "");
	}
}

static void it_is_named_until_the_broker_is_idle(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	must(oracle_is_unnamed(&f->oracle, PLACE_X_xd));
	(void)publish(f);
	must(!oracle_is_unnamed(&f->oracle, PLACE_X_xd));
	must(oracle_is_unnamed(&f->oracle, PLACE_X_xt));
	oracle_quiet(&f->oracle, 3, true, true);
	must(oracle_is_unnamed(&f->oracle, PLACE_X_xd));
	const struct oracle_ask ask = { .exchanges = 1u << PLACE_X_xd };
	oracle_asked(&f->oracle, f->consumer, &ask);
	must(!oracle_is_unnamed(&f->oracle, PLACE_X_xd));
	fix_free(f, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_bound_must_come),
		cmocka_unit_test(what_went_with_its_exchange_binds_nothing),
		cmocka_unit_test(what_may_have_gone_may_bind_or_not),
		cmocka_unit_test(it_is_named_until_the_broker_is_idle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
