/* sendq -- bytes waiting for a socket: chunks that are copied into, and slices of blocks.
 *
 * One session owns it, on its loop. Small pieces are copied into 16 KiB chunks; pieces of
 * SENDQ_SLICE_MIN bytes and more may be queued as a slice of a block, which holds a reference
 * until it is sent. The node writes what sendq_parts gives and says with sendq_sent how much went.
 */
#ifndef SESSION_SENDQ_H
#define SESSION_SENDQ_H
#include "base/mem.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SENDQ_CHUNK_BYTES 16384u
#define SENDQ_SLICE_MIN   4096u

struct block;
struct sendq_piece;

struct sendq {
	struct sendq_piece *head, *tail;
	uint64_t bytes;       /* waiting */
	uint64_t total_bytes; /* ever put */
	bool is_dirty;        /* on the loop's dirty list: the node's mark */
};

/* sendq_reserve gives room for exactly `n` contiguous bytes (n <= SENDQ_CHUNK_BYTES, or one chunk
 * of its own is made); sendq_commit says how many of them were written. */
uint8_t *sendq_reserve(struct sendq *q, struct mem *mem, uint32_t n);
void sendq_commit(struct sendq *q, uint32_t n);
/* sendq_copy appends a copy of `s`; sendq_slice queues `s`, which lies in block `b`, by
 * reference. */
void sendq_copy(struct sendq *q, struct mem *mem, struct slice s);
void sendq_slice(struct sendq *q, struct mem *mem, struct block *b, struct slice s);

/* sendq_join moves all that waits in `from` behind what waits in `q`. */
void sendq_join(struct sendq *q, struct sendq *from);

/* sendq_parts lists up to `max` pieces of what waits, oldest first, for one gathering write. */
uint32_t sendq_parts(const struct sendq *q, struct slice *out, uint32_t max);
/* sendq_newest copies the last `n` of the bytes that wait to `to`. */
void sendq_newest(const struct sendq *q, uint64_t n, uint8_t *to);
void sendq_sent(struct sendq *q, struct mem *mem, uint64_t n);
void sendq_fini(struct sendq *q, struct mem *mem);
#endif
