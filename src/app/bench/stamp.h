/* stamp -- the 16 bytes at the front of every message: who sent it, which one it is, and when.
 *
 * Little-endian: 40 bits sequence number of its publisher and 24 bits run, then 48 bits
 * nanoseconds since the run began and 16 bits publisher. The run tells messages of this run from
 * strangers that lay in the queue.
 */
#ifndef APP_BENCH_STAMP_H
#define APP_BENCH_STAMP_H

#include "base/byteorder.h"

#include <stdint.h>

#define STAMP_BYTES         16
#define STAMP_SEQ_MAX       ((UINT64_C(1) << 40) - 1)
#define STAMP_RUN_MAX       ((UINT32_C(1) << 24) - 1)
#define STAMP_NS_MAX        ((UINT64_C(1) << 48) - 1)
#define STAMP_PUBLISHER_MAX UINT16_MAX

struct stamp {
	uint64_t seq;
	uint64_t sent_ns;
	uint32_t run;
	uint16_t publisher;
};

/* stamp_write puts `s` at `p`, which has STAMP_BYTES of room; values beyond their bits are a bug
 * of the caller's (options.c refuses runs that would be so long). */
static inline void stamp_write(uint8_t *p, struct stamp s)
{
	store_le64(p, s.seq | (uint64_t)s.run << 40);
	store_le64(p + 8, s.sent_ns | (uint64_t)s.publisher << 48);
}

/* stamp_read reads what stamp_write wrote. */
static inline struct stamp stamp_read(const uint8_t *p)
{
	uint64_t a = load_le64(p), b = load_le64(p + 8);
	return (struct stamp){ a & STAMP_SEQ_MAX, b & STAMP_NS_MAX, (uint32_t)(a >> 40),
			       (uint16_t)(b >> 48) };
}

#endif
