/* tx -- transactions of a shard: when their outcomes are applied, and what a crash leaves of them.
 *
 * All outcomes of a transaction's part stand together in the shard's FIFO and in its log, and they
 * are applied when the decision is durable. With one shard the decision stands right behind them.
 * With several each says that its part is durable; the coordinator's log then has the decision,
 * which the others write down, too, before the coordinator forgets it. Nothing that stands behind
 * an undecided part is applied before it.
 *
 *   one:      BEGIN outcomes END
 *   several:  BEGIN outcomes PREPARE ... END     participant
 *                              | prepared  ^ decided
 *                              v           |  | done
 *             BEGIN outcomes PREPARE ... END  v ... applied     coordinator
 *
 * A crash before the decision is durable leaves nothing of it (presumed abort). One loop owns it.
 */
#ifndef NODE_TX_H
#define NODE_TX_H
#include "base/err.h"
#include "core/run.h"

struct loop;
struct node;
struct record;
struct shard;

enum tx_state { TX_OPEN, TX_PREPARED, TX_ENDING, TX_ENDED, TX_ABORTED };

/* One that is not over, in one shard. Indexes are of the shard's log; 0: not proposed. */
struct tx {
	uint64_t id;
	uint64_t prepare_index, end_index;
	uint64_t shards[2];         /* coordinator: who takes part, but itself */
	uint64_t session, arg;      /* coordinator: who is answered */
	uint32_t prepare_n, done_n; /* coordinator: still to come from the others */
	uint16_t channel, coordinator;
	uint8_t state; /* enum tx_state */
	bool is_whole; /* its part has been admitted, or replayed */
};

/* tx_command does CMD_TX and what the shards of a transaction tell each other. */
void tx_command(struct shard *s, struct run *cmd);
/* tx_proposed notes where the log has an outcome of a transaction. */
void tx_proposed(struct shard *s, const struct run *o, uint64_t index);
/* tx_durable looks what the log's new end means to transactions. */
void tx_durable(struct shard *s);
/* tx_holds: `o`, which is next, must not be applied yet. tx_passed: it was but a mark of a
 * transaction, and is behind us. */
bool tx_holds(const struct shard *s, const struct run *o);
bool tx_passed(struct shard *s, const struct run *o);

/* tx_sound looks at an outcome that was read from the log, before it is replayed. ERR_CORRUPT: a
 * transaction that has begun already, or that a shard decides which there is not. */
MUST_USE enum err tx_sound(const struct shard *s, const struct run *o);
/* tx_replay takes one run of a recovered record if a transaction is under way, or begins; false: it
 * is to be applied at once. `body` is the record's, which lies at `loc`. */
bool tx_replay(struct shard *s, struct run *o, const struct record *rec, uint32_t ordinal,
	       uint64_t loc);
/* tx_recovered, when all logs have been read, decides what is left, and has it logged. */
void tx_recovered(struct node *n);
#endif
