/* core_block_for_tests -- room for a message in blocks that are filled one after the other.
 *
 * Only for tests; one thread.
 */
#ifndef CORE_CORE_BLOCK_FOR_TESTS_H
#define CORE_CORE_BLOCK_FOR_TESTS_H
#include "base/must.h"
#include "msg/block.h"
#include "msg/msg.h"

/* block_with_room: the one that is being filled, or the next, with room for `bytes` and a message's
 * header behind what *out_off says, where those bytes begin. */
static inline struct block *block_with_room(struct block_home *home, struct block **filling,
					    uint32_t bytes, uint32_t *out_off)
{
	if (!*filling || block_room(*filling) < bytes + sizeof(struct msg) + 16) {
		if (*filling)
			block_close(*filling);
		block_collect(home);
		*filling = block_take(home, 0);
		must(*filling != NULL);
	}
	*out_off = ((*filling)->fill + 7u) & ~7u;
	return *filling;
}
#endif
