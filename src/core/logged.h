/* logged -- the bytes of a record's body: runs of outcomes as the journal keeps them.
 *
 * A body is one encoded run behind the other, little-endian. A run says its outcome's number, and
 * the number fixes the layout of its rows for ever: another layout is another number.
 *
 *   u8 kind, u8 flags, u16 n, u64 queue, then by kind
 *   ADD, STREAM_ADD  n rows: u8 how (ENTRY_STORED bits, LOGGED_...), u8 priority, u32 bytes,
 *            [u64 expiry_ms], then the stored message, or u32 where in this body it lies already
 *   RETAIN   one row as of ADD, u8 length and key
 *   REMOVE   n rows: u64 first_id, u64 last_id
 *   others   n = 0: u64 arg, u32 tail_len, tail
 *
 * A message that goes to several queues of a shard is stored once in a record.
 * Pure; a body is written by the loop that owns the shard, and read by recovery.
 */
#ifndef CORE_LOGGED_H
#define CORE_LOGGED_H
#include "base/err.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/run.h"

struct text;

enum { LOGGED_SAME = 16, LOGGED_EXPIRY = 64 };

/* The message that was stored last in a record, and the checksum of the body so far, which is made
 * of those of its messages; zero at its beginning. */
struct logged_last {
	uint64_t mem;
	uint64_t off; /* of its stored form, in the body */
	uint32_t sum; /* crc32c of the body up to `summed` */
	uint32_t summed;
};

/* Room for any run that logged_get can meet. */
#define LOGGED_RUN_BYTES (sizeof(struct run) + LIMIT_RECORD_BYTES_MAX)

/* logged_bytes is exactly what logged_put will write for `o`, after `last`. */
uint32_t logged_bytes(const struct run *o, const struct logged_last *last);

/* logged_put writes a run with RUN_LOGGED. `w` must lie over the whole body of the record and have
 * room (logged_bytes). Sets the loc of each ADD row to the offset of its message in the body, and
 * last->sum to the sum of the body up to the end of the run. */
void logged_put(struct run *o, struct wr *w, struct logged_last *last);

/* logged_get rebuilds the next run of `body`, over which `r` walks, in `room`: as logged_put got
 * it, with mem = 0, no session, locs that are offsets in the body, and add_row_head in ADD rows.
 * ERR_NOT_IMPLEMENTED: an outcome of a newer version; ERR_CORRUPT: not what logged_put writes.
 * *room is undefined then. */
MUST_USE enum err logged_get(struct rd *r, struct slice body, struct run *room,
			     uint32_t room_bytes);

/* logged_check reads all runs of a body in turn. The first error of logged_get, or ERR_OK. */
MUST_USE enum err logged_check(struct slice body, struct run *room, uint32_t room_bytes);

/* logged_describe appends the names of the outcomes in a body, each once and behind a space, up to
 * the first that logged_get does not take. */
void logged_describe(struct slice body, struct run *room, uint32_t room_bytes, struct text *out);
#endif
