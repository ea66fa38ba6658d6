/* msg -- one message: immutable, in a block, in the form in which its publisher sent it.
 *
 * A message is routing facts, the publisher's property block in its own protocol's encoding, and
 * the body. What came in stays as it came: exchange and routing key ("route", two short strings,
 * whatever the protocol), the properties ("props", in the encoding that proto.def says) and the
 * body, which lies in one piece or, when the publisher's frames were smaller than the body, in
 * equal pieces with `gap` bytes of framing between them (frame end of one, header of the next).
 *
 * The header lies in the same block as the bytes (block.h), so a pointer to it is all that anyone
 * needs: rows of commands and effects carry it as the opaque number `mem`. A `mem` in a row owns
 * one reference to the block. 0 = not in memory: read it from the journal by its `loc`.
 *
 * Stored form (journal, spill), little-endian, made by msg_store and read by msg_load:
 *   u32 crc32c of all that follows,
 *   u8 proto, u8 flags, u16 route_len, u32 props_len, u32 body_len, route, props, body (no gaps)
 */
#ifndef MSG_MSG_H
#define MSG_MSG_H
#include "base/err.h"
#include "base/must.h"
#include "base/slice.h"
#include "base/wr.h"
#include "msg/block.h"

#include <stdbool.h>

/* A big body lies in messages of its own, which are all body (MSG_CHUNK); the body of the message
 * itself (MSG_CHUNKS) is the list of these (big.h). */
enum msg_proto {
#define PROTO(name, number, prose) MSG_##name = (number),
#include "msg/proto.def"
#undef PROTO
};

#define MSG_STORED_HEAD_BYTES 16u /* of the stored form, before the route */

struct msg {
	uint32_t route_off; /* offsets are from the block's first byte */
	uint32_t props_off;
	uint32_t body_off;
	uint32_t body_bytes;  /* without gaps */
	uint32_t piece_bytes; /* body bytes of each piece but the last; 0: one piece */
	uint32_t props_len;
	uint16_t route_len;
	uint8_t proto;
	uint8_t flags; /* MSG_PERSISTENT ... */
	uint16_t gap;
	uint16_t pad;
};

/* MSG_DEAD: a dead letter; the history in its headers was written by us. The upper half of a big
 * message's flags is whose encoding its properties are in, a number of proto.def; 0: the first. */
enum { MSG_PERSISTENT = 1, MSG_DEAD = 2 };
#define MSG_FLAGS       0x0fu
#define MSG_INNER_SHIFT 4
#define MSG_INNER_FIRST 1u

/* msg_inner is the upper half of the flags of a big message with properties of `proto`. */
static inline uint8_t msg_inner(uint8_t proto)
{
	must(proto < MSG_CHUNK);
	return (uint8_t)(proto == MSG_INNER_FIRST ? 0 : proto << MSG_INNER_SHIFT);
}

/* msg_encoding: whose encoding the properties are in, whether the message is big or not. */
static inline uint8_t msg_encoding(const struct msg *m)
{
	uint8_t inner = m->flags >> MSG_INNER_SHIFT;
	if (m->proto != MSG_CHUNKS)
		return m->proto;
	return inner ? inner : MSG_INNER_FIRST;
}

/* msg_new takes a message header from the block that the caller fills and fills it from `facts`.
 * The caller counts the references it hands out (block_give).
 * NULL: no room for a header in this block. */
static inline struct msg *msg_new(struct block *b, const struct msg *facts)
{
	must(facts->body_bytes == 0 || facts->body_off >= sizeof *b);
	uint32_t least = block_is_large(b) ? (uint32_t)sizeof *b : b->fill;
	uint32_t at = (b->msg_floor - (uint32_t)sizeof(struct msg)) & ~7u;
	if (at < least)
		return NULL;
	b->msg_floor = at;
	struct msg *m = (struct msg *)(void *)((uint8_t *)b + at);
	*m = *facts;
	return m;
}

static inline uint64_t msg_mem(const struct msg *m)
{
	return (uint64_t)(uintptr_t)m;
}
static inline const struct msg *msg_of(uint64_t mem)
{
	return (const struct msg *)(uintptr_t)mem;
}

/* msg_route: exchange and routing key as they came, two short strings. msg_props: the property
 * block in its protocol's encoding. Both borrow from the block. */
struct slice msg_route(const struct msg *m);
struct slice msg_props(const struct msg *m);
/* msg_piece_n: pieces of the body, 0 for an empty one; msg_piece: the i-th. */
uint32_t msg_piece_n(const struct msg *m); /* 0 for an empty body */
struct slice msg_piece(const struct msg *m, uint32_t i);

/* msg_stored_bytes is the exact size of the stored form. */
static inline uint32_t msg_stored_bytes(const struct msg *m)
{
	return MSG_STORED_HEAD_BYTES + m->route_len + m->props_len + m->body_bytes;
}

/* msg_store writes the stored form; w must have room for msg_stored_bytes. */
void msg_store(const struct msg *m, struct wr *w);

/* msg_is_whole: the checksum of a stored form fits. A message may lie on a disk for years. */
bool msg_is_whole(struct slice stored);

/* msg_load makes a message whose bytes are the stored form at [off, off + len) of block `b`,
 * which the caller has filled there. ERR_CORRUPT: the form does not fit its own lengths or its
 * checksum; ERR_LIMIT: no room for a header. */
MUST_USE enum err msg_load(struct block *b, uint32_t off, uint32_t len, const struct msg **out_msg);

/* msg_ref / msg_unref: `n` references to the block of a `mem` that is not 0. */
static inline void msg_ref(uint64_t mem, int64_t n)
{
	block_ref(block_of(msg_of(mem)), n);
}
static inline void msg_unref(uint64_t mem, int64_t n)
{
	block_unref(block_of(msg_of(mem)), n);
}
#endif
