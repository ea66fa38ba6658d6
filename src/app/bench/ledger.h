/* ledger -- which messages have come, exactly: lost, duplicated, disordered, strange.
 *
 * A message is known by (publisher, sequence number). For each queue and publisher a track holds
 * all below `next` as seen, and a bitmap of what came early above it; so memory is one bit per
 * message between the oldest that is missing and the newest, and the count is exact however the
 * broker shuffles. Order is judged per consumer and publisher: a first delivery whose number is
 * below one that this consumer has had before is disordered.
 *
 * A row (queue x all publishers) belongs to the one thread that has that queue's consumers; the
 * number of messages sent by each publisher is written by its own thread.
 */
#ifndef APP_BENCH_LEDGER_H
#define APP_BENCH_LEDGER_H

#include "app/bench/stamp.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ledger_track {
	uint64_t next;  /* the lowest number not seen yet */
	uint64_t early; /* numbers above `next` that were seen */
	uint64_t *bits; /* ring of bits for [next, next + 64 * words) */
	size_t words;   /* power of two, or 0 */
};

/* What one consumer has seen. */
struct ledger_counts {
	uint64_t first;      /* messages that came for the first time on their queue */
	uint64_t duplicated; /* that had come before */
	uint64_t disordered; /* first deliveries behind a later number */
	uint64_t strange;    /* not of this run, of no publisher of this queue, never sent, torn */
};

struct ledger {
	uint32_t run;
	uint32_t publishers_n, queues_n, consumers_n;
	bool everywhere;              /* every queue gets every message (fan-out) */
	_Atomic uint64_t *sent;       /* per publisher: numbers below this may arrive */
	struct ledger_track *tracks;  /* queue x publisher */
	uint64_t *after;              /* consumer x publisher: one above the highest number seen */
	struct ledger_counts *counts; /* per consumer */
};

/* ledger_init makes an empty ledger of at least one of each; memory from the heap, ended by
 * ledger_fini. Publisher p sends to queue p % queues, or to all if `everywhere`. */
void ledger_init(struct ledger *l, uint32_t run, uint32_t publishers_n, uint32_t queues_n,
		 uint32_t consumers_n, bool everywhere);
void ledger_fini(struct ledger *l);

/* ledger_copies: on how many queues each message of this publisher arrives. */
uint32_t ledger_copies(const struct ledger *l);

/* ledger_see counts one delivery on `queue` to `consumer`. `s` is a stamp from the wire: anything
 * may stand in it. True when the message had not come to this queue before. */
bool ledger_see(struct ledger *l, uint32_t queue, uint32_t consumer, struct stamp s);

/* ledger_see_torn counts a delivery whose body is no message of ours at all. */
void ledger_see_torn(struct ledger *l, uint32_t consumer);

/* ledger_total adds up all consumers. Only when no other thread writes. */
struct ledger_counts ledger_total(const struct ledger *l);

/* ledger_lost is the number of messages that were sent and have not come, over all queues. */
uint64_t ledger_lost(const struct ledger *l);

#endif
