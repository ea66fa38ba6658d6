/* definitions_json -- small questions to cJSON: members as text, objects as field tables. */
#ifndef IO_DEFINITIONS_JSON_H
#define IO_DEFINITIONS_JSON_H
#include "base/wr.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* definitions_members writes an object's members without its braces, but for those in `apart`
 * (ends with NULL). From malloc; NULL: no memory. */
char *definitions_members(const cJSON *object, const char *const *apart);

/* definitions_table writes an object as a field table, as RabbitMQ types its values; an empty list
 * or NULL is an empty one. False: too large, too deep, too long a name. */
bool definitions_table(const cJSON *object, struct wr *w);

/* definitions_policy_members is definitions_members of a policy; a definition that is a list of
 * pairs, as RabbitMQ 3.10 exports operator policies and does not import them, becomes an object. */
char *definitions_policy_members(const cJSON *policy, const char *const *apart);

/* definitions_policy writes a policy's definition (an object, or pairs in a list) as the arguments
 * of a queue that mean the same; definitions_policy_has: is that key in it? */
bool definitions_policy(const cJSON *definition, struct wr *w);
bool definitions_policy_has(const cJSON *definition, const char *key);
/* definitions_policy_idle is the first of its keys that does nothing here; NULL: none. */
const char *definitions_policy_idle(const cJSON *definition);
/* definitions_policy_text is what that key says; empty: no short text. */
struct slice definitions_policy_text(const cJSON *definition, const char *key);
#endif
