/* json -- JSON, written as it comes into a conversation's send queue: no tree, no memory.
 *
 * Text that is not UTF-8 cannot be said in JSON: such bytes become U+FFFD. Values follow names in
 * objects, and each other in arrays; commas come by themselves.
 */
#ifndef SESSION_MANAGE_JSON_H
#define SESSION_MANAGE_JSON_H
#include "session/session.h"

struct json {
	struct session_world *w;
	struct sendq *to;
	bool is_behind; /* a value stands before: a comma is due */
};

void json_raw(struct json *j, struct slice bytes); /* as they are */
void json_comma(struct json *j);                   /* if one is due */
void json_begin(struct json *j, char brace);       /* { or [ */
void json_end(struct json *j, char brace);
void json_name(struct json *j, struct slice name);
/* Values. */
void json_value_str(struct json *j, struct slice s);
void json_int(struct json *j, int64_t v);
/* A name and its value. */
void json_str(struct json *j, const char *name, struct slice s);
void json_bool(struct json *j, const char *name, bool is);
/* json_table writes a field table of AMQP 0-9-1 as an object. */
void json_table(struct json *j, struct slice table);
#endif
