/* heap -- the memory of a command that runs and ends: that of the C library, without a bound.
 *
 * For what works on a `struct mem`; one thread.
 */
#ifndef APP_HEAP_H
#define APP_HEAP_H
#include "base/mem.h"

/* app_heap makes it; what was taken is given back by who took it. */
struct mem app_heap(void);
#endif
