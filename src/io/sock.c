#include "io/sock_own.h"

#include "base/text.h"
#include "io/address.h"
#include "io/bridge.h"
#include "io/logger.h"
#include "io/proxy.h"
#include "io/tls.h"
#include "io/web.h"
#include "io/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES_MAX  65536 /* from one socket before others get their share */
#define PARTS_MAX       32
#define LINGER_MS       1000 /* after our last words, for the peer to hang up */
#define LINGER_STOP_MS  200  /* the same when the broker stops */
#define DRAIN_STEPS_MAX 4    /* reads of a lingering socket for one event */

static struct sock *sock_of(uint64_t number)
{
	return (struct sock *)(uintptr_t)number;
}

uint64_t sock_number(const struct sock *s)
{
	return (uint64_t)(uintptr_t)s;
}

static void on_event(uv_poll_t *h, int status, int events);

/* Switching costs system calls, so what the node switches off stays watched until it fires. */
void sock_watch(struct sock *s, int events)
{
	if (events == s->events || s->duct.fd < 0)
		return;
	s->events = events;
	int done = events ? uv_poll_start(&s->poll, events, on_event) : uv_poll_stop(&s->poll);
	must(done == 0);
}

void sock_heed(struct sock *s)
{
	int events = s->events;
	if (duct_has_rest(&s->duct))
		events |= UV_WRITABLE;
	if (duct_is_choked(&s->duct))
		events &= ~UV_READABLE;
	else if (s->is_reading)
		events |= UV_READABLE;
	sock_watch(s, events);
}

/* ---- leaving ------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

int sock_detach(struct sock *s)
{
	int fd = s->duct.fd;
	must(fd >= 0);
	list_remove(&s->node);
	s->duct.fd = -1;
	s->conn = NULL;
	atomic_fetch_sub(&s->poller->socks_n, 1);
	uv_close((uv_handle_t *)&s->poll, on_closed);
	return fd;
}

/* One that has rested, whose handle never was one. */
static void forget(struct sock *own_s)
{
	must(own_s->duct.fd < 0 && own_s->bridge == NULL);
	list_remove(&own_s->node);
	atomic_fetch_sub(&own_s->poller->socks_n, 1);
	free(own_s);
}

/* The kernel says only once why a socket failed, and has said it now. */
static void note_failure(const struct sock *s)
{
	if (s->bridge && duct_is_bare(&s->duct))
		bridge_failed(s->bridge, errno);
}

/* Says to whose it is that its conversation is over. */
static void tell_bridge(struct sock *s)
{
	int error = 0;
	socklen_t n = sizeof error;
	struct bridge *b = s->bridge;
	s->bridge = NULL;
	if (!b || !s->conn)
		return;
	(void)getsockopt(s->duct.fd, SOL_SOCKET, SO_ERROR, &error, &n);
	const char *why = s->duct.tls ? tls_why(s->duct.tls) : "";
	bridge_failed(b, error);
	bridge_over(b, why, conn_is_open(s->conn));
}

void sock_shut(struct sock *s)
{
	tell_bridge(s);
	proxy_free(s->proxy);
	s->proxy = NULL;
	duct_fini(&s->duct);
	if (s->duct.fd >= 0)
		close(sock_detach(s));
	else
		forget(s);
}

void sock_lose(struct sock *s)
{
	struct conn *c = s->conn;
	sock_shut(s);
	if (c)
		conn_lost(c);
}

/* part ends a connection whose peer has ended it, or speaks a layer wrongly: what the layer has to
 * say to that is let out. */
static void part(struct sock *s)
{
	struct conn *c = s->conn;
	if (!s->duct.web) {
		sock_lose(s);
		return;
	}
	sock_linger(s);
	conn_lost(c);
}

void socks_lose(struct poller *p)
{
	struct list_node *n;
	while ((n = list_first(&p->broken)) != NULL)
		sock_lose(containerof(n, struct sock, node));
}

void socks_lose_all(struct poller *p)
{
	struct list_node *n;
	socks_lose(p);
	while ((n = list_first(&p->open)) != NULL || (n = list_first(&p->greeting)) != NULL ||
	       (n = list_first(&p->handshaking)) != NULL)
		sock_lose(containerof(n, struct sock, node));
}

/* ---- lingering ---------------------------------------------------------------------------- */

/* Throws away what the peer still sends: closing with unread bytes would reset the connection, and
 * the peer would not see why. False: the peer has hung up. */
static bool drain(const struct sock *s)
{
	UNSET char waste[16384];
	ssize_t n = 1;
	for (int i = 0; i < DRAIN_STEPS_MAX && n > 0; i++)
		n = read(s->duct.fd, waste, sizeof waste);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Ends our side when nothing is left to write. False: the socket is broken. */
static bool end_writing(struct sock *s)
{
	if (!duct_flush(&s->duct, &s->poller->room))
		return false;
	if (!duct_has_rest(&s->duct))
		return shutdown(s->duct.fd, SHUT_WR) == 0;
	sock_watch(s, s->events | UV_WRITABLE);
	return true;
}

void sock_linger(struct sock *s)
{
	struct poller *p = s->poller;
	tell_bridge(s);
	s->conn = NULL;
	s->by = NULL;
	sock_watch(s, UV_READABLE);
	if (!s->is_broken)
		duct_end(&s->duct, &p->room);
	if (s->is_broken || !end_writing(s) || !drain(s)) {
		sock_shut(s);
		return;
	}
	s->tag = uv_now(&p->uv) + LINGER_MS;
	list_remove(&s->node);
	list_push(&p->lingering, &s->node);
}

uint64_t socks_linger(struct poller *p, uint64_t now_ms)
{
	uint64_t early = p->is_told_to_stop ? LINGER_MS - LINGER_STOP_MS : 0;
	struct list_node *n;
	while ((n = list_first(&p->lingering)) != NULL) {
		struct sock *s = containerof(n, struct sock, node);
		if (s->tag - early > now_ms)
			return s->tag - early;
		sock_shut(s);
	}
	return UINT64_MAX;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What the first layer says that has something to say. */
static const char *why_of(const struct sock *s, enum log_id *out_id)
{
	*out_id = LOG_proxy_failed;
	if (s->proxy && *proxy_why(s->proxy))
		return proxy_why(s->proxy);
	*out_id = LOG_tls_failed;
	if (s->duct.tls && *tls_why(s->duct.tls))
		return tls_why(s->duct.tls);
	*out_id = LOG_web_failed;
	return s->duct.web ? web_why(s->duct.web) : "";
}

void sock_note(const struct sock *s)
{
	enum log_id id;
	char room[80];
	struct text t = text_of(room, sizeof room);
	const char *why = why_of(s, &id);
	sock_peer(s, &t);
	struct log_value v[2] = { log_str(text_slice(&t)), log_str(slice_str(why)) };
	if (*why)
		logger_line(s->poller->all->log, id, v, 2);
}

/* Through the layers; what they had to write themselves is on its way. */
static ssize_t read_layers(struct sock *s, uint8_t *to, uint32_t n)
{
	const bool is_agreeing = s->bridge && !duct_is_open(&s->duct);
	ssize_t got = duct_read(&s->duct, &s->poller->room, to, n);
	char user_room[UINT8_MAX + 1], client_room[UINT8_MAX + 1];
	struct text user = text_of(user_room, sizeof user_room);
	struct text client = text_of(client_room, sizeof client_room);
	int error = errno;
	if (got < 0 && error == EPROTO) {
		sock_note(s);
	} else if (got > 0 && s->duct.tls && tls_names(s->duct.tls, &user, &client) &&
		   !conn_named(s->conn, text_slice(&user), text_slice(&client))) {
		got = -1;
		error = ENOMEM;
	}
	sock_heed(s);
	if (is_agreeing && duct_is_open(&s->duct)) /* what waits for that is written */
		sock_watch(s, s->events | UV_WRITABLE);
	errno = error;
	return got;
}

/* receive_some reads up to a socket's share. False: the socket is gone, not read, or there is no
 * more in it now. */
static bool receive_some(struct sock *s)
{
	size_t left = READ_BYTES_MAX;
	bool is_bare = duct_is_bare(&s->duct);
	while (left > 0 && !duct_is_choked(&s->duct)) {
		uint32_t room = 0;
		uint8_t *to = conn_space(s->conn, &room);
		if (!to)
			return false;
		ssize_t n = is_bare ? duct_read_below(&s->duct, NULL, to, room)
				    : read_layers(s, to, room);
		if (n < 0 && (errno == EAGAIN || errno == EBUSY))
			return errno == EBUSY;
		if (n <= 0) {
			if (n < 0)
				note_failure(s);
			part(s);
			return false;
		}
		conn_bytes(s->conn, (uint32_t)n);
		if (!s->conn || !s->is_reading)
			return false;
		if (is_bare ? (uint32_t)n < room : duct_is_dry(&s->duct))
			return true;
		left -= (size_t)n < left ? (size_t)n : left;
	}
	return true;
}

/* A short read says that the kernel has no more: one system call less than waiting for EAGAIN. What
 * a layer has and nobody took, no event announces: the next one is made to come. */
static void receive(struct sock *s)
{
	if (receive_some(s) && duct_has_more(&s->duct) && !duct_is_choked(&s->duct))
		sock_watch(s, s->events | UV_WRITABLE);
}

/* Writes what layers kept, and then the node's; it is called when the socket takes more. */
static void send_more(struct sock *s)
{
	sock_watch(s, s->events & ~UV_WRITABLE);
	if (!duct_flush(&s->duct, &s->poller->room))
		sock_lose(s);
	else
		sock_heed(s);
	if (s->conn && !duct_has_rest(&s->duct))
		conn_writable(s->conn);
}

static void last_event(struct sock *s, int events)
{
	sock_watch(s, s->events & ~UV_WRITABLE);
	if ((events & UV_WRITABLE && !end_writing(s)) || !drain(s))
		sock_shut(s);
}

static void on_event(uv_poll_t *h, int status, int events)
{
	struct sock *s = h->data;
	poller_tell_time(s->poller);
	if (status < 0) { /* an error on the socket: libuv has stopped watching */
		s->events = 0;
		sock_lose(s);
		return;
	}
	if (!s->conn) {
		if (s->by)
			sock_greet(s, events);
		else
			last_event(s, events);
		return;
	}
	if (events & UV_WRITABLE)
		send_more(s);
	if (!s->conn)
		return;
	if (s->is_reading) {
		if (events & UV_READABLE || duct_has_more(&s->duct))
			receive(s);
		return;
	}
	if (events & UV_READABLE) { /* it may wait long: a peer that goes meanwhile is seen */
		sock_watch(s, (s->events & ~UV_READABLE) | UV_DISCONNECT);
	} else if (events & UV_DISCONNECT) {
		sock_watch(s, s->events & ~UV_DISCONNECT);
		if (conn_peer_ended(s->conn))
			sock_lose(s);
	}
}

/* ---- the port ----------------------------------------------------------------------------- */

static int64_t net_write(struct net *n, uint64_t sock, const struct slice *parts, uint32_t n_parts)
{
	struct sock *s = sock_of(sock);
	size_t bytes = 0;
	(void)n;
	must(n_parts > 0 && n_parts <= PARTS_MAX && s->conn);
	if (s->is_broken)
		return -1;
	if (s->duct.fd < 0) {
		bridge_wanted(s->bridge);
		return 0;
	}
	for (uint32_t i = 0; i < n_parts; i++)
		bytes += parts[i].n;
	ssize_t sent = duct_write(&s->duct, &s->poller->room, parts, n_parts);
	if (sent < 0) {
		note_failure(s);
		s->is_broken = true;
		list_remove(&s->node);
		list_push(&s->poller->broken, &s->node);
		return -1;
	}
	const bool is_full = (size_t)sent < bytes && duct_is_open(&s->duct);
	if (is_full || duct_has_rest(&s->duct))
		sock_watch(s, s->events | UV_WRITABLE);
	return sent;
}

static void net_read(struct net *n, uint64_t sock, bool is_on)
{
	struct sock *s = sock_of(sock);
	(void)n;
	must(s->conn != NULL);
	s->is_reading = is_on;
	bool is_more = duct_has_more(&s->duct);
	if (is_on)
		sock_watch(s, (s->events & ~UV_DISCONNECT) | UV_READABLE |
				      (is_more ? UV_WRITABLE : 0));
}

static void net_close(struct net *n, uint64_t sock)
{
	(void)n;
	sock_linger(sock_of(sock));
}

static void net_wake(struct net *n, uint32_t loop)
{
	struct poller *p = containerof(n, struct poller, net);
	must(loop < p->all->n);
	poller_wake(&p->all->at[loop]);
}

static void net_work(struct net *n, enum net_worker who)
{
	struct poller *p = containerof(n, struct poller, net);
	worker_wake(p->all->workers[who]);
}

const struct net_ops sock_net_ops = {
	.write = net_write,
	.read = net_read,
	.close = net_close,
	.move = sock_move,
	.wake = net_wake,
	.work = net_work,
};
