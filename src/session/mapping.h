/* mapping -- a global parameter that gives names to names.
 *
 * As RabbitMQ has them: `mqtt_port_to_vhost_mapping` is {"1883": "/", "1884": "north"}. What the
 * parameter means is a fact of its own beside it (FACT_MAPPING), made by whoever sets it: for each
 * name a str8, and a str8 that it is given. Pure.
 */
#ifndef SESSION_MAPPING_H
#define SESSION_MAPPING_H
#include "base/wr.h"
#include "core/catalog.h"

#define MAPPING_OF_PORTS        "mqtt_port_to_vhost_mapping"
#define MAPPING_OF_CERTIFICATES "mqtt_default_vhosts"

/* mapping_is: is the global parameter of that name a mapping? */
bool mapping_is(struct slice parameter);

/* mapping_put adds a pair to a value. One that is empty or longer than LIMIT_SHORTSTR, and so gives
 * nothing, is left out. */
void mapping_put(struct wr *w, struct slice name, struct slice given);

/* mapping_find finds what the parameter gives to `name`, in the view. False: nothing. */
bool mapping_find(const struct catalog_view *v, struct slice parameter, struct slice name,
		  struct slice *out);

/* mapping_look does the same with a value. */
bool mapping_look(struct slice value, struct slice name, struct slice *out);
#endif
