/* definitions -- `godwit definitions`: what RabbitMQ exports into the broker, and out of it. */
#ifndef APP_DEFINITIONS_H
#define APP_DEFINITIONS_H
#include "core/fact.h"

/* definitions_main does `words` (import, export, check or forget, and a file) with the broker at
 * `data_dir` and `socket_name`. Gives the exit code: 0; 1 with a sentence on stderr; 2 for words
 * that make no sense. */
int definitions_main(const char *data_dir, const char *socket_name, char *const *words);

/* definitions_send takes one item, with the end behind it, to the broker; definitions_send_forget
 * has it forget a fact. Exit codes likewise; what was done is not told. */
int definitions_send(const char *data_dir, const char *socket_name, struct slice items);
int definitions_send_forget(const char *data_dir, const char *socket_name, const struct fact *f);
#endif
