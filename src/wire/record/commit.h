/* commit -- the head of what was written and synced in one go: records of several shards.
 *
 * Pure. A commit begins at a multiple of COMMIT_ALIGN, so that writing it never touches a sector
 * that was synced before. Commits are numbered over the whole life of a store, and each names the
 * one before it: by place, by number, by checksum.
 *
 *	 0 u32 magic       "GWcm"
 *	 4 u32 crc         CRC32C of bytes 8 .. 63
 *	 8 u32 generation  number of the segment
 *	12 u32 bytes       head and records, without the padding to COMMIT_ALIGN
 *	16 u64 number      one more than the commit before
 *	24 u64 synced      every commit up to this number was durable before this one was written
 *	32 u64 prev        place of the commit before; 0: this is the store's first
 *	40 u32 prev_crc    its crc
 *	44 u32 records_n
 *	48 u64, u64        zero
 *	64 records
 */
#ifndef WIRE_RECORD_COMMIT_H
#define WIRE_RECORD_COMMIT_H
#include "base/bits.h"
#include "base/err.h"
#include "base/slice.h"

#define COMMIT_HEAD_BYTES 64u
#define COMMIT_ALIGN      512u
#define COMMIT_BYTES_MAX  4194304u /* head, records and padding */

struct commit {
	uint32_t generation;
	uint32_t bytes;
	uint32_t records_n;
	uint64_t number, synced, prev;
	uint32_t prev_crc;
	uint32_t crc; /* of this one, for the next */
};

/* commit_space: what a commit of so many bytes takes, padding included. */
static inline uint32_t commit_space(uint32_t bytes)
{
	return (uint32_t)align_up(bytes, COMMIT_ALIGN);
}

/* commit_put writes the head at `at` (COMMIT_HEAD_BYTES) and sets c->crc. */
void commit_put(uint8_t *at, struct commit *c);

/* commit_get reads a head. ERR_MORE: `s` is too short for one. ERR_CORRUPT: this is no commit of
 * that generation, or damaged. */
MUST_USE enum err commit_get(struct slice s, uint32_t generation, struct commit *out_c);

/* commit_follows: `c` is the commit behind `before`, which lies at `before_loc`. */
bool commit_follows(const struct commit *c, const struct commit *before, uint64_t before_loc);
#endif
