/* past -- reads past the system's cache: at once, or begun now and waited for later.
 *
 * What is begun is Linux' own asynchronous input and output (io_submit): no thread waits for it,
 * and without it there is nothing to begin. It is asked for when the first read begins.
 */
#ifndef IO_PAST_H
#define IO_PAST_H
#include "port/disk.h"

/* What is under way; {0} is nothing. One thread at a time uses it. */
struct past {
	uint64_t context; /* the system's; 0: not asked for */
	bool is_refused;  /* it was, and there is none */
	struct {
		bool is_begun, is_done;
		size_t got;
	} at[DISK_AHEAD_MAX];
};

/* past_read reads n bytes, at most DISK_AHEAD_BYTES, without a copy, and gives how many have come.
 * Less than `n`: the rest is to be read, be it that the system has most of it in its cache, that
 * the file ends, that its system does not know of this, or that the disk has failed: then the
 * ordinary read says so. */
size_t past_read(int file, uint64_t at, uint8_t *buf, size_t n);

/* past_begin and past_end are port/disk.h's begin_past and end_past. */
bool past_begin(struct past *p, uint32_t slot, int file, uint64_t at, uint8_t *buf, size_t n);
size_t past_end(struct past *p, uint32_t slot);

/* past_fini waits for what is under way. */
void past_fini(struct past *p);
#endif
