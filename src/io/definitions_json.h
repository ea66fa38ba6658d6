/* definitions_json -- small questions to cJSON: members as text, objects as field tables. */
#ifndef IO_DEFINITIONS_JSON_H
#define IO_DEFINITIONS_JSON_H
#include "base/wr.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* definitions_unrepeat leaves of members with the same name the last one, at any depth, as RabbitMQ
 * does. False: no memory. */
bool definitions_unrepeat(cJSON *json);

/* definitions_members writes an object's members without its braces, but for those in `apart`
 * (ends with NULL). From malloc; NULL: no memory. */
char *definitions_members(const cJSON *object, const char *const *apart);

/* definitions_table writes an object as a field table, as RabbitMQ types its values; an empty list
 * or NULL is an empty one. False: too large, too deep, too long a name. */
bool definitions_table(const cJSON *object, struct wr *w);

/* definitions_named writes a field table of that one value. False: likewise. */
bool definitions_named(struct slice name, const cJSON *value, struct wr *w);
#endif
