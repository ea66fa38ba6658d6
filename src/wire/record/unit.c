#include "wire/record/unit.h"

#include "base/byteorder.h"
#include "base/crc32c.h"

#define CHECKED_FROM 4

void unit_put(uint8_t *at, const struct unit *u)
{
	must(u->kind > 0 && u->kind < UNIT_KIND_N && u->content.n <= UNIT_CONTENT_MAX);
	uint32_t bytes = UNIT_HEAD_BYTES + (uint32_t)u->content.n;
	store_le32(at + 4, bytes);
	store_le16(at + 8, u->kind);
	store_le16(at + 10, u->shard);
	store_le32(at + 12, 0);
	store_le64(at + 16, u->checkpoint);
	store_le64(at + 24, u->a);
	store_le64(at + 32, u->b);
	if (u->content.n)
		memcpy(at + UNIT_HEAD_BYTES, u->content.p, u->content.n);
	memset(at + bytes, 0, unit_space((uint32_t)u->content.n) - bytes);
	store_le32(at, crc32c_extend(0, at + CHECKED_FROM, bytes - CHECKED_FROM));
}

uint32_t unit_pad(uint8_t *at, uint64_t offset, uint64_t checkpoint)
{
	must(offset % 8 == 0);
	if (offset % UNIT_ALIGN == 0)
		return 0;
	uint64_t end = align_up(offset + UNIT_HEAD_BYTES, UNIT_ALIGN);
	static const uint8_t zeros[UNIT_ALIGN];
	struct unit pad = {
		.kind = UNIT_PAD,
		.checkpoint = checkpoint,
		.content = { zeros, end - offset - UNIT_HEAD_BYTES },
	};
	unit_put(at, &pad);
	return (uint32_t)(end - offset);
}

enum err unit_get(struct slice s, struct unit *out_u, uint32_t *out_space)
{
	if (s.n < UNIT_HEAD_BYTES)
		return ERR_MORE;
	uint32_t bytes = load_le32(s.p + 4);
	uint16_t kind = load_le16(s.p + 8);
	if (bytes < UNIT_HEAD_BYTES || bytes > UNIT_HEAD_BYTES + UNIT_CONTENT_MAX)
		return ERR_MALFORMED;
	uint32_t space = (uint32_t)align_up(bytes, 8);
	if (space > s.n)
		return ERR_MORE;
	if (load_le32(s.p) != crc32c_extend(0, s.p + CHECKED_FROM, bytes - CHECKED_FROM))
		return ERR_CORRUPT;
	if (kind == 0 || kind >= UNIT_KIND_N)
		return ERR_MALFORMED;
	*out_u = (struct unit){
		.kind = kind,
		.shard = load_le16(s.p + 10),
		.checkpoint = load_le64(s.p + 16),
		.a = load_le64(s.p + 24),
		.b = load_le64(s.p + 32),
		.content = slice_sub(s, UNIT_HEAD_BYTES, bytes - UNIT_HEAD_BYTES),
	};
	*out_space = space;
	return ERR_OK;
}
