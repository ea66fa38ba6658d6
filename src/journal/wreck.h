/* wreck -- a damaged data directory: gives what can still be read of it, and says what cannot.
 *
 * Needs nothing but a disk, takes no lock (who calls sees to it that nobody writes there) and
 * changes nothing. Unlike recovery it refuses nothing: it goes on behind damage. In this order:
 *
 *	all units of the best checkpoint, its shards     wreck_next, until it says no
 *	every whole record of every segment, in order
 *
 * The best checkpoint is the newest that is whole, else the one before; else what is whole of the
 * newest, unit by unit: then a unit may be missing, or be older than it should be, and each such
 * place is told. Records are given whether or not a checkpoint has them: only who reads them knows
 * what is missing. A sector that cannot be read counts as damaged, and nothing else with it.
 *
 * What lies below the checkpoint's floor is in the checkpoint, so damage there loses no more than
 * messages that still wait; the head of a commit says nothing but where its records are.
 *
 * Behind damage the next record is looked for where the damaged one says that it ends, else at
 * every place where one can begin; its checksum and its segment's number must fit.
 */
#ifndef JOURNAL_WRECK_H
#define JOURNAL_WRECK_H
#include "journal/journal.h"

struct wreck;

enum wreck_kind {
	WRECK_UNIT,   /* unit */
	WRECK_SHARD,  /* shard */
	WRECK_RECORD, /* record, loc */
	WRECK_LOST,   /* a damaged place: `said` has it; unit: which it was, if is_unit */
	WRECK_DAMAGED /* one in which nothing is lost but, perhaps, single messages: `said` */
};

struct wreck_item {
	enum wreck_kind kind;
	struct ckpt_unit unit;
	struct ckpt_shard shard;
	struct record record;
	uint64_t loc;
	bool is_unit;
};

/* wreck_open looks at a directory. ERR_NOT_FOUND: there is nothing of Godwit in it.
 * ERR_NOT_IMPLEMENTED: it is of a later version. ERR_LIMIT: no memory. `why` says it. */
MUST_USE enum err wreck_open(struct disk *d, struct mem *mem, struct wreck **out_s,
			     struct text *why);
void wreck_close(struct wreck *own_s); /* NULL is nothing */

/* wreck_next gives the next item, whose slices are good until the next call. False: no
 * more. ERR_LIMIT in *out_err: no memory; it is over then. */
bool wreck_next(struct wreck *s, struct wreck_item *out, struct text *said, enum err *out_err);
/* wreck_again goes back to the first record; the units are not given again. */
void wreck_again(struct wreck *s);

/* wreck_read reads stored bytes. ERR_NOT_FOUND: the segment is not there. ERR_CORRUPT: it
 * is shorter. ERR_IO. */
MUST_USE enum err wreck_read(struct wreck *s, uint64_t loc, uint8_t *to, uint32_t bytes);
uint64_t wreck_cluster(const struct wreck *s);
/* wreck_floor is a place below which the checkpoint has every record; 0: not known. */
uint64_t wreck_floor(const struct wreck *s);
/* wreck_is_in_pieces: units of the checkpoint may be missing; so may shards. */
bool wreck_is_in_pieces(const struct wreck *s);
#endif
