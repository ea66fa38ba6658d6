/* net -- what the node asks of sockets; io/ plays it with libuv, sim/ with a model.
 *
 * One struct net per loop; every call is made on that loop. `sock` is the io side's own number.
 * The io side calls the node (node/node.h): conn_open, conn_bytes, conn_writable, conn_lost.
 */
#ifndef PORT_NET_H
#define PORT_NET_H
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct net;

enum net_worker { NET_WRITER, NET_KEEPER };

struct net_ops {
	/* write tries to send and says how many bytes the socket took (less: conn_writable is
	 * called when it takes more); negative: the connection is broken and conn_lost follows. */
	int64_t (*write)(struct net *n, uint64_t sock, const struct slice *parts, uint32_t n_parts);
	/* read switches reading on or off: off = back-pressure. */
	void (*read)(struct net *n, uint64_t sock, bool is_on);
	/* close ends the connection when what was written has gone; conn_lost is not called. */
	void (*close)(struct net *n, uint64_t sock);
	/* move takes the socket from this loop; the other loop's io side calls conn_arrived
	 * there. */
	void (*move)(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag);
	/* wake makes sure that loop `loop` takes a turn soon; any thread. */
	void (*wake)(struct net *n, uint32_t loop);
	/* work makes sure that the journal's writer or keeper takes a step soon; any thread. */
	void (*work)(struct net *n, enum net_worker who);
};

struct net {
	const struct net_ops *ops;
};
#endif
