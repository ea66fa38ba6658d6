/* mqtt for_tests -- what the tests of this room share: packets written in hex, and every
 * beginning of them read.
 */
#ifndef WIRE_MQTT_FOR_TESTS_H
#define WIRE_MQTT_FOR_TESTS_H

#include "base/exact_for_tests.h"
#include "base/limits.h"
#include "base/text.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#include <stdio.h>
#include <stdlib.h>

/* hex_digit is -1 for what is none. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* hex reads pairs of digits, and text as it is in single quotes: "20 02 'MQTT'". One of 64 buffers
 * that are used in turn. */
static inline struct slice hex(const char *z)
{
	static uint8_t buffers[64][512];
	static unsigned turn;
	uint8_t *p = buffers[turn++ % 64];
	size_t n = 0;
	for (; *z; z++) {
		must(n < sizeof buffers[0]);
		if (*z == '\'') {
			while (*++z != '\'')
				p[n++] = (uint8_t)*z;
		} else if (*z != ' ') {
			must(hex_digit(z[0]) >= 0 && hex_digit(z[1]) >= 0);
			p[n++] = (uint8_t)(hex_digit(z[0]) << 4 | hex_digit(z[1]));
			z++;
		}
	}
	return slice_of(p, n);
}

/* any is what a packet of any type has become. */
struct any {
	struct mqtt_packet packet;
	struct mqtt_connect connect;
	struct mqtt_connack connack;
	struct mqtt_publish publish;
	struct mqtt_ack ack;
	struct mqtt_subscribe subscribe;
	struct mqtt_suback suback;
};

/* decode_packet decodes the body of what has been read. */
static inline enum mqtt_fault decode_packet(struct any *out)
{
	const struct mqtt_packet *p = &out->packet;
	switch (p->type) {
	case MQTT_CONNECT: return mqtt_connect_decode(p, &out->connect);
	case MQTT_CONNACK: return mqtt_connack_decode(p, &out->connack);
	case MQTT_PUBLISH: return mqtt_publish_decode(p, &out->publish);
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: return mqtt_subscribe_decode(p, &out->subscribe);
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return mqtt_suback_decode(p, &out->suback);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return p->body.n ? MQTT_FAULT_LEFT_OVER : MQTT_FAULT_NONE;
	default: return mqtt_ack_decode(p, &out->ack);
	}
}

/* decode reads one packet, which must be all of `in`, and its body. */
static inline enum mqtt_fault decode(struct slice in, uint8_t version, bool from_server,
				     struct any *out)
{
	enum mqtt_fault f = mqtt_packet_read(in, 0, version, &out->packet);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(out->packet.total == in.n && mqtt_packet_need(in) == in.n);
	out->packet.from_server = from_server;
	return decode_packet(out);
}

/* no_prefix_goes_too_far reads every beginning of a packet: the whole of it needs more, and a
 * packet that is made as short does not read past its end. */
static inline void no_prefix_goes_too_far(struct slice in, uint8_t version, bool from_server)
{
	struct any got;
	must(mqtt_packet_read(in, 0, version, &got.packet) == MQTT_FAULT_NONE);
	struct slice body = got.packet.body;
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = exact(in, n);
		must(mqtt_packet_read(part, 0, version, &got.packet) == MQTT_FAULT_MORE);
		must(mqtt_packet_need(part) > n);
		exact_free(part);
	}
	for (size_t n = 0; n < body.n; n++) {
		struct slice part = exact(body, n);
		got.packet = (struct mqtt_packet){ .type = in.p[0] >> 4,
						   .flags = in.p[0] & 0x0F,
						   .version = version,
						   .from_server = from_server,
						   .total = n + (in.n - body.n),
						   .body = part };
		(void)decode_packet(&got);
		exact_free(part);
	}
}

/* expect_fault decodes `z` (see hex) and wants this fault. */
static inline void expect_fault(const char *z, uint8_t version, bool from_server,
				enum mqtt_fault want, int line)
{
	struct any got;
	struct slice in = hex(z), block = exact(in, in.n);
	enum mqtt_fault f = decode(block, version, from_server, &got);
	if (f != want) {
		fprintf(stderr, "line %d: %s\n want %s\n got  %s\n", line, z,
			mqtt_faults[want].text, mqtt_faults[f].text);
		abort();
	}
	if (f == MQTT_FAULT_NONE)
		no_prefix_goes_too_far(in, version, from_server);
	exact_free(block);
}

/* expect_octets compares what was written with `z` (see hex). */
static inline void expect_octets(const uint8_t *p, const uint8_t *end, const char *z, int line)
{
	struct slice got = slice_of(p, (size_t)(end - p)), want = hex(z);
	if (slice_eq(got, want))
		return;
	fprintf(stderr, "line %d\n want %s\n got ", line, z);
	for (size_t i = 0; i < got.n; i++)
		fprintf(stderr, " %02x", got.p[i]);
	fprintf(stderr, "\n");
	abort();
}

#endif
