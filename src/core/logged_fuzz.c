/* logged_fuzz -- any octets as what a shard finds on its disk: a record's body, or a unit. */
#include "base/bits.h"
#include "base/digest.h"
#include "base/mem_for_tests.h"
#include "core/core.h"
#include "core/logged.h"

static _Alignas(8) uint8_t room[LOGGED_RUN_BYTES], unit[CHECKPOINT_UNIT_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A body that is read is also applied; places are made up. */
static void apply(struct core *c, struct slice body)
{
	struct run *o = (struct run *)(void *)room;
	struct rd r = rd_of(body);
	uint64_t index = 1;
	while (rd_left(&r) && logged_get(&r, body, o, sizeof room) == ERR_OK) {
		struct add_row *row = run_rows(o);
		must(o->len <= sizeof room &&
		     (uint32_t)o->n * o->row_bytes + o->tail_len <= o->len);
		for (uint32_t i = 0; o->kind == OUTCOME_ADD && i < o->n; i++) {
			must(row[i].loc + row[i].bytes <= body.n);
			row[i].loc += 1u << 16;
		}
		if (o->kind <= OUTCOME_CHUNK_DROP)
			core_apply(c, o, index++, 0, NULL);
	}
	core_check(c);
}

static void restore(struct core *c, struct slice s)
{
	struct rd r = rd_of(s);
	enum err err = ERR_OK;
	while (err == ERR_OK && rd_left(&r)) {
		struct unit_key key = { .queue = rd_u8(&r) };
		key.chunk = rd_u8(&r) % 4;
		key.chunk = key.chunk ? key.chunk : UINT64_MAX;
		err = core_restore(c, key, rd_take(&r, min_size(rd_left(&r), rd_le16(&r))));
	}
	if (err != ERR_OK || core_restored(c) != ERR_OK)
		return;
	core_check(c);
	struct unit_key key;
	uint32_t len;
	core_checkpoint_begin(c);
	must(!core_checkpoint_next(c, &key, unit, sizeof unit, &len)); /* nothing has changed */
	core_checkpoint_end(c, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct core *c = core_new(&heap.mem, 1);
	struct digest d;
	must(c != NULL);
	if (n && p[0] & 1)
		restore(c, slice_of(p + 1, n - 1));
	else if (n)
		apply(c, slice_of(p + 1, n - 1));
	digest_init(&d);
	core_digest(c, &d);
	core_free(c);
	must(heap.mem.used == 0);
	return 0;
}
