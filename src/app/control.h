/* control -- asks a running broker over the control socket in its data directory.
 *
 * One connection is one question: a line of words goes there, text comes back until the broker
 * closes. An answer that begins with "error: " says why there is none.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H
#include "base/slice.h"
#include "base/text.h"

#include <stdio.h>

/* The socket's name in the data directory, unless the setting control_socket has another. */
#define CONTROL_SOCKET "godwit.sock"

/* control_ask sends `words` (NULL-terminated) to the broker of `data_dir`, whose control socket
 * is `socket_name` in there, and copies the answer to stdout as it comes. Gives the exit code: 0;
 * or, with a sentence on stderr, 1 when there is no answer, 2 when the words are no question. */
int control_ask(const char *data_dir, const char *socket_name, char *const *words);

/* control_tell sends a line and, behind it, `what`, and copies the answer to `to`; its last line,
 * as far as it fits, is left in `out_last`, which may be NULL. Exit codes likewise. */
int control_tell(const char *data_dir, const char *socket_name, const char *line, struct slice what,
		 FILE *to, struct text *out_last);

/* control_quietly asks, and says nothing of a good answer. Exit codes likewise. */
int control_quietly(const char *data_dir, const char *socket_name, const char *line);

/* control_lines asks, and brings each line of the answer, without its end, to `take` as it comes;
 * the line is lent for the call, which may write into it. Exit codes likewise. */
int control_lines(const char *data_dir, const char *socket_name, const char *line,
		  void (*take)(void *arg, char *line), void *arg);
#endif
