/* thread -- threads with small stacks: a loop's deepest call takes a few tens of KiB. */
#ifndef IO_THREAD_H
#define IO_THREAD_H
#include <pthread.h>
#include <stdbool.h>

/* thread_start runs `body` on a new thread called `name` (15 bytes at most). False: the system
 * has no more threads. Signals stay with the thread that had them. */
bool thread_start(pthread_t *out, const char *name, void *(*body)(void *), void *arg);
#endif
