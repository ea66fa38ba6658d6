/* listener -- where clients connect. One thread accepts, and gives each connection to the poller
 * that has the fewest.
 *
 * Addresses are taken (bind) before anything else starts, so that a port in use is found while
 * nothing has been touched; clients are let in (listen) when recovery is done.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H
#include "io/listener_kind.h"
#include "io/poller.h"

#define LISTENERS_MAX (LISTENER_KINDS_N * CONFIG_LISTENERS_MAX + 1)

/* What clients of some listeners meet. */
struct listener_serves {
	const char *key;  /* of their settings */
	const char *name; /* of the protocol, for people */
	const struct session_ops *protocol;
	struct tls_source *tls;      /* borrowed; NULL: plain */
	const struct web_rules *web; /* borrowed; NULL: no WebSocket */
	const char *alpn;            /* "": any */
	bool is_proxied;             /* a PROXY header comes first */
};

struct listener {
	uv_poll_t poll;
	uv_timer_t pause; /* after a failed accept */
	struct listeners *all;
	struct listener_serves serves;
	const char *name;  /* the last word of its setting; NULL: the control socket */
	char address[128]; /* as it is shown */
	uint16_t port;     /* 0: a local socket */
	int fd;
};

struct listeners {
	struct listener at[LISTENERS_MAX];
	uint32_t n;
	struct web_rules webs[WEB_KINDS_N];
	const struct config *config;
	struct pollers *pollers;
	const char *control_dir; /* where the control socket is; NULL: there is none; borrowed */
	bool is_open;            /* listening, on the first poller */
};

/* listeners_init makes an empty set of a struct that is all zero: most of it is never touched. */
void listeners_init(struct listeners *l, const struct config *c);

/* listeners_take takes an address. ERR_EXISTS, ERR_ACCESS_REFUSED, ERR_IO, ERR_MALFORMED: `why`
 * says what is in the way and what to do. */
MUST_USE enum err listeners_take(struct listeners *l, const struct config_listener *where,
				 const struct listener_serves *serves, struct text *why);

/* listeners_take_control takes the control socket in the data directory `dir`. Errors likewise. */
MUST_USE enum err listeners_take_control(struct listeners *l, const char *dir,
					 const struct session_ops *protocol, struct text *why);

/* listeners_open lets clients in, on pollers that have not been started yet. Errors likewise. */
MUST_USE enum err listeners_open(struct listeners *l, struct pollers *p, struct text *why);

/* listeners_close ends them all: on the first poller's thread, or when there is none. */
void listeners_close(struct listeners *l);
#endif
