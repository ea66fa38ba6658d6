/* place_for_tests -- a publisher, and subscribers, with a broker between them. */
#ifndef SESSION_MQTT_PLACE_FOR_TESTS_H
#define SESSION_MQTT_PLACE_FOR_TESTS_H
#include "session/harness_for_tests.h"
#include "session/mqtt/mqtt.h"
#include "wire/mqtt/for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct place {
	struct world *w;
	struct mqtt_settings settings;
	struct client *from;
};

static inline void say(struct client *c, struct slice octets)
{
	client_write(c, octets.p, octets.n);
	world_run(c->world);
}

static inline struct client *client(struct place *p, uint8_t version, char id)
{
	char hello[64];
	struct client *c = client_of(p->w, &mqtt_session_ops, true);
	snprintf(hello, sizeof hello, "10 %s 0004'MQTT' %02x 02 0000 %s 0001'%c'",
		 version == MQTT_V5 ? "0e" : "0d", version, version == MQTT_V5 ? "00" : "", id);
	say(c, hex(hello));
	assert_false(c->is_closed);
	return c;
}

static inline struct client *subscriber(struct place *p, uint8_t version, char id,
					const char *filter)
{
	char ask[64];
	struct client *c = client(p, version, id);
	size_t n = strlen(filter);
	snprintf(ask, sizeof ask, "82 %02x 0001 %s %04x'%s' 00",
		 (unsigned)n + (version == MQTT_V5) + 5, version == MQTT_V5 ? "00" : "",
		 (unsigned)n, filter);
	say(c, hex(ask));
	c->out_read = c->out.n;
	return c;
}

static inline int begin(void **s)
{
	struct place *p = calloc(1, sizeof *p);
	must(p != NULL);
	p->w = world_new();
	p->settings = (struct mqtt_settings){ .vhost = slice_str("/"),
					      .exchange = slice_str("amq.topic"),
					      .session_expiry_s = 3600,
					      .packet_max = 1 << 20,
					      .first_packet_max = 1 << 12,
					      .login_timeout_ms = 10000,
					      .alias_max = 4,
					      .receive_max = 30,
					      .prefetch = 30,
					      .is_open_to_all = true };
	p->w->limits.mqtt = &p->settings;
	p->from = client(p, MQTT_V4, 'p');
	*s = p;
	return 0;
}

static inline int end(void **s)
{
	struct place *p = *s;
	world_free(p->w);
	free(p);
	return 0;
}

static inline void hears(struct client *c, struct slice want)
{
	assert_int_equal(c->out.n - c->out_read, want.n);
	assert_memory_equal(c->out.p + c->out_read, want.p, want.n);
	c->out_read = c->out.n;
}

static inline uint64_t sum(const struct place *p, enum meter_kind kind)
{
	return meter_sum(&p->w->meter, kind);
}

#endif
