/* relay -- the floor: a process that does only what every broker must do for a message.
 *
 * It reads what one connection has, finds the frames (a 32-bit big-endian length and so many
 * bytes), copies each into an output buffer, and writes that to the other connection: one
 * epoll_wait, one large read and one write a turn. No broker on this machine can cost less.
 */
#ifndef APP_BENCH_RELAY_H
#define APP_BENCH_RELAY_H

#include <stddef.h>
#include <stdint.h>

#define RELAY_BUFFER (256 << 10) /* also the largest frame */

/* relay_copy copies the whole frames of in[0, n) to `out`, which has room for n bytes; returns how
 * many bytes that were. A frame above RELAY_BUFFER is a bug of the generator's. */
size_t relay_copy(const uint8_t *in, size_t n, uint8_t *out);

/* relay_main takes two connections from a listening socket, relays from the first to the second
 * until the first ends, and does not return. For a child process. */
_Noreturn void relay_main(int listener);

#endif
