/* secrets -- port/secret.h with real hashes: threads for those that are dear, and a short memory.
 *
 * A process has one struct secret_pool; each loop has a port of it, which it alone calls. Its
 * threads begin with the first password that needs them. What was right is remembered for a
 * minute, as a keyed sum and not as itself, so that a storm of clients that come back costs one
 * check for each user. What a client has asked who is gone costs nothing any more.
 *
 *     loop: check --cheap, remembered--> answer
 *             `--dear--> jobs --threads--> answers of that loop --take--> loop
 */
#ifndef IO_SECRETS_H
#define IO_SECRETS_H
#include "io/poller.h"
#include "port/secret.h"

struct secret_pool;

/* secrets_new makes the pool for the pollers, which are not started yet. NULL: the system has no
 * more of something. secrets_stop ends its threads, when those of the pollers have ended;
 * secrets_free comes when the node is closed, whose sessions forget what they have asked. */
struct secret_pool *secrets_new(struct pollers *p);
void secrets_stop(struct secret_pool *p);
void secrets_free(struct secret_pool *own_pool);

/* secrets_port is what the loop `i` is given. */
struct secrets *secrets_port(struct secret_pool *pool, uint32_t i);
#endif
