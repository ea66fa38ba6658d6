/* worker -- the journal's two threads: the writer and the keeper.
 *
 * Each takes steps until there is nothing to do, then sleeps on an eventfd until somebody who has
 * given it work wakes it. When the journal fails the process ends at once: what has not been
 * answered is not in the journal, and nobody may be told otherwise.
 */
#ifndef IO_WORKER_H
#define IO_WORKER_H
#include "io/poller.h"

#define WORKER_EXIT_CODE 3 /* of the process, when the journal has failed */

struct worker {
	enum net_worker who;
	struct pollers *all;
	struct journal *journal;
	pthread_t thread;
	uint64_t gap_us; /* the writer's: from one sync to the next */
	int wake_event;
	_Atomic bool is_quitting;
};

/* worker_init makes one without a thread. False: the system has no more descriptors. */
bool worker_init(struct worker *w, enum net_worker who, struct pollers *all);
void worker_fini(struct worker *w);

/* worker_start gives it a journal and a thread. False: the system has no more threads. */
bool worker_start(struct worker *w, struct journal *j, uint64_t gap_us);
/* worker_finish lets it do what there is to do, and ends the thread. */
void worker_finish(struct worker *w);

/* worker_wake makes it look for work. Any thread. */
void worker_wake(struct worker *w);
#endif
