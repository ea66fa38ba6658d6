/* calling for_tests -- what the tests of bridges share: one bridge, and its other broker in hex.
 */
#ifndef SESSION_MQTT_CALLING_FOR_TESTS_H
#define SESSION_MQTT_CALLING_FOR_TESTS_H
#include "session/harness_for_tests.h"
#include "session/mqtt/bridge.h"
#include "session/mqtt/ops.h"
#include "wire/mqtt/for_tests.h"

#define CONNACK      "20 02 00 00"
#define CONNACK_KEPT "20 02 01 00"
#define CONNACK_5    "20 03 00 00 00"

static const struct mqtt_bridge_topic bridge_topics[] = {
	{ .pattern = { (const uint8_t *)"a/#", 3 }, .qos = 2, .is_in = true, .is_out = true },
	{ .pattern = { (const uint8_t *)"+", 1 },
	  .local = { (const uint8_t *)"l/", 2 },
	  .remote = { (const uint8_t *)"r/", 2 },
	  .qos = 1,
	  .is_in = true },
};

/* One broker with one bridge, and clients of its own. */
struct place {
	struct world *w;
	struct mqtt_bridge_memory memory;
	struct mqtt_bridge bridge;
	struct mqtt_settings settings;
};

static inline void place_open(struct place *p, uint8_t version)
{
	*p = (struct place){ .w = world_new() };
	p->bridge = (struct mqtt_bridge){ .client_id = slice_str("here"),
					  .local_client_id = slice_str("local.here"),
					  .local_user = slice_str("guest"),
					  .topics = bridge_topics,
					  .memory = &p->memory,
					  .topics_n = 2,
					  .keep_alive_s = 60,
					  .is_retaining = true,
					  .is_unsubscribing = true,
					  .version = version };
	p->settings = (struct mqtt_settings){ .vhost = slice_str("/"),
					      .exchange = slice_str("amq.topic"),
					      .session_expiry_s = 3600,
					      .packet_max = 1 << 16,
					      .first_packet_max = 1 << 12,
					      .login_timeout_ms = 10000,
					      .alias_max = 4,
					      .receive_max = 3,
					      .bridges = &p->bridge,
					      .bridges_n = 1,
					      .prefetch = 3,
					      .is_open_to_all = true };
	p->w->limits.mqtt = &p->settings;
}

static inline struct client *call(struct place *p)
{
	struct client *c = client_of(p->w, &mqtt_session_ops, true);
	c->s->ops->begin(c->s, world_of(p->w), 0);
	world_run(p->w);
	return c;
}

static inline void say(struct client *c, const char *z)
{
	const struct slice octets = hex(z);
	client_write(c, octets.p, octets.n);
	world_run(c->world);
}

static inline void forget_output(struct client *c)
{
	c->out_read = c->out.n;
}

static inline size_t heard_n(const struct client *c, uint8_t first)
{
	size_t n = 0;
	struct mqtt_packet p;
	for (size_t at = c->out_read; at < c->out.n; at += p.total) {
		const struct slice rest = slice_of(c->out.p + at, c->out.n - at);
		must(mqtt_packet_read(rest, 0, 0, &p) == MQTT_FAULT_NONE);
		n += c->out.p[at] == first;
	}
	return n;
}

static inline void lose(struct client *c)
{
	struct world *w = c->world;
	client_lost(c);
	world_run(w);
}
#endif
