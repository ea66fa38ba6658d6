/* Random bytes as a segment, or as a checkpoint file, of a store that is whole otherwise; sums are
 * put right, so that the bytes get past them. Recovery refuses them or takes them: no crash, no
 * leak, nothing read beyond. */
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "journal/inspect.h"
#include "journal/journal.h"
#include "sim/disk.h"
#include "sim/store_for_tests.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

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
	if (journal_inspect_open(d, mem, INSPECT_PRINT, NULL, &i, &line) != ERR_OK)
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
	struct mem *mem = &heap.mem;
	struct journal_setup setup = setup_of(sim_disk_port(sim), &mem);
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
