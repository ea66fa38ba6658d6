/* salvage_fuzz -- random bytes as a segment, or as a checkpoint file, whose sums are right or not,
 * for a salvage: it takes them or tells of them, and what it has made is a directory that recovery
 * reads to its end. */
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "journal/journal.h"
#include "salvage/salvage.h"
#include "sim/disk.h"
#include "sim/store_for_tests.h"

#include <stdlib.h>

#define LINES_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The new directory is whole: all of it is given, and the end is an end. */
static void read_back(struct disk *d, struct mem *mem)
{
	struct journal_setup setup = setup_of(d, &mem);
	char buf[512];
	struct text why = text_of(buf, sizeof buf);
	struct journal *j = NULL;
	struct ckpt_unit u;
	struct ckpt_shard s;
	struct record r;
	uint64_t loc, shards_n = 0;
	bool is_more = true;
	must(journal_open(&setup, &j, &why) == ERR_OK);
	while (is_more)
		must(journal_recover_unit(j, &u, &is_more, &why) == ERR_OK);
	for (is_more = true; is_more; shards_n += is_more)
		must(journal_recover_shard(j, &s, &is_more) == ERR_OK);
	must(shards_n == LIMIT_SHARD_DATA_N + 1);
	for (is_more = true; is_more;)
		must(journal_recover_record(j, &r, &loc, &is_more, &why) == ERR_OK);
	must(journal_recovered(j, &why) == ERR_OK);
	journal_close(j);
}

static void salvage(struct disk *from, struct disk *to, struct mem *mem)
{
	char buf[512];
	struct text why = text_of(buf, sizeof buf);
	struct salvage_setup setup = {
		.from = from, .to = to, .mem = mem, .store_id = 7, .segment_bytes = 1 << 20
	};
	char *room = malloc(LINES_BYTES);
	struct salvage *s = NULL;
	bool is_more;
	enum err e;
	must(room != NULL && salvage_open(&setup, &s, &why) == ERR_OK);
	do {
		struct text lines = text_of(room, LINES_BYTES);
		is_more = salvage_step(s, &lines, &why, &e);
		must(!text_is_full(&lines) && (lines.n == 0 || room[lines.n - 1] == '\n'));
	} while (is_more);
	must(e == ERR_OK && why.n == 0);
	salvage_close(s);
	free(room);
	read_back(to, mem);
}

/* p[0]: 1 a checkpoint; 2 the sums stay as they are; 4 there is no store. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t bytes[BYTES_MAX];
	if (n < 2 || n - 2 > BYTES_MAX)
		return 0;
	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, p + 2, n - 2);
	bool is_checkpoint = p[0] & 1;
	size_t len = (size_t)align_up(n - 2, 8);
	if (is_checkpoint && !(p[0] & 2))
		mend_units(bytes, len);
	else if (!(p[0] & 2))
		mend_commits(bytes, len);
	struct sim_disk *from = sim_disk_new(1), *to = sim_disk_new(2);
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 30);
	struct disk *disk = sim_disk_port(from);
	make_store(disk, bytes, len, is_checkpoint, p[1]);
	if (p[0] & 4 && !is_checkpoint)
		must(disk->ops->remove(disk, "store") == ERR_OK);
	uint64_t before = sim_disk_hash(from);
	salvage(disk, sim_disk_port(to), &heap.mem);
	must(sim_disk_hash(from) == before);
	must(heap.mem.used == 0);
	sim_disk_free(from);
	sim_disk_free(to);
	return 0;
}
