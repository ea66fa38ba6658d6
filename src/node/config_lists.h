/* config_lists -- settings that are lists: their keys go on with a name or a number for each.
 *
 * Private to node/. `row` is the setting's, `name` how the key goes on. A setter that fails says in
 * `why` what is wrong, as it follows "KEY: "; the error is always ERR_MALFORMED.
 */
#ifndef NODE_CONFIG_LISTS_H
#define NODE_CONFIG_LISTS_H
#include "node/config_rows.h"

/* config_is_none: it says that the list is empty. */
bool config_is_none(struct slice name, struct slice value);

/* config_place finds the one of that name among `n` of `bytes` bytes each, which begin with their
 * names; `n`: there is none. */
uint32_t config_place(const void *list, size_t bytes, uint32_t n, struct slice name);

/* config_name_put writes as much of a name as there is room for in `cap` bytes, and a zero. */
void config_name_put(char *out, size_t cap, struct slice name);

/* config_listener_set takes NAME = [address:]port. The first listener that anybody names takes the
 * place of the built-in one; one of the same name is overridden. */
MUST_USE enum err config_listener_set(struct config_listeners *l, struct slice name,
				      struct slice value, struct text *why);

/* config_endpoint_set takes the one address whose parts have keys of their own: port, ip. What
 * RabbitMQ opens by default is there. */
MUST_USE enum err config_endpoint_set(struct config_listeners *l, const struct config_row *row,
				      struct slice name, struct slice value, struct text *why);

/* config_text_set takes NAME = a text, config_user_set NAME = true or false. */
MUST_USE enum err config_text_set(struct config_texts *t, const struct config_row *row,
				  struct slice name, struct slice value, struct text *why);
MUST_USE enum err config_user_set(struct config_users *u, struct slice name, struct slice value,
				  struct text *why);

/* config_choice_set takes NUMBER = one of the row's words; config_choices_default takes the words
 * of the row's default, in their order. */
MUST_USE enum err config_choice_set(struct config_choices *c, const struct config_row *row,
				    struct slice name, struct slice value, struct text *why);
void config_choices_default(struct config_choices *c, const struct config_row *row);

/* config_dialect_set takes NAME.dialect = which. config_dialects_check: is there a listener for
 * each? ERR_MALFORMED: `why` says where the one stands that has none. config_dialects_same:
 * wherever they were said. */
MUST_USE enum err config_dialect_set(struct config_dialects *d, const struct config_row *row,
				     struct config_source from, struct slice name,
				     struct slice value, struct text *why);
MUST_USE enum err config_dialects_check(const struct config *c, struct text *why);
bool config_dialects_same(const struct config_dialects *a, const struct config_dialects *b);

/* config_limits_set takes NAME.pattern, or NAME and what is limited. */
MUST_USE enum err config_limits_set(struct config_limits *l, const struct config_row *row,
				    struct slice name, struct slice value, struct text *why);

/* config_words_set takes NUMBER = a word. config_words_same: wherever they were said. */
MUST_USE enum err config_words_set(struct config_words *w, const struct config_row *row,
				   struct config_source from, struct slice name, struct slice value,
				   struct text *why);
bool config_words_same(const struct config_words *a, const struct config_words *b);
#endif
