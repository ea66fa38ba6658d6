/* Random bytes as a segment, or as a checkpoint file, of a store that is whole otherwise; sums are
 * put right, so that the bytes get past them. Recovery refuses them or takes them: no crash, no
 * leak, nothing read beyond. */
#include "base/byteorder.h"
#include "base/crc32c.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "journal/inspect.h"
#include "journal/journal.h"
#include "sim/disk.h"
#include "wire/record/commit.h"
#include "wire/record/head.h"
#include "wire/record/unit.h"

#define STORE      5u
#define BYTES_MAX  32768u
#define SEGMENT_AT 4096u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void put_file(struct disk *d, const char *path, uint64_t at, const uint8_t *p, size_t n)
{
	int file;
	struct slice part = { p, n };
	enum err e = d->ops->open(d, path, DISK_WRITE | DISK_CREATE, &file);
	must(e == ERR_OK);
	e = d->ops->write(d, file, at, &part, 1);
	must(e == ERR_OK);
	d->ops->close(d, file);
}

static void put_head(struct disk *d, const char *path, const struct head *h)
{
	uint8_t bytes[HEAD_BYTES];
	head_put(bytes, h);
	put_file(d, path, 0, bytes, sizeof bytes);
}

/* mend_records and mend_commits make sums and generations right wherever a commit could begin. */
static void mend_records(uint8_t *p, size_t n)
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

static void mend_commits(uint8_t *p, size_t n)
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

static void mend_units(uint8_t *p, size_t n)
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

static void make_store(struct disk *d, uint8_t *p, size_t n, bool is_checkpoint, uint64_t units_n)
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

static bool recover(struct journal *j, struct text *why)
{
	bool is_more = true;
	struct ckpt_unit u;
	struct ckpt_shard s;
	struct record r;
	uint64_t loc, sum = 0;
	while (is_more) {
		if (journal_recover_unit(j, &u, &is_more, why) != ERR_OK)
			return false;
		for (size_t i = 0; is_more && i < u.bytes.n; i++)
			sum += u.bytes.p[i];
	}
	for (is_more = true; is_more;)
		if (journal_recover_shard(j, &s, &is_more) != ERR_OK)
			return false;
	for (is_more = true; is_more;) {
		if (journal_recover_record(j, &r, &loc, &is_more, why) != ERR_OK)
			return false;
		for (size_t i = 0; is_more && i < r.body.n; i++)
			sum += r.body.p[i];
	}
	return sum != 1 && journal_recovered(j, why) == ERR_OK;
}

static void inspect(struct disk *d, struct mem *mem)
{
	char buf[INSPECT_LINE_BYTES];
	struct text line = text_of(buf, sizeof buf);
	struct journal_inspect *i;
	if (journal_inspect_open(d, mem, INSPECT_PRINT, &i, &line) != ERR_OK)
		return;
	for (bool is_more = true; is_more; is_more = journal_inspect_next(i, &line)) {
		must(!text_is_full(&line));
		line = text_of(buf, sizeof buf);
	}
	journal_inspect_close(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t bytes[BYTES_MAX] = { 0 };
	if (n < 2 || n - 2 > BYTES_MAX)
		return 0;
	memcpy(bytes, p + 2, n - 2);
	bool is_checkpoint = p[0] & 1;
	size_t len = (size_t)align_up(n - 2, 8);
	if (is_checkpoint)
		mend_units(bytes, len);
	else
		mend_commits(bytes, len);
	struct sim_disk *sim = sim_disk_new(1);
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct mem *loop_mem[1] = { &heap.mem };
	struct journal_setup setup = { .disk = sim_disk_port(sim),
				       .mem = &heap.mem,
				       .loop_mem = loop_mem,
				       .loops_n = 1,
				       .segment_bytes = 65536,
				       .checkpoint_every_bytes = 65536,
				       .store_id = 9 };
	char buf[512];
	struct text why = text_of(buf, sizeof buf);
	struct journal *j = NULL;
	make_store(setup.disk, bytes, len, is_checkpoint, p[1]);
	inspect(setup.disk, &heap.mem);
	if (journal_open(&setup, &j, &why) != ERR_OK || !recover(j, &why))
		must(why.n > 0);
	journal_close(j);
	must(heap.mem.used == 0);
	sim_disk_free(sim);
	return 0;
}
