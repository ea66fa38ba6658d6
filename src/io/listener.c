#include "io/listener.h"

#include "base/text.h"
#include "io/address.h"
#include "io/logger.h"
#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_MAX 64  /* for one event */
#define PAUSE_MS    100 /* after a failed accept: what is missing comes back by itself */

void listeners_init(struct listeners *l, const struct config *c)
{
	must(l->n == 0 && !l->is_open);
	l->config = c;
	for (int i = 0; i < WEB_KINDS_N; i++)
		l->webs[i] = web_rules_of(c, (enum web_kind)i);
}

/* ---- taking addresses --------------------------------------------------------------------- */

static enum err refused(const struct listener *one, int error, struct text *why)
{
	text_putf(why, "cannot listen for %s on %s: ", one->serves.name, one->address);
	switch (error) {
	case EADDRINUSE:
		text_putf(why, "another process has this port; stop it, or set another with %s.%s",
			  one->serves.key, one->name);
		return ERR_EXISTS;
	case EADDRNOTAVAIL:
		text_putf(why, "this machine has no such address; see %s", one->serves.key);
		return ERR_MALFORMED;
	case EACCES:
		text_putf(why, "ports below 1024 need CAP_NET_BIND_SERVICE; see %s",
			  one->serves.key);
		return ERR_ACCESS_REFUSED;
	default: text_puts(why, strerror(error)); return ERR_IO;
	}
}

/* What a listening socket is set to, its connections inherit on Linux. */
static void set_options(int fd, const struct config *c)
{
	int on = 1, sndbuf = (int)c->sndbuf_bytes, recbuf = (int)c->recbuf_bytes;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (c->is_nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (c->is_keepalive)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if (sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf);
	if (recbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &recbuf, sizeof recbuf);
}

/* Gives the descriptor, or -1 with errno. */
static int bound(const struct address *a, const struct config *c)
{
	int off = 0;
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	set_options(fd, c);
	if (a->at.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, (const struct sockaddr *)&a->at, a->len) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void show(struct listener *one)
{
	struct address a = { .len = sizeof a.at };
	struct text t = text_of(one->address, sizeof one->address);
	if (getsockname(one->fd, (struct sockaddr *)&a.at, &a.len) == 0)
		address_put(&t, &a);
	one->port = address_port(&a);
}

enum err listeners_take(struct listeners *l, const struct config_listener *where,
			const struct listener_serves *serves, struct text *why)
{
	must(l->n < LISTENERS_MAX);
	struct listener *one = &l->at[l->n];
	*one = (struct listener){ .all = l, .serves = *serves, .name = where->name, .fd = -1 };
	struct address a = { 0 };
	if (address_of(where, &a) != ERR_OK) {
		text_putf(why, "%s.%s: %s is no address of IPv4 or IPv6", serves->key, where->name,
			  where->host);
		return ERR_MALFORMED;
	}
	struct text t = text_of(one->address, sizeof one->address);
	address_put(&t, &a);
	one->fd = bound(&a, l->config);
	bool is_without_v6 = one->fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
	if (is_without_v6 && !where->host[0]) {
		a = address_any4(where->port);
		one->fd = bound(&a, l->config);
	}
	if (one->fd < 0)
		return refused(one, errno, why);
	show(one);
	l->n++;
	return ERR_OK;
}

/* Names of sockets are short (108 bytes), paths need not be: the name goes through the open
 * directory. Whoever holds the data directory's lock may take away what an earlier daemon left. */
static int bound_control(const char *dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int place = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return -1;
	struct text t = text_of(at.sun_path, sizeof at.sun_path);
	text_putf(&t, "/proc/self/fd/%d/%s", place, name);
	unlinkat(place, name, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177);
	int done = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&at, sizeof at);
	int error = errno;
	umask(mask);
	close(place);
	if (done == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

enum err listeners_take_control(struct listeners *l, const char *dir,
				const struct session_ops *protocol, struct text *why)
{
	must(l->n < LISTENERS_MAX);
	struct listener *one = &l->at[l->n];
	*one = (struct listener){
		.all = l,
		.serves = { .key = "control_socket",
			    .name = "control",
			    .protocol = protocol,
			    .alpn = "" },
	};
	struct text t = text_of(one->address, sizeof one->address);
	text_putf(&t, "%s/%s", dir, l->config->control_socket);
	one->fd = bound_control(dir, l->config->control_socket);
	if (one->fd < 0)
		return refused(one, errno, why);
	l->control_dir = dir;
	l->n++;
	return ERR_OK;
}

/* Who finds the socket's name finds a daemon. */
static void control_remove(struct listeners *l)
{
	int place = l->control_dir ? open(l->control_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (place < 0)
		return;
	unlinkat(place, l->config->control_socket, 0);
	close(place);
	l->control_dir = NULL;
}

/* ---- accepting ---------------------------------------------------------------------------- */

static struct poller *least_busy(const struct pollers *p)
{
	struct poller *best = &p->at[0];
	uint32_t least = atomic_load_explicit(&best->socks_n, memory_order_relaxed);
	for (uint32_t i = 1; i < p->n; i++) {
		uint32_t n = atomic_load_explicit(&p->at[i].socks_n, memory_order_relaxed);
		if (n < least) {
			least = n;
			best = &p->at[i];
		}
	}
	return best;
}

static void on_accept(uv_poll_t *h, int status, int events);

static void on_pause_over(uv_timer_t *h)
{
	struct listener *one = h->data;
	int done = uv_poll_start(&one->poll, UV_READABLE, on_accept);
	must(done == 0);
}

/* Out of descriptors or memory: the listener would be ready for ever, so it is left alone for a
 * moment. Clients wait in the kernel's queue. */
static void pause_listening(struct listener *one, int error)
{
	struct log_value v[2] = { log_str(slice_str(one->address)),
				  log_str(slice_str(strerror(error))) };
	logger_line(one->all->pollers->log, LOG_accept_failed, v, 2);
	uv_poll_stop(&one->poll);
	uv_timer_start(&one->pause, on_pause_over, PAUSE_MS, 0);
}

static bool is_of_one_client(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
	       error == ENETDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

static void on_accept(uv_poll_t *h, int status, int events)
{
	struct listener *one = h->data;
	struct pollers *p = one->all->pollers;
	(void)events;
	if (status < 0) { /* libuv has stopped watching it */
		pause_listening(one, -status);
		return;
	}
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(one->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && is_of_one_client(errno))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				pause_listening(one, errno);
			return;
		}
		if (!sock_accepted(&p->at[0], least_busy(p), fd, one)) {
			pause_listening(one, ENOMEM);
			return;
		}
	}
}

/* ---- life --------------------------------------------------------------------------------- */

static bool watch(struct listener *one, struct poller *p)
{
	one->poll.data = one->pause.data = one;
	return uv_timer_init(&p->uv, &one->pause) == 0 &&
	       uv_poll_init(&p->uv, &one->poll, one->fd) == 0 &&
	       uv_poll_start(&one->poll, UV_READABLE, on_accept) == 0;
}

enum err listeners_open(struct listeners *l, struct pollers *p, struct text *why)
{
	l->pollers = p;
	for (uint32_t i = 0; i < l->n; i++) {
		struct listener *one = &l->at[i];
		if (listen(one->fd, (int)l->config->backlog) != 0)
			return refused(one, errno, why);
		if (!watch(one, &p->at[0]))
			return refused(one, ENOMEM, why);
		struct log_value v[2] = { log_str(slice_str(one->serves.name)),
					  log_str(slice_str(one->address)) };
		logger_line(p->log, LOG_listener_open, v, 2);
	}
	l->is_open = true;
	return ERR_OK;
}

void listeners_close(struct listeners *l)
{
	control_remove(l);
	for (uint32_t i = 0; i < l->n; i++) {
		struct listener *one = &l->at[i];
		if (l->is_open) {
			uv_close((uv_handle_t *)&one->poll, NULL);
			uv_close((uv_handle_t *)&one->pause, NULL);
		}
		close(one->fd);
	}
	l->n = 0;
	l->is_open = false;
}
