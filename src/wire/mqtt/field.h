/* mqtt field -- a reading cursor that remembers the first thing that is wrong, and the fields that
 * packets are made of. For this room only.
 */
#ifndef WIRE_MQTT_FIELD_H
#define WIRE_MQTT_FIELD_H

#include "base/byteorder.h"
#include "base/rd.h"
#include "base/utf8.h"
#include "wire/mqtt/fault.h"
#include "wire/mqtt/props.h"

/* What mqtt_scan may find in a string. */
enum { MQTT_SCAN_HIGH = 1, MQTT_SCAN_ZERO = 2, MQTT_SCAN_WILD = 4 };

#define MQTT_TRY(call)                       \
	do {                                 \
		enum mqtt_fault f_ = (call); \
		if (f_ != MQTT_FAULT_NONE)   \
			return f_;           \
	} while (0)

struct mqtt_in {
	struct rd r;
	enum mqtt_fault fault; /* NONE: none but perhaps a short read */
};

static inline struct mqtt_in mqtt_in_of(struct slice s)
{
	return (struct mqtt_in){ rd_of(s), MQTT_FAULT_NONE };
}

/* mqtt_in_fail: this is wrong, unless something was before. */
static inline void mqtt_in_fail(struct mqtt_in *in, enum mqtt_fault f)
{
	if (!in->r.bad)
		in->fault = f;
	rd_fail(&in->r);
}

/* mqtt_in_state: what is wrong so far. */
static inline enum mqtt_fault mqtt_in_state(const struct mqtt_in *in)
{
	if (__builtin_expect(!in->r.bad, 1))
		return MQTT_FAULT_NONE;
	return in->fault != MQTT_FAULT_NONE ? in->fault : MQTT_FAULT_SHORT;
}

/* mqtt_in_end: what is wrong, now that nothing may follow. */
static inline enum mqtt_fault mqtt_in_end(const struct mqtt_in *in)
{
	if (in->r.n > 0)
		return MQTT_FAULT_LEFT_OVER;
	return mqtt_in_state(in);
}

/* mqtt_scan says which of MQTT_SCAN_... occur, 8 octets at a time, the last ones twice. */
uint8_t mqtt_scan(struct slice s);

/* mqtt_text_fault: UTF8, ZERO or NONE, of a string that mqtt_scan has `seen`. */
static inline enum mqtt_fault mqtt_text_fault(struct slice s, uint8_t seen)
{
	if (__builtin_expect((seen & (MQTT_SCAN_HIGH | MQTT_SCAN_ZERO)) == 0, 1))
		return MQTT_FAULT_NONE;
	if ((seen & MQTT_SCAN_HIGH) && !utf8_is_valid(s))
		return MQTT_FAULT_UTF8;
	return seen & MQTT_SCAN_ZERO ? MQTT_FAULT_ZERO : MQTT_FAULT_NONE;
}

/* mqtt_in_bin borrows octets with their length before them. */
static inline struct slice mqtt_in_bin(struct mqtt_in *in)
{
	return rd_take(&in->r, rd_u16(&in->r));
}

/* mqtt_in_str is the same for UTF-8; empty if it is none. */
struct slice mqtt_in_str(struct mqtt_in *in);

/* mqtt_in_topic is the same for a name of a topic; `fault` is what an empty one and one with
 * wildcards are. */
struct slice mqtt_in_topic(struct mqtt_in *in, enum mqtt_fault fault);

/* mqtt_in_id reads a packet identifier, which is not 0. */
static inline uint16_t mqtt_in_id(struct mqtt_in *in)
{
	uint16_t id = rd_u16(&in->r);
	if (id == 0)
		mqtt_in_fail(in, MQTT_FAULT_ID);
	return id;
}

/* mqtt_in_varint reads a variable length of at most 4 octets, in its shortest form. */
uint32_t mqtt_in_varint(struct mqtt_in *in);

/* mqtt_in_props reads a length and so many octets of properties, as they may stand at `place`; the
 * view is untouched if something is wrong. */
void mqtt_in_props(struct mqtt_in *in, unsigned place, struct mqtt_props *out);

/* ---- writing ---- */

/* mqtt_varint_size: octets of a variable length of at most MQTT_LENGTH_MAX. */
static inline size_t mqtt_varint_size(size_t v)
{
	return v < 1u << 7 ? 1 : v < 1u << 14 ? 2 : v < 1u << 21 ? 3 : 4;
}

/* mqtt_put_varint and its kin write at `at` and return the place behind. */
uint8_t *mqtt_put_varint(uint8_t *at, size_t v);

static inline uint8_t *mqtt_put_u8(uint8_t *at, uint8_t v)
{
	*at = v;
	return at + 1;
}

static inline uint8_t *mqtt_put_u16(uint8_t *at, uint16_t v)
{
	store_be16(at, v);
	return at + 2;
}

static inline uint8_t *mqtt_put_u32(uint8_t *at, uint32_t v)
{
	store_be32(at, v);
	return at + 4;
}

/* mqtt_put_octets writes them without a length. */
static inline uint8_t *mqtt_put_octets(uint8_t *at, struct slice v)
{
	if (v.n)
		memcpy(at, v.p, v.n);
	return at + v.n;
}

/* mqtt_put_str writes the length and at most 65535 octets. */
static inline uint8_t *mqtt_put_str(uint8_t *at, struct slice v)
{
	must(v.n <= UINT16_MAX);
	return mqtt_put_octets(mqtt_put_u16(at, (uint16_t)v.n), v);
}

#endif
