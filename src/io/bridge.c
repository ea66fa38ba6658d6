#include "io/bridge.h"

#include "base/bits.h"
#include "base/text.h"
#include "io/address.h"
#include "io/entropy.h"
#include "io/logger.h"
#include "io/sock.h"
#include "io/tls_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKUP_LOOK_MS 20u

static const char no_room[] = "the system has no more memory or descriptors";

/* A name that is looked up, by a thread of its own: that may take as long as it likes. Who does
 * not wait for it leaves it to the thread. */
enum lookup_state { LOOKUP_UNDER_WAY, LOOKUP_DONE, LOOKUP_LEFT };
struct lookup {
	_Atomic int state; /* enum lookup_state */
	int status;        /* of getaddrinfo */
	int family;        /* of addresses that are wanted */
	struct addrinfo *found;
	char host[CONFIG_STRING_MAX + 1], service[8];
};

struct bridge {
	struct bridge *next; /* of the same poller */
	struct poller *poller;
	const struct config_bridge *set;
	const struct session_ops *protocol;
	uint32_t which;    /* in the settings */
	struct slice rest; /* of its addresses, those that come next */
	char host[CONFIG_STRING_MAX + 1];
	uint16_t port;
	struct address from;       /* of this machine; len 0: any */
	struct tls_context *tls;   /* a share; NULL: none is spoken */
	struct tls_context *fresh; /* of bridges_renew, until all others are read, too */
	_Atomic(struct tls_context *) next_tls; /* for the next call; NULL: that one */
	struct lookup *lookup;                  /* NULL: there is none under way */
	uint64_t at_ms;                         /* when to call; UINT64_MAX: it is being called */
	uint64_t wait_ms;                       /* the last pause */
	int error;                              /* by which its socket failed; 0: it did not */
	const char *why;                        /* it came to nothing; NULL: nothing is known */
	struct sock *rests; /* lazy: what is to be its socket; NULL: it is, or there is none */
	bool is_wanted;     /* then: it is to be called */
};

static void lookup_free(struct lookup *own_l)
{
	if (own_l->found)
		freeaddrinfo(own_l->found);
	free(own_l);
}

static void lookup_leave(struct lookup *own_l)
{
	int before = LOOKUP_UNDER_WAY;
	if (!atomic_compare_exchange_strong(&own_l->state, &before, LOOKUP_LEFT))
		lookup_free(own_l);
}

/* ---- pauses ------------------------------------------------------------------------------- */

static uint64_t between(uint64_t low, uint64_t high)
{
	must(low <= high);
	return low + entropy_u64(NULL) % (high - low + 1);
}

static void end_for_good(struct bridge *b, const char *reason)
{
	const struct log_value v[3] = { log_str(slice_str(b->set->name)),
					log_str(slice_str(b->host)), log_str(slice_str(reason)) };
	b->at_ms = UINT64_MAX;
	if (!b->poller->is_told_to_stop)
		logger_line(b->poller->all->log, LOG_bridge_ended, v, 3);
}

static bool has_next(const struct bridge *b)
{
	struct slice rest = b->rest;
	char host[sizeof b->host];
	uint16_t port;
	must(b->set->address[0] != 0);
	return config_bridge_address(&rest, host, &port);
}

static uint64_t pause_of(const struct bridge *b)
{
	const uint64_t least = (uint64_t)b->set->restart_s * 1000;
	const uint64_t most = (uint64_t)b->set->restart_max_s * 1000;
	const uint64_t wait_ms = b->wait_ms == 0 ? least : between(least, 3 * b->wait_ms);
	must(least > 0);
	return wait_ms > most ? most : wait_ms;
}

/* Who calls once calls each address once, without a pause. */
static void wait_on(struct bridge *b, const char *reason, bool was_open)
{
	const bool is_once = b->set->start == CONFIG_START_ONCE;
	if (is_once && !has_next(b)) {
		end_for_good(b, reason);
		return;
	}
	b->wait_ms = is_once ? 0 : pause_of(b);
	b->at_ms = uv_now(&b->poller->uv) + b->wait_ms;
	struct log_value v[4] = { log_str(slice_str(b->set->name)), log_str(slice_str(b->host)),
				  log_str(slice_str(reason)), log_u64(b->wait_ms) };
	const bool is_rest = was_open && b->set->start == CONFIG_START_LAZY;
	if (is_rest)
		v[3] = log_u64((uint64_t)b->set->threshold);
	if (!b->poller->is_told_to_stop)
		logger_line(b->poller->all->log, is_rest ? LOG_bridge_rests : LOG_bridge_down, v,
			    4);
}

void bridge_failed(struct bridge *b, int error)
{
	must(b->at_ms == UINT64_MAX);
	if (b->error == 0)
		b->error = error;
}

void bridge_over(struct bridge *b, const char *why, bool was_open)
{
	must(b->at_ms == UINT64_MAX);
	if (b->why || b->error != 0)
		why = b->why ? b->why : strerror(b->error);
	if (b->lookup)
		lookup_leave(b->lookup);
	b->lookup = NULL;
	b->why = NULL;
	b->rests = NULL;
	b->is_wanted = false;
	if (was_open)
		b->wait_ms = 0;
	if (was_open && (!b->set->is_round || b->set->start == CONFIG_START_ONCE))
		b->rest = SLICE_EMPTY;
	wait_on(b, *why ? why : was_open ? "the connection ended" : "it came to nothing", was_open);
}

/* A call came to nothing before there was a connection. */
static void give_up(struct bridge *b, const char *reason)
{
	if (!b->rests) {
		wait_on(b, reason, false);
		return;
	}
	b->why = reason;
	sock_lose(b->rests); /* which says bridge_over */
	must(!b->rests);
}

/* ---- calling ------------------------------------------------------------------------------ */

static struct tls_context *newest(struct bridge *b)
{
	struct tls_context *next = atomic_exchange(&b->next_tls, NULL);
	must(!next || b->tls);
	if (next) {
		tls_client_let_go(b->tls);
		b->tls = next;
	}
	return b->tls;
}

/* The conversation that waits for it gets the socket, or there is one now. */
static bool begin_talk(struct bridge *b, int own_fd, const struct sock_call *c)
{
	struct sock *rests = b->rests;
	must(own_fd >= 0);
	if (!rests)
		return sock_call(b->poller, own_fd, c);
	if (!sock_connect(rests, own_fd, c->own_tls))
		return false;
	b->rests = NULL;
	return true;
}

static void call(struct bridge *b, const struct sockaddr *to, socklen_t to_n)
{
	char room[80];
	struct text peer = text_of(room, sizeof room);
	struct address at = { .len = to_n };
	const int one = 1;
	b->error = 0;
	const int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		give_up(b, strerror(errno));
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	memcpy(&at.at, to, to_n);
	address_put(&peer, &at);
	if ((b->from.len > 0 && bind(fd, (const struct sockaddr *)&b->from.at, b->from.len) != 0) ||
	    (connect(fd, to, to_n) != 0 && errno != EINPROGRESS)) {
		const int error = errno;
		close(fd);
		give_up(b, strerror(error));
		return;
	}
	const struct sock_call c = { b->protocol, text_slice(&peer), b->which, b,
				     newest(b) ? tls_call(b->tls, fd, b->host, b->set->is_insecure)
					       : NULL };
	if (b->tls && !c.own_tls)
		close(fd);
	if ((b->tls && !c.own_tls) || !begin_talk(b, fd, &c))
		give_up(b, no_room);
}

/* Of several addresses of one name the first; when that was not good, any: a host may be reached by
 * one of IPv4 and not by that of IPv6. */
static const struct addrinfo *one_of(const struct bridge *b, const struct addrinfo *found)
{
	uint64_t n = 0;
	for (const struct addrinfo *a = found; a; a = a->ai_next)
		n++;
	must(n > 0);
	for (uint64_t i = b->wait_ms == 0 ? 0 : entropy_u64(NULL) % n; i > 0; i--)
		found = found->ai_next;
	return found;
}

/* ---- names -------------------------------------------------------------------------------- */

static void *look_up(void *arg)
{
	struct lookup *l = arg;
	const struct addrinfo hints = { .ai_family = l->family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV | AI_IDN };
	int before = LOOKUP_UNDER_WAY;
	l->status = getaddrinfo(l->host, l->service, &hints, &l->found);
	if (!atomic_compare_exchange_strong(&l->state, &before, LOOKUP_DONE))
		lookup_free(l);
	return NULL;
}

/* Its stack is as large as the system's libraries expect. */
static struct lookup *lookup_begin(const char *host, const char *service, int family)
{
	struct lookup *l = calloc(1, sizeof *l);
	pthread_t thread;
	if (!l)
		return NULL;
	must(strlen(host) < sizeof l->host && strlen(service) < sizeof l->service);
	memcpy(l->host, host, strlen(host) + 1);
	memcpy(l->service, service, strlen(service) + 1);
	l->family = family;
	if (pthread_create(&thread, NULL, look_up, l) != 0) {
		free(l);
		return NULL;
	}
	(void)pthread_detach(thread);
	return l;
}

/* False: it is not known yet. */
static bool resolved(struct bridge *b)
{
	struct lookup *l = b->lookup;
	if (atomic_load(&l->state) != LOOKUP_DONE)
		return false;
	b->lookup = NULL;
	if (l->status != 0) {
		give_up(b, gai_strerror(l->status));
	} else {
		const struct addrinfo *one = one_of(b, l->found);
		call(b, one->ai_addr, one->ai_addrlen);
	}
	lookup_free(l);
	return true;
}

/* The next address, or the first one again. */
static void next_address(struct bridge *b)
{
	if (config_bridge_address(&b->rest, b->host, &b->port))
		return;
	b->rest = slice_str(b->set->address);
	if (!config_bridge_address(&b->rest, b->host, &b->port))
		must(!"an address that was checked when it was set");
}

/* What is an address already is not looked up. */
static void dial(struct bridge *b)
{
	const int family = b->from.len > 0 ? b->from.at.ss_family : AF_UNSPEC;
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char service[8];
	must(b->at_ms == UINT64_MAX && !b->lookup);
	snprintf(service, sizeof service, "%u", b->port);
	if (getaddrinfo(b->host, service, &hints, &found) == 0) {
		call(b, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
		return;
	}
	b->lookup = lookup_begin(b->host, service, family);
	if (!b->lookup)
		give_up(b, "its name cannot be looked up");
}

/* The conversation goes as far as it does alone. */
static void rest(struct bridge *b)
{
	char room[CONFIG_STRING_MAX + 8];
	struct text peer = text_of(room, sizeof room);
	must(!b->rests && b->set->start == CONFIG_START_LAZY);
	text_putf(&peer, "%s:%u", b->host, b->port);
	const struct sock_call c = { b->protocol, text_slice(&peer), b->which, b, NULL };
	b->error = 0;
	b->rests = sock_rest(b->poller, &c);
	if (!b->rests)
		wait_on(b, no_room, false);
}

static void begin(struct bridge *b)
{
	next_address(b);
	b->at_ms = UINT64_MAX;
	if (b->set->start == CONFIG_START_LAZY)
		rest(b);
	else
		dial(b);
}

void bridge_wanted(struct bridge *b)
{
	must(b->rests != NULL);
	b->is_wanted = true;
	poller_wake(b->poller);
}

uint64_t bridges_turn(struct poller *p, uint64_t now_ms)
{
	uint64_t at_ms = UINT64_MAX;
	for (struct bridge *b = p->bridges; b && !p->is_told_to_stop; b = b->next) {
		if (b->at_ms <= now_ms)
			begin(b);
		if (b->is_wanted) {
			b->is_wanted = false;
			dial(b);
		}
		if (b->lookup && !resolved(b))
			at_ms = min_u64(at_ms, now_ms + LOOKUP_LOOK_MS);
		at_ms = min_u64(at_ms, b->at_ms);
	}
	return at_ms;
}

/* ---- life --------------------------------------------------------------------------------- */

bool bridges_want_tls(const struct config *c)
{
	bool is_wanted = false;
	for (uint32_t i = 0; i < c->bridges.n; i++)
		is_wanted |= c->bridges.at[i].is_tls;
	return is_wanted;
}

/* From where it is to call. */
static enum err take_from(struct bridge *b, struct text *why)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found = NULL;
	must(b->from.len == 0);
	if (!b->set->bind_address[0])
		return ERR_OK;
	if (getaddrinfo(b->set->bind_address, NULL, &hints, &found) != 0) {
		text_putf(why, "mqtt.bridges.%s.bind_address: %s is no address", b->set->name,
			  b->set->bind_address);
		return ERR_MALFORMED;
	}
	b->from.len = found->ai_addrlen;
	memcpy(&b->from.at, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ERR_OK;
}

enum err bridges_new(struct pollers *p, const struct config *c, const struct session_ops *protocol,
		     struct text *why)
{
	must(p->n > 0);
	for (uint32_t i = 0; i < c->bridges.n; i++) {
		struct bridge *b = calloc(1, sizeof *b);
		if (!b) {
			text_puts(why, "no memory for bridges");
			return ERR_LIMIT;
		}
		b->poller = &p->at[i % p->n];
		b->set = &c->bridges.at[i];
		b->protocol = protocol;
		b->which = i;
		b->next = b->poller->bridges;
		b->poller->bridges = b;
		TRY(take_from(b, why));
		if (b->set->is_tls)
			TRY(tls_client_new(b->set, &b->tls, why));
	}
	return ERR_OK;
}

/* What was read for them counts, or is forgotten. */
static void take_fresh(struct pollers *p, bool is_good)
{
	must(p->n > 0);
	for (uint32_t i = 0; i < p->n; i++)
		for (struct bridge *b = p->at[i].bridges; b; b = b->next) {
			struct tls_context *own = b->fresh;
			b->fresh = NULL;
			if (is_good && own)
				own = atomic_exchange(&b->next_tls, own);
			tls_client_let_go(own);
		}
}

enum err bridges_renew(struct pollers *p, struct text *why)
{
	enum err e = ERR_OK;
	must(why != NULL);
	for (uint32_t i = 0; i < p->n; i++)
		for (struct bridge *b = p->at[i].bridges; b && e == ERR_OK; b = b->next)
			if (b->set->is_tls)
				e = tls_client_new(b->set, &b->fresh, why);
	take_fresh(p, e == ERR_OK);
	return e;
}

void bridges_end(struct poller *p)
{
	while (p->bridges) {
		struct bridge *b = p->bridges;
		p->bridges = b->next;
		if (b->lookup)
			lookup_leave(b->lookup);
		tls_client_let_go(atomic_exchange(&b->next_tls, NULL));
		tls_client_let_go(b->tls);
		free(b);
	}
}
