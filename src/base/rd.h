/* rd -- a reading cursor over borrowed bytes.
 *
 * The first short read empties the cursor and sets `bad`; from then on every read gives zero or
 * an empty slice. So a decoder reads all its fields in order and asks once, at the end: rd_ok(),
 * or rd_done() when nothing may be left over.
 * rd_u16, rd_u32, rd_u64 are big-endian (network), rd_le* little-endian (our disk).
 */
#ifndef BASE_RD_H
#define BASE_RD_H

#include "base/byteorder.h"
#include "base/slice.h"

struct rd {
	const uint8_t *p; /* the next byte */
	size_t n;         /* bytes left; 0 when bad */
	bool bad;
};

static inline struct rd rd_of(struct slice s)
{
	return (struct rd){ s.p, s.n, false };
}

static inline bool rd_ok(const struct rd *r)
{
	return !r->bad;
}

/* rd_done: all read well, and nothing left. */
static inline bool rd_done(const struct rd *r)
{
	return !r->bad && r->n == 0;
}

static inline size_t rd_left(const struct rd *r)
{
	return r->n;
}

/* rd_fail makes the cursor bad: for a decoder that has read a value it cannot accept. */
static inline void rd_fail(struct rd *r)
{
	r->bad = true;
	r->n = 0;
}

/* rd_has asks for `n` bytes; false fails the cursor. The base of all reads. */
static inline bool rd_has(struct rd *r, size_t n)
{
	if (__builtin_expect(n > r->n, 0)) {
		rd_fail(r);
		return false;
	}
	return true;
}

/* rd_take borrows the next `n` bytes. */
static inline struct slice rd_take(struct rd *r, size_t n)
{
	if (!rd_has(r, n) || n == 0)
		return SLICE_EMPTY;
	struct slice s = { r->p, n };
	r->p += n;
	r->n -= n;
	return s;
}

/* rd_rest borrows everything that is left. */
static inline struct slice rd_rest(struct rd *r)
{
	return rd_take(r, r->n);
}

static inline void rd_skip(struct rd *r, size_t n)
{
	(void)rd_take(r, n);
}

#define RD_INT(name, type, load)              \
	static inline type name(struct rd *r) \
	{                                     \
		if (!rd_has(r, sizeof(type))) \
			return 0;             \
		type v = load(r->p);          \
		r->p += sizeof(type);         \
		r->n -= sizeof(type);         \
		return v;                     \
	}
#define RD_BYTE(p) (*(p))
RD_INT(rd_u8, uint8_t, RD_BYTE)
RD_INT(rd_u16, uint16_t, load_be16)
RD_INT(rd_u32, uint32_t, load_be32)
RD_INT(rd_u64, uint64_t, load_be64)
RD_INT(rd_le16, uint16_t, load_le16)
RD_INT(rd_le32, uint32_t, load_le32)
RD_INT(rd_le64, uint64_t, load_le64)
#undef RD_BYTE
#undef RD_INT

/* rd_str8 borrows a string with an 8-bit length before it, rd_str32 one with 32 bits. */
static inline struct slice rd_str8(struct rd *r)
{
	return rd_take(r, rd_u8(r));
}

static inline struct slice rd_str32(struct rd *r)
{
	return rd_take(r, rd_u32(r));
}

#endif
