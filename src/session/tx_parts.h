/* tx_parts -- what a transaction asks of each shard, until it is committed or forgotten.
 *
 * Messages and settlements lie here in the rows that their shards will get, in whole runs behind
 * room for a tx_head (core/tx.h). Whose conversation it is owns its struct tx_parts; zeroed,
 * nothing is asked. What is put in is bounded by who puts it: tx_parts_cost says what it takes.
 */
#ifndef SESSION_TX_PARTS_H
#define SESSION_TX_PARTS_H
#include "session/posting.h"
#include "session/session.h"

/* What one shard will get. */
struct tx_part {
	uint8_t *at;
	uint32_t n, cap;
	uint32_t last; /* where the last run begins; 0: none */
};

struct tx_parts {
	struct tx_part part[SHARDS_MAX];
};

/* tx_parts_cost is what a message to `queues_n` queues takes beside its own bytes. */
static inline uint64_t tx_parts_cost(uint32_t queues_n)
{
	return 64u * ((uint64_t)queues_n + 1);
}

/* tx_parts_publish takes a message, one reference for each queue of the route: `by` says whose it
 * is, as for posting_put. */
void tx_parts_publish(struct tx_parts *x, struct mem *mem, const struct poster *by,
		      const struct posting *m, const struct route *r);
/* tx_parts_settle takes a settlement; `head` is that of its run, with its shard. */
void tx_parts_settle(struct tx_parts *x, struct mem *mem, const struct run *head,
		     const struct settle_row *row);

/* tx_parts_commit posts all of it: all or nothing of it will be done, and then FX_REPLY of CMD_TX
 * says so with `arg`; `from` says to whom. False: nothing was asked, and nobody answers. Nothing is
 * left in it. */
MUST_USE bool tx_parts_commit(struct tx_parts *x, struct session_world *w, const struct run *from,
			      uint64_t arg);
/* tx_parts_drop forgets all of it. */
void tx_parts_drop(struct tx_parts *x, struct mem *mem);
#endif
