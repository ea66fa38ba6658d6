#include "sim/talk.h"

#include "base/bits.h"
#include "base/wr.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <string.h>

void talk_begin(struct talk *t, struct sock *sock)
{
	talk_begin_as(t, sock, "guest");
}

void talk_begin_as(struct talk *t, struct sock *sock, const char *user)
{
	char plain[64];
	uint8_t client[96];
	int n = snprintf(plain, sizeof plain, "%c%s%c%s", 0, user, 0, user);
	static const uint8_t greeting[] = "AMQP\x00\x00\x09\x01";
	must(sock != NULL && n < (int)sizeof plain);
	t->sock = sock;
	t->in_n = t->in_read = 0;
	memcpy(t->out, greeting, 8);
	t->out_n = 8;
	struct wr w = wr_of(client, sizeof client);
	size_t mark = amqp091_put_table(&w, "capabilities");
	amqp091_put_bool(&w, "consumer_cancel_notify", true);
	amqp091_put_bool(&w, "connection.blocked", true);
	amqp091_put_close(&w, mark);
	TALK(t, 0, connection_start_ok, .client_properties = wr_done(&w),
	     .mechanism = slice_str("PLAIN"), .response = slice_of(plain, (size_t)n),
	     .locale = slice_str("en_US"));
	TALK(t, 0, connection_tune_ok, .channel_max = 1, .frame_max = TALK_FRAME_MAX);
	TALK(t, 0, connection_open, .virtual_host = slice_str("/"));
	TALK(t, 1, channel_open, .out_of_band = SLICE_EMPTY);
}

void talk_say(struct talk *t, uint16_t channel, const struct amqp091_method *m)
{
	size_t n = amqp091_method_size(m);
	must(talk_has_room(t, n));
	uint8_t *end = amqp091_method_put(t->out + t->out_n, channel, m);
	must(end == t->out + t->out_n + n);
	t->out_n += n;
}

static void put_frame(struct talk *t, uint8_t type, struct slice payload)
{
	must(talk_has_room(t, payload.n + AMQP091_FRAME_OVERHEAD));
	uint8_t *at = amqp091_frame_head_put(t->out + t->out_n, type, 1, (uint32_t)payload.n);
	memcpy(at, payload.p, payload.n);
	at[payload.n] = AMQP091_FRAME_END;
	t->out_n += payload.n + AMQP091_FRAME_OVERHEAD;
}

void talk_content(struct talk *t, const struct amqp091_props *props, struct slice body)
{
	uint8_t header[512];
	struct wr w = wr_of(header, sizeof header);
	wr_u16(&w, 60);
	wr_u16(&w, 0);
	wr_u64(&w, body.n);
	must(amqp091_props_size(props) <= wr_left(&w));
	uint8_t *end = amqp091_props_put(header + w.n, props);
	put_frame(t, AMQP091_FRAME_HEADER, slice_of(header, (size_t)(end - header)));
	for (size_t at = 0, part; at < body.n; at += part) {
		part = min_u64(body.n - at, TALK_FRAME_MAX - AMQP091_FRAME_OVERHEAD);
		put_frame(t, AMQP091_FRAME_BODY, slice_sub(body, at, part));
	}
}

bool talk_exchange(struct talk *t, struct socks *socks, bool *out_is_end)
{
	uint32_t sent = t->out_n ? sock_send(socks, t->sock, t->out, (uint32_t)t->out_n) : 0;
	must(sent <= t->out_n && t->in_n <= TALK_BYTES);
	t->out_n -= sent;
	memmove(t->out, t->out + sent, t->out_n);
	uint32_t n = sock_take(socks, t->sock, t->in + t->in_n, (uint32_t)(TALK_BYTES - t->in_n),
			       out_is_end);
	t->in_n += n;
	return sent > 0 || n > 0;
}

bool talk_next(struct talk *t, struct amqp091_frame *out)
{
	struct slice in = slice_of(t->in + t->in_read, t->in_n - t->in_read);
	must(t->in_read <= t->in_n);
	if (amqp091_frame_read(in, 0, out) == ERR_OK) {
		t->in_read += out->total;
		return true;
	}
	t->in_n -= t->in_read;
	memmove(t->in, t->in + t->in_read, t->in_n);
	t->in_read = 0;
	return false;
}
