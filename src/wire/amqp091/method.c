#include "wire/amqp091/method.h"

#include "base/must.h"
#include "base/rd.h"
#include "wire/amqp091/field.h"
#include "wire/amqp091/table.h"

#define ID(class_id, method_id) ((uint32_t)(class_id) << 16 | (uint32_t)(method_id))

const struct amqp091_method_info amqp091_method_info[AMQP091_METHOD_N] = {
#define CONTENT         true
#define BARE            false
#define ROW(noun, verb) AMQP091_##noun##_##verb
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) \
	[ROW(noun, verb)] = { #noun "." #verb, prose, c, m, AMQP091_##by, AMQP091_##kind, content },
#include "wire/amqp091/methods.def"
#undef METHOD
#undef ROW
#undef BARE
#undef CONTENT
};

bool amqp091_method_find(uint16_t class_id, uint16_t method_id, enum amqp091_method_kind *out)
{
	must(out != NULL);
	switch (ID(class_id, method_id)) {
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) \
	case ID(c, m):                                             \
		*out = AMQP091_##noun##_##verb;                    \
		return true;
#include "wire/amqp091/methods.def"
#undef METHOD
	default: return false;
	}
}

/* ---- decoding ---- */

/* A cursor over the fields, and the one thing it cannot say: read well, but not UTF-8. */
struct fields {
	struct rd rd;
	bool not_utf8;
};

#define get_u8(f)     rd_u8(&(f)->rd)
#define get_u16(f)    rd_u16(&(f)->rd)
#define get_u32(f)    rd_u32(&(f)->rd)
#define get_u64(f)    rd_u64(&(f)->rd)
#define get_str32(f)  rd_str32(&(f)->rd)
#define get_secret(f) rd_str32(&(f)->rd)

static inline struct slice get_str8(struct fields *f)
{
	struct slice s = rd_str8(&f->rd);
	must(s.n <= LIMIT_SHORTSTR);
	f->not_utf8 |= !amqp091_str8_is_valid(s);
	return s;
}

static inline struct slice get_table(struct fields *f)
{
	struct slice s = rd_str32(&f->rd);
	if (amqp091_table_check(s) != ERR_OK)
		rd_fail(&f->rd);
	return s;
}

/* Each method's decoder reads into a struct of its own, so that `out` stays as it was when the
 * fields turn out to be no good. */
#define FIELD(type, name)    v.name = get_##type(f);
#define RESERVED(type, name) v.name = get_##type(f);
#define BITS(bits)                         \
	{                                  \
		uint8_t octet = get_u8(f); \
		bits                       \
	}
#define BIT(place, name) v.name = (octet & 1 << (place)) != 0;
#define NO_FIELDS        v.nothing = 0;
#define METHOD(c, m, noun, verb, by, kind_, content, fields_, prose)              \
	static inline enum err decode_##noun##_##verb(struct fields *f,           \
						      struct amqp091_method *out) \
	{                                                                         \
		struct amqp091_##noun##_##verb v;                                 \
		fields_;                                                          \
		if (!rd_done(&f->rd))                                             \
			return ERR_MALFORMED;                                     \
		if (f->not_utf8)                                                  \
			return ERR_SYNTAX_ERROR;                                  \
		out->kind = AMQP091_##noun##_##verb;                              \
		out->noun##_##verb = v;                                           \
		return ERR_OK;                                                    \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef NO_FIELDS
#undef BIT
#undef BITS
#undef RESERVED
#undef FIELD

enum err amqp091_method_decode(struct slice payload, struct amqp091_method *out)
{
	must(out != NULL);
	struct fields f = { .rd = rd_of(payload), .not_utf8 = false };
	uint32_t id = rd_u32(&f.rd);
	if (!rd_ok(&f.rd))
		return ERR_MALFORMED;
	switch (id) {
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) \
	case ID(c, m):                                             \
		return decode_##noun##_##verb(&f, out);
#include "wire/amqp091/methods.def"
#undef METHOD
	default: return ERR_COMMAND_INVALID;
	}
}

/* ---- encoding: first the size, then the octets ---- */

#define FIELD(type, name)    n += field_size_##type(v->name);
#define RESERVED(type, name) n += field_size_##type(v->name);
#define BITS(bits)           n += 1;
#define NO_FIELDS
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose)                         \
	static inline size_t size_##noun##_##verb(const struct amqp091_##noun##_##verb *v) \
	{                                                                                  \
		size_t n = sizeof(uint32_t);                                               \
		(void)v;                                                                   \
		fields;                                                                    \
		return n;                                                                  \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef NO_FIELDS
#undef BITS
#undef RESERVED
#undef FIELD

static size_t payload_size(const struct amqp091_method *m)
{
	switch (m->kind) {
#define METHOD(c, m_, noun, verb, by, kind, content, fields, prose) \
	case AMQP091_##noun##_##verb:                               \
		return size_##noun##_##verb(&m->noun##_##verb);
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: break;
	}
	must_fail("a method of methods.def", __FILE__, __LINE__);
}

size_t amqp091_method_size(const struct amqp091_method *m)
{
	must(m != NULL);
	size_t n = payload_size(m);
	must(n <= UINT32_MAX);
	return n + AMQP091_FRAME_OVERHEAD;
}

#define FIELD(type, name)    at = field_put_##type(at, v->name);
#define RESERVED(type, name) at = field_put_##type(at, v->name);
#define BITS(bits)                            \
	{                                     \
		uint8_t octet = 0;            \
		bits;                         \
		at = field_put_u8(at, octet); \
	}
#define BIT(place, name) octet |= (uint8_t)(v->name << (place));
#define NO_FIELDS        (void)v;
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose)                          \
	static inline uint8_t *put_##noun##_##verb(uint8_t *at,                             \
						   const struct amqp091_##noun##_##verb *v) \
	{                                                                                   \
		at = field_put_u32(at, ID(c, m));                                           \
		fields;                                                                     \
		return at;                                                                  \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef NO_FIELDS
#undef BIT
#undef BITS
#undef RESERVED
#undef FIELD

static uint8_t *put_payload(uint8_t *at, const struct amqp091_method *m)
{
	switch (m->kind) {
#define METHOD(c, m_, noun, verb, by, kind, content, fields, prose) \
	case AMQP091_##noun##_##verb:                               \
		return put_##noun##_##verb(at, &m->noun##_##verb);
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: break;
	}
	must_fail("a method of methods.def", __FILE__, __LINE__);
}

uint8_t *amqp091_method_put(uint8_t *at, uint16_t channel, const struct amqp091_method *m)
{
	must(at != NULL && m != NULL);
	size_t n = payload_size(m);
	at = amqp091_frame_head_put(at, AMQP091_FRAME_METHOD, channel, n);
	uint8_t *end = put_payload(at, m);
	must((size_t)(end - at) == n);
	*end = AMQP091_FRAME_END;
	return end + 1;
}
