/* mqtt props -- the properties of a packet of MQTT 5.
 *
 * A block of properties, without its length, is checked whole and becomes a view: known values,
 * and the block itself for what may come more than once. Pure; views borrow.
 */
#ifndef WIRE_MQTT_PROPS_H
#define WIRE_MQTT_PROPS_H

#include "base/rd.h"
#include "wire/mqtt/fault.h"
#include "wire/mqtt/packet.h"

/* Where properties stand: a packet type, or one of these. PUBLISH and DISCONNECT are a client's. */
enum { MQTT_WILL = 0, MQTT_PUBLISH_S = 16, MQTT_DISCONNECT_S = 17 };

/* The number of each property among its kin, and its bit in `has`. */
enum mqtt_prop {
#define PROP(id, name, type, places, many, prose) MQTT_PROP_##name,
#include "wire/mqtt/props.def"
#undef PROP
	MQTT_PROP_N
};

/* What a property is called on the wire. */
enum mqtt_prop_id {
#define PROP(id, name, type, places, many, prose) MQTT_PROP_ID_##name = (id),
#include "wire/mqtt/props.def"
#undef PROP
};

#define MQTT_HAS(name) (UINT32_C(1) << MQTT_PROP_##name)

typedef uint8_t mqtt_bit;
typedef uint16_t mqtt_u16;
typedef uint16_t mqtt_pos16;
typedef uint16_t mqtt_alias;
typedef uint32_t mqtt_u32;
typedef uint32_t mqtt_pos32;
typedef uint32_t mqtt_number;
typedef struct slice mqtt_str;
typedef struct slice mqtt_topic;
typedef struct slice mqtt_bin;
typedef struct slice mqtt_secret;
typedef uint32_t mqtt_pair; /* how many */

struct mqtt_props {
	uint32_t has; /* MQTT_HAS(...); a property without its bit is zero or empty */
#define PROP(id, name, type, places, many, prose) mqtt_##type name;
#include "wire/mqtt/props.def"
#undef PROP
	struct slice block; /* all of them, as they came */
};

/* ---- reading ---- */

/* mqtt_props_decode reads the whole of `block`, which must end with the last property. Of a
 * subscription_id that is there many times the view has the last.
 * SHORT, UTF8, ZERO, LENGTH, PROPERTY, PROPERTY_TWICE, PROPERTY_VALUE, ALIAS, SUBSCRIPTION_ID,
 * RESPONSE_TOPIC, NO_METHOD. */
MUST_USE enum mqtt_fault mqtt_props_decode(struct slice block, unsigned place,
					   struct mqtt_props *out);

struct mqtt_user {
	struct slice name, value;
};

/* mqtt_props_next_user gives the user properties of a checked block in their order, and
 * mqtt_props_next_id the subscription identifiers; start with rd_of(block). False: no more. */
bool mqtt_props_next_user(struct rd *r, struct mqtt_user *out);
bool mqtt_props_next_id(struct rd *r, uint32_t *out);

/* ---- writing ---- */

/* mqtt_props_size is what mqtt_props_put writes: the length, and those that `has` names, in the
 * order of props.def. User properties are those of `block`. A subscription_id is written once:
 * what a server sends has them in struct mqtt_publish_out. Strings have at most 65535 octets. */
size_t mqtt_props_size(const struct mqtt_props *p);
uint8_t *mqtt_props_put(uint8_t *at, const struct mqtt_props *p);

/* mqtt_props_list_size and mqtt_props_list_put: the same without the length, of those properties
 * whose bits are in `has`. */
size_t mqtt_props_list_size(const struct mqtt_props *p, uint32_t has);
uint8_t *mqtt_props_list_put(uint8_t *at, const struct mqtt_props *p, uint32_t has);

/* mqtt_user_put writes one user property, `mqtt_user_size` octets. */
static inline size_t mqtt_user_size(const struct mqtt_user *u)
{
	return 5 + u->name.n + u->value.n;
}
uint8_t *mqtt_user_put(uint8_t *at, const struct mqtt_user *u);

#endif
