#include "wire/mqtt/props.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static enum mqtt_fault props_of(const char *z, unsigned place, struct mqtt_props *out)
{
	struct slice in = hex(z);
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = exact(in, n);
		struct mqtt_props p;
		must(mqtt_props_decode(part, place, &p) < MQTT_FAULT_N);
		exact_free(part);
	}
	return mqtt_props_decode(in, place, out);
}

/* One property of each kind, well-formed. */
static const char *const samples[] = {
	"01 01",
	"02 00000005",
	"03 0001'c'",
	"08 0001't'",
	"09 0002 00ff",
	"0b 80 01",
	"11 ffffffff",
	"12 0001'i'",
	"13 0001",
	"15 0001'm'",
	"15 0000 16 0000",
	"17 01",
	"18 00000001",
	"19 01",
	"1a 0001'r'",
	"1c 0001's'",
	"1f 0001'r'",
	"21 ffff",
	"22 0000",
	"23 0001",
	"24 00",
	"25 01",
	"26 0001'n' 0001'v'",
	"27 00000001",
	"28 00",
	"29 01",
	"2a 00",
};
_Static_assert(sizeof samples / sizeof *samples == MQTT_PROP_N, "one for each row");

/* Where each of these may stand, as the specification's table 2-4 lists it; C and S: from client
 * and server. */
enum {
	CONNECT = 1 << MQTT_CONNECT,
	CONNACK = 1 << MQTT_CONNACK,
	PUBLISH_C = 1 << MQTT_PUBLISH,
	PUBLISH_S = 1 << MQTT_PUBLISH_S,
	PUBLISH = PUBLISH_C | PUBLISH_S,
	ACKS = 1 << MQTT_PUBACK | 1 << MQTT_PUBREC | 1 << MQTT_PUBREL | 1 << MQTT_PUBCOMP |
	       1 << MQTT_SUBACK | 1 << MQTT_UNSUBACK,
	SUBSCRIBE = 1 << MQTT_SUBSCRIBE,
	UNSUBSCRIBE = 1 << MQTT_UNSUBSCRIBE,
	DISCONNECT_C = 1 << MQTT_DISCONNECT,
	DISCONNECT_S = 1 << MQTT_DISCONNECT_S,
	AUTH = 1 << MQTT_AUTH,
	WILL = 1 << MQTT_WILL,
	ALL = CONNECT | CONNACK | PUBLISH | ACKS | SUBSCRIBE | UNSUBSCRIBE | DISCONNECT_C |
	      DISCONNECT_S | AUTH | WILL,
};
static const int places[MQTT_PROP_N] = {
	PUBLISH | WILL,
	PUBLISH | WILL,
	PUBLISH | WILL,
	PUBLISH | WILL,
	PUBLISH | WILL,
	PUBLISH_S | SUBSCRIBE,
	CONNECT | CONNACK | DISCONNECT_C,
	CONNACK,
	CONNACK,
	CONNECT | CONNACK | AUTH,
	CONNECT | CONNACK | AUTH,
	CONNECT,
	WILL,
	CONNECT,
	CONNACK,
	CONNACK | DISCONNECT_S,
	CONNACK | ACKS | DISCONNECT_C | DISCONNECT_S | AUTH,
	CONNECT | CONNACK,
	CONNECT | CONNACK,
	PUBLISH,
	CONNACK,
	CONNACK,
	ALL,
	CONNECT | CONNACK,
	CONNACK,
	CONNACK,
	CONNACK,
};

static void every_property_has_its_places(void **s)
{
	(void)s;
	struct mqtt_props p;
	for (unsigned i = 0; i < MQTT_PROP_N; i++) {
		for (unsigned place = 0; place <= MQTT_DISCONNECT_S; place++) {
			if (!(ALL & 1 << place))
				continue;
			enum mqtt_fault f = props_of(samples[i], place, &p);
			if (places[i] & 1 << place)
				must(f == MQTT_FAULT_NONE && (p.has & UINT32_C(1) << i));
			else
				must(f == (place == MQTT_PUBLISH && i == MQTT_PROP_subscription_id
						   ? MQTT_FAULT_SUBSCRIPTION_ID
						   : MQTT_FAULT_PROPERTY));
		}
	}
}

static void a_property_comes_once(void **s)
{
	(void)s;
	char twice[64];
	struct mqtt_props p;
	for (unsigned i = 0; i < MQTT_PROP_N; i++) {
		for (unsigned place = 0; place <= MQTT_DISCONNECT_S; place++) {
			if (!(places[i] & 1 << place))
				continue;
			struct text t = text_of(twice, sizeof twice);
			text_putf(&t, "%s %s", samples[i], samples[i]);
			bool is_many = i == MQTT_PROP_user_property ||
				       (i == MQTT_PROP_subscription_id && place == MQTT_PUBLISH_S);
			must(props_of(twice, place, &p) ==
			     (is_many ? MQTT_FAULT_NONE : MQTT_FAULT_PROPERTY_TWICE));
		}
	}
}

static void values_that_are_not_allowed_are_refused(void **s)
{
	(void)s;
	static const struct {
		const char *z;
		unsigned place;
		enum mqtt_fault want;
	} rows[] = {
		{ "01 02", MQTT_PUBLISH, MQTT_FAULT_PROPERTY_VALUE },
		{ "17 02", MQTT_CONNECT, MQTT_FAULT_PROPERTY_VALUE },
		{ "19 ff", MQTT_CONNECT, MQTT_FAULT_PROPERTY_VALUE },
		{ "24 02", MQTT_CONNACK, MQTT_FAULT_PROPERTY_VALUE },
		{ "21 0000", MQTT_CONNECT, MQTT_FAULT_PROPERTY_VALUE },
		{ "27 00000000", MQTT_CONNECT, MQTT_FAULT_PROPERTY_VALUE },
		{ "0b 00", MQTT_SUBSCRIBE, MQTT_FAULT_PROPERTY_VALUE },
		{ "0b 81 00", MQTT_SUBSCRIBE, MQTT_FAULT_LENGTH },
		{ "0b 80 80 80 80 01", MQTT_SUBSCRIBE, MQTT_FAULT_LENGTH },
		{ "0b ff ff ff 7f", MQTT_SUBSCRIBE, MQTT_FAULT_NONE },
		{ "23 0000", MQTT_PUBLISH, MQTT_FAULT_ALIAS },
		{ "08 0000", MQTT_PUBLISH, MQTT_FAULT_RESPONSE_TOPIC },
		{ "08 0003'a/+'", MQTT_PUBLISH, MQTT_FAULT_RESPONSE_TOPIC },
		{ "08 0001 ff", MQTT_PUBLISH, MQTT_FAULT_UTF8 },
		{ "03 0001 00", MQTT_PUBLISH, MQTT_FAULT_ZERO },
		{ "03 0001 c3", MQTT_PUBLISH, MQTT_FAULT_UTF8 },
		{ "26 0001 ff 0000", MQTT_PUBLISH, MQTT_FAULT_UTF8 },
		{ "26 0000 0001 00", MQTT_PUBLISH, MQTT_FAULT_ZERO },
		{ "26 0000 0001", MQTT_PUBLISH, MQTT_FAULT_SHORT },
		{ "16 0000", MQTT_AUTH, MQTT_FAULT_NO_METHOD },
		{ "00", MQTT_PUBLISH, MQTT_FAULT_PROPERTY },
		{ "2b 00", MQTT_CONNACK, MQTT_FAULT_PROPERTY },
		{ "81 00", MQTT_PUBLISH, MQTT_FAULT_PROPERTY },
		{ "02 000000", MQTT_PUBLISH, MQTT_FAULT_SHORT },
	};
	struct mqtt_props p;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		must(props_of(rows[i].z, rows[i].place, &p) == rows[i].want);
}

static void user_properties_keep_their_order(void **s)
{
	(void)s;
	struct mqtt_props p;
	struct mqtt_user u;
	const char *z = "26 0001'b' 0001'1' 02 00000001 26 0001'a' 0000 01 00 26 0001'b' 0001'1'";
	must(props_of(z, MQTT_WILL, &p) == MQTT_FAULT_NONE && p.user_property == 3);
	struct rd r = rd_of(p.block);
	must(mqtt_props_next_user(&r, &u) && slice_eq(u.name, slice_str("b")));
	must(slice_eq(u.value, slice_str("1")));
	must(mqtt_props_next_user(&r, &u) && slice_eq(u.name, slice_str("a")) && u.value.n == 0);
	must(mqtt_props_next_user(&r, &u) && slice_eq(u.name, slice_str("b")));
	must(!mqtt_props_next_user(&r, &u));
}

/* In the table's order they are written as they came. */
static void what_is_read_is_written_again(void **s)
{
	(void)s;
	uint8_t out[128], user[16];
	struct mqtt_props p;
	const char *z = "01 01 02 00000005 03 0001'c' 08 0001't' 09 0000 0b 8101 23 0007 "
			"26 0001'n' 0001'v' 26 0000 0000";
	must(props_of(z, MQTT_PUBLISH_S, &p) == MQTT_FAULT_NONE);
	must(mqtt_props_list_size(&p, p.has) == hex(z).n && mqtt_props_size(&p) == 1 + hex(z).n);
	expect_octets(out, mqtt_props_list_put(out, &p, p.has), z, __LINE__);
	z = "11 00000001 12 0001'i' 13 0002 15 0000 16 0000 1a 0000 1c 0000 1f 0000 21 0001 22 "
	    "0003 "
	    "24 01 25 00 27 00000009 28 01 29 01 2a 00";
	must(props_of(z, MQTT_CONNACK, &p) == MQTT_FAULT_NONE);
	must(mqtt_props_put(out, &p) == out + mqtt_props_size(&p) && out[0] == hex(z).n);
	expect_octets(out + 1, out + mqtt_props_size(&p), z, __LINE__);
	struct mqtt_user u = { slice_str("n"), slice_str("vv") };
	must(mqtt_user_size(&u) == 8);
	expect_octets(user, mqtt_user_put(user, &u), "26 0001'n' 0002'vv'", __LINE__);
}

static void an_empty_block_is_nothing(void **s)
{
	(void)s;
	uint8_t out[1];
	struct mqtt_props p = { .has = 7 };
	must(mqtt_props_decode(SLICE_EMPTY, MQTT_CONNECT, &p) == MQTT_FAULT_NONE && p.has == 0);
	must(mqtt_props_size(&p) == 1);
	expect_octets(out, mqtt_props_put(out, &p), "00", __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_property_has_its_places),
		cmocka_unit_test(a_property_comes_once),
		cmocka_unit_test(values_that_are_not_allowed_are_refused),
		cmocka_unit_test(user_properties_keep_their_order),
		cmocka_unit_test(what_is_read_is_written_again),
		cmocka_unit_test(an_empty_block_is_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
