/* client -- one connection of the load generator: a socket and two buffers.
 *
 * The handshake and everything that sets a run up or clears it away waits for its answers
 * (client_wait); the run itself reads and flushes without waiting. One thread has a client. Every
 * failure puts one sentence into `why` and returns ERR_CLOSED: the client can only be closed then.
 */
#ifndef APP_BENCH_CLIENT_H
#define APP_BENCH_CLIENT_H

#include "app/bench/frames.h"
#include "app/bench/uri.h"
#include "base/err.h"
#include "base/rd.h"
#include "base/text.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Whom to connect to. */
struct client_target {
	struct uri uri;
	struct sockaddr_storage address;
	socklen_t address_len;
	bool keeps_session; /* MQTT: it outlives the connection (packets_forget) */
	int session;        /* MQTT: its number; 0: of its own */
};

struct client {
	int fd;      /* -1: closed */
	int session; /* MQTT: the number in the client's name */
	uint32_t frame_max;
	uint16_t channel_max;
	uint8_t *in; /* read and not yet parsed: [in_at, in_n) */
	size_t in_at, in_n, in_cap;
	struct wr out; /* written and not yet sent: [out_at, out.n) */
	size_t out_at;
	struct text *why;
};

/* client_target_of resolves a URI once, for all connections. */
MUST_USE enum err client_target_of(const char *uri, struct client_target *out,
				   struct text *out_why);

/* client_open connects, logs in (no heartbeats) and opens the virtual host; blocks. The buffers
 * come from the heap. `why` is kept. */
MUST_USE enum err client_open(struct client *c, const struct client_target *t, struct text *why);

/* client_shed gives the buffers back, for a connection that only stands there: all that may come
 * after is client_fini. */
void client_shed(struct client *c);

/* client_wait sends what is in `out` and reads until the answer `id` has come on `channel`, at
 * most 30 s; `out_args` (or NULL) borrows its fields until the next read. Only for a blocking
 * client. */
MUST_USE enum err client_wait(struct client *c, uint16_t channel, enum frames_id id,
			      struct slice *out_args);

/* client_go makes reads and writes return at once, from now on. */
void client_go(struct client *c);

/* client_read reads once. *out_more: the socket may have more. */
MUST_USE enum err client_read(struct client *c, bool *out_more);

/* client_flush sends what is in `out`, or as much as the socket takes. *out_all: that was all. */
MUST_USE enum err client_flush(struct client *c, bool *out_all);

/* client_refused says in `why` what a close method from the broker said; client_refused_frame,
 * that it sent something that is no frame. The first returns ERR_CLOSED. */
MUST_USE enum err client_refused(struct client *c, enum frames_id id, struct slice args);
void client_refused_frame(struct client *c);

struct client_frame {
	enum frames_type type;
	uint16_t channel;
	struct slice payload; /* borrowed until the next read */
};

/* client_next takes the next whole frame off `in`. ERR_MORE: there is none yet. ERR_CLOSED: what
 * stands there is no frame. */
MUST_USE static inline enum err client_next(struct client *c, struct client_frame *out)
{
	const uint8_t *p = c->in + c->in_at;
	size_t n = c->in_n - c->in_at;
	if (n < FRAMES_OVERHEAD)
		return ERR_MORE;
	uint32_t len = load_be32(p + 3);
	bool fits = len <= c->in_cap - FRAMES_OVERHEAD;
	if (fits && n < len + (size_t)FRAMES_OVERHEAD)
		return ERR_MORE;
	if (!fits || p[FRAMES_HEAD + len] != FRAMES_END) {
		client_refused_frame(c);
		return ERR_CLOSED;
	}
	out->type = (enum frames_type)p[0];
	out->channel = load_be16(p + 1);
	out->payload = slice_of(p + FRAMES_HEAD, len);
	c->in_at += len + (size_t)FRAMES_OVERHEAD;
	return ERR_OK;
}

/* client_close ends politely: connection.close and its answer. Then client_fini. */
void client_close(struct client *c);

/* client_fini closes the socket and gives all back; a zeroed or closed client is nothing. */
void client_fini(struct client *c);

#endif
