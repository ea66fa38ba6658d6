#include "base/text.h"
#include "io/address.h"
#include "io/listener.h"
#include "io/logger.h"
#include "io/proxy.h"
#include "io/sock_own.h"
#include "io/tls.h"
#include "io/web.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- from hand to hand -------------------------------------------------------------------- */

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

/* layers_make makes what lies between this listener's sockets and their sessions. */
static bool layers_make(struct duct *d, const struct listener *by)
{
	if (by->serves.tls && (d->tls = tls_new(by->serves.tls, d->fd, by->serves.alpn)) == NULL)
		return false;
	if (by->serves.web && (d->web = web_new(by->serves.web)) == NULL)
		return false;
	return true;
}

bool sock_accepted(const struct poller *from, struct poller *to, int own_fd,
		   const struct listener *by)
{
	struct sock *s = malloc(sizeof *s);
	struct duct duct = { .fd = own_fd };
	struct proxy *proxy = by->serves.is_proxied ? proxy_new() : NULL;
	if (!s || !layers_make(&duct, by) || (by->serves.is_proxied && !proxy)) {
		proxy_free(proxy);
		duct_fini(&duct);
		free(s);
		close(own_fd);
		return false;
	}
	*s = (struct sock){ .by = by, .duct = duct, .proxy = proxy };
	hand_over(from, to, s);
	return true;
}

void sock_move(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag)
{
	struct poller *p = containerof(n, struct poller, net);
	struct sock *moved = malloc(sizeof *moved);
	must(moved != NULL && to_loop < p->all->n);
	struct sock *s = (struct sock *)(uintptr_t)sock;
	*moved = (struct sock){ .tag = tag, .duct = s->duct };
	s->duct.tls = NULL;
	s->duct.web = NULL;
	moved->duct.fd = sock_detach(s);
	hand_over(p, &p->all->at[to_loop], moved);
}

/* ---- before the session ------------------------------------------------------------------- */

static bool is_known(const struct sock *s)
{
	return !s->proxy || proxy_is_done(s->proxy);
}

static bool is_tls_done(const struct sock *s)
{
	return !s->duct.tls || tls_is_open(s->duct.tls);
}

static bool is_greeting_done(const struct sock *s)
{
	return is_known(s) && is_tls_done(s) && (!s->duct.web || web_is_open(s->duct.web));
}

static bool is_handshaking(const struct sock *s)
{
	return is_known(s) && !is_tls_done(s);
}

/* timeout_of is how long the part of the greeting takes at most that this one is in: those of one
 * part are in one list, which is in the order of time. */
static uint64_t timeout_of(const struct sock *s)
{
	const struct config *c = s->poller->all->listeners->config;
	return (uint64_t)(is_handshaking(s) ? c->tls_handshake_timeout_ms
					    : c->handshake_timeout_ms);
}

/* Until it is known who comes and what he wants, the node is not troubled. */
static void begin_part(struct sock *s)
{
	struct poller *p = s->poller;
	s->tag = uv_now(&p->uv) + timeout_of(s);
	list_push(is_handshaking(s) ? &p->handshaking : &p->greeting, &s->node);
}

/* peer_of gives the address of who has connected, at the other end of the proxy if there is one. */
static bool peer_of(const struct sock *s, struct address *out)
{
	*out = (struct address){ .len = sizeof out->at };
	if (s->proxy && proxy_is_done(s->proxy) && proxy_peer(s->proxy, out))
		return true;
	return getpeername(s->duct.fd, (struct sockaddr *)&out->at, &out->len) == 0;
}

void sock_peer(const struct sock *s, struct text *out)
{
	struct address peer;
	if (peer_of(s, &peer))
		address_put(out, &peer);
}

static struct conn *open_conn(const struct sock *s)
{
	struct address peer;
	char room[80];
	struct text t = text_of(room, sizeof room);
	if (!s->by)
		return conn_arrived(s->poller->loop, sock_number(s), s->tag);
	if (!peer_of(s, &peer))
		return NULL;
	address_put(&t, &peer);
	bool is_here = address_is_loopback(&peer) && !(s->duct.web && web_is_foreign(s->duct.web));
	struct conn *c = conn_open(s->poller->loop, sock_number(s), s->by->serves.protocol,
				   text_slice(&t), is_here);
	if (c)
		conn_came(c, s->by->port);
	return c;
}

/* The node meets it, in the list of those that are open. */
static void open_sock(struct sock *s)
{
	list_push(&s->poller->open, &s->node);
	s->conn = open_conn(s);
	s->by = NULL;
	proxy_free(s->proxy);
	s->proxy = NULL;
	bool is_waited = duct_has_rest(&s->duct) || duct_has_more(&s->duct);
	if (s->conn)
		sock_watch(s, s->events | UV_READABLE | (is_waited ? UV_WRITABLE : 0));
	else
		sock_shut(s);
}

/* A part is over: the next one has a list and a time of its own. */
static void end_part(struct sock *s)
{
	list_remove(&s->node);
	begin_part(s);
}

/* One step of the handshake, if this turn has some left: a handshake costs as much as a thousand
 * messages. */
static enum err greet_tls(struct sock *s)
{
	struct poller *p = s->poller;
	if (p->handshakes_n >= p->all->listeners->config->tls_handshakes_max)
		return ERR_MORE; /* the socket says again that it has something */
	p->handshakes_n++;
	TRY(tls_greet(s->duct.tls, p->room.tls));
	end_part(s);
	return ERR_OK;
}

static enum err greet_proxy(struct sock *s)
{
	TRY(proxy_greet(s->proxy, s->duct.fd));
	end_part(s);
	return ERR_OK;
}

static enum err greet(struct sock *s)
{
	if (!is_known(s))
		TRY(greet_proxy(s));
	if (!is_tls_done(s))
		TRY(greet_tls(s));
	return s->duct.web ? web_greet(s->duct.web, &s->duct, &s->poller->room) : ERR_OK;
}

/* A client that is refused is told so, and may read it. */
void sock_greet(struct sock *s, int events)
{
	must(s->by != NULL);
	if (events & UV_WRITABLE) {
		sock_watch(s, s->events & ~UV_WRITABLE);
		if (!duct_flush(&s->duct, &s->poller->room)) {
			sock_shut(s);
			return;
		}
	}
	enum err e = greet(s);
	if (e == ERR_OK) {
		list_remove(&s->node);
		open_sock(s);
	} else if (e == ERR_MORE) {
		sock_heed(s);
	} else {
		sock_note(s);
		if (e == ERR_MALFORMED)
			sock_linger(s);
		else
			sock_shut(s);
	}
}

static void note_late(const struct sock *s)
{
	char room[80];
	struct text t = text_of(room, sizeof room);
	uint64_t ms = timeout_of(s);
	sock_peer(s, &t);
	struct log_value v[2] = { log_str(text_slice(&t)), log_u64(ms) };
	logger_line(s->poller->all->log, LOG_handshake_timeout, v, 2);
}

static uint64_t end_late(struct list *l, uint64_t now_ms)
{
	struct list_node *n;
	while ((n = list_first(l)) != NULL) {
		struct sock *s = containerof(n, struct sock, node);
		if (s->tag > now_ms)
			return s->tag;
		note_late(s);
		sock_shut(s);
	}
	return UINT64_MAX;
}

uint64_t socks_greet(struct poller *p, uint64_t now_ms)
{
	uint64_t tls_ms = end_late(&p->handshaking, now_ms);
	uint64_t web_ms = end_late(&p->greeting, now_ms);
	p->handshakes_n = 0;
	return tls_ms < web_ms ? tls_ms : web_ms;
}

/* ---- arriving ----------------------------------------------------------------------------- */

/* Ends one that no poller has met. */
static void discard(struct sock *own_s)
{
	proxy_free(own_s->proxy);
	duct_fini(&own_s->duct);
	close(own_s->duct.fd);
	free(own_s);
}

static void arrive(struct sock *s)
{
	struct poller *p = s->poller;
	bool is_watchable = uv_poll_init(&p->uv, &s->poll, s->duct.fd) == 0;
	if (!is_watchable && s->by) {
		atomic_fetch_sub(&p->socks_n, 1);
		discard(s);
		return;
	}
	must(is_watchable); /* it was, on another thread, a moment ago */
	s->poll.data = s;
	s->is_reading = true;
	if (is_greeting_done(s)) {
		open_sock(s);
	} else {
		begin_part(s);
		sock_watch(s, UV_READABLE);
	}
}

/* The connection of a bridge, on a socket that is there or yet to come. False: no room for it; the
 * socket is gone. */
static bool begin_call(struct poller *p, struct sock *s, const struct sock_call *c)
{
	must(!s->conn && !s->poller);
	s->poller = p;
	s->is_reading = true;
	atomic_fetch_add(&p->socks_n, 1);
	list_push(&p->open, &s->node);
	s->conn = conn_call(p->loop, sock_number(s), c->protocol, c->peer, c->which);
	if (!s->conn) {
		sock_shut(s);
		return false;
	}
	s->bridge = c->bridge;
	return true;
}

bool sock_call(struct poller *p, int own_fd, const struct sock_call *c)
{
	struct sock *s = calloc(1, sizeof *s);
	if (!s || uv_poll_init(&p->uv, &s->poll, own_fd) != 0) {
		tls_free(c->own_tls);
		free(s);
		close(own_fd);
		return false;
	}
	s->duct = (struct duct){ .fd = own_fd, .tls = c->own_tls };
	s->poll.data = s;
	if (!begin_call(p, s, c))
		return false;
	if (s->duct.tls) /* the first word is ours; a socket that fails says so itself */
		(void)!tls_greet(s->duct.tls, p->room.tls);
	sock_heed(s);
	return true;
}

struct sock *sock_rest(struct poller *p, const struct sock_call *c)
{
	struct sock *s = calloc(1, sizeof *s);
	must(c->bridge && !c->own_tls);
	if (!s)
		return NULL;
	s->duct = (struct duct){ .fd = -1 };
	return begin_call(p, s, c) ? s : NULL;
}

bool sock_connect(struct sock *s, int own_fd, struct tls *own_tls)
{
	must(s->duct.fd < 0 && s->conn && s->bridge);
	if (uv_poll_init(&s->poller->uv, &s->poll, own_fd) != 0) {
		tls_free(own_tls);
		close(own_fd);
		return false;
	}
	s->duct = (struct duct){ .fd = own_fd, .tls = own_tls };
	s->poll.data = s;
	if (own_tls) /* as above */
		(void)!tls_greet(own_tls, s->poller->room.tls);
	sock_heed(s);
	sock_watch(s, s->events | UV_WRITABLE);
	return true;
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
	       (n = list_first(&p->open)) != NULL || (n = list_first(&p->greeting)) != NULL ||
	       (n = list_first(&p->handshaking)) != NULL)
		sock_shut(containerof(n, struct sock, node));
}
