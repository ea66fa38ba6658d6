/* logged_fuzz -- any octets as what a shard finds on its disk: a record's body, or a unit. */
#include "base/bits.h"
#include "base/digest.h"
#include "base/mem_for_tests.h"
#include "core/catalog.h"
#include "core/core.h"
#include "core/fact.h"
#include "core/logged.h"

#define VHOSTS 8u /* how many there may be */

static _Alignas(8) uint8_t room[LOGGED_RUN_BYTES], unit[CHECKPOINT_UNIT_MAX];

struct minds {
	struct core *core;
	struct catalog *catalog;
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A number beyond these is allowed, and makes a table that long. */
static bool is_costly(const struct run *o)
{
	struct fact f;
	return o->kind == OUTCOME_FACT_PUT && fact_get(run_tail(o), &f) == ERR_OK &&
	       f.number >= VHOSTS;
}

/* As the shard's node: what is for the catalog, and what is for queues. Transactions, and uploads,
 * are nothing to either. */
static void apply_one(const struct minds *m, struct run *o, uint64_t index)
{
	struct add_row *row = run_rows(o);
	for (uint32_t i = 0; outcome_adds(o->kind) && i < o->n; i++)
		row[i].loc += 1u << 16;
	if (core_sound(m->core, o, 0) == ERR_OK)
		core_apply(m->core, o, index, 0, NULL);
	else if (!is_costly(o) && catalog_sound(m->catalog, o) == ERR_OK)
		catalog_apply(m->catalog, o, index, NULL);
}

/* A body that is read is also applied; places are made up. */
static void apply(const struct minds *m, struct slice body)
{
	struct run *o = (struct run *)(void *)room;
	struct rd r = rd_of(body);
	uint64_t index = 1;
	while (rd_left(&r) && logged_get(&r, body, o, sizeof room) == ERR_OK) {
		struct add_row *row = run_rows(o);
		must(o->len <= sizeof room &&
		     (uint32_t)o->n * o->row_bytes + o->tail_len <= o->len);
		for (uint32_t i = 0; outcome_adds(o->kind) && i < o->n; i++)
			must(row[i].loc + row[i].bytes <= body.n);
		apply_one(m, o, index++);
	}
	core_check(m->core);
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
	struct minds m = { core_new(&heap.mem, 1), catalog_new(&heap.mem, 1) };
	struct digest d;
	must(m.core != NULL && m.catalog != NULL);
	if (n && p[0] & 1)
		restore(m.core, slice_of(p + 1, n - 1));
	else if (n)
		apply(&m, slice_of(p + 1, n - 1));
	digest_init(&d);
	core_digest(m.core, &d);
	catalog_digest(m.catalog, &d);
	core_free(m.core);
	catalog_free(m.catalog);
	must(heap.mem.used == 0);
	return 0;
}
