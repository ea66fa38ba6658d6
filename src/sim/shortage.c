#include "sim/shortage.h"

#include "node/inspect.h"
#include "sim/drain.h"
#include "sim/faults.h"

#define WORK_OPS   200
#define WORK_STEPS 20000

/* Clients go on for so long, or as far as they are let. False: as world_step. */
static bool work(struct world *w, bool is_looked_at)
{
	const uint64_t until = w->ops_n + WORK_OPS, limit = w->story.steps_n + WORK_STEPS;
	w->is_working = true;
	while (w->ops_n < until && w->story.steps_n < limit) {
		if (is_looked_at && prng_chance(&w->prng, 1, 64))
			host_look_free(&w->host);
		if (!world_step(w))
			return false;
	}
	return true;
}

void shortage_is_over(struct world *w)
{
	for (uint32_t i = 0; i < PLACE_CLIENTS; i++)
		if (w->client[i].is_blocked)
			story_wrong(&w->story, "c%u is still blocked, and nothing is short", i);
}

/* ---- the disk --------------------------------------------------------------------------- */

static bool no_space(struct world *w)
{
	sim_disk_faults(w->host.disk)->bytes_max = 0;
	w->is_patient = false;
	if (w->story.is_wrong)
		return false;
	TELL(&w->story, died, w->host.died);
	if (w->host.died != ERR_NO_SPACE) {
		story_wrong(&w->story, "the broker died of a full disk with error %d",
			    (int)w->host.died);
		return false;
	}
	return world_restart(w, false);
}

bool shortage_of_disk(struct world *w, uint64_t room)
{
	struct host *h = &w->host;
	w->is_patient = true;
	sim_disk_faults(h->disk)->bytes_max = sim_disk_used(h->disk) + room;
	if (!work(w, room > 0))
		return no_space(w);
	sim_disk_faults(h->disk)->bytes_max = 0;
	w->is_working = false; /* the alarm ends when somebody looks: every ten seconds */
	for (int i = 0; i < 150; i++) {
		host_pass(h, 200); /* gently: clients have to send their heartbeats */
		for (int n = 0; n < 40; n++)
			if (!world_step(w))
				return no_space(w);
	}
	w->is_patient = false;
	shortage_is_over(w);
	return !w->story.is_wrong;
}

/* ---- memory ----------------------------------------------------------------------------- */

/* At rest nobody is read no further but who has published, and he knows why. */
static void check_told(struct world *w)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		const struct client *c = &w->client[i];
		if (c->phase == CLIENT_UP && c->sock->state == SOCK_OPEN && !c->sock->is_reading &&
		    !c->is_blocked)
			story_wrong(&w->story, "c%u has to wait, and is not told", i);
	}
}

/* The mark is below all that is used: every publisher comes to a stand. */
static bool stand(struct world *w)
{
	struct host *h = &w->host;
	const uint64_t alarms_n = h->logged[LOG_memory_alarm_set];
	host_watermark(h, 1);
	if (!work(w, false) || !world_settle(w))
		return false;
	if (h->logged[LOG_memory_alarm_set] == alarms_n)
		story_wrong(&w->story, "memory is short, and the log does not say so");
	check_told(w);
	w->oracle.held_from = w->oracle.messages_n;
	if (!work(w, false) || !drain_is_served(w))
		return false;
	check_told(w);
	w->oracle.held_from = 0;
	return !w->story.is_wrong;
}

bool shortage_of_memory(struct world *w)
{
	struct host *h = &w->host;
	const uint64_t used = (uint64_t)node_memory_used(h->node);
	w->is_patient = w->oracle.is_short = true;
	if (prng_chance(&w->prng, 1, 2)) {
		host_watermark(h, used * prng_between(&w->prng, 95, 190) / 100);
		if (!work(w, false))
			return false;
	} else if (!stand(w)) {
		return false;
	}
	host_watermark(h, 0);
	w->is_patient = false;
	if (!world_settle(w))
		return false;
	w->oracle.is_short = false;
	shortage_is_over(w);
	return !w->story.is_wrong;
}
