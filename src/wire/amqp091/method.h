/* amqp091 method -- the methods of AMQP 0-9-1 as C structs, made from methods.def.
 *
 * A row METHOD(60, 40, basic, publish, ...) becomes AMQP091_basic_publish, struct
 * amqp091_basic_publish and the member `basic_publish` of struct amqp091_method; a flag is a bool
 * of its own. Pure: no state, no allocation. Slices in a decoded method borrow from the frame;
 * its tables have been checked whole, its short strings are UTF-8.
 */
#ifndef WIRE_AMQP091_METHOD_H
#define WIRE_AMQP091_METHOD_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "wire/amqp091/frame.h"
#include "wire/amqp091/str8.h"

enum amqp091_method_kind {
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) AMQP091_##noun##_##verb,
#include "wire/amqp091/methods.def"
#undef METHOD
	AMQP091_METHOD_N
};

typedef uint8_t amqp091_u8;
typedef uint16_t amqp091_u16;
typedef uint32_t amqp091_u32;
typedef uint64_t amqp091_u64;
typedef struct slice amqp091_str8; /* at most 255 octets */
typedef struct slice amqp091_str32;
typedef struct slice amqp091_secret; /* a str32 that is never printed */
typedef struct slice amqp091_table;  /* entries, without their length: see table.h */

#define FIELD(type, name)    amqp091_##type name;
#define RESERVED(type, name) amqp091_##type name;
#define BITS(bits)           bits
#define BIT(place, name)     bool name;
#define NO_FIELDS            uint8_t nothing;
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) \
	struct amqp091_##noun##_##verb {                           \
		fields                                             \
	};
#include "wire/amqp091/methods.def"
#undef METHOD
#undef NO_FIELDS
#undef BIT
#undef BITS
#undef RESERVED
#undef FIELD

struct amqp091_method {
	enum amqp091_method_kind kind;
	union {
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose) \
	struct amqp091_##noun##_##verb noun##_##verb;
#include "wire/amqp091/methods.def"
#undef METHOD
	};
};

enum amqp091_sender { AMQP091_CLIENT = 1, AMQP091_SERVER = 2, AMQP091_BOTH = 3 };
enum amqp091_call { AMQP091_CALL, AMQP091_REPLY, AMQP091_CAST };

/* What a row says beside its fields. */
struct amqp091_method_info {
	const char *name; /* "basic.publish" */
	const char *prose;
	uint16_t class_id, method_id;
	enum amqp091_sender sent_by; /* AMQP091_BOTH has both bits */
	enum amqp091_call call;      /* CALL is what the specification calls synchronous */
	bool has_content;            /* a header frame and body frames follow */
};

extern const struct amqp091_method_info amqp091_method_info[AMQP091_METHOD_N];

/* amqp091_method_find gives the kind with these ids; false: there is none. */
bool amqp091_method_find(uint16_t class_id, uint16_t method_id, enum amqp091_method_kind *out);

/* amqp091_method_decode reads one whole payload of a method frame: ids, then fields.
 * ERR_COMMAND_INVALID: no such method. ERR_MALFORMED: short, left over, or a malformed table.
 * ERR_SYNTAX_ERROR: a short string is not UTF-8. amqp091_fault_of_method has the peer's words. */
MUST_USE enum err amqp091_method_decode(struct slice payload, struct amqp091_method *out);

/* amqp091_method_size is the length of the whole frame that amqp091_method_put writes. Short
 * strings must be no longer than 255 octets (amqp091_str8_clip), all together below 4 GiB. */
size_t amqp091_method_size(const struct amqp091_method *m);

/* amqp091_method_put writes the frame, head to end octet, into the amqp091_method_size(m) bytes
 * at `at`, and returns the place after it. */
uint8_t *amqp091_method_put(uint8_t *at, uint16_t channel, const struct amqp091_method *m);

/* amqp091_method_print writes name and fields on one line, secrets as their length:
 * "basic.publish exchange='' routing_key='q' mandatory". */
void amqp091_method_print(const struct amqp091_method *m, struct text *out);

/* ---- basic.ack and basic.nack, which confirms are made of: 21 octets each, no union ---- */

#define AMQP091_ACK_SIZE 21u

/* amqp091_ack_like_put writes a method of class basic that is a delivery tag and flags. */
static inline uint8_t *amqp091_ack_like_put(uint8_t *at, uint16_t channel, uint32_t ids,
					    uint64_t delivery_tag, uint8_t bits)
{
	must(channel != 0);
	at = amqp091_frame_head_put(at, AMQP091_FRAME_METHOD, channel, AMQP091_ACK_SIZE - 8);
	store_be32(at, ids);
	store_be64(at + 4, delivery_tag);
	at[12] = bits;
	at[13] = AMQP091_FRAME_END;
	return at + 14;
}

/* amqp091_ack_put and amqp091_nack_put write the whole frame, and return the place after it. */
static inline uint8_t *amqp091_ack_put(uint8_t *at, uint16_t channel, uint64_t tag, bool multiple)
{
	return amqp091_ack_like_put(at, channel, 60u << 16 | 80, tag, multiple);
}

static inline uint8_t *amqp091_nack_put(uint8_t *at, uint16_t channel, uint64_t tag, bool multiple)
{
	return amqp091_ack_like_put(at, channel, 60u << 16 | 120, tag, multiple);
}

#endif
