/* A checker that cannot fail is no checker: each is told a lie, and must say so. */
#include "base/ablate.h"
#include "base/bits.h"
#include "node/inspect.h"
#include "node/loop.h"
#include "sim/bounds.h"
#include "sim/faults.h"
#include "sim/score.h"
#include "sim/shortage.h"
#include "sim/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STOP_STEPS_MAX 400000

/* ---- the world ----------------------------------------------------------------------------- */

static struct world *world_new(void)
{
	struct world *w = malloc(sizeof *w);
	must(w != NULL);
	world_init(w, 2, 2, false);
	bool is_up = world_start(w) && world_work(w, 300);
	must(is_up);
	return w;
}

/* Whatever was said of it, the broker is well: it stops, and gives everything back. */
static void broker_end(struct host *h)
{
	uint32_t who;
	h->workers[NET_WRITER].stalled_until_ms = 0;
	host_stop(h);
	for (uint32_t n = 0; !host_is_stopped(h); n++) {
		must(n < STOP_STEPS_MAX);
		if ((who = host_runnable(h)) != 0)
			host_step(h, bits_highest(who)); /* the workers first */
		else
			host_pass(h, 1);
	}
	int64_t left = host_close(h);
	must(left == 0);
}

static void world_free(struct world *w, const char *what)
{
	if (!strstr(w->story.wrong, what))
		fprintf(stderr, "wanted: %s\nsaid: %s\n", what, w->story.wrong);
	must(w->story.is_wrong && strstr(w->story.wrong, what));
	broker_end(&w->host);
	world_fini(w);
	free(w);
}

static void memory_that_grows_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bounds_check(w);
	must(!w->story.is_wrong);
	struct mem *m = &w->host.loops[0].loop->memory.mem;
	size_t n = (size_t)bounds_bytes(w);
	void *leak = mem_get(m, n, "leak");
	bounds_check(w);
	mem_put(m, leak, n);
	world_free(w, "its bound is");
}

static void blocks_that_pile_up_are_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct block_home *home = &w->host.loops[0].loop->home;
	const uint64_t n = bounds_bytes(w) + w->host.loops_n * (uint64_t)NODE_PINNED_BYTES;
	struct block *leak = block_take(home, (uint32_t)n);
	bounds_check(w);
	block_close(leak);
	world_free(w, "bytes of blocks");
}

static void a_broker_that_does_not_answer_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	w->host.workers[NET_WRITER].stalled_until_ms = UINT64_MAX;
	w->temper.drop = w->temper.leave = w->temper.close = 0; /* all are patient */
	for (uint32_t n = 0; n < 1000000 && world_step(w); n++)
		;
	world_free(w, "waits in vain");
}

static void a_confirm_that_never_comes_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bool is_well = world_settle(w);
	must(is_well);
	for (uint32_t i = 0; i < PLACE_CLIENTS * ORACLE_CHANNELS; i++) {
		struct channel_state *ch =
			&w->client[i / ORACLE_CHANNELS].channel[i % ORACLE_CHANNELS];
		ch->unconfirmed_n += ch->unconfirmed_cap > 0; /* it has published something */
	}
	is_well = world_settle(w);
	must(!is_well);
	world_free(w, "waits in vain for the confirm of m");
}

static void another_state_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	for (int i = 0; i < 2; i++) { /* each stop leaves a checkpoint */
		bool is_on = world_stop(w) && world_start(w) && world_work(w, w->ops_n + 300);
		must(is_on);
	}
	must(w->story.told_n[STORY_twin] > 0);
	struct sim_disk *earlier = sim_disk_clone(w->host.disk);
	bool is_well = world_work(w, w->ops_n + 300) && world_settle(w);
	must(is_well);
	twin_compare(w, earlier);
	world_free(w, "make another state");
}

/* Memory is not short at all, so the broker takes what comes. */
static void a_publish_that_is_taken_while_memory_is_short_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	w->oracle.held_from = w->oracle.messages_n;
	for (uint32_t n = 0; n < 100000 && world_step(w); n++)
		;
	world_free(w, "is taken, while publishers have to wait");
}

static void a_shortage_that_nobody_feels_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bool is_well = true;
	w->temper.drop = w->temper.leave = 0; /* who waits stays */
	ablated[ABLATE_alarm] = true;
	for (int i = 0; i < 20 && is_well; i++)
		is_well = shortage_of_memory(w);
	ablated[ABLATE_alarm] = false;
	must(!is_well);
	w->oracle.held_from = 0;
	world_free(w, "is taken, while publishers have to wait");
}

static void who_is_not_told_that_he_may_go_on_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bool is_well = world_settle(w) && shortage_of_memory(w);
	must(is_well);
	w->client[0].is_blocked = true; /* he has not heard it */
	shortage_is_over(w);
	world_free(w, "c0 is still blocked");
}

static void a_run_without_faults_is_no_run(void **state)
{
	(void)state;
	struct world *w = world_new();
	score_check(w, 300);
	world_free(w, "a run is to have 2 cuts of the power, and this had 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_grows_is_noticed),
		cmocka_unit_test(blocks_that_pile_up_are_noticed),
		cmocka_unit_test(a_broker_that_does_not_answer_is_noticed),
		cmocka_unit_test(a_confirm_that_never_comes_is_noticed),
		cmocka_unit_test(another_state_is_noticed),
		cmocka_unit_test(a_publish_that_is_taken_while_memory_is_short_is_noticed),
		cmocka_unit_test(a_shortage_that_nobody_feels_is_noticed),
		cmocka_unit_test(who_is_not_told_that_he_may_go_on_is_noticed),
		cmocka_unit_test(a_run_without_faults_is_no_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
