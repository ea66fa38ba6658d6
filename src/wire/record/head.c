#include "wire/record/head.h"

#include "base/byteorder.h"
#include "base/crc32c.h"

#define MAGIC_BYTES  8
#define COMMON_BYTES 16 /* magic, version, bytes: the same in every version */
#define CRC_BYTES    4

static void magic_of(enum head_kind kind, uint8_t out[MAGIC_BYTES])
{
	must(kind == HEAD_SEGMENT || kind == HEAD_CHECKPOINT || kind == HEAD_STORE);
	memcpy(out, "GODWIT-", MAGIC_BYTES - 1);
	out[MAGIC_BYTES - 1] = (uint8_t)kind;
}

void head_put(uint8_t *at, const struct head *h)
{
	must(h->store != 0 && !(h->features & ~FEATURES_KNOWN));
	memset(at, 0, HEAD_BYTES);
	magic_of(h->kind, at);
	store_le32(at + 8, HEAD_VERSION);
	store_le32(at + 12, HEAD_BYTES);
	store_le64(at + 16, h->store);
	store_le64(at + 24, h->cluster);
	store_le64(at + 32, h->number);
	store_le64(at + 40, h->wall_ms);
	store_le64(at + 48, h->features);
	store_le64(at + 56, h->file);
	store_le64(at + 64, h->end);
	store_le64(at + 72, h->floor);
	store_le64(at + 80, h->units_n);
	store_le32(at + HEAD_BYTES - CRC_BYTES, crc32c_extend(0, at, HEAD_BYTES - CRC_BYTES));
}

static bool is_whole(struct slice s, uint32_t bytes)
{
	if (bytes < COMMON_BYTES + CRC_BYTES || bytes > s.n)
		return false;
	return load_le32(s.p + bytes - CRC_BYTES) == crc32c_extend(0, s.p, bytes - CRC_BYTES);
}

enum err head_get(struct slice s, enum head_kind kind, struct head *out_h)
{
	uint8_t magic[MAGIC_BYTES];
	magic_of(kind, magic);
	if (s.n < HEAD_BYTES)
		return ERR_MORE;
	if (memcmp(s.p, magic, MAGIC_BYTES) != 0)
		return ERR_NOT_FOUND;
	uint32_t version = load_le32(s.p + 8), bytes = load_le32(s.p + 12);
	if (!is_whole(s, bytes))
		return ERR_CORRUPT;
	if (version != HEAD_VERSION) {
		out_h->version = version;
		return ERR_NOT_IMPLEMENTED;
	}
	if (bytes != HEAD_BYTES || load_le64(s.p + 16) == 0)
		return ERR_CORRUPT;
	*out_h = (struct head){
		.kind = kind,
		.version = version,
		.store = load_le64(s.p + 16),
		.cluster = load_le64(s.p + 24),
		.number = load_le64(s.p + 32),
		.wall_ms = load_le64(s.p + 40),
		.features = load_le64(s.p + 48),
		.file = load_le64(s.p + 56),
		.end = load_le64(s.p + 64),
		.floor = load_le64(s.p + 72),
		.units_n = load_le64(s.p + 80),
	};
	return out_h->features & ~FEATURES_KNOWN ? ERR_NOT_IMPLEMENTED : ERR_OK;
}
