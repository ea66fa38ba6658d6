/* server_for_tests -- a whole server in a process of its own, whose sessions send back what they
 * get, and clients of it.
 *
 * A session moves to the next loop at M, ends at Q, asks about a password at P, and at D about one
 * whose hash is dear; both are "wrong". Whatever goes wrong here ends the test.
 */
#ifndef IO_SERVER_FOR_TESTS_H
#define IO_SERVER_FOR_TESTS_H
#include "base/must.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

struct daemon {
	pid_t pid;
	FILE *out, *errors;
	uint16_t port;
	rlim_t files_max; /* 0: as many as there may be */
	bool is_mute;     /* it has no sessions for its listeners */
	char dir[200], line[600];
};

/* start starts a server and waits until it is ready; stop ends it as an operator does. launch
 * only starts it, with the listener of the settings; finish waits for its end, removes what it
 * leaves, and gives its exit code. */
void start(struct daemon *d);
void stop(struct daemon *d);
void launch(struct daemon *d, const char *listener);
int finish(struct daemon *d);

/* wait_line reads its log up to a line with those words, which is in d->line then. */
bool wait_line(struct daemon *d, const char *with);
void remove_dir(const char *dir);

/* client connects. put sends, expect receives exactly that, expect_end the end, and closes; talk
 * sends words and expects them back. */
int client(uint16_t port);
void put(int fd, const void *p, size_t n);
void expect(int fd, const void *p, size_t n);
void expect_end(int fd);
void talk(int fd, const char *words);
#endif
