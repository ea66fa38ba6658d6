#include "wire/amqp091/props.h"

#include "wire/amqp091/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ALL_FLAGS 0xFFFC

static uint8_t some_u8(struct prng *r)
{
	return (uint8_t)prng_u64(r);
}
static uint64_t some_u64(struct prng *r)
{
	return prng_u64(r);
}

static struct slice some_str8(struct prng *r)
{
	static uint8_t octets[LIMIT_SHORTSTR];
	return random_octets(r, octets, (size_t)prng_below(r, prng_chance(r, 1, 8) ? 256 : 12));
}

static struct slice some_table(struct prng *r)
{
	static const struct slice tables[] = {
		{ NULL, 0 },
		{ (const uint8_t *)"\1aV", 3 },
		{ (const uint8_t *)"\1aI\0\0\0\5\2CCA\0\0\0\0", 15 },
		{ (const uint8_t *)"\3BCCF\0\0\0\0\2cct\1", 14 },
	};
	return tables[prng_below(r, 4)];
}

/* What a decoder makes of a property without its flag is zero; so the model's is zero too. All
 * strings share one buffer: each is written out before the next is made. */
static size_t put_some(uint8_t *buf, uint16_t flags, struct prng *r)
{
	size_t n = 2;
	buf[0] = (uint8_t)(flags >> 8);
	buf[1] = (uint8_t)flags;
#define put_u8(v) buf[n++] = (v)
#define put_u64(v)                                           \
	do {                                                 \
		uint64_t u_ = (v);                           \
		for (int shift = 56; shift >= 0; shift -= 8) \
			buf[n++] = (uint8_t)(u_ >> shift);   \
	} while (0)
#define put_str8(v)                          \
	do {                                 \
		struct slice s_ = (v);       \
		buf[n++] = (uint8_t)s_.n;    \
		memcpy(buf + n, s_.p, s_.n); \
		n += s_.n;                   \
	} while (0)
#define put_table(v)                                                       \
	do {                                                               \
		struct slice s_ = (v);                                     \
		memcpy(buf + n, (uint8_t[]){ 0, 0, 0, (uint8_t)s_.n }, 4); \
		memcpy(buf + n + 4, s_.n ? s_.p : buf, s_.n);              \
		n += 4 + s_.n;                                             \
	} while (0)
#define PROP(bit, type, name, prose)    \
	if (flags & AMQP091_HAS_##name) \
		put_##type(some_##type(r));
#include "wire/amqp091/props.def"
#undef PROP
	return n;
}

static void all_prefixes_are_refused(struct slice props)
{
	struct amqp091_props p;
	struct amqp091_facts facts;
	for (size_t n = 0; n < props.n; n++) {
		struct slice part = exact(props, n);
		must(amqp091_props_decode(part, &p) == ERR_MALFORMED);
		must(amqp091_props_facts(part, &facts) == ERR_MALFORMED);
		exact_free(part);
	}
}

static void compare(const struct amqp091_props *p, const struct amqp091_facts *facts)
{
	must(facts->flags == p->flags && facts->delivery_mode == p->delivery_mode);
	must(facts->priority == p->priority);
	must(slice_eq(facts->expiration, p->expiration) && slice_eq(facts->user_id, p->user_id));
	must(slice_eq(facts->headers, p->headers));
	must(facts->has_cc == (p->headers.n > 10)); /* of the tables above */
}

static void back_and_forth(uint16_t flags, struct prng *r)
{
	uint8_t buf[8192], again[8192];
	struct slice props = slice_of(buf, put_some(buf, flags, r));
	struct slice block = exact(props, props.n);
	struct amqp091_props p;
	struct amqp091_facts facts;
	must(amqp091_props_decode(block, &p) == ERR_OK && p.flags == flags);
	must(amqp091_props_facts(block, &facts) == ERR_OK);
	compare(&p, &facts);

	must(amqp091_props_size(&p) == props.n);
	must(amqp091_props_put(again, &p) == again + props.n);
	must(slice_eq(slice_of(again, props.n), props));
	all_prefixes_are_refused(props);
	buf[props.n] = 0;
	must(amqp091_props_decode(slice_of(buf, props.n + 1), &p) == ERR_MALFORMED);
	must(amqp091_props_facts(slice_of(buf, props.n + 1), &facts) == ERR_MALFORMED);
	exact_free(block);
}

static void every_set_of_properties_comes_back(void **s)
{
	(void)s;
	struct prng r = prng_of(14);
	for (unsigned flags = 0; flags <= ALL_FLAGS; flags += 4)
		if (flags % 64 == 0 || prng_chance(&r, 1, 16))
			back_and_forth((uint16_t)flags, &r);
	back_and_forth(ALL_FLAGS, &r);
}

static void flags_of_no_property_are_refused(void **s)
{
	(void)s;
	struct amqp091_props p = { .flags = 77 };
	struct amqp091_facts facts;
	for (uint8_t low = 1; low <= 3; low++) {
		uint8_t octets[] = { 0x10, low, 2, 0, 0 };
		for (size_t n = 2; n <= sizeof octets; n++) {
			must(amqp091_props_decode(slice_of(octets, n), &p) == ERR_MALFORMED);
			must(amqp091_props_facts(slice_of(octets, n), &facts) == ERR_MALFORMED);
		}
	}
	must(p.flags == 77);
}

static void malformed_headers_are_refused(void **s)
{
	(void)s;
	struct amqp091_props p;
	struct amqp091_facts facts;
	must(amqp091_props_decode(bytes_of("\40\0\0\0\0\3\1a?"), &p) == ERR_MALFORMED);
	must(amqp091_props_facts(bytes_of("\40\0\0\0\0\3\1a?"), &facts) == ERR_MALFORMED);
	must(amqp091_props_facts(bytes_of("\40\0\0\0\0\3\1aV"), &facts) == ERR_OK);
}

static void properties_are_printed_by_name(void **s)
{
	(void)s;
	char buf[256];
	struct text t = text_of(buf, sizeof buf);
	struct amqp091_props p = { .flags = AMQP091_HAS_headers | AMQP091_HAS_priority |
					    AMQP091_HAS_message_id | AMQP091_HAS_timestamp,
				   .headers = bytes_of("\1at\1"),
				   .priority = 3,
				   .message_id = slice_str("m\n"),
				   .timestamp = 5,
				   .app_id = slice_str("not there") };
	amqp091_props_print(&p, &t);
	say_text(&t, " headers={a=true} priority=3 message_id='m\\x0a' timestamp=5", __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_set_of_properties_comes_back),
		cmocka_unit_test(flags_of_no_property_are_refused),
		cmocka_unit_test(malformed_headers_are_refused),
		cmocka_unit_test(properties_are_printed_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
