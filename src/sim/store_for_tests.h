/* store_for_tests -- a store of any bytes: a segment, or a checkpoint file, of one that is whole
 * otherwise; sums are put right, so that the bytes get past them. For fuzz targets.
 */
#ifndef SIM_STORE_FOR_TESTS_H
#define SIM_STORE_FOR_TESTS_H
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/crc32c.h"
#include "journal/journal.h"
#include "port/disk.h"
#include "wire/record/commit.h"
#include "wire/record/head.h"
#include "wire/record/record.h"
#include "wire/record/unit.h"

#define STORE      5u
#define BYTES_MAX  32768u
#define SEGMENT_AT 4096u

/* setup_of is the setup of a small journal of one loop; `mem` is what loops take from, too. */
static inline struct journal_setup setup_of(struct disk *d, struct mem *const *mem)
{
	return (struct journal_setup){ .disk = d,
				       .mem = *mem,
				       .loop_mem = mem,
				       .loops_n = 1,
				       .segment_bytes = 65536,
				       .checkpoint_every_bytes = 65536,
				       .store_id = 9 };
}

/* put_file writes bytes into a file, put_head a head. */
static inline void put_file(struct disk *d, const char *path, uint64_t at, const uint8_t *p,
			    size_t n)
{
	int file;
	struct slice part = { p, n };
	enum err e = d->ops->open(d, path, DISK_WRITE | DISK_CREATE, &file);
	must(e == ERR_OK);
	e = d->ops->write(d, file, at, &part, 1);
	must(e == ERR_OK);
	d->ops->close(d, file);
}

static inline void put_head(struct disk *d, const char *path, const struct head *h)
{
	uint8_t bytes[HEAD_BYTES];
	head_put(bytes, h);
	put_file(d, path, 0, bytes, sizeof bytes);
}

/* mend_records and mend_commits make sums and generations right wherever a commit could begin. */
static inline void mend_records(uint8_t *p, size_t n)
{
	for (size_t at = 0; n - at >= RECORD_HEAD_BYTES;) {
		uint32_t bytes = load_le32(p + at + 8);
		if (bytes < RECORD_HEAD_BYTES || bytes > n - at)
			return;
		store_le32(p + at + 4, 1);
		store_le32(p + at, crc32c_extend(0, p + at + 8, bytes - 8));
		size_t space = align_up(bytes, RECORD_ALIGN);
		if (space > n - at)
			return;
		at += space;
	}
}

static inline void mend_commits(uint8_t *p, size_t n)
{
	for (size_t at = 0; at + COMMIT_HEAD_BYTES <= n; at += COMMIT_ALIGN) {
		if (memcmp(p + at, "GWcm", 4) != 0)
			continue;
		uint32_t bytes = load_le32(p + at + 12);
		store_le32(p + at + 8, 1);
		store_le32(p + at + 4, crc32c_extend(0, p + at + 8, COMMIT_HEAD_BYTES - 8));
		if (bytes >= COMMIT_HEAD_BYTES && bytes <= n - at)
			mend_records(p + at + COMMIT_HEAD_BYTES, bytes - COMMIT_HEAD_BYTES);
	}
}

/* mend_units makes the sums of units right. */
static inline void mend_units(uint8_t *p, size_t n)
{
	for (size_t at = 0; n - at >= UNIT_HEAD_BYTES;) {
		uint32_t bytes = load_le32(p + at + 4);
		if (bytes < UNIT_HEAD_BYTES || bytes > n - at)
			return;
		store_le32(p + at, crc32c_extend(0, p + at + 4, bytes - 4));
		if (align_up(bytes, 8) > n - at)
			return;
		at += align_up(bytes, 8);
	}
}

/* make_store writes a store whose segment 1, or checkpoint file 1 of units_n units, is p. */
static inline void make_store(struct disk *d, uint8_t *p, size_t n, bool is_checkpoint,
			      uint64_t units_n)
{
	static const char *const dirs[] = { "segment", "checkpoint", "spill" };
	for (int i = 0; i < 3; i++) {
		enum err e = d->ops->make_dir(d, dirs[i]);
		must(e == ERR_OK);
	}
	struct head h = { .kind = HEAD_STORE, .store = STORE, .number = is_checkpoint };
	if (is_checkpoint) {
		h.file = 1;
		h.end = HEAD_BYTES + n;
		h.units_n = units_n;
		put_head(d, "checkpoint/0000000000000001.ckpt",
			 &(struct head){ .kind = HEAD_CHECKPOINT, .store = STORE, .number = 1 });
		put_file(d, "checkpoint/0000000000000001.ckpt", HEAD_BYTES, p, n);
	} else {
		put_head(d, "segment/0000000000000001.seg",
			 &(struct head){ .kind = HEAD_SEGMENT, .store = STORE, .number = 1 });
		put_file(d, "segment/0000000000000001.seg", SEGMENT_AT, p, n);
	}
	put_head(d, "store", &h);
}
#endif
