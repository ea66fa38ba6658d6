#include "sim/drain.h"

#define STEPS_MAX  100000
#define ROUNDS_MAX 20000
#define CHANNEL    0
#define PREFETCH   500 /* of who reads a stream */

static struct client *drainer(struct world *w)
{
	return &w->client[WORLD_DRAINER];
}

/* Steps until the drainer's call is answered. */
static bool answered(struct world *w)
{
	struct client *c = drainer(w);
	for (uint32_t n = 0; n < STEPS_MAX; n++) {
		if (c->phase == CLIENT_UP && client_may_call(c, CHANNEL))
			return true;
		if (c->phase == CLIENT_UP && c->channel[CHANNEL].life == LIFE_NONE)
			(void)client_open(c, CHANNEL);
		if (!world_step(w))
			return false;
	}
	story_wrong(&w->story, "the drain waits in vain in phase %d", c->phase);
	return false;
}

static bool acknowledge(struct client *c)
{
	struct channel_state *ch = &c->channel[CHANNEL];
	if (ch->held_n == 0)
		return false;
	uint32_t last = ch->held_end - 1;
	while (ch->held[last].is_settled)
		last--;
	return client_settle(c, CHANNEL, last, CLIENT_ACK, true);
}

/* Everything that comes is acknowledged, until nothing comes any more. */
static bool consume_all(struct world *w, uint32_t queue)
{
	struct client *c = drainer(w);
	if (!client_consume(c, CHANNEL, queue, false))
		return !w->story.is_wrong;
	for (uint32_t n = 0; n < ROUNDS_MAX; n++) {
		if (!world_settle(w))
			return false;
		if (!acknowledge(c))
			return true;
	}
	story_wrong(&w->story, "%s does not become empty", place_queues[queue].name);
	return false;
}

static bool get_all(struct world *w, uint32_t queue)
{
	struct client *c = drainer(w);
	for (uint32_t n = 0; n < ROUNDS_MAX; n++) {
		uint64_t before = c->received_n + w->unreadable_n;
		if (!client_get(c, CHANNEL, queue, false) || !answered(w))
			return false;
		(void)acknowledge(c);
		if (c->received_n + w->unreadable_n == before)
			return world_settle(w);
	}
	story_wrong(&w->story, "%s does not become empty", place_queues[queue].name);
	return false;
}

static bool drain_queue(struct world *w, uint32_t queue)
{
	struct client *c = drainer(w);
	struct oracle *o = &w->oracle;
	if (place_queues[queue].is_exclusive)
		return true;
	if (o->queue[queue].life != LIFE_NONE) {
		if (!client_declare(c, CHANNEL, queue) || !answered(w))
			return false;
		if (client_is_stream(c, queue) &&
		    (!client_qos(c, CHANNEL, PREFETCH, false) || !answered(w)))
			return false;
		bool is_get = o->places.rule[queue].kind != PLACE_SINGLE &&
			      !client_is_stream(c, queue) && prng_chance(&w->prng, 1, 6);
		if (!(is_get ? get_all(w, queue) : consume_all(w, queue)) || !answered(w))
			return false;
	}
	oracle_drained(o, queue);
	if (!client_close(c, CHANNEL) || !answered(w))
		return false;
	return !w->story.is_wrong;
}

/* The drainer is there, with a channel. */
static bool come(struct world *w)
{
	struct client *c = drainer(w);
	if (c->phase == CLIENT_OFF &&
	    !client_connect(c, (uint32_t)prng_below(&w->prng, w->host.loops_n))) {
		story_wrong(&w->story, "no socket for the drain");
		return false;
	}
	return answered(w);
}

bool drain_is_served(struct world *w)
{
	struct client *c = drainer(w);
	w->is_working = false;
	if (!come(w))
		return false;
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		if (client_count(c, CHANNEL, q) && !answered(w))
			return false;
	return client_leave(c) && world_settle(w);
}

bool drain_all(struct world *w)
{
	struct client *c = drainer(w);
	TELL(&w->story, drain, w->ops_n);
	if (!world_rest(w) || !come(w))
		return false;
	for (uint32_t n = 0; n < 2 * PLACE_QUEUES; n++) {
		const uint32_t q = n %
				   PLACE_QUEUES; /* where dead letters come to is drained last */
		if (w->oracle.places.rule[q].is_cemetery == (n >= PLACE_QUEUES) &&
		    !drain_queue(w, q))
			return false;
	}
	oracle_all_drained(&w->oracle);
	if (w->story.is_wrong)
		return false;
	return client_leave(c) && world_settle(w);
}
