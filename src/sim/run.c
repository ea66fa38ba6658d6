#include "sim/run.h"

#include "base/ablate.h"
#include "node/inspect.h"
#include "sim/absence.h"
#include "sim/backlog.h"
#include "sim/choosing.h"
#include "sim/crew.h"
#include "sim/deal.h"
#include "sim/drain.h"
#include "sim/edict.h"
#include "sim/faults.h"
#include "sim/flock.h"
#include "sim/keeping.h"
#include "sim/later.h"
#include "sim/lease.h"
#include "sim/lifetime.h"
#include "sim/parley.h"
#include "sim/passage.h"
#include "sim/patience.h"
#include "sim/picking.h"
#include "sim/pledge.h"
#include "sim/reading.h"
#include "sim/refrain.h"
#include "sim/relay.h"
#include "sim/replica.h"
#include "sim/turns.h"
#include "sim/voucher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_BYTES 1048576
#define BLOCKS_OF_LOOP    3u /* open ones: for sockets, for what is read back */

/* Nobody refers to a message any more. */
static bool check_blocks(struct world *w)
{
	for (uint32_t i = 0; i < w->host.loops_n; i++)
		host_step(&w->host, i); /* each takes home what others have dropped */
	if (!world_settle(w))
		return false;
	uint64_t out = node_blocks_out(w->host.node);
	if (out > (uint64_t)w->host.loops_n * BLOCKS_OF_LOOP * 65536)
		story_wrong(&w->story, "%lu bytes of messages are held, with all queues empty",
			    (unsigned long)out);
	return !w->story.is_wrong;
}

/* In the end all is taken out; a crash brings nothing back; a stop leaves nothing behind. */
static bool finish(struct world *w)
{
	if (!drain_all(w) || !check_blocks(w))
		return false;
	world_crash(w, true);
	return world_start(w) && drain_all(w) && check_blocks(w) && world_stop(w);
}

static bool play(struct world *w, uint64_t ops)
{
	struct plan plan = plan_make(&w->prng, ops);
	if (!world_start(w))
		return false;
	for (uint32_t i = 0; i < plan.n; i++)
		if (!world_work(w, plan.row[i].at) || !fault_happen(w, plan.row[i].fault))
			return false;
	return world_work(w, ops) && finish(w);
}

static void describe(struct world *w)
{
	char *room = malloc(DESCRIPTION_BYTES);
	must(room != NULL);
	struct text t = text_of(room, DESCRIPTION_BYTES);
	node_describe(w->host.node, &t);
	puts(room);
	free(room);
}

/* ---- side plays ------------------------------------------------------------------------- */

typedef void side_play(struct story *story, uint64_t seed);

static side_play *const plays[] = {
#define ALSO(play, rule)
#define PLAY(play, rule, prose) play##_play,
#include "sim/plays.def"
#undef PLAY
#undef ALSO
};
#define PLAYS_N (sizeof plays / sizeof plays[0])

/* When a rule is switched off, one of the plays that are there for it. */
static const struct {
	side_play *play;
	enum ablate_rule rule;
} also[] = {
#define ALSO(play, rule)        { play##_play, ABLATE_##rule },
#define PLAY(play, rule, prose) { play##_play, ABLATE_##rule },
#include "sim/plays.def"
#undef PLAY
#undef ALSO
};

static void play_aside(struct story *story, uint64_t seed)
{
	side_play *chosen = plays[seed % PLAYS_N];
	uint64_t found_n = 0;
	for (size_t i = 0; i < sizeof also / sizeof also[0]; i++)
		if (ablated[also[i].rule] && seed % ++found_n == 0)
			chosen = also[i].play;
	chosen(story, seed);
}

/* ---- one seed --------------------------------------------------------------------------- */

void run_seed(const struct run_options *o, struct run_result *out)
{
	struct world *w = malloc(sizeof *w);
	must(w != NULL);
	world_init(w, o->seed, o->loops, o->is_told);
	bool is_good = play(w, o->ops);
	if (!is_good && o->is_told && w->host.node)
		describe(w);
	if (!is_good && !w->story.is_wrong)
		story_wrong(&w->story, "the broker ended itself with error %d, unasked",
			    (int)w->host.died);
	if (is_good)
		replica_play(&w->story, o->seed);
	if (is_good && !w->story.is_wrong)
		play_aside(&w->story, o->seed);
	if (!w->story.is_wrong)
		score_check(w, o->ops);
	*out = (struct run_result){ .is_wrong = w->story.is_wrong,
				    .hash = w->story.hash,
				    .steps_n = w->story.steps_n,
				    .step = w->story.wrong_step };
	memcpy(out->wrong, w->story.wrong, sizeof out->wrong);
	score_of(w, out->score);
	world_fini(w);
	free(w);
}
