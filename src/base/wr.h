/* wr -- a writing cursor into a fixed buffer of the caller's.
 *
 * The first write that does not fit sets `full` and writes nothing; from then on nothing is
 * written. So an encoder writes all its fields in order and asks once, at the end: wr_ok().
 * wr_u16, wr_u32, wr_u64 are big-endian (network), wr_le* little-endian (our disk).
 * A length that is known only later: note `at = w.n`, write a zero, wr_patch_u32(w, at, len).
 */
#ifndef BASE_WR_H
#define BASE_WR_H

#include "base/byteorder.h"
#include "base/slice.h"

struct wr {
	uint8_t *p; /* the buffer's first byte */
	size_t cap; /* its length */
	size_t n;   /* bytes written */
	bool full;
};

static inline struct wr wr_of(void *p, size_t cap)
{
	return (struct wr){ p, cap, 0, false };
}

static inline bool wr_ok(const struct wr *w)
{
	return !w->full;
}

static inline size_t wr_left(const struct wr *w)
{
	return w->full ? 0 : w->cap - w->n;
}

/* wr_done borrows what has been written. */
static inline struct slice wr_done(const struct wr *w)
{
	return slice_of(w->p, w->n);
}

/* wr_reserve gives room for the next `n` bytes, to be filled by the caller; NULL when full. */
static inline uint8_t *wr_reserve(struct wr *w, size_t n)
{
	if (__builtin_expect(w->full || n > w->cap - w->n, 0)) {
		w->full = true;
		return NULL;
	}
	uint8_t *at = w->p + w->n;
	w->n += n;
	return at;
}

#define WR_INT(name, type, store)                                           \
	static inline void wr_##name(struct wr *w, type v)                  \
	{                                                                   \
		uint8_t *at = wr_reserve(w, sizeof v);                      \
		if (at)                                                     \
			store(at, v);                                       \
	}                                                                   \
	/* overwrites what was written at `at`; nothing when full */        \
	static inline void wr_patch_##name(struct wr *w, size_t at, type v) \
	{                                                                   \
		if (w->full)                                                \
			return;                                             \
		must(at <= w->n && sizeof v <= w->n - at);                  \
		store(w->p + at, v);                                        \
	}
#define WR_BYTE(at, v) (*(at) = (v))
WR_INT(u8, uint8_t, WR_BYTE)
WR_INT(u16, uint16_t, store_be16)
WR_INT(u32, uint32_t, store_be32)
WR_INT(u64, uint64_t, store_be64)
WR_INT(le16, uint16_t, store_le16)
WR_INT(le32, uint32_t, store_le32)
WR_INT(le64, uint64_t, store_le64)
#undef WR_BYTE
#undef WR_INT

static inline void wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *at = wr_reserve(w, n);
	if (at && n)
		memcpy(at, p, n);
}

static inline void wr_slice(struct wr *w, struct slice s)
{
	wr_bytes(w, s.p, s.n);
}

/* wr_zeros writes `n` zero bytes. */
static inline void wr_zeros(struct wr *w, size_t n)
{
	uint8_t *at = wr_reserve(w, n);
	if (at && n)
		memset(at, 0, n);
}

/* wr_str8 writes an 8-bit length and the bytes; at most 255, the caller has checked. */
static inline void wr_str8(struct wr *w, struct slice s)
{
	must(s.n <= UINT8_MAX);
	wr_u8(w, (uint8_t)s.n);
	wr_slice(w, s);
}

/* wr_str32 writes a 32-bit length and the bytes. */
static inline void wr_str32(struct wr *w, struct slice s)
{
	must(s.n <= UINT32_MAX);
	wr_u32(w, (uint32_t)s.n);
	wr_slice(w, s);
}

#endif
