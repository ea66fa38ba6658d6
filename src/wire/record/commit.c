#include "wire/record/commit.h"

#include "base/ablate.h"
#include "base/byteorder.h"
#include "base/crc32c.h"

#define MAGIC        0x6d635747u /* "GWcm" */
#define CHECKED_FROM 8

_Static_assert(COMMIT_HEAD_BYTES % 8 == 0 && COMMIT_HEAD_BYTES < COMMIT_ALIGN, "one sector");
_Static_assert(COMMIT_BYTES_MAX % COMMIT_ALIGN == 0, "the largest commit has no padding");

void commit_put(uint8_t *at, struct commit *c)
{
	must(c->generation != 0 && c->number != 0 && c->synced < c->number);
	must(c->bytes >= COMMIT_HEAD_BYTES && c->bytes <= COMMIT_BYTES_MAX);
	store_le32(at, MAGIC);
	store_le32(at + 8, c->generation);
	store_le32(at + 12, c->bytes);
	store_le64(at + 16, c->number);
	store_le64(at + 24, c->synced);
	store_le64(at + 32, c->prev);
	store_le32(at + 40, c->prev_crc);
	store_le32(at + 44, c->records_n);
	store_le64(at + 48, 0);
	store_le64(at + 56, 0);
	c->crc = crc32c_extend(0, at + CHECKED_FROM, COMMIT_HEAD_BYTES - CHECKED_FROM);
	store_le32(at + 4, c->crc);
}

enum err commit_get(struct slice s, uint32_t generation, struct commit *out_c)
{
	must(generation != 0);
	if (s.n < COMMIT_HEAD_BYTES)
		return ERR_MORE;
	struct commit c = {
		.crc = load_le32(s.p + 4),
		.generation = load_le32(s.p + 8),
		.bytes = load_le32(s.p + 12),
		.number = load_le64(s.p + 16),
		.synced = load_le64(s.p + 24),
		.prev = load_le64(s.p + 32),
		.prev_crc = load_le32(s.p + 40),
		.records_n = load_le32(s.p + 44),
	};
	if (load_le32(s.p) != MAGIC || (!ABLATED(generation) && c.generation != generation))
		return ERR_CORRUPT;
	if (c.crc != crc32c_extend(0, s.p + CHECKED_FROM, COMMIT_HEAD_BYTES - CHECKED_FROM))
		return ERR_CORRUPT;
	if (c.bytes < COMMIT_HEAD_BYTES || c.bytes > COMMIT_BYTES_MAX || c.number == 0 ||
	    c.synced >= c.number || load_le64(s.p + 48) != 0 || load_le64(s.p + 56) != 0)
		return ERR_CORRUPT;
	*out_c = c;
	return ERR_OK;
}

bool commit_follows(const struct commit *c, const struct commit *before, uint64_t before_loc)
{
	must_if(before_loc == 0, before->number == 0);
	return c->number == before->number + 1 && c->prev == before_loc &&
	       c->prev_crc == before->crc;
}
