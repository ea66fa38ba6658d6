#include "sim/workload.h"

#include "base/bits.h"

#define TRIES       6 /* dice thrown until something can be done */
#define SLOW_MS_MAX 400
#define REST_MS_MAX 50

struct temper temper_of(struct prng *r, uint32_t bytes_max)
{
	struct temper t = {
		.publish = 420,
		.settle = 300,
		.get = 60,
		.consume = 40,
		.cancel = 12,
		.declare = 20,
		.bind = 30,
		.unbind = 8,
		.count = 20,
		.qos = 6,
		.purge = 2,
		.remove = 2,
		.raze = 6,
		.recover = 3,
		.close = 5,
		.drop = 2,
		.leave = 1,
		.slow = 2,
		.rest = 10,
		.mandatory_percent = 10,
		.bytes_usual = 200,
		.bytes_max = bytes_max,
		.large_per_mille = 5,
	};
	t.persistent_percent = (uint32_t)prng_between(r, 30, 95);
	t.confirm_percent = (uint32_t)prng_between(r, 40, 100);
	t.no_ack_percent = (uint32_t)prng_between(r, 0, 60);
	t.held_max = (uint32_t)prng_between(r, 1, 60);
	t.burst_max = (uint32_t)prng_between(r, 1, 12);
	if (prng_chance(r, 1, 4))
		t.settle = 60;
	if (prng_chance(r, 1, 4))
		t.publish = 800;
	if (prng_chance(r, 1, 4))
		t.drop = t.close = 8;
	t.reject_percent = prng_chance(r, 1, 3) ? (uint32_t)prng_between(r, 20, 80) : 4;
	if (prng_chance(r, 1, 6))
		t.purge = t.remove = 10;
	return t;
}

bool workload_ready(const struct client *c)
{
	return c->phase == CLIENT_UP && c->rest_until_ms <= c->host->now_ms;
}

static bool chance(struct client *c, uint32_t percent)
{
	return prng_chance(&c->prng, percent, 100);
}

static uint32_t dice(struct client *c, uint32_t n)
{
	return (uint32_t)prng_below(&c->prng, n);
}

/* ---- one thing -------------------------------------------------------------------------- */

static uint32_t size(struct client *c, const struct temper *t)
{
	if (dice(c, 1000) < t->large_per_mille)
		return (uint32_t)prng_between(&c->prng, t->bytes_usual, t->bytes_max);
	if (chance(c, 5))
		return (uint32_t)prng_between(&c->prng, LETTER_BYTES_MIN,
					      min_u64(8192, t->bytes_max));
	return (uint32_t)prng_between(&c->prng, LETTER_BYTES_MIN, t->bytes_usual);
}

/* Some go to further keys, which are in their headers. No exclusive queue is among them. */
static void copy(struct client *c, struct message *m)
{
	const uint32_t n = m->exchange == PLACE_X_default ? PLACE_x0 : PLACE_KEYS;
	if (chance(c, 90))
		return;
	m->copy = chance(c, 70) ? (uint8_t)(1 + dice(c, n)) : 0;
	m->blind = chance(c, 50) ? (uint8_t)(1 + dice(c, n)) : 0;
}

/* In a transaction no queue may refuse anything, so it goes to one that does not. */
static struct message letter(struct client *c, const struct temper *t, bool is_in_tx)
{
	static const uint8_t often[] = {
		PLACE_d0, PLACE_d1, PLACE_d2, PLACE_n0, PLACE_l0, PLACE_p0
	};
	struct message m = { .exchange = PLACE_X_default, .bytes = size(c, t) };
	if (chance(c, 40) && !(is_in_tx && t->is_refusing)) {
		m.exchange = (uint8_t)(1 + dice(c, PLACE_EXCHANGES - 1));
		m.key = (uint8_t)dice(c, PLACE_KEYS);
	} else {
		m.key = chance(c, 60) ? often[dice(c, sizeof often)]
				      : (uint8_t)dice(c, PLACE_QUEUES);
	}
	m.flags = chance(c, t->persistent_percent) ? LETTER_PERSISTENT : 0;
	m.flags |= !is_in_tx && chance(c, t->mandatory_percent) ? LETTER_MANDATORY : 0;
	while (is_in_tx && m.exchange == PLACE_X_default &&
	       (c->oracle->places.rule[m.key].is_rejecting ||
		c->oracle->places.rule[m.key].is_strict))
		m.key = (uint8_t)dice(c, PLACE_QUEUES);
	if (!(is_in_tx && t->is_refusing))
		copy(c, &m);
	return m;
}

static bool publish(struct client *c, uint32_t channel, const struct temper *t)
{
	struct message m = letter(c, t, false);
	return client_publish(c, channel, &m);
}

static bool settle(struct client *c, uint32_t channel, const struct temper *t)
{
	const struct channel_state *ch = &c->channel[channel];
	if (ch->held_n == 0)
		return false;
	uint32_t at = ch->held_first;
	if (chance(c, 50))
		at += dice(c, ch->held_end - ch->held_first);
	while (at < ch->held_end && ch->held[at].is_settled)
		at++;
	enum client_how how = chance(c, t->reject_percent) ? CLIENT_REJECT
			      : chance(c, 8)               ? CLIENT_REQUEUE
							   : CLIENT_ACK;
	return client_settle(c, channel, at, how, chance(c, 25));
}

static bool acknowledge(struct client *c, uint32_t channel)
{
	const struct channel_state *ch = &c->channel[channel];
	uint32_t at = ch->held_first;
	while (at < ch->held_end && ch->held[at].is_settled)
		at++;
	return client_settle(c, channel, at, CLIENT_ACK, chance(c, 10));
}

bool workload_deal(struct client *c, uint32_t channel, const struct temper *t)
{
	if (!client_deal_begin(c, channel))
		return false;
	for (uint32_t n = dice(c, 6); n > 0; n--) {
		struct message m = letter(c, t, true);
		(void)client_publish(c, channel, &m);
	}
	for (uint32_t n = dice(c, 4); n > 0; n--)
		(void)acknowledge(c, channel);
	client_deal_end(c, channel);
	return true;
}

/* All that such a channel publishes and settles is in transactions. */
static bool deal(struct client *c, uint32_t channel, const struct temper *t)
{
	if (!chance(c, 10))
		return workload_deal(c, channel, t);
	struct message m = letter(c, t, true);
	return client_take_back(c, channel, &m);
}

static bool no_ack(struct client *c, uint32_t queue, const struct temper *t)
{
	return place_queues[queue].may_no_ack && chance(c, t->no_ack_percent);
}

static bool consume(struct client *c, uint32_t channel, const struct temper *t)
{
	uint32_t queue = chance(c, 15) ? PLACE_l0 : dice(c, PLACE_QUEUES);
	/* The channel that must not fail is the one whose end takes queues with it. */
	if (place_queues[queue].is_auto_delete)
		channel = ORACLE_CHANNELS - 1;
	if (client_is_stream(c, queue) && c->channel[channel].prefetch == 0)
		return client_qos(c, channel, 1 + dice(c, t->held_max), false);
	return client_consume(c, channel, queue, no_ack(c, queue, t));
}

static bool get(struct client *c, uint32_t channel, const struct temper *t)
{
	uint32_t queue = dice(c, PLACE_QUEUES);
	return client_get(c, channel, queue, no_ack(c, queue, t));
}

/* ---- choosing --------------------------------------------------------------------------- */

static bool change(struct client *c, uint32_t channel, uint32_t d, const struct temper *t)
{
	uint32_t queue = dice(c, PLACE_QUEUES), binding = dice(c, PLACE_BINDINGS);
	bool may_fail = channel + 1 < ORACLE_CHANNELS;
	if (d < t->declare)
		return client_declare(c, channel, queue);
	if ((d -= t->declare) < t->bind)
		return chance(c, 25) ? client_join(c, channel, dice(c, PLACE_JOINTS), false)
				     : client_bind(c, channel, binding);
	if ((d -= t->bind) < t->unbind)
		return chance(c, 25) ? client_join(c, channel, dice(c, PLACE_JOINTS), true)
				     : client_unbind(c, channel, binding);
	if ((d -= t->unbind) < t->count)
		return client_count(c, channel, queue);
	if ((d -= t->count) < t->qos)
		return client_qos(c, channel, dice(c, t->held_max + 1), chance(c, 25));
	if ((d -= t->qos) < t->purge)
		return client_purge(c, channel, queue);
	if ((d -= t->purge) < t->remove)
		return client_delete(c, channel, queue, may_fail ? dice(c, 4) : 0);
	if ((d -= t->remove) < t->raze)
		return client_delete_exchange(c, channel, dice(c, PLACE_EXCHANGES));
	if ((d -= t->raze) < t->recover)
		return client_recover(c, channel);
	if ((d -= t->recover) < t->close)
		return client_close(c, channel);
	if ((d -= t->close) < t->drop) {
		client_drop(c, chance(c, 50));
		return true;
	}
	if ((d -= t->drop) < t->leave)
		return client_leave(c);
	if ((d -= t->leave) < t->slow) {
		uint64_t ms = prng_between(&c->prng, 1, SLOW_MS_MAX);
		c->slow_until_ms = c->host->now_ms + ms;
		TELL(c->story, slow, c->index, ms);
		return true;
	}
	c->rest_until_ms = c->host->now_ms + prng_between(&c->prng, 1, REST_MS_MAX);
	return true;
}

static bool once(struct client *c, uint32_t channel, const struct temper *t)
{
	uint32_t changes = t->declare + t->bind + t->unbind + t->count + t->qos + t->purge +
			   t->remove + t->raze + t->recover + t->close + t->drop + t->leave +
			   t->slow + t->rest;
	uint32_t d = dice(c, t->publish + t->settle + t->get + t->consume + t->cancel + changes);
	if (c->channel[channel].is_dealing && d < t->publish + t->settle)
		return deal(c, channel, t);
	if (d < t->publish)
		return publish(c, channel, t);
	if ((d -= t->publish) < t->settle)
		return settle(c, channel, t);
	if ((d -= t->settle) < t->get)
		return get(c, channel, t);
	if ((d -= t->get) < t->consume)
		return consume(c, channel, t);
	if ((d -= t->consume) < t->cancel)
		return client_cancel(c, channel, dice(c, CLIENT_CONSUMERS));
	return change(c, channel, d - t->cancel, t);
}

/* What is missing comes first. */
static bool set_up(struct client *c, uint32_t channel, const struct temper *t)
{
	const struct channel_state *ch = &c->channel[channel];
	const struct oracle *o = c->oracle;
	if (ch->life == LIFE_NONE)
		return client_open(c, channel);
	if (!client_may_call(c, channel))
		return false;
	if (!ch->is_confirming && ch->number * 61 % 100 < t->confirm_percent)
		return client_select(c, channel);
	if (!ch->is_confirming && !ch->is_dealing && ch->number % 2 == 0)
		return client_select_tx(c, channel);
	for (uint32_t x = 0; x < PLACE_EXCHANGES; x++)
		if (o->exchange[x] != LIFE_THERE && o->exchange[x] != LIFE_COMING && chance(c, 30))
			return client_declare_exchange(c, channel, x);
	uint32_t queue = dice(c, PLACE_QUEUES);
	if (o->queue[queue].life != LIFE_THERE && chance(c, 30))
		return client_declare(c, channel, queue);
	return false;
}

bool workload_step(struct client *c, const struct temper *t)
{
	must(c->phase == CLIENT_UP);
	uint32_t channel = dice(c, ORACLE_CHANNELS);
	if (set_up(c, channel, t))
		return true;
	for (int i = 0; i < TRIES && c->phase == CLIENT_UP; i++)
		if (once(c, channel, t))
			return true;
	return false;
}
