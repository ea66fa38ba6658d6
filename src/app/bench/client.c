#include "app/bench/client.h"

#include "app/bench/heap.h"
#include "app/bench/texts.h"
#include "app/bench/packets.h"
#include "base/bits.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define CLIENT_IN_BYTES  (256 << 10) /* also above the largest frame that we accept */
#define CLIENT_OUT_BYTES (64 << 10)
#define CLIENT_FRAME_MAX (128 << 10)
#define CLIENT_WAIT_S    30

static enum err fail(struct text *why, const char *what, const char *detail)
{
	if (why->n == 0) /* the first reason is the reason */
		text_putf(why, "%s: %s", what, detail);
	return ERR_CLOSED;
}

enum err client_target_of(const char *uri, struct client_target *out, struct text *out_why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct client_target t = { 0 };
	if (uri_parse(uri, &t.uri) != ERR_OK)
		return fail(out_why, uri, "no amqp://, mqtt:// or stomp:// URI");
	int no = getaddrinfo(t.uri.host, t.uri.port, &hints, &found);
	if (no != 0)
		return fail(out_why, t.uri.host, gai_strerror(no));
	must(found->ai_addrlen <= sizeof t.address);
	memcpy(&t.address, found->ai_addr, found->ai_addrlen);
	t.address_len = found->ai_addrlen;
	freeaddrinfo(found);
	*out = t;
	return ERR_OK;
}

static enum err cannot_connect(struct text *why, const struct client_target *t, const char *detail)
{
	must(detail != NULL);
	if (why->n == 0)
		text_putf(why, "cannot connect to %s, port %s: %s; see --uri", t->uri.host,
			  t->uri.port, detail);
	return ERR_CLOSED;
}

/* connect_to gives a blocking socket that sends at once and waits CLIENT_WAIT_S at most. */
static enum err connect_to(struct client *c, const struct client_target *t)
{
	int on = 1;
	struct timeval wait = { .tv_sec = CLIENT_WAIT_S };
	c->fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return fail(c->why, "socket", strerror(errno));
	if (connect(c->fd, (const struct sockaddr *)&t->address, t->address_len) != 0)
		return cannot_connect(c->why, t, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	return ERR_OK;
}

static uint32_t lower_of(uint32_t offered, uint32_t ours)
{
	return offered == 0 || offered > ours ? ours : offered;
}

static enum err log_in(struct client *c, const struct client_target *t)
{
	struct slice args;
	frames_protocol(&c->out);
	TRY(client_wait(c, 0, CONNECTION_START, NULL));
	frames_start_ok(&c->out, t->uri.user, t->uri.password);
	TRY(client_wait(c, 0, CONNECTION_TUNE, &args));
	struct rd r = rd_of(args);
	c->channel_max = (uint16_t)lower_of(rd_u16(&r), UINT16_MAX);
	c->frame_max = lower_of(rd_u32(&r), CLIENT_FRAME_MAX);
	if (!rd_ok(&r) || c->frame_max < 4096)
		return fail(c->why, "connection.tune", "no such frame_max");
	frames_tune_ok(&c->out, c->channel_max, c->frame_max, 0);
	frames_open(&c->out, t->uri.vhost);
	return client_wait(c, 0, CONNECTION_OPEN_OK, NULL);
}

enum err client_open(struct client *c, const struct client_target *t, struct text *why)
{
	*c = (struct client){ .fd = -1, .why = why, .in_cap = CLIENT_IN_BYTES };
	TRY(connect_to(c, t));
	c->in = heap_array(1, CLIENT_IN_BYTES);
	c->out = wr_of(heap_array(1, CLIENT_OUT_BYTES), CLIENT_OUT_BYTES);
	switch (t->uri.scheme) {
	case URI_AMQP: return log_in(c, t);
	case URI_MQTT: return packets_log_in(c, t);
	case URI_STOMP: return texts_log_in(c, t);
	}
	return ERR_CLOSED;
}

void client_shed(struct client *c)
{
	heap_free(c->in);
	heap_free(c->out.p);
	c->in = NULL;
	c->out = wr_of(NULL, 0);
	c->in_at = c->in_n = c->in_cap = c->out_at = 0;
}

enum err client_refused(struct client *c, enum frames_id id, struct slice args)
{
	struct rd r = rd_of(args);
	uint16_t code = rd_u16(&r);
	struct slice said = rd_str8(&r);
	if (c->why->n > 0)
		return ERR_CLOSED;
	text_putf(c->why, "the broker closed the %s: %u ",
		  id == CHANNEL_CLOSE ? "channel" : "connection", code);
	text_put_printable(c->why, said);
	return ERR_CLOSED;
}

void client_refused_frame(struct client *c)
{
	(void)fail(c->why, "the broker sent", "something that is no frame");
}

/* wait_frame: one frame while waiting for the answer; *out_done when this is it. Anything else
 * that is no close (a heartbeat, connection.blocked) is passed over. */
static enum err wait_frame(struct client *c, const struct client_frame *f, uint16_t channel,
			   enum frames_id id, struct slice *out_args, bool *out_done)
{
	if (f->type != FRAMES_METHOD || f->payload.n < 4)
		return ERR_OK;
	enum frames_id got = (enum frames_id)load_be32(f->payload.p);
	struct slice args = slice_from(f->payload, 4);
	if (got == CHANNEL_CLOSE || got == CONNECTION_CLOSE)
		return client_refused(c, got, args);
	if (got == id && f->channel == channel) {
		*out_done = true;
		if (out_args)
			*out_args = args;
	}
	return ERR_OK;
}

enum err client_wait(struct client *c, uint16_t channel, enum frames_id id, struct slice *out_args)
{
	bool done = false, sent, more;
	must(wr_ok(&c->out));
	TRY(client_flush(c, &sent));
	if (!sent)
		return fail(c->why, "send", "the broker does not read");
	while (!done) {
		struct client_frame f;
		enum err e = client_next(c, &f);
		if (e == ERR_MORE) {
			size_t before = c->in_n - c->in_at;
			TRY(client_read(c, &more));
			if (c->in_n - c->in_at == before)
				return fail(c->why, "the broker", "no answer in 30 s");
			continue;
		}
		TRY(e);
		TRY(wait_frame(c, &f, channel, id, out_args, &done));
	}
	return ERR_OK;
}

void client_go(struct client *c)
{
	int flags = fcntl(c->fd, F_GETFL);
	must(flags >= 0);
	fcntl(c->fd, F_SETFL, flags | O_NONBLOCK);
}

enum err client_read(struct client *c, bool *out_more)
{
	if (c->in_at == c->in_n) {
		c->in_at = c->in_n = 0;
	} else if (c->in_cap - c->in_n < c->in_cap / 2) {
		memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
		c->in_n -= c->in_at;
		c->in_at = 0;
	}
	size_t room = c->in_cap - c->in_n;
	*out_more = false;
	if (room == 0) /* frames wait for room in `out`; the socket keeps the rest */
		return ERR_OK;
	ssize_t n = recv(c->fd, c->in + c->in_n, room, 0);
	if (n > 0) {
		c->in_n += (size_t)n;
		*out_more = (size_t)n == room;
		return ERR_OK;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		*out_more = errno == EINTR;
		return ERR_OK;
	}
	return fail(c->why, "the connection is gone", n == 0 ? "closed" : strerror(errno));
}

enum err client_flush(struct client *c, bool *out_all)
{
	while (c->out_at < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return fail(c->why, "the connection is gone", strerror(errno));
		c->out_at += (size_t)n;
	}
	*out_all = c->out_at == c->out.n;
	if (*out_all) {
		c->out.n = c->out_at = 0;
	} else if (c->out_at > c->out.cap / 2) {
		c->out.n -= c->out_at;
		memmove(c->out.p, c->out.p + c->out_at, c->out.n);
		c->out_at = 0;
	}
	return ERR_OK;
}

void client_close(struct client *c)
{
	char buf[200];
	struct text ignored = text_of(buf, sizeof buf), *why = c->why;
	if (c->fd < 0 || c->out.full)
		return;
	c->why = &ignored;
	frames_close(&c->out, 0);
	if (client_wait(c, 0, CONNECTION_CLOSE_OK, NULL) != ERR_OK)
		must(ignored.n > 0);
	c->why = why;
}

void client_fini(struct client *c)
{
	if (c->fd > 0) /* 0: zeroed memory; bench_main sees to it that no socket gets 0 */
		close(c->fd);
	client_shed(c);
	c->fd = -1;
}
