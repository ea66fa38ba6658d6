/* store -- the file that says whose data directory this is and which checkpoint counts.
 *
 * Two slots, each one sector in a page of its own, written in turn: the one with the higher number
 * counts. So a torn write leaves the one before.
 */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H
#include "port/disk.h"
#include "wire/record/head.h"

struct text;

#define STORE_SLOT_BYTES 4096u

struct store {
	int file;
	struct head slot[2]; /* the newest first; number 0 and file 0 in a new store */
	bool has_slot[2];
};

/* store_open reads both slots. ERR_NOT_FOUND: no store here. ERR_CORRUPT, ERR_NOT_IMPLEMENTED (of
 * another version): `why` says so. The file stays open. */
MUST_USE enum err store_open(struct disk *d, unsigned how, struct store *out_s, struct text *why);
/* store_make makes the file of a new store; it is durable but for the directory. */
MUST_USE enum err store_make(struct disk *d, const struct head *h);
/* store_write puts `h` into the slot of its number and makes it durable. */
MUST_USE enum err store_write(struct disk *d, int file, const struct head *h);
#endif
