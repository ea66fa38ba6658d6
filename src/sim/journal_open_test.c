#include "base/byteorder.h"
#include "base/crc32c.h"
#include "journal/inspect.h"
#include "sim/journal_fix.h"
#include "wire/record/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* next_unit: 0 at the end, else the key of the unit. */
static uint64_t next_unit(struct journal *j, struct text *why)
{
	struct ckpt_unit u;
	bool is_more;
	enum err e = journal_recover_unit(j, &u, &is_more, why);
	must(e == ERR_OK);
	return is_more ? u.a : 0;
}

static void a_damaged_checkpoint_falls_back_to_the_one_before(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	(void)put_durable(f, 0, 100, 'x');
	checkpoint(f, 1, "one");
	(void)put_durable(f, 0, 100, 'x');
	checkpoint(f, 2, "two");
	journal_close(f->j);
	f->j = NULL;
	must(sim_disk_flip(f->disk, "checkpoint/0000000000000001.ckpt", 1024 + 41, 1));
	struct journal_setup s = { .disk = sim_disk_port(f->disk),
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .store_id = 1 };
	struct text why = text_of(f->why, sizeof f->why);
	enum err e = journal_open(&s, &f->j, &why);
	must(e == ERR_OK && strstr(f->why, "checkpoint 2 is damaged") != NULL);
	must(strstr(f->why, "the one before it is used") != NULL);
	must(next_unit(f->j, &why) == 1 && next_unit(f->j, &why) == 0);
	struct ckpt_shard row;
	struct record r;
	uint64_t loc;
	bool is_more;
	e = journal_recover_shard(f->j, &row, &is_more);
	must(e == ERR_OK && is_more && row.index == 1);
	e = journal_recover_record(f->j, &r, &loc, &is_more, &why);
	must(e == ERR_OK && is_more && r.index == 2);
	fix_free(f);
}

static void must_refuse(struct fix *f, enum err want, const char *says)
{
	uint64_t hash = sim_disk_hash(f->disk);
	enum err e = try_open(f);
	if (e != want || !strstr(f->why, says))
		fprintf(stderr, "error %d: %s\n", (int)e, f->why);
	must(e == want && strstr(f->why, says) != NULL);
	must(sim_disk_hash(f->disk) == hash);
}

static void rename_file(struct fix *f, const char *from, const char *to)
{
	struct disk *d = sim_disk_port(f->disk);
	enum err e = d->ops->rename(d, from, to);
	must(e == ERR_OK);
}

static void write_file(struct fix *f, const char *path, const uint8_t *p, size_t n)
{
	struct disk *d = sim_disk_port(f->disk);
	struct slice part = { p, n };
	int file;
	enum err e = d->ops->open(d, path, DISK_WRITE | DISK_CREATE, &file);
	must(e == ERR_OK);
	e = d->ops->write(d, file, 0, &part, 1);
	must(e == ERR_OK);
	d->ops->close(d, file);
}

static struct fix *fix_closed(void)
{
	struct fix *f = fix_open();
	for (int i = 0; i < 30; i++)
		(void)put_durable(f, 0, 9000, 'x');
	journal_close(f->j);
	f->j = NULL;
	return f;
}

static void what_cannot_be_opened_is_refused_in_a_sentence(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	rename_file(f, "store", "store.bak");
	must_refuse(f, ERR_CORRUPT, "and no store: name an empty one");
	rename_file(f, "store.bak", ".store.bak");
	must_refuse(f, ERR_CORRUPT, "the file store is missing, but there is");
	rename_file(f, ".store.bak", "store");
	rename_file(f, "segment/0000000000000003.seg", "segment/three");
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: a commit is damaged or missing");
	rename_file(f, "segment/three", "segment/0000000000000009.seg");
	must_refuse(f, ERR_CORRUPT, "its head names another segment");
	rename_file(f, "segment/0000000000000009.seg", "segment/0000000000000003.seg");
	must(sim_disk_flip(f->disk, "segment/0000000000000002.seg", 100, 4));
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: its head is damaged");
	must(sim_disk_flip(f->disk, "segment/0000000000000002.seg", 100, 4));
	must(sim_disk_flip(f->disk, "store", 100, 4));
	must_refuse(f, ERR_CORRUPT, "store: both slots are damaged");
	must(sim_disk_flip(f->disk, "store", 100, 4));
	enum err e = try_open(f);
	must(e == ERR_OK && f->index == 30);
	struct journal *first = f->j;
	f->j = NULL;
	must_refuse(f, ERR_BUSY, "the data directory is in use by another process");
	f->j = first;
	fix_free(f);
}

static void another_store_or_version_is_refused(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	uint8_t head[HEAD_BYTES];
	head_put(head,
		 &(struct head){ .kind = HEAD_SEGMENT, .store = 78, .cluster = 88, .number = 2 });
	write_file(f, "segment/0000000000000002.seg", head, sizeof head);
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: it belongs to another store");
	head_put(head, &(struct head){ .kind = HEAD_STORE, .store = 77, .cluster = 88 });
	store_le32(head + 8, HEAD_VERSION + 1);
	store_le32(head + HEAD_BYTES - 4, 0);
	write_file(f, "store", head, sizeof head);
	must_refuse(f, ERR_CORRUPT, "both slots are damaged");
	uint32_t crc = 0;
	for (uint32_t at = 0; at < HEAD_BYTES - 4; at++)
		crc = crc32c_extend(crc, head + at, 1);
	store_le32(head + HEAD_BYTES - 4, crc);
	write_file(f, "store", head, sizeof head);
	must_refuse(f, ERR_NOT_IMPLEMENTED, "has format 2, this build knows format 1");
	store_le32(head + 8, HEAD_VERSION);
	store_le64(head + 48, UINT64_C(1) << 63);
	store_le32(head + HEAD_BYTES - 4, crc32c_extend(0, head, HEAD_BYTES - 4));
	write_file(f, "store", head, sizeof head);
	must_refuse(f, ERR_NOT_IMPLEMENTED,
		    "made by a later version: of its features this build does not know "
		    "8000000000000000");
	fix_free(f);
}

static void a_segment_that_is_counted_on_must_be_there(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	struct journal_setup s = { .disk = sim_disk_port(f->disk),
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .store_id = 1 };
	struct text why = text_of(f->why, sizeof f->why);
	struct record r;
	uint64_t loc;
	bool is_more = true;
	enum err e = journal_open(&s, &f->j, &why);
	must(e == ERR_OK);
	while (is_more) {
		e = journal_recover_record(f->j, &r, &loc, &is_more, &why);
		must(e == ERR_OK);
	}
	journal_live(f->j, UINT64_C(99) << 32 | 4096, 10, 1);
	e = journal_recovered(f->j, &why);
	must(e == ERR_CORRUPT && strstr(f->why, "0000000000000099.seg is missing") != NULL);
	fix_free(f);
}

static void without_memory_nothing_is_opened_and_nothing_leaks(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	uint64_t hash = sim_disk_hash(f->disk);
	enum err e = ERR_LIMIT;
	for (long n = 1; e != ERR_OK; n++) {
		f->heap.fail_in = n;
		e = try_open(f);
		must(e == ERR_OK || e == ERR_LIMIT);
		must_if(e != ERR_OK, f->heap.mem.used == 0);
		must(n < 100);
	}
	f->heap.fail_in = 0;
	must(sim_disk_hash(f->disk) != hash && f->index == 30);
	fix_free(f);
}

static void a_store_can_be_printed_while_it_is_in_use(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct journal_inspect *i;
	char buf[INSPECT_LINE_BYTES];
	struct text line = text_of(buf, sizeof buf);
	enum err e = journal_inspect_open(sim_disk_port(f->disk), &heap.mem, INSPECT_PRINT, NULL,
					  &i, &line);
	must(e == ERR_OK);
	must(journal_inspect_next(i, &line) &&
	     strstr(buf, "checkpoint 0 file 0 end 512 floor 0:0"));
	line = text_of(buf, sizeof buf);
	must(journal_inspect_next(i, &line) && strstr(buf, "0001.seg: segment of 65536 bytes"));
	line = text_of(buf, sizeof buf);
	must(journal_inspect_next(i, &line) && strstr(buf, "0 commits, 0 records"));
	must(!journal_inspect_next(i, &line) && journal_inspect_damage_n(i) == 0);
	journal_inspect_close(i);
	must(heap.mem.used == 0);
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_checkpoint_falls_back_to_the_one_before),
		cmocka_unit_test(a_store_can_be_printed_while_it_is_in_use),
		cmocka_unit_test(what_cannot_be_opened_is_refused_in_a_sentence),
		cmocka_unit_test(another_store_or_version_is_refused),
		cmocka_unit_test(a_segment_that_is_counted_on_must_be_there),
		cmocka_unit_test(without_memory_nothing_is_opened_and_nothing_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
