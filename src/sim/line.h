/* line -- an MQTT client's side of one connection: packets out, packets in.
 *
 *     line_begin -> line_say_... and line_exchange, line_next -> line_drop
 *
 * What the client remembers from one connection to the next is not here. One thread.
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H
#include "sim/net.h"
#include "wire/mqtt/packet.h"

#define LINE_IN_BYTES  131072u
#define LINE_OUT_BYTES 524288u
#define LINE_ACK_BYTES 64u /* more than any packet without a body takes */

struct line {
	struct sock *sock; /* NULL: there is none */
	uint8_t version;
	bool is_up;                      /* CONNACK has come */
	bool is_leaving;                 /* DISCONNECT was said */
	bool is_clean;                   /* it begins a session anew */
	uint32_t will;                   /* its number */
	uint32_t expiry_s, will_delay_s; /* of its session, 0: an hour; and of its will */
	uint32_t in_n, in_read, out_n;
	uint8_t in[LINE_IN_BYTES], out[LINE_OUT_BYTES];
};

/* A message as a client sends it. */
struct line_message {
	const char *topic;
	uint32_t number, bytes; /* octets of the body, of which 4 hold the number */
	uint32_t expiry_s;      /* 0: it does not expire */
	uint16_t id;
	uint8_t qos;
	bool is_dup;
};

/* line_begin takes a new connection and says CONNECT for a session that is kept, with a will of QoS
 * 1 to `will_topic`, whose body is line->will. */
void line_begin(struct line *l, struct sock *sock, const char *client_id, const char *will_topic);
/* line_drop: the client is gone; nothing if there is no connection. */
void line_drop(struct line *l, bool is_hard);

/* line_has_room: can so many octets more be said? What is said must have room. */
static inline bool line_has_room(const struct line *l, uint32_t n)
{
	return l->sock && n <= LINE_OUT_BYTES - l->out_n;
}
void line_say_publish(struct line *l, const struct line_message *m);
void line_say_ack(struct line *l, enum mqtt_type type, uint16_t id);
void line_say_subscribe(struct line *l, uint16_t id, const char *filter, uint8_t qos);
void line_say_ping(struct line *l);
void line_say_disconnect(struct line *l);

/* line_exchange moves bytes both ways. True: some moved. *out_is_end: the broker has hung up. */
bool line_exchange(struct line *l, struct socks *socks, bool *out_is_end);
/* line_next gives the next packet that has come whole; it borrows until the next call. */
bool line_next(struct line *l, struct mqtt_packet *out);
#endif
