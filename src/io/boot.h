/* boot -- definitions that a start imports, before there are threads and before clients are let in.
 *
 * The main thread plays everybody: it takes turns of all loops and steps of the journal, and talks
 * to the broker as an operator does, over a pair of sockets. Before poller_start.
 */
#ifndef IO_BOOT_H
#define IO_BOOT_H
#include "io/definitions.h"
#include "io/poller.h"

/* boot_import brings all items in and gives what the broker says of them: refused ones, counts.
 * `control` is the protocol of the control socket. ERR_IO, ERR_RESOURCE_ERROR, or what the journal
 * failed with: `said` says why. */
MUST_USE enum err boot_import(struct pollers *p, struct node *n, const struct definitions *d,
			      const struct session_ops *control, struct text *said);

/* boot_mean brings in what definitions_meanings finds. Errors likewise. */
MUST_USE enum err boot_mean(struct pollers *p, struct node *n, const struct session_ops *control,
			    struct text *why);
#endif
