/* mqtt packet -- where one control packet ends and the next begins.
 *
 *      | type, flags | remaining length, 1 to 4 octets | body ... |
 *
 * A packet is read when all of it lies in contiguous bytes; until then the answer is MORE and
 * mqtt_packet_need says how many bytes that takes. Nothing is kept between calls. Pure; a body
 * borrows from the input.
 */
#ifndef WIRE_MQTT_PACKET_H
#define WIRE_MQTT_PACKET_H

#include "base/err.h"
#include "base/slice.h"
#include "wire/mqtt/fault.h"

enum mqtt_type {
#define PACKET(number, name, flags, client, server, prose) MQTT_##name = (number),
#include "wire/mqtt/packets.def"
#undef PACKET
};

/* The protocol levels. */
enum { MQTT_V3 = 3, MQTT_V4 = 4, MQTT_V5 = 5 };

/* Flags of PUBLISH. */
enum { MQTT_RETAIN = 1, MQTT_QOS_1 = 2, MQTT_QOS_2 = 4, MQTT_DUP = 8 };

#define MQTT_HEAD_MAX   5u         /* octets before a body, at most */
#define MQTT_LENGTH_MAX 268435455u /* octets of a body, at most */

struct mqtt_packet {
	uint8_t type;
	uint8_t flags;
	uint8_t version;   /* as mqtt_packet_read was told; 0: not known yet */
	bool from_server;  /* false; who plays the client sets it before decoding */
	bool is_padded;    /* the remaining length has more octets than it needs */
	size_t total;      /* octets of the whole packet */
	struct slice body; /* what follows the remaining length; never NULL */
};

/* mqtt_packet_need: the least number of bytes with which another look at `in` makes sense. */
size_t mqtt_packet_need(struct slice in);

/* mqtt_packet_read reads the packet at the start of `in`. `packet_max` bounds the whole packet, 0
 * is no bound; `version` is that of the connection, 0 before CONNECT.
 * MORE: not all there. TYPE, FLAGS, QOS, DUP, LENGTH, TOO_LARGE: said as soon as the first octets
 * show it, so nothing need be kept of a packet that is refused. */
MUST_USE enum mqtt_fault mqtt_packet_read(struct slice in, size_t packet_max, uint8_t version,
					  struct mqtt_packet *out);

/* mqtt_packet_whole gives the whole packet, first octet to last. */
static inline struct slice mqtt_packet_whole(const struct mqtt_packet *p)
{
	return slice_of(p->body.p - (p->total - p->body.n), p->total);
}

/* mqtt_packet_check_sender: SENDER if this side may not send this packet in this version. */
MUST_USE enum mqtt_fault mqtt_packet_check_sender(const struct mqtt_packet *p);

/* mqtt_ping_check: LEFT_OVER if this PINGREQ or PINGRESP has a body (v5:3.12, 3.13). */
MUST_USE enum mqtt_fault mqtt_ping_check(const struct mqtt_packet *p);

/* mqtt_packet_name is its name in capitals, "PUBLISH"; "?" for 0. */
const char *mqtt_packet_name(uint8_t type);

/* mqtt_packet_size: octets of a packet whose body has `body_n`, at most MQTT_LENGTH_MAX. */
size_t mqtt_packet_size(size_t body_n);

/* mqtt_head_put writes type, flags and remaining length; returns the place of the body. */
uint8_t *mqtt_head_put(uint8_t *at, uint8_t type, uint8_t flags, size_t body_n);

/* PINGREQ and PINGRESP, whole. */
extern const uint8_t mqtt_pingreq_octets[2], mqtt_pingresp_octets[2];

#endif
