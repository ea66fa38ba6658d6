/* tls_client -- TLS towards other brokers, which this one calls: whom it believes, what it shows.
 *
 * Private to io/. A context belongs to one bridge and is counted as listeners' are.
 */
#ifndef IO_TLS_CLIENT_H
#define IO_TLS_CLIENT_H
#include "io/tls.h"

/* tls_client_new reads what the settings of a bridge name, which stay as long as it does; the
 * caller has a share of it, to be given back with tls_client_let_go (NULL: none).
 * ERR_MALFORMED: `why` says which file does not serve, and why. */
MUST_USE enum err tls_client_new(const struct config_bridge *set, struct tls_context **out,
				 struct text *why);
void tls_client_let_go(struct tls_context *own);

/* tls_call makes the client's end over a descriptor that is being connected, which it does not
 * own: tls_greet says the first word, when the socket takes it. The certificate must be of `host`,
 * a name or an address, unless `is_any`. NULL: no memory. */
struct tls *tls_call(struct tls_context *c, int fd, const char *host, bool is_any);
#endif
