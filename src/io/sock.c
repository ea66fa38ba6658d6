#include "io/sock.h"

#include "base/text.h"
#include "io/address.h"
#include "io/listener.h"
#include "io/logger.h"
#include "io/tls.h"
#include "io/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES_MAX  65536 /* from one socket before others get their share */
#define PARTS_MAX       32
#define LINGER_MS       1000 /* after our last words, for the peer to hang up */
#define LINGER_STOP_MS  200  /* the same when the broker stops */
#define DRAIN_STEPS_MAX 4    /* reads of a lingering socket for one event */

struct sock {
	uv_poll_t poll;
	struct poller *poller;
	struct conn *conn;         /* NULL: the node no longer knows it */
	struct list_node node;     /* in one of the poller's lists, while it has a descriptor */
	struct sock *next;         /* in arrivals */
	uint64_t tag;              /* moving: what conn_arrived wants; lingering: until when */
	const struct listener *by; /* arriving for the first time; NULL: moved */
	struct tls *tls;           /* NULL: plain */
	int fd;                    /* -1: closed or moved, the handle is on its way out */
	int events;                /* watched */
	bool is_reading, is_broken;
};

static struct sock *sock_of(uint64_t number)
{
	return (struct sock *)(uintptr_t)number;
}

static uint64_t number_of(const struct sock *s)
{
	return (uint64_t)(uintptr_t)s;
}

static void on_event(uv_poll_t *h, int status, int events);

/* Switching costs system calls, so what the node switches off stays watched until it fires. */
static void watch(struct sock *s, int events)
{
	if (events == s->events)
		return;
	s->events = events;
	int done = events ? uv_poll_start(&s->poll, events, on_event) : uv_poll_stop(&s->poll);
	must(done == 0);
}

/* ---- leaving ------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

/* Takes the descriptor off the poller; it is the caller's then. */
static int detach(struct sock *s)
{
	int fd = s->fd;
	must(fd >= 0);
	list_remove(&s->node);
	s->fd = -1;
	s->conn = NULL;
	atomic_fetch_sub(&s->poller->socks_n, 1);
	uv_close((uv_handle_t *)&s->poll, on_closed);
	return fd;
}

static void shut(struct sock *s)
{
	tls_free(s->tls);
	s->tls = NULL;
	close(detach(s));
}

static void lose(struct sock *s)
{
	struct conn *c = s->conn;
	shut(s);
	if (c)
		conn_lost(c);
}

void socks_lose(struct poller *p)
{
	struct list_node *n;
	while ((n = list_first(&p->broken)) != NULL)
		lose(containerof(n, struct sock, node));
}

void socks_lose_all(struct poller *p)
{
	struct list_node *n;
	socks_lose(p);
	while ((n = list_first(&p->open)) != NULL)
		lose(containerof(n, struct sock, node));
}

/* ---- lingering ---------------------------------------------------------------------------- */

/* Throws away what the peer still sends: closing with unread bytes would reset the connection, and
 * the peer would not see why. False: the peer has hung up. */
static bool drain(const struct sock *s)
{
	char waste[16384];
	ssize_t n = 1;
	for (int i = 0; i < DRAIN_STEPS_MAX && n > 0; i++)
		n = read(s->fd, waste, sizeof waste);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Ends our side when nothing is left to write. False: the socket is broken. */
static bool end_writing(struct sock *s)
{
	if (s->tls && !tls_flush(s->tls))
		return false;
	if (!s->tls || !tls_has_rest(s->tls))
		return shutdown(s->fd, SHUT_WR) == 0;
	watch(s, s->events | UV_WRITABLE);
	return true;
}

static void linger(struct sock *s)
{
	struct poller *p = s->poller;
	s->conn = NULL;
	watch(s, UV_READABLE);
	if (s->tls && !s->is_broken)
		tls_end(s->tls, p->tls_room);
	if (s->is_broken || !end_writing(s) || !drain(s)) {
		shut(s);
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
		shut(s);
	}
	return UINT64_MAX;
}

/* ---- reading ------------------------------------------------------------------------------ */

static void note_tls(const struct sock *s)
{
	struct address peer = { .len = sizeof peer.at };
	char room[80];
	struct text t = text_of(room, sizeof room);
	if (getpeername(s->fd, (struct sockaddr *)&peer.at, &peer.len) == 0)
		address_put(&t, &peer);
	struct log_value v[2] = { log_str(text_slice(&t)), log_str(slice_str(tls_why(s->tls))) };
	logger_line(s->poller->all->log, LOG_tls_failed, v, 2);
}

/* Opens what is sealed; what that had to write itself is on its way. */
static ssize_t read_tls(struct sock *s, uint8_t *to, uint32_t n)
{
	ssize_t got = tls_read(s->tls, s->poller->tls_room, to, n);
	char room[UINT8_MAX + 1];
	struct text name = text_of(room, sizeof room);
	if (got < 0 && errno == EPROTO)
		note_tls(s);
	else if (got > 0 && tls_name(s->tls, &name))
		conn_named(s->conn, text_slice(&name));
	if (tls_has_rest(s->tls))
		watch(s, s->events | UV_WRITABLE);
	return got;
}

static ssize_t read_plain(const struct sock *s, uint8_t *to, uint32_t n)
{
	ssize_t got;
	do {
		got = read(s->fd, to, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* A short read says that the kernel has no more: one system call less than waiting for EAGAIN. What
 * TLS has opened and nobody took, no event announces: the next one is made to come. */
static void receive(struct sock *s)
{
	size_t left = READ_BYTES_MAX;
	while (left > 0) {
		uint32_t room = 0;
		uint8_t *to = conn_space(s->conn, &room);
		if (!to)
			return;
		ssize_t n = s->tls ? read_tls(s, to, room) : read_plain(s, to, room);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lose(s);
			return;
		}
		conn_bytes(s->conn, (uint32_t)n);
		if (!s->conn || !s->is_reading || (!s->tls && (uint32_t)n < room))
			return;
		left -= (size_t)n < left ? (size_t)n : left;
	}
	if (s->tls && tls_has_more(s->tls))
		watch(s, s->events | UV_WRITABLE);
}

/* Writes what TLS kept, and then the node's; it is called when the socket takes more. */
static void send_more(struct sock *s)
{
	watch(s, s->events & ~UV_WRITABLE);
	if (s->tls && !tls_flush(s->tls))
		lose(s);
	else if (s->tls && tls_has_rest(s->tls))
		watch(s, s->events | UV_WRITABLE);
	else
		conn_writable(s->conn);
}

static void last_event(struct sock *s, int events)
{
	watch(s, s->events & ~UV_WRITABLE);
	if ((events & UV_WRITABLE && !end_writing(s)) || !drain(s))
		shut(s);
}

static void on_event(uv_poll_t *h, int status, int events)
{
	struct sock *s = h->data;
	poller_tell_time(s->poller);
	if (status < 0) { /* an error on the socket: libuv has stopped watching */
		s->events = 0;
		lose(s);
		return;
	}
	if (!s->conn) {
		last_event(s, events);
		return;
	}
	if (events & UV_WRITABLE)
		send_more(s);
	if (!s->conn)
		return;
	if (s->is_reading) {
		if (events & UV_READABLE || (s->tls && tls_has_more(s->tls)))
			receive(s);
		return;
	}
	if (events & UV_READABLE) { /* it may wait long: a peer that goes meanwhile is seen */
		watch(s, (s->events & ~UV_READABLE) | UV_DISCONNECT);
	} else if (events & UV_DISCONNECT) {
		watch(s, s->events & ~UV_DISCONNECT);
		if (conn_is_lost_unread(s->conn))
			lose(s);
	}
}

/* ---- the port ----------------------------------------------------------------------------- */

static ssize_t write_plain(const struct sock *s, const struct slice *parts, uint32_t parts_n)
{
	struct iovec iov[PARTS_MAX];
	ssize_t sent;
	for (uint32_t i = 0; i < parts_n; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
	do {
		sent = writev(s->fd, iov, (int)parts_n);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

static int64_t net_write(struct net *n, uint64_t sock, const struct slice *parts, uint32_t n_parts)
{
	struct sock *s = sock_of(sock);
	size_t bytes = 0;
	(void)n;
	must(n_parts > 0 && n_parts <= PARTS_MAX && s->conn);
	if (s->is_broken)
		return -1;
	for (uint32_t i = 0; i < n_parts; i++)
		bytes += parts[i].n;
	ssize_t sent = s->tls ? tls_write(s->tls, s->poller->tls_room, parts, n_parts)
			      : write_plain(s, parts, n_parts);
	if (sent < 0 && errno != EAGAIN) {
		s->is_broken = true;
		list_remove(&s->node);
		list_push(&s->poller->broken, &s->node);
		return -1;
	}
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent < bytes)
		watch(s, s->events | UV_WRITABLE);
	return sent;
}

static void net_read(struct net *n, uint64_t sock, bool is_on)
{
	struct sock *s = sock_of(sock);
	(void)n;
	must(s->conn != NULL);
	s->is_reading = is_on;
	bool is_more = s->tls && tls_has_more(s->tls);
	if (is_on)
		watch(s, (s->events & ~UV_DISCONNECT) | UV_READABLE | (is_more ? UV_WRITABLE : 0));
}

static void net_close(struct net *n, uint64_t sock)
{
	(void)n;
	linger(sock_of(sock));
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

/* ---- arriving ----------------------------------------------------------------------------- */

static void hand_over(const struct poller *from, struct poller *to, struct sock *own_s)
{
	struct sock *head = atomic_load_explicit(&to->arrivals, memory_order_relaxed);
	atomic_fetch_add(&to->socks_n, 1);
	own_s->poller = to;
	do {
		own_s->next = head;
	} while (!atomic_compare_exchange_weak(&to->arrivals, &head, own_s));
	if (!head && from != to) /* its own are found by the turn that follows */
		poller_wake(to);
}

bool sock_accepted(const struct poller *from, struct poller *to, int own_fd,
		   const struct listener *by)
{
	struct sock *s = malloc(sizeof *s);
	struct tls *tls = s && by->serves.tls ? tls_new(by->serves.tls, own_fd) : NULL;
	if (!s || (by->serves.tls && !tls)) {
		free(s);
		close(own_fd);
		return false;
	}
	*s = (struct sock){ .fd = own_fd, .by = by, .tls = tls };
	hand_over(from, to, s);
	return true;
}

static void net_move(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag)
{
	struct poller *p = containerof(n, struct poller, net);
	struct sock *moved = malloc(sizeof *moved);
	must(moved != NULL && to_loop < p->all->n);
	struct sock *s = sock_of(sock);
	*moved = (struct sock){ .tag = tag, .tls = s->tls };
	s->tls = NULL;
	moved->fd = detach(s);
	hand_over(p, &p->all->at[to_loop], moved);
}

static struct conn *open_conn(const struct sock *s)
{
	struct address peer = { .len = sizeof peer.at };
	char room[80];
	struct text t = text_of(room, sizeof room);
	if (!s->by)
		return conn_arrived(s->poller->loop, number_of(s), s->tag);
	if (getpeername(s->fd, (struct sockaddr *)&peer.at, &peer.len) != 0)
		return NULL;
	address_put(&t, &peer);
	return conn_open(s->poller->loop, number_of(s), s->by->serves.protocol, text_slice(&t),
			 address_is_loopback(&peer));
}

/* Ends one that no poller has met. */
static void discard(struct sock *own_s)
{
	tls_free(own_s->tls);
	close(own_s->fd);
	free(own_s);
}

static void arrive(struct sock *s)
{
	struct poller *p = s->poller;
	bool is_watchable = uv_poll_init(&p->uv, &s->poll, s->fd) == 0;
	if (!is_watchable && s->by) {
		atomic_fetch_sub(&p->socks_n, 1);
		discard(s);
		return;
	}
	must(is_watchable); /* it was, on another thread, a moment ago */
	s->poll.data = s;
	s->is_reading = true;
	list_push(&p->open, &s->node);
	s->conn = open_conn(s);
	s->by = NULL;
	bool is_waited = s->tls && (tls_has_rest(s->tls) || tls_has_more(s->tls));
	if (s->conn)
		watch(s, s->events | UV_READABLE | (is_waited ? UV_WRITABLE : 0));
	else
		shut(s);
}

/* Newest first as they lie: turned round, so that nobody waits for ever. */
static struct sock *take_arrivals(struct poller *p)
{
	struct sock *s = atomic_load_explicit(&p->arrivals, memory_order_relaxed), *first = NULL;
	if (s)
		s = atomic_exchange(&p->arrivals, NULL);
	while (s) {
		struct sock *next = s->next;
		s->next = first;
		first = s;
		s = next;
	}
	return first;
}

void socks_arrive(struct poller *p)
{
	struct sock *s = take_arrivals(p);
	while (s) {
		struct sock *next = s->next;
		arrive(s);
		s = next;
	}
}

void socks_forget(struct poller *p)
{
	struct sock *s = take_arrivals(p);
	while (s) {
		struct sock *next = s->next;
		discard(s);
		s = next;
	}
	struct list_node *n;
	while ((n = list_first(&p->broken)) != NULL || (n = list_first(&p->lingering)) != NULL ||
	       (n = list_first(&p->open)) != NULL)
		shut(containerof(n, struct sock, node));
}

const struct net_ops sock_net_ops = {
	.write = net_write,
	.read = net_read,
	.close = net_close,
	.move = net_move,
	.wake = net_wake,
	.work = net_work,
};
