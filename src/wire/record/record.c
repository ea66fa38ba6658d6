#include "wire/record/record.h"

#include "base/ablate.h"
#include "base/crc32c.h"

#define CHECKED_FROM 8 /* bytes before it are not in the checksum */

_Static_assert(RECORD_HEAD_BYTES % RECORD_ALIGN == 0, "a body is aligned as its record is");

void record_put_summed(uint8_t *at, const struct record *r, uint32_t body_len, uint32_t body_sum)
{
	must(body_len <= LIMIT_RECORD_BYTES_MAX && r->kind > 0 && r->kind < RECORD_KIND_N);
	uint32_t bytes = RECORD_HEAD_BYTES + body_len;
	store_le32(at + 4, 0);
	store_le32(at + 8, bytes);
	store_le16(at + 12, r->kind);
	store_le16(at + 14, r->shard);
	store_le64(at + 16, r->epoch);
	store_le64(at + 24, r->index);
	store_le64(at + 32, r->wall_ms);
	uint32_t head = crc32c_extend(0, at + CHECKED_FROM, RECORD_HEAD_BYTES - CHECKED_FROM);
	store_le32(at, crc32c_join(head, body_sum, body_len));
	memset(at + bytes, 0, record_space(body_len) - bytes);
}

void record_put(uint8_t *at, const struct record *r, uint32_t body_len)
{
	must(body_len <= LIMIT_RECORD_BYTES_MAX);
	record_put_summed(at, r, body_len, crc32c_extend(0, at + RECORD_HEAD_BYTES, body_len));
}

struct record record_view(struct slice s, uint32_t *out_space)
{
	must(s.n >= RECORD_HEAD_BYTES);
	uint32_t bytes = load_le32(s.p + 8);
	*out_space = record_peek_space(s.p);
	return (struct record){
		.kind = load_le16(s.p + 12),
		.shard = load_le16(s.p + 14),
		.epoch = load_le64(s.p + 16),
		.index = load_le64(s.p + 24),
		.wall_ms = load_le64(s.p + 32),
		.body = slice_sub(s, RECORD_HEAD_BYTES, bytes - RECORD_HEAD_BYTES),
	};
}

enum err record_get(struct slice s, uint32_t generation, struct record *out_r, uint32_t *out_space)
{
	must(generation != 0);
	if (s.n < RECORD_HEAD_BYTES)
		return ERR_MORE;
	uint32_t bytes = load_le32(s.p + 8);
	if (bytes < RECORD_HEAD_BYTES || bytes > RECORD_HEAD_BYTES + LIMIT_RECORD_BYTES_MAX)
		return ERR_MALFORMED;
	uint32_t space = record_peek_space(s.p);
	if (space > s.n)
		return ERR_MORE;
	if (!ABLATED(generation) && load_le32(s.p + 4) != generation)
		return ERR_CORRUPT;
	uint32_t crc = crc32c_extend(0, s.p + CHECKED_FROM, bytes - CHECKED_FROM);
	if (!ABLATED(crc) && load_le32(s.p) != crc)
		return ERR_CORRUPT;
	*out_r = record_view(s, out_space);
	return ERR_OK;
}
