#include "msg/big.h"

#include "base/rd.h"

struct slice big_list(const struct msg *m)
{
	must(m->proto == MSG_CHUNKS && m->piece_bytes == 0 && m->body_bytes > 0);
	return msg_piece(m, 0);
}

uint64_t big_body_bytes(struct slice list)
{
	uint64_t sum = 0;
	for (uint32_t i = 0, n = big_n(list); i < n; i++) {
		struct big_chunk c = big_at(list, i);
		must(c.bytes > MSG_STORED_HEAD_BYTES);
		sum += c.bytes - MSG_STORED_HEAD_BYTES;
	}
	return sum;
}

enum err big_find(struct slice stored, struct slice *out_list)
{
	struct rd r = rd_of(stored);
	if (!msg_is_whole(stored))
		return ERR_CORRUPT;
	(void)rd_le32(&r);
	uint8_t proto = rd_u8(&r);
	(void)rd_u8(&r);
	uint64_t before = rd_le16(&r);
	before += rd_le32(&r);
	uint32_t n = rd_le32(&r);
	if (!rd_ok(&r) || proto != MSG_CHUNKS || n == 0 || n % BIG_ROW_BYTES != 0 ||
	    MSG_STORED_HEAD_BYTES + before + n != stored.n)
		return ERR_CORRUPT;
	*out_list = slice_from(stored, MSG_STORED_HEAD_BYTES + (size_t)before);
	must(out_list->n == n);
	return ERR_OK;
}
