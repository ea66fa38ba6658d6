#include "app/bench/packets.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH_OCTETS_MAX 4
#define PROTOCOL_LEVEL    4
#define CONNECT_FLAGS     0xc0 /* user name, password */
#define CONNECT_CLEAN     2

static void put_head(struct wr *w, enum packets_type type, uint8_t flags, size_t len)
{
	wr_u8(w, (uint8_t)((uint8_t)type << 4 | flags));
	do
		wr_u8(w, (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0)));
	while ((len >>= 7) > 0);
}

static size_t head_bytes(size_t len)
{
	size_t n = 2;
	while ((len >>= 7) > 0)
		n++;
	must(n <= 1 + LENGTH_OCTETS_MAX);
	return n;
}

static void put_str(struct wr *w, const char *z)
{
	size_t n = strlen(z);
	must(n <= UINT16_MAX);
	wr_u16(w, (uint16_t)n);
	wr_slice(w, slice_of(z, n));
}

enum err packets_next(struct client *c, struct packets_packet *out)
{
	const uint8_t *p = c->in + c->in_at;
	size_t n = c->in_n - c->in_at, len = 0, at = 1;
	for (unsigned shift = 0;; shift += 7) {
		if (at >= n)
			return ERR_MORE;
		len |= (size_t)(p[at] & 0x7f) << shift;
		if (!(p[at++] & 0x80))
			break;
		if (at > LENGTH_OCTETS_MAX) {
			client_refused_frame(c);
			return ERR_CLOSED;
		}
	}
	if (n - at < len) {
		if (at + len <= c->in_cap)
			return ERR_MORE;
		client_refused_frame(c);
		return ERR_CLOSED;
	}
	out->type = (enum packets_type)(p[0] >> 4);
	out->flags = p[0] & 0xf;
	out->body = slice_of(p + at, len);
	c->in_at += at + len;
	return ERR_OK;
}

static void put_connect(struct wr *w, const struct client_target *t, const char *id)
{
	const struct uri *u = &t->uri;
	size_t len = 10 + 2 + strlen(id) + 2 + strlen(u->user) + 2 + strlen(u->password);
	put_head(w, PACKETS_CONNECT, 0, len);
	put_str(w, "MQTT");
	wr_u8(w, PROTOCOL_LEVEL);
	wr_u8(w, CONNECT_FLAGS | (t->keeps_session ? 0 : CONNECT_CLEAN));
	wr_u16(w, 0);
	put_str(w, id);
	put_str(w, u->user);
	put_str(w, u->password);
}

enum err packets_log_in(struct client *c, const struct client_target *t)
{
	char id[64];
	struct packets_packet p;
	enum err e;
	bool sent, more;
	c->session = t->session ? t->session : c->fd;
	snprintf(id, sizeof id, "bench.%ld.%d", (long)getpid(), c->session);
	c->channel_max = 1;
	put_connect(&c->out, t, id);
	must(wr_ok(&c->out));
	TRY(client_flush(c, &sent));
	while ((e = packets_next(c, &p)) == ERR_MORE) {
		size_t before = c->in_n;
		TRY(client_read(c, &more));
		if (c->in_n == before)
			break;
	}
	if (e == ERR_OK && p.type == PACKETS_CONNACK && p.body.n == 2 && p.body.p[1] == 0)
		return ERR_OK;
	if (c->why->n == 0)
		text_putf(c->why, "the broker does not take the client (CONNACK %d)",
			  e == ERR_OK && p.body.n == 2 ? p.body.p[1] : -1);
	return ERR_CLOSED;
}

enum err packets_forget(const struct client *c, const struct client_target *t, struct text *out_why)
{
	struct client last;
	struct client_target clean = *t;
	must(t->keeps_session && c->session > 0);
	clean.keeps_session = false;
	clean.session = c->session;
	enum err e = client_open(&last, &clean, out_why);
	client_fini(&last);
	return e;
}

void packets_answer(struct wr *w, enum packets_type type, uint16_t id)
{
	must(type >= PACKETS_PUBACK && type <= PACKETS_PUBCOMP);
	put_head(w, type, type == PACKETS_PUBREL ? 2 : 0, 2);
	wr_u16(w, id);
}

void packets_subscribe(struct wr *w, uint16_t id, const char *filter, uint8_t qos)
{
	must(id > 0 && qos <= 2);
	put_head(w, PACKETS_SUBSCRIBE, 2, 2 + 2 + strlen(filter) + 1);
	wr_u16(w, id);
	put_str(w, filter);
	wr_u8(w, qos);
}

void packets_ping(struct wr *w)
{
	put_head(w, PACKETS_PINGREQ, 0, 0);
	must(w->cap > 0);
}

static size_t publish_len(const char *topic, uint8_t qos, size_t body_len)
{
	must(qos <= 2);
	return 2 + strlen(topic) + (qos > 0 ? 2 : 0) + body_len;
}

size_t packets_publish_bytes(const char *topic, uint8_t qos, size_t body_len)
{
	size_t len = publish_len(topic, qos, body_len);
	return head_bytes(len) + len;
}

void packets_publish(struct wr *w, const char *topic, uint8_t qos, size_t body_len,
		     size_t *out_body_at)
{
	size_t from = w->n;
	put_head(w, PACKETS_PUBLISH, (uint8_t)(qos << 1), publish_len(topic, qos, body_len));
	put_str(w, topic);
	if (qos > 0)
		wr_u16(w, 1);
	*out_body_at = w->n - from;
	wr_zeros(w, body_len);
}
