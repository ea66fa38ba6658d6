/* config -- the broker's settings: one table (config.def), rabbitmq.conf's grammar and names.
 *
 * Order: defaults < file < GODWIT_... environment < --set key=value. Unknown keys and bad values
 * are refused with source, line, reason and the nearest name. A config is plain data: filled at
 * start, read by everyone, never changed while loops run.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct text;

#define CONFIG_STRING_MAX 255
#define CONFIG_LISTENERS_MAX 16

struct config_listener { char host[64]; uint16_t port; };   /* host "": all addresses */

struct config {
#define CONFIG_BOOL(field, key, value, prose) bool field;
#define CONFIG_INT(field, key, value, min, max, unit, prose) int64_t field;
#define CONFIG_BYTES(field, key, value, min, max, prose) int64_t field;
#define CONFIG_RATIO(field, key, value, min, max, prose) double field;
#define CONFIG_STRING(field, key, value, prose) char field[CONFIG_STRING_MAX + 1];
#define CONFIG_ENUM(field, key, value, choices, prose) int field;
#include "node/config.def"
	struct config_listener amqp[CONFIG_LISTENERS_MAX];
	uint32_t amqp_n;
	struct { char name[CONFIG_STRING_MAX + 1]; bool is_loopback_only; } loopback_users[16];
	uint32_t loopback_users_n;
};

/* config_defaults fills a config with the values of the table. */
void config_defaults(struct config *c);

/* config_read takes the text of a file named `name` (for messages). On the first bad line: an
 * error, and `why` = "NAME:LINE: reason (did you mean KEY?)". c is unusable then. */
MUST_USE enum err config_read(struct config *c, const char *name, struct slice text, struct text *why);

/* config_set takes one key and value, as from --set or the environment; `source` is for messages. */
MUST_USE enum err config_set(struct config *c, const char *source, struct slice key,
			     struct slice value, struct text *why);

/* config_check looks at what values mean together; after all sources were read. */
MUST_USE enum err config_check(const struct config *c, struct text *why);
#endif
