/* address -- addresses of sockets, as text and back. */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H
#include "base/err.h"
#include "node/config.h"

#include <sys/socket.h>

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

/* address_of gives the address of a listener; without a host it is [::], which takes IPv4 too.
 * ERR_MALFORMED: the host is no address. */
MUST_USE enum err address_of(const struct config_listener *l, struct address *out);

/* address_any4 is 0.0.0.0 with that port: for machines without IPv6. */
struct address address_any4(uint16_t port);

/* address_of_octets is that of IPv4 (n 4) or IPv6 (n 16), in network order. */
struct address address_of_octets(const uint8_t *octets, size_t n, uint16_t port);

/* address_put appends HOST:PORT, [HOST]:PORT for IPv6; an IPv4 peer on an IPv6 socket is shown as
 * what it is. Other families: "local". */
void address_put(struct text *out, const struct address *a);

/* address_port is its port; 0: it has none. */
uint16_t address_port(const struct address *a);

/* address_is_loopback: is the peer on this machine, by its address? */
bool address_is_loopback(const struct address *a);
#endif
