/* mapping -- a global parameter that gives names to names: an object of texts.
 *
 * As RabbitMQ has them: `mqtt_port_to_vhost_mapping` is {"1883": "/", "1884": "north"}. The value
 * is JSON as it was set; where it is something else it gives nothing. Pure.
 */
#ifndef SESSION_MAPPING_H
#define SESSION_MAPPING_H
#include "core/catalog.h"

/* mapping_find reads what the parameter gives to `name` into `room`, which has LIMIT_SHORTSTR
 * octets: more is nothing. False: nothing. */
bool mapping_find(const struct catalog_view *v, struct slice parameter, struct slice name,
		  uint8_t *room, struct slice *out);

/* mapping_read does the same with a value. */
bool mapping_read(struct slice json, struct slice name, uint8_t *room, struct slice *out);
#endif
