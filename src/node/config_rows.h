/* config_rows -- the tables of settings (config.def, config_known.def): rows by their keys.
 *
 * Private to node/. All of it is constant.
 */
#ifndef NODE_CONFIG_ROWS_H
#define NODE_CONFIG_ROWS_H
#include "node/config.h"

#include <stddef.h>

/* What keys of CONFIG_TYPE_DIALECTS end with. */
#define CONFIG_DIALECT_END ".dialect"

enum config_type {
	CONFIG_TYPE_BOOL,
	CONFIG_TYPE_INT,
	CONFIG_TYPE_BOUND,
	CONFIG_TYPE_BYTES,
	CONFIG_TYPE_RATIO,
	CONFIG_TYPE_STRING,
	CONFIG_TYPE_CHOICE,
	CONFIG_TYPE_CHOICES,
	CONFIG_TYPE_LISTENERS,
	CONFIG_TYPE_ENDPOINT,
	CONFIG_TYPE_USERS,
	CONFIG_TYPE_TEXTS,
	CONFIG_TYPE_DIALECTS,
	CONFIG_TYPE_TOPICS,
	CONFIG_TYPE_BRIDGES,
	CONFIG_TYPE_LIMITS,
	CONFIG_TYPE_WORDS
};

struct config_row {
	const char *key;
	enum config_type type;
	size_t at, bytes; /* of the field in a struct config */
	const char *value;
	int64_t min, max;
	const char *unit;
};

extern const struct config_row config_rows[];
extern const size_t config_rows_n;

/* config_row_has_names: its key goes on with a name, of the user's or one of a few. */
bool config_row_has_names(const struct config_row *row);

/* config_row_is_listening: its field is a struct config_listeners. */
bool config_row_is_listening(const struct config_row *row);

/* config_row_find gives the row of a key, also of one that newer versions of RabbitMQ write
 * otherwise; *out_name is how the key goes on, or nothing. NULL: there is none. */
const struct config_row *config_row_find(struct slice key, struct slice *out_name);

/* config_known_reason: why a setting of RabbitMQ has no effect here; NULL: there is none such. */
const char *config_known_reason(struct slice key);

/* config_near_key: what somebody may have meant who wrote `key`; NULL: nothing is near. */
const char *config_near_key(struct slice key);
#endif
