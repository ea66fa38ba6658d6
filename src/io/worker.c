#include "io/worker.h"

#include "base/text.h"
#include "io/logger.h"
#include "io/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

void worker_wake(struct worker *w)
{
	uint64_t one = 1;
	ssize_t done = write(w->wake_event, &one, sizeof one);
	(void)done;
}

static void wait_for_work(struct worker *w)
{
	uint64_t n;
	ssize_t done = read(w->wake_event, &n, sizeof n);
	(void)done;
}

/* ---- failing ------------------------------------------------------------------------------ */

static atomic_flag is_failing = ATOMIC_FLAG_INIT;

/* Everything confirmed is on the disk; nothing else may be said any more. A disk can fail writer
 * and keeper in one moment: the first says so, the other waits for the end. */
static _Noreturn void fail(struct worker *w, enum err e)
{
	while (atomic_flag_test_and_set(&is_failing))
		pause();
	const char *why = journal_why(w->journal);
	struct log_value v[1] = { log_str(slice_str(why)) };
	bool is_full = e == ERR_NO_SPACE;
	enum log_id id = strstr(why, "sync") ? LOG_sync_failed : LOG_write_failed;
	logger_line(w->all->log, is_full ? LOG_disk_full : id, v, 1);
	fprintf(stderr, "godwitd: the journal cannot be written (%s), so the broker stops; %s\n",
		why,
		is_full ? "make room on its disk and start again"
			: "look at its disk before you start again");
	_exit(WORKER_EXIT_CODE);
}

/* ---- working ------------------------------------------------------------------------------ */

static void wake_loops(const struct worker *w, uint64_t loops)
{
	for (; loops; loops &= loops - 1) {
		struct poller *p = &w->all->at[__builtin_ctzll(loops)];
		if (loop_to_wake(p->loop))
			poller_wake(p);
	}
}

static void wake_other(const struct worker *w)
{
	bool is_writer = w->who == NET_WRITER;
	if (is_writer ? journal_keeper_to_wake(w->journal) : journal_writer_to_wake(w->journal))
		worker_wake(w->all->workers[is_writer ? NET_KEEPER : NET_WRITER]);
}

static bool step(struct worker *w)
{
	uint64_t loops = 0;
	enum err e = ERR_OK;
	bool is_any = w->who == NET_WRITER ? journal_write_step(w->journal, &loops, &e)
					   : journal_keep_step(w->journal, &loops, &e);
	if (e != ERR_OK)
		fail(w, e);
	wake_loops(w, loops);
	wake_other(w);
	return is_any;
}

/* More arrives meanwhile, and shares the next sync. */
static void keep_gap(const struct worker *w)
{
	struct timespec gap = { .tv_nsec = (long)w->gap_us * 1000 };
	if (w->gap_us)
		nanosleep(&gap, NULL);
}

static bool may_sleep(const struct worker *w)
{
	return w->who == NET_WRITER ? journal_writer_may_sleep(w->journal)
				    : journal_keeper_may_sleep(w->journal);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	for (;;) {
		bool is_last = atomic_load(&w->is_quitting);
		while (step(w))
			keep_gap(w);
		if (is_last)
			return NULL;
		if (may_sleep(w))
			wait_for_work(w);
	}
}

/* ---- life --------------------------------------------------------------------------------- */

bool worker_init(struct worker *w, enum net_worker who, struct pollers *all)
{
	*w = (struct worker){ .who = who, .all = all };
	w->wake_event = eventfd(0, EFD_CLOEXEC);
	return w->wake_event >= 0;
}

void worker_fini(struct worker *w)
{
	if (w->wake_event >= 0)
		close(w->wake_event);
	w->wake_event = -1;
}

bool worker_start(struct worker *w, struct journal *j, uint64_t gap_us)
{
	w->journal = j;
	w->gap_us = gap_us;
	return thread_start(&w->thread, w->who == NET_WRITER ? "journal write" : "journal keep",
			    run, w);
}

void worker_finish(struct worker *w)
{
	atomic_store(&w->is_quitting, true);
	worker_wake(w);
	pthread_join(w->thread, NULL);
}
