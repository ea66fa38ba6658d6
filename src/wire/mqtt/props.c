#include "wire/mqtt/props.h"

#include "base/bits.h"
#include "base/must.h"
#include "wire/mqtt/field.h"

#define IN(place) (UINT32_C(1) << MQTT_##place)
#define ANY       UINT32_MAX

_Static_assert(MQTT_PROP_N < 32 && MQTT_DISCONNECT_S < 32, "sets of both are 32 bits");

/* ---- reading ---- */

static mqtt_bit get_bit(struct mqtt_in *in)
{
	uint8_t v = rd_u8(&in->r);
	must(!in->r.bad || v == 0);
	if (v > 1)
		mqtt_in_fail(in, MQTT_FAULT_PROPERTY_VALUE);
	return v;
}

static mqtt_pos16 get_pos16(struct mqtt_in *in)
{
	uint16_t v = rd_u16(&in->r);
	if (v == 0)
		mqtt_in_fail(in, MQTT_FAULT_PROPERTY_VALUE);
	return v;
}

static mqtt_pos32 get_pos32(struct mqtt_in *in)
{
	uint32_t v = rd_u32(&in->r);
	if (v == 0)
		mqtt_in_fail(in, MQTT_FAULT_PROPERTY_VALUE);
	return v;
}

static mqtt_alias get_alias(struct mqtt_in *in)
{
	uint16_t v = rd_u16(&in->r);
	if (v == 0)
		mqtt_in_fail(in, MQTT_FAULT_ALIAS);
	return v;
}

static mqtt_number get_number(struct mqtt_in *in)
{
	uint32_t v = mqtt_in_varint(in);
	must(v <= MQTT_LENGTH_MAX);
	if (v == 0)
		mqtt_in_fail(in, MQTT_FAULT_PROPERTY_VALUE);
	return v;
}

static void take_pair(struct mqtt_in *in)
{
	(void)mqtt_in_str(in);
	(void)mqtt_in_str(in);
}

#define get_u16(in)   rd_u16(&(in)->r)
#define get_u32(in)   rd_u32(&(in)->r)
#define get_topic(in) mqtt_in_topic(in, MQTT_FAULT_RESPONSE_TOPIC)
#define get_str       mqtt_in_str
#define get_bin       mqtt_in_bin
#define get_secret    mqtt_in_bin
#define get_pair(in)  (take_pair(in), p.user_property + 1)

struct allowed {
	uint32_t places, many;
};

/* admit: this property may stand here, and once more. */
static void admit(struct mqtt_in *in, struct mqtt_props *p, enum mqtt_prop which, unsigned place,
		  struct allowed a)
{
	uint32_t bit = UINT32_C(1) << which;
	must(which < MQTT_PROP_N);
	if (!(a.places & UINT32_C(1) << place))
		mqtt_in_fail(in, which == MQTT_PROP_subscription_id && place == MQTT_PUBLISH
					 ? MQTT_FAULT_SUBSCRIPTION_ID
					 : MQTT_FAULT_PROPERTY);
	else if ((p->has & bit) && !(a.many & UINT32_C(1) << place))
		mqtt_in_fail(in, MQTT_FAULT_PROPERTY_TWICE);
	p->has |= bit;
}

enum mqtt_fault mqtt_props_decode(struct slice block, unsigned place, struct mqtt_props *out)
{
	must(out != NULL && place <= MQTT_DISCONNECT_S);
	struct mqtt_props p = { .block = block };
	struct mqtt_in in = mqtt_in_of(block);
	while (in.r.n > 0) {
		switch (rd_u8(&in.r)) {
#define PROP(id, name, type, places, many, prose)                                          \
	case id:                                                                           \
		admit(&in, &p, MQTT_PROP_##name, place, (struct allowed){ places, many }); \
		p.name = get_##type(&in);                                                  \
		break;
#include "wire/mqtt/props.def"
#undef PROP
		default: mqtt_in_fail(&in, MQTT_FAULT_PROPERTY);
		}
	}
	MQTT_TRY(mqtt_in_end(&in));
	if ((p.has & (MQTT_HAS(auth_data) | MQTT_HAS(auth_method))) == MQTT_HAS(auth_data))
		return MQTT_FAULT_NO_METHOD;
	*out = p;
	return MQTT_FAULT_NONE;
}

static void skip_number(struct rd *r)
{
	must(r->n > 0);
	while (rd_u8(r) & 0x80) {
	}
}

#define skip_bit(r)   rd_skip(r, 1)
#define skip_u16(r)   rd_skip(r, 2)
#define skip_pos16(r) rd_skip(r, 2)
#define skip_alias(r) rd_skip(r, 2)
#define skip_u32(r)   rd_skip(r, 4)
#define skip_pos32(r) rd_skip(r, 4)
#define skip_str(r)   rd_skip(r, rd_u16(r))
#define skip_pair(r)  (skip_str(r), skip_str(r))
#define skip_topic    skip_str
#define skip_bin      skip_str
#define skip_secret   skip_str

/* next steps to the next property called `id` and stands behind its id; false: there is none. */
static bool next(struct rd *r, uint8_t id)
{
	while (r->n > 0) {
		uint8_t got = rd_u8(r);
		if (got == id)
			return true;
		switch (got) {
#define PROP(id, name, type, places, many, prose) \
	case id:                                  \
		skip_##type(r);                   \
		break;
#include "wire/mqtt/props.def"
#undef PROP
		default: must(!"a block that has been checked");
		}
	}
	must(rd_ok(r));
	return false;
}

bool mqtt_props_next_user(struct rd *r, struct mqtt_user *out)
{
	must(out != NULL);
	if (!next(r, MQTT_PROP_ID_user_property))
		return false;
	out->name = rd_take(r, rd_u16(r));
	out->value = rd_take(r, rd_u16(r));
	return true;
}

bool mqtt_props_next_id(struct rd *r, uint32_t *out)
{
	must(out != NULL);
	if (!next(r, MQTT_PROP_ID_subscription_id))
		return false;
	struct mqtt_in in = { *r, MQTT_FAULT_NONE };
	*out = mqtt_in_varint(&in);
	*r = in.r;
	return true;
}

/* ---- writing ---- */

#define size_bit(p, v)    1u
#define size_u16(p, v)    2u
#define size_pos16(p, v)  2u
#define size_alias(p, v)  2u
#define size_u32(p, v)    4u
#define size_pos32(p, v)  4u
#define size_number(p, v) mqtt_varint_size(v)
#define size_str(p, v)    (2 + (v).n)
#define size_topic        size_str
#define size_bin          size_str
#define size_secret       size_str
#define size_pair(p, v)   (users_size(p) - 1)

static size_t users_size(const struct mqtt_props *p)
{
	size_t n = 0;
	struct mqtt_user u;
	struct rd r = rd_of(p->block);
	while (mqtt_props_next_user(&r, &u))
		n += mqtt_user_size(&u);
	must(n > 0); /* `has` says so */
	return n;
}

size_t mqtt_props_list_size(const struct mqtt_props *p, uint32_t has)
{
	size_t n = 0;
	must((has & ~p->has) == 0);
	for (; has != 0; has &= has - 1) {
		switch (bits_lowest(has)) {
#define PROP(id, name, type, places, many, prose) \
	case MQTT_PROP_##name:                    \
		n += 1 + size_##type(p, p->name); \
		break;
#include "wire/mqtt/props.def"
#undef PROP
		default: must(!"a property");
		}
	}
	return n;
}

size_t mqtt_props_size(const struct mqtt_props *p)
{
	size_t n = mqtt_props_list_size(p, p->has);
	must(n <= MQTT_LENGTH_MAX);
	return mqtt_varint_size(n) + n;
}

uint8_t *mqtt_user_put(uint8_t *at, const struct mqtt_user *u)
{
	must(u->name.n <= UINT16_MAX && u->value.n <= UINT16_MAX);
	*at++ = MQTT_PROP_ID_user_property;
	return mqtt_put_str(mqtt_put_str(at, u->name), u->value);
}

static uint8_t *put_users(uint8_t *at, const struct mqtt_props *p)
{
	struct mqtt_user u;
	struct rd r = rd_of(p->block);
	must(p->block.n > 0);
	while (mqtt_props_next_user(&r, &u))
		at = mqtt_user_put(at, &u);
	return at;
}

#define put_bit(at, id, v)    mqtt_put_u8(mqtt_put_u8(at, id), v)
#define put_u16(at, id, v)    mqtt_put_u16(mqtt_put_u8(at, id), v)
#define put_u32(at, id, v)    mqtt_put_u32(mqtt_put_u8(at, id), v)
#define put_str(at, id, v)    mqtt_put_str(mqtt_put_u8(at, id), v)
#define put_number(at, id, v) mqtt_put_varint(mqtt_put_u8(at, id), v)
#define put_pair(at, id, v)   put_users(at, p)
#define put_pos16             put_u16
#define put_alias             put_u16
#define put_pos32             put_u32
#define put_topic             put_str
#define put_bin               put_str
#define put_secret            put_str

uint8_t *mqtt_props_list_put(uint8_t *at, const struct mqtt_props *p, uint32_t has)
{
	must((has & ~p->has) == 0);
	for (; has != 0; has &= has - 1) {
		switch (bits_lowest(has)) {
#define PROP(id, name, type, places, many, prose) \
	case MQTT_PROP_##name:                    \
		at = put_##type(at, id, p->name); \
		break;
#include "wire/mqtt/props.def"
#undef PROP
		default: must(!"a property");
		}
	}
	return at;
}

uint8_t *mqtt_props_put(uint8_t *at, const struct mqtt_props *p)
{
	must(at != NULL);
	at = mqtt_put_varint(at, mqtt_props_list_size(p, p->has));
	return mqtt_props_list_put(at, p, p->has);
}
