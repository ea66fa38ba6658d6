/* load -- one run against a broker: queues are made, messages published and consumed, all counted.
 *
 * A run has workers, each a thread with its own epoll and links; a link is one connection with up
 * to --channels publishers or consumers. All consumers of one queue have the same worker, so a row
 * of the ledger has one writer. What workers share are the atomic numbers in struct load. Each
 * walks through the same phases:
 *
 *     ATTACH -----> PUBLISH -----> SETTLE -----> LEAVE -----> DONE
 *      consumers     own quota      all that      every        joined
 *      answered      published      was sent      barrier
 *                                   has come      answered
 *
 * Nothing coming for --patience ends any phase but LEAVE: what has not come is lost then.
 */
#ifndef APP_BENCH_LOAD_H
#define APP_BENCH_LOAD_H

#include "app/bench/client.h"
#include "app/bench/histogram.h"
#include "app/bench/ledger.h"
#include "app/bench/meter.h"
#include "app/bench/options.h"

#include <stdatomic.h>

#define LOAD_NAME_MAX 200
#define LOAD_WHY_MAX  400

/* What came out of a run. */
struct outcome {
	bool failed;  /* a connection or the broker ended it; `why` has the reason */
	bool gave_up; /* patience ran out */
	char why[LOAD_WHY_MAX];
	uint64_t published, arrived, confirmed;
	uint64_t copies; /* queues that each message reached */
	uint64_t lost, duplicated, disordered, strange;
	uint64_t nacked, returned, redelivered, unknown_confirms;
	uint64_t left;       /* messages in the queues at the end */
	uint64_t elapsed_ns; /* from the first publish (or attach) to the last arrival or confirm */
	uint64_t own_cpu_ns; /* this process */
	bool has_broker;
	struct meter broker; /* used during the run */
	struct meter broker_before;
	struct histogram delivery, confirm;
};

/* load_run does one run as the settled options say. With publishers it makes the queues anew;
 * without, it expects --messages in them, sent by `o->run`. Memory from the heap. `out` may hold
 * figures also when it failed. Zero is a clean run: load_is_clean. */
void load_run(const struct options *o, struct outcome *out);

/* load_is_clean: all came, once, in order, and were confirmed. */
bool load_is_clean(const struct options *o, const struct outcome *r);

/* load_interrupt makes a run stop publishing and end in order; from a signal handler. */
void load_interrupt(void);

#endif
