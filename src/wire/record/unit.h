/* unit -- one piece of a checkpoint, as it lies in a checkpoint file.
 *
 * Pure. Units follow each other, each at a multiple of 8; a later one with the same key replaces
 * an earlier one. The units of one checkpoint begin at a multiple of UNIT_ALIGN.
 *
 *	 0 u32 crc         CRC32C of bytes 4 .. bytes-1
 *	 4 u32 bytes       head and content, without the padding to a multiple of 8
 *	 8 u16 kind        UNIT_...
 *	10 u16 shard
 *	12 u32 zero
 *	16 u64 checkpoint  number of the checkpoint that it was written with
 *	24 u64 a           key; of a shard: its index
 *	32 u64 b           key; of a shard: its epoch
 *	40 content         of a shard: u64 next_wall_ms
 */
#ifndef WIRE_RECORD_UNIT_H
#define WIRE_RECORD_UNIT_H
#include "base/bits.h"
#include "base/err.h"
#include "base/slice.h"

#define UNIT_HEAD_BYTES  40u
#define UNIT_CONTENT_MAX 65536u
#define UNIT_ALIGN       512u

enum {
	UNIT_CONTENT = 1, /* the unit {shard, a, b} is this */
	UNIT_GONE = 2,    /* there is no unit {shard, a, b} any more */
	UNIT_SHARD = 3,   /* how far the shard's state goes */
	UNIT_PAD = 4,     /* nothing: fills up to UNIT_ALIGN */
	UNIT_KIND_N
};

struct unit {
	uint16_t kind, shard;
	uint64_t checkpoint;
	uint64_t a, b;
	struct slice content;
};

/* unit_space: what a unit with such a content takes, padding included. */
static inline uint32_t unit_space(uint32_t content_len)
{
	return (uint32_t)align_up(UNIT_HEAD_BYTES + (uint64_t)content_len, 8);
}

/* unit_put writes a unit at `at`, unit_space(content.n) bytes. */
void unit_put(uint8_t *at, const struct unit *u);

/* unit_pad writes a unit that ends at a multiple of UNIT_ALIGN when it begins at `offset`, and
 * gives its length: less than UNIT_PAD_MAX, 0 if there is nothing to fill. */
#define UNIT_PAD_MAX (UNIT_ALIGN + UNIT_HEAD_BYTES)
uint32_t unit_pad(uint8_t *at, uint64_t offset, uint64_t checkpoint);

/* unit_get reads the unit at the beginning of `s` and borrows its content. ERR_MORE: `s` ends
 * before it does. ERR_MALFORMED: no such length or kind. ERR_CORRUPT: the checksum is wrong. */
MUST_USE enum err unit_get(struct slice s, struct unit *out_u, uint32_t *out_space);
#endif
