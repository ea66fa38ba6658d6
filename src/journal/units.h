/* units -- which units the checkpoint holds and where: {shard, a, b} -> place in a file.
 *
 * One owner, the keeper (and open). An open-addressing table in memory of its own, at most 3/4
 * full; deletion moves later rows back. Nothing depends on the order of rows.
 */
#ifndef JOURNAL_UNITS_H
#define JOURNAL_UNITS_H
#include "base/err.h"
#include "base/mem.h"

#include <stdint.h>

struct unit_row {
	uint64_t a, b;
	uint64_t at;    /* offset in the file, never 0 */
	uint32_t space; /* bytes there, padding included; 0: a free slot */
	uint16_t shard;
	uint16_t is_old; /* it lies in the file that is being rewritten */
};

struct units {
	struct unit_row *rows;
	uint32_t mask; /* slots - 1, when there is memory */
	uint32_t n;
	uint64_t live_bytes; /* sum of space */
};

void units_fini(struct units *u, struct mem *mem);
/* units_make_room sees to it that one more row fits. ERR_LIMIT: no memory; nothing changed. */
MUST_USE enum err units_make_room(struct units *u, struct mem *mem);
/* units_put sets a row, new (there must be room) or not. */
void units_put(struct units *u, const struct unit_row *row);
/* units_del: false: it was not there. */
bool units_del(struct units *u, uint16_t shard, uint64_t a, uint64_t b);
/* units_find: NULL: not there. Good until the next put or del. */
struct unit_row *units_find(const struct units *u, uint16_t shard, uint64_t a, uint64_t b);
/* units_age marks every row as lying in the old file. */
void units_age(struct units *u);
void units_clear(struct units *u);
void units_check(const struct units *u);
#endif
