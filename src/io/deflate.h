/* deflate -- WebSocket's packed messages (RFC 7692) with zlib, each by itself.
 *
 * Neither end takes what one message has taught it into the next, so a connection has nothing of
 * zlib's between messages: what packs, and what unpacks the next message, is a poller's, and made
 * when somebody packs for the first time.
 *
 *     deflate_room --> inflate of a message under way (its connection's) --> back to the room
 *
 * On the poller's thread only. Private to io/.
 */
#ifndef IO_DEFLATE_H
#define IO_DEFLATE_H
#include "base/err.h"
#include "base/must.h"
#include "base/slice.h"

#define DEFLATE_BITS_MIN   9u
#define DEFLATE_BITS_MAX   15u
#define DEFLATE_RAW_BYTES  16384u /* of what is read and not unpacked yet */
#define DEFLATE_PACK_BYTES 65536u /* of one message, at most */
#define DEFLATE_PACK_FROM  128u   /* what is shorter is not packed: it would hardly be shorter */
#define DEFLATE_HEAD_BYTES 16u    /* left free before what is packed */

struct inflate;
struct z_stream_s;

/* Zero is an empty one. */
struct deflate_room {
	struct inflate *spare;
	struct z_stream_s *packers[DEFLATE_BITS_MAX - DEFLATE_BITS_MIN + 1];
	uint8_t *raw, *packed;
};
void deflate_room_fini(struct deflate_room *r);

/* deflate_raw gives room for DEFLATE_RAW_BYTES octets, until it is asked for again; NULL: no
 * memory. */
uint8_t *deflate_raw(struct deflate_room *r);

/* deflate_pack packs a message of at least DEFLATE_PACK_FROM and at most DEFLATE_PACK_BYTES octets,
 * for a window of `bits`. *out lies in the room, with DEFLATE_HEAD_BYTES free before it. False: it
 * would not be shorter, or there is no memory. */
bool deflate_pack(struct deflate_room *r, uint8_t bits, const struct slice *parts, uint32_t parts_n,
		  struct slice *out);

/* deflate_put_before puts a head directly before what was packed; gives both. */
struct slice deflate_put_before(struct slice packed, struct slice head);

/* inflate_begin gives what unpacks one message; NULL: no memory. */
struct inflate *inflate_begin(struct deflate_room *r);
void inflate_end(struct deflate_room *r, struct inflate *own);
void inflate_free(struct inflate *own);

enum inflate_found {
	INFLATE_MORE, /* all that was given is unpacked */
	INFLATE_FULL, /* there may be more than there was room for: again, with new room */
	INFLATE_DONE, /* the message is over */
	INFLATE_BAD   /* it is no DEFLATE, or not whole at its end; or there is no memory */
};

/* inflate_step unpacks of *io_in, which it moves on, as much as fits into `cap` octets at `to`;
 * `is_last`: with *io_in the message ends. Bounded by both: nothing is kept but the window. */
MUST_USE enum inflate_found inflate_step(struct inflate *f, struct slice *io_in, bool is_last,
					 uint8_t *to, size_t cap, size_t *out_n);
#endif
