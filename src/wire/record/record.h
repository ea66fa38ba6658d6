/* record -- one shard's outcomes of one loop turn, as they lie in a segment.
 *
 * Pure. Integers are little-endian; a record begins at a multiple of 8 bytes. The body is opaque.
 *
 *	 0 u32 crc         CRC32C of bytes 8 .. bytes-1
 *	 4 u32 generation  number of the segment; stamped last, not in the crc
 *	 8 u32 bytes       head and body, without the padding to a multiple of 8
 *	12 u16 kind        RECORD_...
 *	14 u16 shard
 *	16 u64 epoch
 *	24 u64 index       place in the shard's log; 0: outside its order
 *	32 u64 wall_ms     the leader's clock
 *	40 body
 */
#ifndef WIRE_RECORD_RECORD_H
#define WIRE_RECORD_RECORD_H
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

#define RECORD_HEAD_BYTES 40u
#define RECORD_ALIGN      8u

struct record {
	uint16_t shard;
	uint16_t kind;         /* RECORD_... */
	uint64_t epoch, index; /* index 0: outside the order of its shard */
	uint64_t wall_ms;      /* of the leader; never runs back in a shard */
	struct slice body;     /* encoded outcome runs */
};

enum {
	RECORD_OUTCOMES = 1, /* the body is outcome runs */
	RECORD_TRUNCATE = 2, /* what the shard's log holds from `index` on is not the log */
	RECORD_BODY = 3,     /* a stored message: a chunk, or moved here from an older segment */
	RECORD_KIND_N
};

/* record_space: what a record with such a body takes, padding included. */
static inline uint32_t record_space(uint32_t body_len)
{
	return (uint32_t)align_up(RECORD_HEAD_BYTES + (uint64_t)body_len, RECORD_ALIGN);
}

/* record_put writes the head of `r` at `at` for the body_len bytes behind it, their checksum and
 * the padding (r->body is not looked at). The generation is 0. record_put_summed knows the checksum
 * of the body. */
void record_put(uint8_t *at, const struct record *r, uint32_t body_len);
void record_put_summed(uint8_t *at, const struct record *r, uint32_t body_len, uint32_t body_sum);

/* record_stamp says which segment the record is for. record_peek_* read a head that record_put
 * has written. */
static inline void record_stamp(uint8_t *at, uint32_t generation)
{
	store_le32(at + 4, generation);
}
static inline uint32_t record_peek_space(const uint8_t *at)
{
	return (uint32_t)align_up(load_le32(at + 8), RECORD_ALIGN);
}
static inline uint16_t record_peek_shard(const uint8_t *at)
{
	return load_le16(at + 14);
}
static inline uint64_t record_peek_index(const uint8_t *at)
{
	return load_le64(at + 24);
}

/* record_view reads a record that was checked before, as record_get does, without its checks. */
struct record record_view(struct slice s, uint32_t *out_space);

/* record_get reads the record at the beginning of `s` and borrows its body. *out_space: where the
 * next one begins. ERR_MORE: `s` ends before it does. ERR_MALFORMED: no such length.
 * ERR_CORRUPT: another generation's, or the checksum is wrong. */
MUST_USE enum err record_get(struct slice s, uint32_t generation, struct record *out_r,
			     uint32_t *out_space);
#endif
