#include "sim/world.h"

#include "base/bits.h"
#include "sim/bounds.h"

#define CHUNK_BYTES      (LIMIT_CHUNK_ENTRIES * 41u) /* of a queue, in memory */
#define QUIET_STEPS      30    /* between two looks at a broker that is idle */
#define WAIT_MS_MAX      60000 /* for an answer */
#define SETTLE_STEPS_MAX 400000
#define CLIENT_SHIFT     8 /* of actors' bits */
#define OPERATOR         (CLIENT_SHIFT + ORACLE_CLIENTS)
#define ORDER_STEPS      300    /* between two orders of the operator, about */
#define PAGE_PART        32768u /* of a segment, for each row of a stream's page */
#define CHECK_STEPS      64     /* between two looks at its memory, and at who waits */

/* ---- life ------------------------------------------------------------------------------- */

/* The smaller the segments, the more of them; but what one read brings must fit into a record,
 * which is a quarter of a segment. */
static struct host_setup setup_of(struct prng *r, uint32_t loops_n)
{
	static const uint32_t segments[] = { 65536, 65536, 131072, 262144, 1048576 };
	uint32_t segment = segments[prng_below(r, 5)];
	uint32_t pipe = 1u << prng_between(r, 12, 17);
	struct host_setup s = {
		.loops_n = loops_n ? loops_n : (uint32_t)prng_between(r, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)min_u64(pipe, segment / 8),
		.segment_bytes = segment,
		.cache_bytes = prng_chance(r, 1, 2) ? 1u << prng_between(r, 12, 18) : 64u << 20,
		.disk_free_bytes = 1048576,
		.output_bytes = 1u << prng_between(r, 16, 20),
		.unconfirmed_bytes = 1u << prng_between(r, 14, 20),
		.frame_max = 1u << prng_between(r, 12, 17),
		.heartbeat_s = prng_chance(r, 1, 4) ? 2 : 0,
	};
	s.checkpoint_every_bytes = UINT64_C(16384) << prng_below(r, 7);
	return s;
}

void world_init(struct world *w, uint64_t seed, uint32_t loops_n, bool is_told)
{
	*w = (struct world){ .prng = prng_of(seed), .is_working = true };
	story_init(&w->story, is_told);
	struct host_setup s = setup_of(&w->prng, loops_n);
	s.entries_bytes = seed % 4 == 3 ? 64u << 20 : seed % 4 * 3 * CHUNK_BYTES;
	TELL(&w->story, seed, seed, s.loops_n, 0, s.segment_bytes >> 10,
	     s.checkpoint_every_bytes >> 10);
	host_init(&w->host, &w->story, prng_u64(&w->prng), &s);
	oracle_init(&w->oracle, &w->story, &w->host.now_ms, &w->prng);
	w->oracle.stream_page = (uint32_t)s.segment_bytes / PAGE_PART;
	w->oracle.may_be_cold = s.entries_bytes < 64u << 20;
	w->temper = temper_of(&w->prng, s.segment_bytes < 1048576 ? s.pipe_bytes / 4 : 400000);
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		w->temper.is_refusing |= w->oracle.places.rule[q].is_rejecting ||
					 w->oracle.places.rule[q].is_strict;
	w->heartbeat_s = s.heartbeat_s;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		client_init(&w->client[i], &w->host, &w->oracle, i, prng_u64(&w->prng));
	w->client[WORLD_DRAINER].is_draining = true;
}

void world_fini(struct world *w)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		client_fini(&w->client[i]);
	oracle_fini(&w->oracle);
	host_fini(&w->host);
}

/* ---- progress --------------------------------------------------------------------------- */

static void wrong_wait(struct world *w, uint32_t client, uint32_t channel)
{
	const struct client *c = &w->client[client];
	story_wrong(&w->story, "c%u.%u waits in vain for %s", client, channel,
		    amqp091_method_info[c->channel[channel].asked.answer].name);
}

static bool is_waiting(const struct channel_state *ch)
{
	return ch->life != LIFE_NONE && ch->asked.answer != AMQP091_METHOD_N;
}

/* A client waits for so long: while the disk is full, that does not count. */
static bool is_late(struct world *w, const struct client *c, uint64_t *since_ms)
{
	if (w->is_patient || c->is_blocked)
		*since_ms = w->host.now_ms;
	return w->host.now_ms - *since_ms > WAIT_MS_MAX;
}

static void check_progress(struct world *w)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		struct client *c = &w->client[i];
		if (c->phase == CLIENT_OFF)
			continue;
		if (c->phase != CLIENT_UP) {
			if (is_late(w, c, &c->asked_ms))
				story_wrong(&w->story, "c%u waits in vain in phase %d", i,
					    c->phase);
			continue;
		}
		for (uint32_t n = 0; n < ORACLE_CHANNELS; n++)
			if (is_waiting(&c->channel[n]) &&
			    is_late(w, c, &c->channel[n].asked.since_ms))
				wrong_wait(w, i, n);
	}
}

/* ---- the broker is idle ----------------------------------------------------------------- */

static bool is_ours(const struct world *w, const struct sock *k)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		if (w->client[i].phase != CLIENT_OFF && w->client[i].sock == k)
			return true;
	return w->operator.errand.sock == k;
}

/* Everybody whom clients have dropped is known to be gone. */
static bool are_lost_known(const struct world *w)
{
	for (uint32_t i = 0; i < SOCKS_MAX; i++) {
		const struct sock *k = &w->host.socks.at[i];
		bool is_open = k->state != SOCK_FREE && k->state != SOCK_SHUT;
		if (is_open && !is_ours(w, k))
			return false;
	}
	return true;
}

/* An idle broker that has read all has answered all, and the client has read that. */
static void quiet_client(struct world *w, uint32_t client)
{
	const struct client *c = &w->client[client];
	for (uint32_t n = 0; c->phase == CLIENT_UP && n < ORACLE_CHANNELS; n++) {
		const struct channel_state *ch = &c->channel[n];
		if (is_waiting(ch))
			wrong_wait(w, client, n);
		else if (ch->unconfirmed_n > 0)
			story_wrong(&w->story, "c%u.%u waits in vain for the confirm of m%u",
				    client, n, ch->unconfirmed[0]);
	}
}

static void quiet(struct world *w)
{
	uint32_t silent = 0;
	bool is_read = true;
	if (w->story.steps_n < w->quiet_step || !host_is_idle(&w->host))
		return;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		bool is_silent = client_is_silent(&w->client[i]);
		bool has_all = client_has_all(&w->client[i]);
		if (is_silent && has_all)
			quiet_client(w, i);
		silent |= (uint32_t)is_silent << i;
		is_read &= has_all;
	}
	TELL(&w->story, quiet, w->host.now_ms, silent);
	oracle_quiet(&w->oracle, silent, are_lost_known(w), is_read);
	w->quiet_step = w->story.steps_n + QUIET_STEPS;
}

/* ---- choosing --------------------------------------------------------------------------- */

static uint32_t clients_runnable(const struct world *w)
{
	uint32_t bits = 0;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		const struct client *c = &w->client[i];
		bool is_busy = client_has_io(c);
		if (i != WORLD_DRAINER && w->is_working)
			is_busy |= c->phase == CLIENT_OFF || workload_ready(c);
		if (is_busy)
			bits |= 1u << i;
	}
	return bits;
}

/* Time passes until somebody wants to go on. False: nobody ever will. */
static bool pass(struct world *w)
{
	uint64_t at = host_deadline(&w->host), now = w->host.now_ms;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		const struct client *c = &w->client[i];
		if (c->phase == CLIENT_OFF)
			continue;
		if (c->slow_until_ms > now)
			at = min_u64(at, c->slow_until_ms);
		if (c->rest_until_ms > now)
			at = min_u64(at, c->rest_until_ms);
	}
	if (at == UINT64_MAX)
		return false;
	host_pass(&w->host, at > now ? min_u64(at - now, 1000) : 1);
	return true;
}

static void beat(struct world *w)
{
	if (w->heartbeat_s == 0 || w->host.now_ms < w->beat_ms)
		return;
	w->beat_ms = w->host.now_ms + w->heartbeat_s * 250;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		if (w->client[i].phase == CLIENT_UP || w->client[i].phase == CLIENT_LEAVING)
			client_beat(&w->client[i]);
}

/* What the broker cannot read it must say; but it must be able to, as long as nothing rots. */
static void check_log(struct world *w)
{
	uint64_t n = w->host.logged[LOG_corruption_found];
	if (n == w->unreadable_n)
		return;
	w->oracle.unreadable_n += n - w->unreadable_n;
	w->unreadable_n = n;
	w->oracle.is_rotten = true;
	if (!w->is_rotten)
		story_wrong(&w->story,
			    "the broker cannot read a message, though the disk is whole");
}

/* ---- steps ------------------------------------------------------------------------------ */

static void client_step(struct world *w, uint32_t i)
{
	struct client *c = &w->client[i];
	bool may_work = w->is_working && i != WORLD_DRAINER;
	if (c->phase == CLIENT_OFF) {
		(void)client_connect(c, (uint32_t)prng_below(&w->prng, w->host.loops_n));
		return;
	}
	if (client_has_io(c) && (!may_work || prng_chance(&w->prng, 2, 3))) {
		client_io(c);
		return;
	}
	uint32_t burst = (uint32_t)prng_between(&w->prng, 1, w->temper.burst_max);
	for (; burst > 0 && may_work && workload_ready(c); burst--)
		w->ops_n += workload_step(c, &w->temper);
}

static uint32_t choose(struct world *w, uint32_t bits)
{
	uint64_t n = prng_below(&w->prng, (uint64_t)__builtin_popcount(bits));
	for (; n > 0; n--)
		bits &= bits - 1;
	return (uint32_t)bits_lowest(bits);
}

bool world_step(struct world *w)
{
	w->story.steps_n++;
	uint32_t bits = host_runnable(&w->host) | clients_runnable(w) << CLIENT_SHIFT |
			(uint32_t)operator_has_io(&w->operator) << OPERATOR;
	if (prng_chance(&w->prng, 1, 8))
		host_pass(&w->host, 1);
	beat(w);
	if (w->is_working && !w->is_patient && prng_chance(&w->prng, 1, ORDER_STEPS))
		operator_begin(&w->operator, & w->host, &w->oracle, &w->prng);
	if (bits == 0) {
		if (!pass(w))
			host_pass(&w->host, 1000);
	} else {
		uint32_t who = choose(w, bits);
		if (who < CLIENT_SHIFT)
			host_step(&w->host, who);
		else if (who == OPERATOR)
			operator_io(&w->operator, & w->host, &w->oracle);
		else
			client_step(w, who - CLIENT_SHIFT);
	}
	check_log(w);
	if (bits == 0 || w->story.steps_n % CHECK_STEPS == 0)
		check_progress(w);
	if (w->host.died == ERR_OK) {
		if (w->story.steps_n % CHECK_STEPS == 0)
			bounds_check(w);
		quiet(w);
	}
	return !w->story.is_wrong && w->host.died == ERR_OK;
}

bool world_work(struct world *w, uint64_t ops)
{
	w->is_working = true;
	while (w->ops_n < ops)
		if (!world_step(w))
			return false;
	return true;
}

static bool is_at_rest(const struct world *w)
{
	if (!host_is_idle(&w->host) || !are_lost_known(w) || w->operator.errand.sock)
		return false;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		if (client_has_io(&w->client[i]) || !client_has_all(&w->client[i]))
			return false;
	return true;
}

bool world_settle(struct world *w)
{
	w->is_working = false;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		w->client[i].slow_until_ms = 0;
	for (uint64_t n = 0; !is_at_rest(w); n++) {
		if (!world_step(w))
			return false;
		if (n > SETTLE_STEPS_MAX) {
			story_wrong(&w->story, "the broker does not come to rest");
			return false;
		}
	}
	w->quiet_step = 0;
	quiet(w);
	return !w->story.is_wrong;
}

bool world_rest(struct world *w)
{
	if (!world_settle(w))
		return false;
	for (uint32_t i = 0; i < PLACE_CLIENTS; i++)
		if (!client_leave(&w->client[i]))
			client_drop(&w->client[i], prng_chance(&w->prng, 1, 2));
	return world_settle(w);
}
