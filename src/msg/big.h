/* big -- the list of the chunks in which a big body lies.
 *
 * A body above LIMIT_CHUNK_BYTES is stored in chunks, each a message that is all body (MSG_CHUNK),
 * in a place of its own in the journal. The message itself (MSG_CHUNKS) has the list instead of
 * the body: for each chunk, in order, u64 loc and u32 bytes of its stored form, little-endian. A
 * loc of 0 stands for a chunk that is not stored yet. Pure; whoever has the list's bytes owns it.
 */
#ifndef MSG_BIG_H
#define MSG_BIG_H
#include "base/byteorder.h"
#include "base/must.h"
#include "msg/msg.h"

#define BIG_ROW_BYTES 12u

struct big_chunk {
	uint64_t loc;
	uint32_t bytes;
};

/* big_put writes row `i` of a list, big_n and big_at read one. */
static inline void big_put(uint8_t *list, uint32_t i, struct big_chunk c)
{
	must(list != NULL);
	store_le64(list + i * BIG_ROW_BYTES, c.loc);
	store_le32(list + i * BIG_ROW_BYTES + 8, c.bytes);
}
static inline uint32_t big_n(struct slice list)
{
	must(list.n % BIG_ROW_BYTES == 0);
	return (uint32_t)(list.n / BIG_ROW_BYTES);
}
static inline struct big_chunk big_at(struct slice list, uint32_t i)
{
	must(i < big_n(list));
	const uint8_t *row = list.p + i * BIG_ROW_BYTES;
	return (struct big_chunk){ load_le64(row), load_le32(row + 8) };
}

/* big_list is the list of a message that has one (MSG_CHUNKS). */
struct slice big_list(const struct msg *m);
/* big_body_bytes: octets of the whole body. */
uint64_t big_body_bytes(struct slice list);
/* big_find finds the list in a stored form. ERR_CORRUPT: it is not that of such a message. */
MUST_USE enum err big_find(struct slice stored, struct slice *out_list);
#endif
