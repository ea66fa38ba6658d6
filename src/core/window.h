/* window -- numbers that were seen not long ago, as many as fit.
 *
 * A number is known until its time is over, or the room is needed: then the one that was seen first
 * is forgotten. The shard's; volatile. Deterministic.
 */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H
#include "base/deque.h"
#include "base/map.h"

#include <stdbool.h>

struct window {
	struct map until;      /* number -> when it is forgotten */
	struct deque order;    /* struct window_row, as they were seen */
	uint64_t size, ttl_ms; /* ttl_ms UINT64_MAX: for ever */
};

/* window_init makes an empty one for `size` numbers; memory is taken as they come. */
void window_init(struct window *w, uint64_t size, uint64_t ttl_ms);
void window_fini(struct window *w, struct mem *mem);

/* window_see notes a number. False: it is known already. No memory is a must(), as for chunks. */
bool window_see(struct window *w, struct mem *mem, uint64_t number, uint64_t now_ms);
#endif
