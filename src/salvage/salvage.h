/* salvage -- makes a new data directory of what is whole in a damaged one, and says what is lost.
 *
 * The old one is only read, the new one is written through a journal of its own, and is complete
 * when salvage_step says so and not before. Nobody else may use either meanwhile. One thread; each
 * step does a piece of work and says what it has found, a sentence a line.
 *
 *	salvage_open(&setup, &s, &why)
 *	while (salvage_step(s, &lines, &why, &err)) print(lines)
 *
 * What the pieces mean, where the rest is missing (docs/adr/0013):
 *   an acknowledgement without its message      nothing: the message is gone either way
 *   a message whose acknowledgement is lost     comes again, marked as redelivered
 *   a message whose queue is not known          is kept, in a queue of that number
 *   a transaction whose decision may be lost    holds, as far as it is there
 */
#ifndef SALVAGE_SALVAGE_H
#define SALVAGE_SALVAGE_H
#include "base/mem.h"
#include "port/disk.h"

struct salvage;
struct text;

struct salvage_setup {
	struct disk *from, *to; /* `to` is an empty directory */
	struct mem *mem;
	uint64_t store_id; /* of the new directory: random, not 0 */
	uint64_t wall_ms;
	uint64_t segment_bytes; /* of the new one */
};

/* salvage_open looks at the old directory. ERR_NOT_FOUND: there is nothing in it.
 * ERR_NOT_IMPLEMENTED: a later version has written it. ERR_LIMIT: no memory. */
MUST_USE enum err salvage_open(const struct salvage_setup *setup, struct salvage **out_s,
			       struct text *why);

/* salvage_step does a piece of work and appends what there is to say. False: it is over; *out_err
 * is not ERR_OK when the new directory could not be written, or memory was short: `why` says so. */
bool salvage_step(struct salvage *s, struct text *lines, struct text *why, enum err *out_err);

/* What has come of it: messages and queues that are in the new directory, and how many sentences
 * have told of a loss, or of messages that may come again. */
struct salvage_sum {
	uint64_t queues_n, messages_n, lost_n;
};
struct salvage_sum salvage_sum(const struct salvage *s);

void salvage_close(struct salvage *own_s); /* NULL is nothing */
#endif
