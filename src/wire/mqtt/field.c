#include "wire/mqtt/field.h"

#include "base/must.h"
#include "wire/mqtt/packet.h"

#define EACH(c)   (UINT64_C(0x0101010101010101) * (c))
#define HIGH_BITS EACH(0x80)

/* zeros: HIGH_BITS where an octet is 0, perhaps also above one that is. */
static inline uint64_t zeros(uint64_t word)
{
	return (word - EACH(1)) & ~word & HIGH_BITS;
}

struct sight {
	uint64_t high, zero, wild;
};

static inline void look(struct sight *s, const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	s->high |= word;
	s->zero |= zeros(word);
	s->wild |= zeros(word ^ EACH('+')) | zeros(word ^ EACH('#'));
}

static uint8_t scan_few(struct slice s)
{
	must(s.n < 8);
	uint8_t seen = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		seen |= c >= 0x80 ? MQTT_SCAN_HIGH : 0;
		seen |= c == 0 ? MQTT_SCAN_ZERO : 0;
		seen |= c == '+' || c == '#' ? MQTT_SCAN_WILD : 0;
	}
	return seen;
}

uint8_t mqtt_scan(struct slice s)
{
	if (s.n < 8)
		return scan_few(s);
	must(s.p != NULL);
	struct sight sight = { .high = 0 };
	for (size_t i = 0; i + 8 < s.n; i += 8)
		look(&sight, s.p + i);
	look(&sight, s.p + s.n - 8);
	uint8_t seen = sight.high & HIGH_BITS ? MQTT_SCAN_HIGH : 0;
	seen |= sight.zero ? MQTT_SCAN_ZERO : 0;
	seen |= sight.wild ? MQTT_SCAN_WILD : 0;
	return seen;
}

struct slice mqtt_in_str(struct mqtt_in *in)
{
	struct slice s = mqtt_in_bin(in);
	enum mqtt_fault f = mqtt_text_fault(s, mqtt_scan(s));
	must(!in->r.bad || s.n == 0);
	if (f == MQTT_FAULT_NONE)
		return s;
	mqtt_in_fail(in, f);
	return SLICE_EMPTY;
}

struct slice mqtt_in_topic(struct mqtt_in *in, enum mqtt_fault fault)
{
	must(fault != MQTT_FAULT_NONE);
	struct slice s = mqtt_in_bin(in);
	uint8_t seen = mqtt_scan(s);
	enum mqtt_fault f = mqtt_text_fault(s, seen);
	if (f == MQTT_FAULT_NONE && ((seen & MQTT_SCAN_WILD) || s.n == 0))
		f = fault;
	if (f == MQTT_FAULT_NONE)
		return s;
	mqtt_in_fail(in, f);
	return SLICE_EMPTY;
}

uint32_t mqtt_in_varint(struct mqtt_in *in)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 28; shift += 7) {
		uint8_t c = rd_u8(&in->r);
		v |= (uint32_t)(c & 0x7F) << shift;
		if (c & 0x80)
			continue;
		if (c == 0 && shift > 0)
			mqtt_in_fail(in, MQTT_FAULT_LENGTH);
		return in->r.bad ? 0 : v;
	}
	must(v <= MQTT_LENGTH_MAX);
	mqtt_in_fail(in, MQTT_FAULT_LENGTH);
	return 0;
}

void mqtt_in_props(struct mqtt_in *in, unsigned place, struct mqtt_props *out)
{
	must(out != NULL);
	struct slice block = rd_take(&in->r, mqtt_in_varint(in));
	if (in->r.bad || block.n == 0)
		return;
	enum mqtt_fault f = mqtt_props_decode(block, place, out);
	if (f != MQTT_FAULT_NONE)
		mqtt_in_fail(in, f);
}

uint8_t *mqtt_put_varint(uint8_t *at, size_t v)
{
	must(v <= MQTT_LENGTH_MAX);
	for (; v > 0x7F; v >>= 7)
		*at++ = (uint8_t)(v | 0x80);
	*at++ = (uint8_t)v;
	return at;
}
