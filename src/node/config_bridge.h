/* config_bridge -- settings of bridges: mqtt.bridges.NAME.KEY, rows of node/bridge.def.
 *
 * Private to node/. Errors and their words as config_value's.
 */
#ifndef NODE_CONFIG_BRIDGE_H
#define NODE_CONFIG_BRIDGE_H
#include "node/config_rows.h"

/* config_bridges_set takes NAME.KEY, or NAME.topics.X; the first key of a name makes the bridge. */
MUST_USE enum err config_bridges_set(struct config_bridges *all, struct slice name,
				     struct slice value, struct text *why);
MUST_USE enum err config_topics_set(struct config_topics *t, struct slice name, struct slice value,
				    struct text *why);

/* config_bridges_check: ERR_MALFORMED: a bridge lacks something, or two have one session here. */
MUST_USE enum err config_bridges_check(const struct config_bridges *all, struct text *why);
bool config_bridges_differ(const struct config_bridges *a, const struct config_bridges *b);

/* config_field_set sets the field of `row` in the struct at `all` (config.c). */
MUST_USE enum err config_field_set(void *all, const struct config_row *row,
				   struct config_source from, struct slice name, struct slice value,
				   struct text *why);
#endif
