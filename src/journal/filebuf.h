/* filebuf -- a file read through one large buffer, forwards; for recovery and inspection.
 *
 * One owner. The buffer is taken from a `struct mem` and keeps what is asked for again; a file is
 * read in pieces that the processor's cache holds, larger ones only for who asks for more at once.
 */
#ifndef JOURNAL_FILEBUF_H
#define JOURNAL_FILEBUF_H
#include "base/mem.h"
#include "port/disk.h"

struct filebuf {
	struct disk *disk;
	int file; /* the caller's; -1: none */
	uint8_t *buf;
	size_t cap;
	uint64_t at; /* place in the file of buf[0] */
	size_t n;    /* bytes that are there */
};

/* filebuf_init takes a buffer of `cap` bytes. ERR_LIMIT: no memory. */
MUST_USE enum err filebuf_init(struct filebuf *f, struct disk *d, struct mem *mem, size_t cap);
void filebuf_fini(struct filebuf *f, struct mem *mem);

/* filebuf_turn_to goes over to another file, which stays the caller's. */
void filebuf_turn_to(struct filebuf *f, int file);

void filebuf_check(const struct filebuf *f); /* must()s every invariant */

/* filebuf_get borrows the bytes [at, at + n), n <= cap, fewer at the end of the file, until the
 * next get. ERR_IO. */
MUST_USE enum err filebuf_get(struct filebuf *f, uint64_t at, size_t n, struct slice *out);
#endif
