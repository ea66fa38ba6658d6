/* retain_store -- the store of last messages that a virtual host has: its record in the catalog.
 *
 * It is a queue record like any other, durable, with QUEUE_KEEPER and QUEUE_RETAINS. Whoever wants
 * to keep a message first declares it (CMD_QUEUE_DECLARE) if it is not there; its name begins with
 * "amq.", so that no client can have declared it, and clients may not touch it. Pure functions over
 * a view.
 */
#ifndef CORE_RETAIN_STORE_H
#define CORE_RETAIN_STORE_H
#include "core/catalog.h"

struct route_to;

/* retain_store finds it; NULL: the virtual host has none, and so no messages are kept there. */
const struct queue_record *retain_store(const struct catalog_view *v, uint16_t vhost);

/* retain_store_declare writes its declaration (DECLARE_BYTES_MAX are enough). */
uint32_t retain_store_declare(uint16_t vhost, uint8_t *buf, uint32_t cap);

/* retain_store_to: where a message that is to be kept goes, beside its route. The expiry_ms of its
 * row is what retain_expiry says; its key is the routing key that it came with. */
struct route_to retain_store_to(const struct queue_record *store);

/* retain_store_behind writes the position of a search (CMD_FIND) that goes on behind a key and its
 * number, RETAIN_BEHIND_BYTES at most. */
#define RETAIN_BEHIND_BYTES (LIMIT_SHORTSTR + 8u)
uint32_t retain_store_behind(struct slice key, uint64_t number, uint8_t *buf);
#endif
