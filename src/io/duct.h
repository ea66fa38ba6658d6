/* duct -- the bytes of one socket through what lies between it and its session.
 *
 *     socket -> [TLS] -> [WebSocket] -> session
 *
 * Each layer is a byte source of its own; which there are is known when the client comes and does
 * not change. A socket with none is read and written as it is.
 */
#ifndef IO_DUCT_H
#define IO_DUCT_H
#include "base/slice.h"
#include "io/deflate.h"

#include <stdint.h>
#include <sys/types.h>

struct tls;
struct tls_room;
struct web;

#define DUCT_PARTS_MAX 33u /* what the node gives, and the head of a frame */

/* What is a poller's, and lent for each call. */
struct duct_room {
	struct tls_room *tls; /* NULL: nobody speaks TLS */
	struct deflate_room deflate;
};

struct duct {
	int fd;          /* -1: there is no socket */
	struct tls *tls; /* NULL: none */
	struct web *web; /* likewise */
	bool is_ending;  /* TLS is to say goodbye when WebSocket has said it */
};

/* duct_is_bare: nothing lies between. */
static inline bool duct_is_bare(const struct duct *d)
{
	return !d->tls && !d->web;
}

/* duct_is_open: nothing has to be agreed on any more before bytes can be written. */
bool duct_is_open(const struct duct *d);

/* duct_read is read(2): n > 0 bytes, 0 at the end, -1 with errno: EAGAIN when there is no more now,
 * EBUSY when it is the turn of others (duct_has_more, or the socket, says whether there is more),
 * EPROTO when a layer is not spoken as it should be (duct_why). It may write, too. */
ssize_t duct_read(struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n);

/* duct_write is writev(2), and gives 0 where that gives EAGAIN; -1: the socket is broken. */
ssize_t duct_write(struct duct *d, struct duct_room *room, const struct slice *parts,
		   uint32_t parts_n);

/* duct_flush writes what layers have left over. False: the socket is broken. */
bool duct_flush(struct duct *d, struct duct_room *room);

/* duct_has_rest: some layer's bytes wait for the socket; duct_has_more: bytes of the peer wait in a
 * layer, and no socket will say so; duct_is_dry: the last read had all that the kernel has. */
bool duct_has_rest(const struct duct *d);
bool duct_has_more(const struct duct *d);
bool duct_is_dry(const struct duct *d);

/* duct_is_choked: so much waits for the socket that it is not to be read now. */
bool duct_is_choked(const struct duct *d);

/* duct_end says goodbye in each layer: nothing may be written after it. */
void duct_end(struct duct *d, struct duct_room *room);

/* duct_fini frees the layers; the socket stays. */
void duct_fini(struct duct *d);

/* ---- for the layer above TLS */

/* duct_read_below and duct_write_below are those of everything below WebSocket. */
ssize_t duct_read_below(const struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n);
ssize_t duct_write_below(const struct duct *d, struct duct_room *room, const struct slice *parts,
			 uint32_t parts_n);
#endif
