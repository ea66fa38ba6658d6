/* amqp091 field -- how a field of each type of methods.def and props.def is sized, written and
 * printed. Private to this room: method.c and props.c paste the type's name behind the verb.
 */
#ifndef WIRE_AMQP091_FIELD_H
#define WIRE_AMQP091_FIELD_H

#include "base/byteorder.h"
#include "base/limits.h"
#include "base/must.h"
#include "base/slice.h"
#include "base/text.h"
#include "wire/amqp091/table.h"

#define field_size_u8(v)  sizeof(v)
#define field_size_u16(v) sizeof(v)
#define field_size_u32(v) sizeof(v)
#define field_size_u64(v) sizeof(v)

static inline size_t field_size_str8(struct slice v)
{
	must(v.n <= LIMIT_SHORTSTR);
	return 1 + v.n;
}

static inline size_t field_size_str32(struct slice v)
{
	must(v.n <= UINT32_MAX);
	return 4 + v.n;
}

#define field_size_secret field_size_str32
#define field_size_table  field_size_str32

static inline uint8_t *field_put_u8(uint8_t *at, uint8_t v)
{
	*at = v;
	return at + 1;
}

static inline uint8_t *field_put_u16(uint8_t *at, uint16_t v)
{
	store_be16(at, v);
	return at + 2;
}

static inline uint8_t *field_put_u32(uint8_t *at, uint32_t v)
{
	store_be32(at, v);
	return at + 4;
}

static inline uint8_t *field_put_u64(uint8_t *at, uint64_t v)
{
	store_be64(at, v);
	return at + 8;
}

/* field_put_octets writes the octets of a string, without a length. */
static inline uint8_t *field_put_octets(uint8_t *at, struct slice v)
{
	must(at != NULL && (v.p != NULL || v.n == 0));
	if (v.n > 0)
		memcpy(at, v.p, v.n);
	return at + v.n;
}

static inline uint8_t *field_put_str8(uint8_t *at, struct slice v)
{
	must(v.n <= LIMIT_SHORTSTR);
	return field_put_octets(field_put_u8(at, (uint8_t)v.n), v);
}

static inline uint8_t *field_put_str32(uint8_t *at, struct slice v)
{
	must(v.n <= UINT32_MAX);
	return field_put_octets(field_put_u32(at, (uint32_t)v.n), v);
}

#define field_put_secret field_put_str32
#define field_put_table  field_put_str32

/* field_print_str32 quotes a string, with what is not printable escaped. */
static inline void field_print_str32(struct slice v, struct text *out)
{
	text_putc(out, '\'');
	text_put_printable(out, v);
	text_putc(out, '\'');
}

static inline void field_print_secret(struct slice v, struct text *out)
{
	text_putf(out, "<%zu bytes>", v.n);
}

#define field_print_u8(v, out)  text_put_u64(out, v)
#define field_print_u16(v, out) text_put_u64(out, v)
#define field_print_u32(v, out) text_put_u64(out, v)
#define field_print_u64(v, out) text_put_u64(out, v)
#define field_print_str8        field_print_str32
#define field_print_table       amqp091_table_print

#endif
