/* repl -- the log of one shard: propose, commit. With one replica the journal is all of it.
 *
 * A shard reaches the journal only through here: propose gives a record its place in the shard's
 * log (epoch, index) and puts it into the loop's journal batch; commit is what becomes true when
 * every store of the in-sync set has it durable. A single node is alone in that set: commit
 * follows its own journal. Replicas, epochs and catch-up fit in behind these calls.
 *
 * One loop touches a shard's repl. Pure but for the batch it writes into.
 *
 *	recovered .. recovered | committed .. | proposed .. |
 *	                                      ^ repl_durable ^ repl_propose
 */
#ifndef REPL_REPL_H
#define REPL_REPL_H
#include "base/err.h"
#include "journal/journal.h"

struct text;

struct repl {
	uint16_t shard;
	uint64_t epoch;
	uint64_t proposed;  /* index of the last record proposed */
	uint64_t committed; /* all records up to it are committed */
	uint64_t wall_ms;   /* of the last record */
};

/* repl_init begins at a recovered place: the last index and epoch, and the wall clock there. */
void repl_init(struct repl *r, uint16_t shard, uint64_t epoch, uint64_t index, uint64_t wall_ms);

/* repl_begin reserves a record in `b`: *out_cap bytes of room for its body at *out_body.
 * ERR_LIMIT: the batch is full. */
MUST_USE enum err repl_begin(struct repl *r, struct jbatch *b, uint8_t **out_body,
			     uint32_t *out_cap);
/* repl_propose completes what repl_begin reserved just now with a body of body_len bytes, whose
 * checksum (crc32c) is body_sum, and gives its index; *out_off is where the body lies in the batch.
 * The record's clock is wall_ms, or that of the record before if that is later. */
uint64_t repl_propose(struct repl *r, struct jbatch *b, uint64_t wall_ms, uint32_t body_len,
		      uint32_t body_sum, uint32_t *out_off);

/* repl_durable: this node's journal has everything up to `index`. True: committed has moved. */
bool repl_durable(struct repl *r, uint64_t index);

/* repl_recovered takes over one record of the journal during recovery, in the journal's order. A
 * RECORD_TRUNCATE takes back what was proposed from its index on; records outside the order (index
 * 0) change nothing. ERR_CORRUPT: it does not follow the one before; nothing changed. */
MUST_USE enum err repl_recovered(struct repl *r, const struct record *rec);

void repl_check(const struct repl *r);
void repl_dump(const struct repl *r, struct text *out);
#endif
