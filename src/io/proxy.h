/* proxy -- who is behind the proxy that has connected: the PROXY protocol, before anything else.
 *
 * What is behind the header stays in the socket, for TLS or the session. On the socket's thread.
 */
#ifndef IO_PROXY_H
#define IO_PROXY_H
#include "io/address.h"

struct proxy;

/* proxy_new: NULL: no memory. */
struct proxy *proxy_new(void);
void proxy_free(struct proxy *own);

/* proxy_greet reads on. ERR_OK: the header is read. ERR_MORE: when the socket has more, again.
 * ERR_CLOSED: the peer is gone, or sends something else; proxy_why says why in the latter case. */
MUST_USE enum err proxy_greet(struct proxy *p, int fd);
bool proxy_is_done(const struct proxy *p);

/* proxy_peer gives the client's address. False: the proxy has not said whose this is, or asks for
 * itself. */
bool proxy_peer(const struct proxy *p, struct address *out);

/* proxy_why: what went wrong, for people; "" nothing. */
const char *proxy_why(const struct proxy *p);
#endif
