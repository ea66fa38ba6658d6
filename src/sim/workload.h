/* workload -- what simulated clients do next: weighted dice, from the seed.
 *
 * A client first makes sure that it is connected, that its channels are open and that the places
 * it knows of are there; then it publishes, consumes, settles and changes things.
 */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H
#include "sim/client.h"

/* The temper of a run: how often (per thousand) what is done, and how large messages are. */
struct temper {
	uint32_t publish, settle, get, consume, cancel, declare, bind, unbind, count, qos;
	uint32_t purge, remove, raze, recover, close, drop, leave, slow, rest;
	uint32_t persistent_percent, confirm_percent, no_ack_percent, mandatory_percent;
	uint32_t reject_percent; /* of what is settled */
	uint32_t bytes_usual, bytes_max, large_per_mille;
	uint32_t held_max, burst_max;
	bool is_refusing; /* some queue is */
};

/* temper_of throws the dice for a run; no message will have more than `bytes_max`. */
struct temper temper_of(struct prng *r, uint32_t bytes_max);

/* workload_step lets a client that is up do one thing. True: it did. */
bool workload_step(struct client *c, const struct temper *t);
/* workload_deal: a transaction, on a channel that has nothing else. */
bool workload_deal(struct client *c, uint32_t channel, const struct temper *t);
/* workload_ready: it has something to do or to say now. */
bool workload_ready(const struct client *c);
#endif
