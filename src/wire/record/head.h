/* head -- the first sector of every file of a data directory: what it is and whose.
 *
 * Pure. One head is HEAD_BYTES long, one sector: it is written whole or not at all.
 *
 *	  0 8 bytes magic    "GODWIT-J" segment, "GODWIT-C" checkpoint file, "GODWIT-S" store
 *	  8 u32 version      HEAD_VERSION; higher ones are refused
 *	 12 u32 bytes        of the head: its last four are the CRC32C of the rest
 *	 16 u64 store        random id made with the data directory
 *	 24 u64 cluster
 *	 32 u64 number       of the segment, of the checkpoint file, of the checkpoint
 *	 40 u64 wall_ms      when it was written
 *	 48 u64 features     bits that a reader must know (feature.def); of a store alone
 *	 56 u64 file         store: number of the checkpoint file; 0: no checkpoint yet
 *	 64 u64 end          store: its bytes that count; segment: its size
 *	 72 u64 floor        store: place of the commit at which recovery begins; 0: the first
 *	 80 u64 units_n      store: living units in the checkpoint
 *	 88 ... 507          zero; in a segment 128 .. 447 is room for a sealed key
 *	508 u32 crc
 */
#ifndef WIRE_RECORD_HEAD_H
#define WIRE_RECORD_HEAD_H
#include "base/err.h"
#include "base/slice.h"

#define HEAD_BYTES   512u
#define HEAD_VERSION 1u

enum head_kind { HEAD_SEGMENT = 'J', HEAD_CHECKPOINT = 'C', HEAD_STORE = 'S' };

enum {
#define FEATURE(bit, name, prose) FEATURE_##name = 1 << (bit),
#include "wire/record/feature.def"
#undef FEATURE
};
enum {
	FEATURES_ALL = 0
#define FEATURE(bit, name, prose) | FEATURE_##name
#include "wire/record/feature.def"
#undef FEATURE
};
#define FEATURES_KNOWN ((uint64_t)FEATURES_ALL) /* by this build */

struct head {
	enum head_kind kind;
	uint32_t version;
	uint64_t store, cluster;
	uint64_t number;
	uint64_t wall_ms;
	uint64_t features;
	uint64_t file, end, floor, units_n;
};

/* head_put writes HEAD_BYTES at `at`, of the version of this build. */
void head_put(uint8_t *at, const struct head *h);

/* head_get reads a head of `kind`. ERR_MORE: `s` is too short for one. ERR_NOT_FOUND: something
 * else, no head of this kind. ERR_CORRUPT: it was one, but is damaged. ERR_NOT_IMPLEMENTED: it is
 * whole and of a version (out_h->version) or with features that this build does not know. */
MUST_USE enum err head_get(struct slice s, enum head_kind kind, struct head *out_h);
#endif
