/* catalog_fuzz -- any bytes as the units of a catalog's checkpoint, as a start and as a salvage
 * read them: what is taken comes back from a checkpoint of it, and salvage takes what a start does.
 *
 * A unit: u8 what it is of (exchange, fact, queue, counters), u8 number, u8 piece or bucket, u16
 * length, bytes. */
#include "base/bits.h"
#include "base/digest.h"
#include "base/mem_for_tests.h"
#include "base/rd.h"
#include "core/catalog.h"
#include "core/fact.h"

#define VHOSTS 8u /* how many there may be: a number is a place in a table */

static uint8_t unit[CHECKPOINT_UNIT_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct unit_key key_of(struct rd *r)
{
	uint8_t what = rd_u8(r) % 4, number = rd_u8(r), piece = rd_u8(r);
	uint64_t id = 1 + number % 16;
	switch (what) {
	case 0: return (struct unit_key){ UINT64_C(1) << 63 | id, piece / 128 };
	case 1: return (struct unit_key){ UINT64_C(1) << 62 | id, piece / 128 };
	case 2:
		id = number == 255 ? (UINT64_C(1) << 43) - 1 : id;
		return (struct unit_key){ id, (uint64_t)(piece >> 6) << 40 |
						      (uint64_t)(piece >> 2 & 15) << 16 |
						      (piece & 3) };
	default: return (struct unit_key){ 0, 0 };
	}
}

static bool is_costly(struct unit_key key, struct slice bytes)
{
	struct fact f;
	return key.queue >> 62 == 1 && bytes.n > 0 &&
	       fact_get(slice_from(bytes, 1), &f) == ERR_OK && f.number >= VHOSTS;
}

static void restore(struct catalog *c, struct slice from)
{
	struct rd r = rd_of(from);
	while (rd_left(&r) > 5) {
		struct unit_key key = key_of(&r);
		struct slice bytes = rd_take(&r, min_size(rd_left(&r) - 2, rd_le16(&r)));
		if (!is_costly(key, bytes)) {
			enum err err = catalog_restore(c, key, bytes);
			must(err == ERR_OK || err == ERR_CORRUPT);
		}
	}
}

static struct digest_sum sum_of(const struct catalog *c)
{
	struct digest d;
	digest_init(&d);
	catalog_digest(c, &d);
	return digest_end(&d);
}

/* All of it once more, through a checkpoint. */
static void again(struct catalog *c, struct mem *mem)
{
	struct catalog *back = catalog_new(mem, 2);
	struct unit_key key;
	uint32_t len;
	must(back != NULL);
	catalog_checkpoint_all(c);
	catalog_checkpoint_begin(c);
	while (catalog_checkpoint_next(c, &key, unit, sizeof unit, &len))
		if (len > 0)
			must(catalog_restore(back, key, slice_of(unit, len)) == ERR_OK);
	catalog_checkpoint_end(c, true);
	must(catalog_restored(back) == ERR_OK);
	must(digest_eq(sum_of(c), sum_of(back)));
	catalog_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct catalog *start = catalog_new(&heap.mem, 1), *salvage = catalog_new(&heap.mem, 1);
	must(start != NULL && salvage != NULL);
	restore(start, slice_of(p, n));
	restore(salvage, slice_of(p, n));
	bool is_good = catalog_restored(start) == ERR_OK;
	uint64_t left_out_n = catalog_salvaged(salvage);
	must((left_out_n == 0) >= is_good);
	if (is_good)
		must(digest_eq(sum_of(start), sum_of(salvage)));
	again(salvage, &heap.mem);
	catalog_free(start);
	catalog_free(salvage);
	must(heap.mem.used == 0);
	return 0;
}
