/* names -- who this broker says that it is, where the settings do not: after the host it runs on.
 */
#ifndef IO_NAMES_H
#define IO_NAMES_H
#include "node/config.h"

/* names_complete names what is to have a name and has none: the cluster, and bridges. */
void names_complete(struct config *io_c);
#endif
