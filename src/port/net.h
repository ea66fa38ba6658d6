/* net -- what the node asks of sockets; io/ plays it with libuv, sim/ with a model.
 *
 * One struct net per loop; every call is made on that loop. `sock` is the io side's own number.
 * The io side calls the node (node/node.h): accepted, bytes, writable, closed.
 */
#ifndef PORT_NET_H
#define PORT_NET_H
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct net;

struct net_ops {
	/* write tries to send and says how many bytes the socket took (less: node_writable is called
	 * when it takes more); negative: the connection is broken and node_closed follows. */
	int64_t (*write)(struct net *n, uint64_t sock, const struct slice *parts, uint32_t n_parts);
	/* read switches reading on or off: off = back-pressure. */
	void (*read)(struct net *n, uint64_t sock, bool is_on);
	/* close ends the connection when what was written has gone; node_closed is not called. */
	void (*close)(struct net *n, uint64_t sock);
	/* move takes the socket from this loop; the other loop's io side will call node_moved there. */
	void (*move)(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag);
	/* wake makes sure that loop `loop` takes a turn soon; any thread. */
	void (*wake)(struct net *n, uint32_t loop);
};

struct net { const struct net_ops *ops; };
#endif
