/* definitions -- `godwit definitions`: what RabbitMQ exports into the broker, and out of it. */
#ifndef APP_DEFINITIONS_H
#define APP_DEFINITIONS_H

/* definitions_main does `words` (import, export, check or forget, and a file) with the broker at
 * `data_dir` and `socket_name`. Gives the exit code: 0; 1 with a sentence on stderr; 2 for words
 * that make no sense. */
int definitions_main(const char *data_dir, const char *socket_name, char *const *words);
#endif
