/* tls -- TLS 1.2 and 1.3 (OpenSSL) between a socket and a connection, which know nothing of it.
 *
 * A tls_context is what a process has: certificate, key, rules. It never changes and is shared; a
 * reload makes a new one, and a tls_source hands the newest to whoever accepts. A tls belongs to a
 * socket and goes with it from poller to poller; a tls_room is a poller's, and lent for each call:
 * what is written is sealed there and leaves in one write.
 *
 *     bytes of the node --> sealed in 16 KiB records --> room --> write(2), what is left: rest
 *     read(2) --> OpenSSL's buffer, which is given back when it is empty --> bytes for the node
 *
 * The handshake happens inside the first reads. Private to io/.
 */
#ifndef IO_TLS_H
#define IO_TLS_H
#include "base/err.h"
#include "base/slice.h"
#include "io/tickets.h"
#include "node/config.h"

#include <stdatomic.h>
#include <sys/types.h>

struct text;
struct tls;
struct tls_source;
struct tls_context;
struct tls_room;

/* tls_context_new reads what ssl_options name; the caller has a share of it, for `s`.
 * ERR_MALFORMED: `why` says which file or setting does not serve, and why. */
MUST_USE enum err tls_context_new(struct tls_source *s, const struct config *c,
				  struct tls_context **out, struct text *why);

/* Of all listeners: `now` is touched by the thread that accepts, `next` by any. */
struct tls_source {
	struct tls_context *now; /* NULL: nobody speaks TLS */
	_Atomic(struct tls_context *) next;
	struct tickets tickets; /* of the process: who comes again may be remembered */
	uint64_t contexts_n;    /* made so far, on one thread */
};
/* tls_source_init: ERR_RESOURCE_ERROR: there are no random numbers. */
MUST_USE enum err tls_source_init(struct tls_source *s, const struct config *c, struct text *why);
/* tls_source_renew: from now on connections get this context. Any thread. */
void tls_source_renew(struct tls_source *s, struct tls_context *own_next);
void tls_source_fini(struct tls_source *s);

/* tls_room_new: NULL: no memory. */
struct tls_room *tls_room_new(void);
void tls_room_free(struct tls_room *own);

/* tls_new makes the server's end over a connected, non-blocking descriptor, which it does not own;
 * on the thread that accepts. `alpn` is what a client that offers protocols must offer, "" is any;
 * it is there as long as this is. NULL: no memory. */
struct tls *tls_new(struct tls_source *s, int fd, const char *alpn);
void tls_free(struct tls *own);

/* tls_greet goes on with the handshake. ERR_OK: it is done. ERR_MORE: again, when the socket has
 * more. ERR_CLOSED: it failed, tls_why says why if there was more than silence. */
MUST_USE enum err tls_greet(struct tls *t, struct tls_room *room);
bool tls_is_open(const struct tls *t);

/* tls_read is read(2) of what the peer has sealed: n > 0 bytes, 0 at its end, -1 with errno EAGAIN
 * when there is no more now, EPROTO when it does not speak TLS as it should (tls_why says what is
 * wrong), or an error of the socket. It may write, too: see tls_has_rest. */
ssize_t tls_read(struct tls *t, struct tls_room *room, uint8_t *to, uint32_t n);

/* tls_write is writev(2): it takes some of the bytes, 0 while the handshake lasts or the socket is
 * full; -1 with errno when the socket is broken. What it takes leaves, however full the socket is:
 * tls_has_rest. */
ssize_t tls_write(struct tls *t, struct tls_room *room, const struct slice *parts,
		  uint32_t parts_n);

/* tls_names gives, once, after the handshake, the names that the settings choose in a certificate
 * that the peer has shown and that is believed: a user's (cert_name) and a client's (cert_put),
 * each empty if there is none. False: not now, or there is no such certificate. */
bool tls_names(struct tls *t, struct text *out_user, struct text *out_client);

/* tls_flush writes what is left over. False: the socket is broken. */
bool tls_flush(struct tls *t);

/* tls_has_rest: sealed bytes wait for the socket; tls_has_more: bytes of the peer wait here, and no
 * socket will say so. */
bool tls_has_rest(const struct tls *t);
bool tls_has_more(const struct tls *t);

/* tls_is_choked: so much waits for the socket that the peer is not read until it has taken some. */
bool tls_is_choked(const struct tls *t);

/* tls_end seals the end (close_notify): nothing may be written after it. */
void tls_end(struct tls *t, struct tls_room *room);

/* tls_why: what went wrong last, for people; "" nothing. */
const char *tls_why(const struct tls *t);
#endif
