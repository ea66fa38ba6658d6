#include "core/rules.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct queue_rules all(void)
{
	struct queue_rules r = rules_none();
	uint64_t v = 1;
#define RULE_NUMBER(number, name, prose) r.name = v = v < 0xfffffffffffffff ? v * 11 : 0;
#define RULE_TEXT(number, name, prose) \
	r.name = slice_str(#name);     \
	r.has_##name = true;
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
	r.type = QUEUE_STREAM;
	r.overflow = OVERFLOW_REJECT_DLX;
	r.dead_letter_strategy = DEAD_LETTER_AT_LEAST_ONCE;
	r.retry_type = RETRY_RETURNED;
	r.max_priority = 255;
	r.single_active = 0;
	return r;
}

static void is_same(const struct queue_rules *a, const struct queue_rules *b)
{
#define RULE_NUMBER(number, name, prose) must(a->name == b->name);
#define RULE_TEXT(number, name, prose) \
	must(a->has_##name == b->has_##name && slice_eq(a->name, b->name));
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
}

/* What get says of exactly these bytes, in a block of their own length. */
static enum err get(const void *bytes, size_t n, struct queue_rules *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	must(copy != NULL);
	memcpy(copy, bytes, n);
	enum err err = rules_get(slice_of(copy, n), out);
	free(copy);
	return err;
}

static void no_rules_are_no_bytes(void **s)
{
	(void)s;
	uint8_t buf[RULES_BYTES_MAX];
	struct queue_rules none = rules_none(), back;
	must(rules_put(&none, buf, sizeof buf) == 0);
	must(rules_get(SLICE_EMPTY, &back) == ERR_OK);
	is_same(&none, &back);
}

static void rules_come_back_as_they_went(void **s)
{
	(void)s;
	uint8_t buf[RULES_BYTES_MAX];
	struct queue_rules r = all(), back;
	uint32_t n = rules_put(&r, buf, sizeof buf);
	must(n > 0 && rules_get(slice_of(buf, n), &back) == ERR_OK);
	is_same(&r, &back);
}

static void each_rule_can_stand_alone(void **s)
{
	(void)s;
	uint8_t buf[RULES_BYTES_MAX];
	struct queue_rules from = all(), back;
#define RULE_NUMBER(number, name, prose)                                                 \
	{                                                                                \
		struct queue_rules r = rules_none();                                     \
		r.name = from.name;                                                      \
		uint32_t n = rules_put(&r, buf, sizeof buf);                             \
		must(n >= 2 && n <= 10 && rules_get(slice_of(buf, n), &back) == ERR_OK); \
		is_same(&r, &back);                                                      \
	}
#define RULE_TEXT(number, name, prose)                                                 \
	{                                                                              \
		struct queue_rules r = rules_none();                                   \
		r.has_##name = true;                                                   \
		must(rules_put(&r, buf, sizeof buf) == 2);                             \
		must(rules_get(slice_of(buf, 2), &back) == ERR_OK && back.has_##name); \
		is_same(&r, &back);                                                    \
	}
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
}

static void a_prefix_is_other_rules_or_malformed(void **s)
{
	(void)s;
	uint8_t buf[RULES_BYTES_MAX], again[RULES_BYTES_MAX];
	struct queue_rules r = all(), back;
	uint32_t n = rules_put(&r, buf, sizeof buf), whole_n = 0;
	for (uint32_t i = 0; i < n; i++) {
		enum err err = get(buf, i, &back);
		must(err == ERR_OK || err == ERR_MALFORMED);
		whole_n += err == ERR_OK;
		if (err == ERR_OK && !back.has_dead_letter_exchange) /* the copy's texts are gone */
			must(rules_put(&back, again, sizeof again) == i &&
			     memcmp(again, buf, i) == 0);
	}
#define RULE_NUMBER(number, name, prose) whole_n--;
#define RULE_TEXT(number, name, prose)   whole_n--;
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
	must(whole_n == 0); /* as many as there are rules: those before each */
}

static void what_put_does_not_write_is_refused(void **s)
{
	(void)s;
	static const struct {
		const char *bytes;
		size_t n;
		enum err err;
	} bad[] = {
		{ "\x00\x00", 2, ERR_MALFORMED },         /* no such number */
		{ "\x7f\x00", 2, ERR_NOT_IMPLEMENTED },   /* of a newer version */
		{ "\x02\x01\x00", 3, ERR_MALFORMED },     /* a zero that need not be */
		{ "\x02\x02\x05\x00", 4, ERR_MALFORMED }, /* likewise */
		{ "\x02\x09\1\1\1\1\1\1\1\1\1", 11, ERR_MALFORMED },
		{ "\x02\x08\xff\xff\xff\xff\xff\xff\xff\xff", 10, ERR_MALFORMED }, /* none */
		{ "\x02\x01\x05\x02\x01\x05", 6, ERR_MALFORMED },                  /* twice */
		{ "\x03\x01\x05\x02\x01\x05", 6, ERR_MALFORMED }, /* not in order */
		{ "\x01\x01\x03", 3, ERR_MALFORMED },             /* no such type */
		{ "\x06\x01\x03", 3, ERR_MALFORMED },             /* no such overflow */
		{ "\x0a\x02\x00\x01", 4, ERR_MALFORMED },         /* no such priority */
		{ "\x07\x05"
		  "abcd",
		  6, ERR_MALFORMED },
	};
	struct queue_rules r = rules_none();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(get(bad[i].bytes, bad[i].n, &r) == bad[i].err);
	must(r.type == RULE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_are_no_bytes),
		cmocka_unit_test(rules_come_back_as_they_went),
		cmocka_unit_test(each_rule_can_stand_alone),
		cmocka_unit_test(a_prefix_is_other_rules_or_malformed),
		cmocka_unit_test(what_put_does_not_write_is_refused),
	};
	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
