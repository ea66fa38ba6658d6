/* tx -- a transaction as it travels: what one channel asks of one shard, all or nothing.
 *
 * CMD_TX carries it in its tail: a head, then whole runs of CMD_PUBLISH and CMD_SETTLE, one behind
 * the other. Who takes part is in the head, the same for all shards of a transaction. Pure data;
 * rows own references as they do in any run.
 *
 *   tail: | tx_head | run: header row row | run: header row | ...
 */
#ifndef CORE_TX_H
#define CORE_TX_H
#include "core/run.h"

struct tx_head {
	uint64_t id;          /* of the transaction: nobody else's, ever */
	uint64_t shards[2];   /* a bit for each that takes part */
	uint16_t coordinator; /* the one of them whose log decides; it answers */
	uint16_t pad[3];
};
_Static_assert(SHARDS_MAX <= 128 && sizeof(struct tx_head) % 8 == 0, "runs follow in place");

/* tx_head_of reads the head of a CMD_TX. */
static inline struct tx_head tx_head_of(const struct run *cmd)
{
	struct tx_head h;
	struct slice tail = run_tail(cmd);
	must(cmd->n == 0 && tail.n >= sizeof h);
	memcpy(&h, tail.p, sizeof h);
	return h;
}

/* tx_next walks the runs of a CMD_TX, from NULL on; NULL at the end. */
static inline struct run *tx_next(struct run *cmd, struct run *at)
{
	uint8_t *end = (uint8_t *)(cmd + 1) + cmd->tail_len;
	uint8_t *p = at ? (uint8_t *)at + at->len : (uint8_t *)(cmd + 1) + sizeof(struct tx_head);
	must(p <= end);
	return p < end ? (struct run *)(void *)p : NULL;
}
#endif
