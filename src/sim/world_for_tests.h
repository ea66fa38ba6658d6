/* world_for_tests -- the whole broker on a simulated machine, for stories: loops, shards, journal,
 * with sockets that cut bytes anywhere. Only for tests.
 */
#ifndef SIM_WORLD_FOR_TESTS_H
#define SIM_WORLD_FOR_TESTS_H
#include "session/octets_for_tests.h"
#include "sim/host.h"

#include <stdlib.h>
#include <string.h>

#define WORLD_CLIENTS 16
#define TAKE_BYTES    65536u
#define STEPS_MAX     1000000

struct client {
	struct world *world;
	uint8_t version; /* of its protocol, as it has said */
	struct sock *sock;
	struct octets out, unsent;
	size_t out_read, frame_max;
	bool is_closed;
};

struct world {
	struct host host;
	const struct session_ops *ops; /* what its clients speak; NULL: AMQP 0-9-1 */
	struct story story;
	struct prng prng;
	struct client *clients[WORLD_CLIENTS];
};

static struct client *client_new(struct world *w, bool is_loopback)
{
	struct client *c = calloc(1, sizeof *c);
	uint32_t slot = 0;
	must(c != NULL);
	while (w->clients[slot])
		must(++slot < WORLD_CLIENTS);
	*c = (struct client){ .world = w, .frame_max = LIMIT_FRAME_MAX_DEFAULT };
	c->sock = sock_connect(&w->host.socks, (uint32_t)prng_below(&w->prng, w->host.loops_n));
	must(c->sock != NULL);
	c->sock->is_remote = !is_loopback;
	c->sock->ops = w->ops;
	w->clients[slot] = c;
	return c;
}

static void client_write(struct client *c, const void *p, size_t n)
{
	octets_put(&c->unsent, p, n);
}

static bool client_io(struct client *c)
{
	struct socks *s = &c->world->host.socks;
	bool is_end = false;
	if (c->is_closed)
		return false;
	uint32_t sent = c->unsent.n ? sock_send(s, c->sock, c->unsent.p, (uint32_t)c->unsent.n) : 0;
	c->unsent.n -= sent;
	if (c->unsent.n)
		memmove(c->unsent.p, c->unsent.p + sent, c->unsent.n);
	uint32_t n = sock_take(s, c->sock, octets_more(&c->out, TAKE_BYTES), TAKE_BYTES, &is_end);
	c->out.n -= TAKE_BYTES - n;
	c->is_closed = is_end;
	if (is_end)
		sock_drop(c->sock, false);
	return sent > 0 || n > 0 || is_end;
}

/* world_run lets everything happen that can without a clock. */
static void world_run(struct world *w)
{
	for (int steps = 0;; steps++) {
		bool is_any = false;
		uint32_t bits = host_runnable(&w->host);
		must(steps < STEPS_MAX);
		for (int i = 0; i < WORLD_CLIENTS; i++)
			if (w->clients[i])
				is_any |= client_io(w->clients[i]);
		if (bits == 0 && !is_any)
			return;
		for (uint32_t i = 0; i < HOST_ACTORS; i++)
			if (bits >> i & 1 && prng_chance(&w->prng, 1, 2))
				host_step(&w->host, i);
		must(w->host.died == ERR_OK);
	}
}

/* client_lost: its socket breaks. */
static void client_lost(struct client *c)
{
	struct world *w = c->world;
	if (!c->is_closed)
		sock_drop(c->sock, prng_chance(&w->prng, 1, 2));
	for (int i = 0; i < WORLD_CLIENTS; i++)
		if (w->clients[i] == c)
			w->clients[i] = NULL;
	free(c->out.p);
	free(c->unsent.p);
	free(c);
}

static bool world_later(struct world *w, uint64_t max_ms)
{
	uint64_t at = host_deadline(&w->host), now = w->host.now_ms;
	if (at > now + max_ms)
		return false;
	host_pass(&w->host, at > now ? at - now : 1);
	world_run(w);
	return true;
}

static struct world *world_new(uint64_t seed, const struct session_ops *ops)
{
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct world *w = calloc(1, sizeof *w);
	must(w != NULL);
	w->ops = ops;
	w->prng = prng_of(seed);
	story_init(&w->story, false);
	struct host_setup s = {
		.loops_n = (uint32_t)(1 + seed % HOST_LOOPS_MAX),
		.pipe_bytes = 16384,
		.segment_bytes = LIMIT_SEGMENT_BYTES / 16,
		.checkpoint_every_bytes = 1u << 20,
		.cache_bytes = 1u << 20,
		.disk_free_bytes = 1u << 20,
		.output_bytes = 1u << 20,
		.unconfirmed_bytes = 16u << 20,
		.frame_max = LIMIT_FRAME_MAX_DEFAULT,
		.heartbeat_s = LIMIT_HEARTBEAT_DEFAULT_S,
	};
	host_init(&w->host, &w->story, seed, &s);
	enum err e = host_start(&w->host, &why);
	must(e == ERR_OK);
	world_run(w);
	return w;
}

/* world_order is what an operator says (orders_for_tests.h). */
static void world_order(struct world *w, const char *line);

/* world_free ends all clients and the broker, and must find everything given back. */
static void world_free(struct world *w)
{
	for (int i = 0; i < WORLD_CLIENTS; i++)
		if (w->clients[i])
			client_lost(w->clients[i]);
	world_run(w);
	host_stop(&w->host);
	while (!host_is_stopped(&w->host))
		world_run(w);
	int64_t left = host_close(&w->host);
	must(left == 0);
	host_fini(&w->host);
	free(w);
}
#endif
