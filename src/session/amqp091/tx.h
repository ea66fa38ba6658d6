/* tx -- the transaction of a channel: publishes and settlements that wait for their commit.
 *
 * What is published is checked and routed at once, and lies in the rows that its shards will get
 * (session/tx_parts.h); what is settled is only marked. Private to this room.
 */
#ifndef SESSION_AMQP091_TX_H
#define SESSION_AMQP091_TX_H
#include "session/amqp091/publish.h"
#include "session/tx_parts.h"

struct tx {
	struct block *block; /* copies of messages are put there; NULL: none yet */
	struct deque aside;  /* struct tx_aside: messages that no queue takes */
	uint64_t bytes;
	uint32_t epoch, seq;
	bool is_refused; /* a full queue refused a publish of the last commit */
	struct tx_parts parts;
};

/* amqp091_tx_room: may so many bytes more be published? ERR_PRECONDITION_FAILED: no. */
MUST_USE enum err amqp091_tx_room(struct turn *t, const struct channel *c, uint64_t bytes);
/* amqp091_tx_block is a block with room for a message of `n` bytes, its header and where they
 * begin; NULL: no memory. It stays the transaction's. */
struct block *amqp091_tx_block(struct turn *t, struct channel *c, uint32_t n, struct msg **out_m,
			       uint32_t *out_at);
/* amqp091_tx_rows takes a message that lies in `b`, which we fill, for its queues, or none. */
void amqp091_tx_rows(struct turn *t, struct channel *c, const struct publish *p,
		     const struct route *route, struct block *b, const struct msg *m);
/* amqp091_tx_settle takes a settlement, during commit. */
void amqp091_tx_settle(struct turn *t, struct channel *c, const struct run *head,
		       const struct settle_row *row);
/* amqp091_tx_refused: a queue may have refused what the commit has published. */
void amqp091_tx_refused(struct channel *c, const struct run *fx);
/* settle.c: amqp091_unacked_commit settles what the channel's transaction has settled, within it;
 * amqp091_unacked_rollback forgets that. */
void amqp091_unacked_commit(struct turn *t, struct channel *c);
void amqp091_unacked_rollback(struct channel *c);
/* amqp091_tx_free forgets the transaction, and what waits in it. */
void amqp091_tx_free(struct turn *t, struct channel *c);
#endif
