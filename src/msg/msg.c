#include "msg/msg.h"

#include "base/ablate.h"
#include "base/crc32c.h"
#include "base/must.h"
#include "base/rd.h"

static struct slice at(const struct msg *m, uint32_t off, uint32_t n)
{
	return (struct slice){ (const uint8_t *)block_of(m) + off, n };
}

struct slice msg_route(const struct msg *m)
{
	return at(m, m->route_off, m->route_len);
}
struct slice msg_props(const struct msg *m)
{
	return at(m, m->props_off, m->props_len);
}

uint32_t msg_piece_n(const struct msg *m)
{
	if (m->body_bytes == 0)
		return 0;
	return m->piece_bytes ? (m->body_bytes + m->piece_bytes - 1) / m->piece_bytes : 1;
}

struct slice msg_piece(const struct msg *m, uint32_t i)
{
	must(i < msg_piece_n(m));
	if (m->piece_bytes == 0)
		return at(m, m->body_off, m->body_bytes);
	uint32_t before = i * m->piece_bytes, left = m->body_bytes - before;
	return at(m, m->body_off + i * (m->piece_bytes + m->gap),
		  left < m->piece_bytes ? left : m->piece_bytes);
}

static uint32_t put(struct wr *w, struct slice s, uint32_t sum)
{
	uint8_t *at = wr_reserve(w, s.n);
	return at && s.n ? crc32c_copy(at, s.p, s.n, sum) : sum;
}

void msg_store(const struct msg *m, struct wr *w)
{
	size_t from = w->n;
	must(w->cap - w->n >= msg_stored_bytes(m));
	wr_le32(w, 0);
	wr_u8(w, m->proto);
	wr_u8(w, m->flags);
	wr_le16(w, m->route_len);
	wr_le32(w, m->props_len);
	wr_le32(w, m->body_bytes);
	uint32_t sum = crc32c_extend(0, w->p + from + 4, MSG_STORED_HEAD_BYTES - 4);
	sum = put(w, msg_route(m), sum);
	sum = put(w, msg_props(m), sum);
	for (uint32_t i = 0, n = msg_piece_n(m); i < n; i++)
		sum = put(w, msg_piece(m, i), sum);
	must(!w->full);
	wr_patch_le32(w, from, sum);
}

bool msg_is_whole(struct slice stored)
{
	return stored.n >= MSG_STORED_HEAD_BYTES &&
	       (ABLATED(crc) ||
		load_le32(stored.p) == crc32c_extend(0, stored.p + 4, stored.n - 4));
}

enum err msg_load(struct block *b, uint32_t off, uint32_t len, const struct msg **out_msg)
{
	must(off >= sizeof *b && (uint64_t)off + len <= b->fill);
	struct slice stored = { (const uint8_t *)b + off, len };
	struct rd r = rd_of(stored);
	struct msg m = { 0 };
	if (!msg_is_whole(stored))
		return ERR_CORRUPT;
	(void)rd_le32(&r);
	m.proto = rd_u8(&r);
	m.flags = rd_u8(&r);
	m.route_len = rd_le16(&r);
	m.props_len = rd_le32(&r);
	m.body_bytes = rd_le32(&r);
	if (!rd_ok(&r) ||
	    (uint64_t)MSG_STORED_HEAD_BYTES + m.route_len + m.props_len + m.body_bytes != len)
		return ERR_CORRUPT;
	m.route_off = off + MSG_STORED_HEAD_BYTES;
	m.props_off = m.route_off + m.route_len;
	m.body_off = m.props_off + m.props_len;
	struct msg *made = msg_new(b, &m);
	if (!made)
		return ERR_LIMIT;
	*out_msg = made;
	return ERR_OK;
}
