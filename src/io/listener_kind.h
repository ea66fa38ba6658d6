/* listener_kind -- which settings open listeners, and what clients meet there: listeners.def.
 *
 * A protocol is a row in node/config.def, a row in listeners.def and a field in struct
 * server_setup; nothing else knows which there are.
 */
#ifndef IO_LISTENER_KIND_H
#define IO_LISTENER_KIND_H
#include "base/err.h"
#include "io/web.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct listeners;
struct server_setup;
struct text;
struct tls_source;

enum {
#define LISTENER(field, key, session, name, proxied, below, web, alpn, prose) LISTENER_KIND_##field,
#include "io/listeners.def"
#undef LISTENER
	LISTENER_KINDS_N
};

enum listener_below { LISTENER_PLAIN, LISTENER_TLS };

struct listener_kind {
	const char *key;  /* of the setting */
	const char *name; /* of the protocol */
	size_t where;     /* of the addresses in a struct config */
	size_t session;   /* of the session_ops in a struct server_setup */
	size_t proxied;   /* of the bool in a struct config */
	enum listener_below below;
	enum web_kind web; /* WEB_NONE: no WebSocket */
	const char *alpn;
};

/* listener_kinds_want_tls: some listener of these settings speaks TLS. */
bool listener_kinds_want_tls(const struct config *c);

/* listener_kinds_take takes the addresses of all settings. `tls` has a context if they want TLS.
 * ERR_MALFORMED: a setting names listeners of a protocol that this program has no sessions for;
 * others as listeners_take: `why` says what is in the way. */
MUST_USE enum err listener_kinds_take(struct listeners *l, const struct server_setup *s,
				      struct tls_source *tls, struct text *why);
#endif
