/* delay_store -- where a virtual host's messages wait that are delayed without an exchange that
 * delays: its record in the catalog.
 *
 * It is a keeper (keeper.h, core_delay.c) that belongs to no exchange: what is due goes where it
 * was sent, by the exchange and key that it came with. Whoever wants to delay a message first
 * declares it (CMD_QUEUE_DECLARE) if it is not there; its name begins with "amq.", so that no
 * client can have declared it, and clients may not touch it. Pure functions over a view.
 */
#ifndef CORE_DELAY_STORE_H
#define CORE_DELAY_STORE_H
#include "core/catalog.h"

#define DELAY_STORE_NAME "amq.delayed" /* those of exchanges go on with a point and their names */

struct queue_rules;
struct route;
struct route_to;

/* delay_store finds it; NULL: the virtual host has none. */
const struct queue_record *delay_store(const struct catalog_view *v, uint16_t vhost);

/* delay_store_declares says what is declared of it, with its rules in `bytes`, RULES_BYTES_MAX. */
struct declare_queue delay_store_declares(uint16_t vhost, uint8_t *bytes);

/* delay_store_to: where a message goes that waits until `due_ms`, which is not 0. Its row may have
 * any expiry_ms. */
struct route_to delay_store_to(const struct queue_record *store, uint64_t due_ms);

/* delay_store_due_ms: until when a message of this route waits there; 0: it does not. */
uint64_t delay_store_due_ms(const struct route *r);

/* delay_store_has: rules of the keeper of an exchange that delays are those of a store. */
bool delay_store_has(const struct queue_rules *r);
#endif
