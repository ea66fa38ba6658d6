/* refs -- references to messages, dropped or taken in counts, block by block.
 *
 * A count is on somebody's stack while he walks rows: messages that follow each other mostly lie
 * in one block, so that a run costs one atomic operation and not one for each row. Either dropped
 * (refs_drop ... refs_unref) or taken (refs_take ... refs_ref), and always ended.
 */
#ifndef MSG_REFS_H
#define MSG_REFS_H
#include "msg/msg.h"

struct refs {
	uint64_t mem; /* any message of the block; 0: none yet */
	int64_t n;
};

/* refs_unref drops what refs_drop has counted. */
static inline void refs_unref(struct refs *r)
{
	if (r->n)
		msg_unref(r->mem, r->n);
	*r = (struct refs){ 0 };
}

/* refs_drop notes that one reference to `mem` (not 0) goes; refs_unref ends it. */
static inline void refs_drop(struct refs *r, uint64_t mem)
{
	if ((mem ^ r->mem) >= BLOCK_ALIGN) {
		refs_unref(r);
		r->mem = mem;
	}
	r->n++;
}

/* refs_ref takes what refs_take has counted. */
static inline void refs_ref(struct refs *r)
{
	if (r->n)
		msg_ref(r->mem, r->n);
	*r = (struct refs){ 0 };
}

/* refs_take notes that one more reference to `mem` is wanted. */
static inline void refs_take(struct refs *r, uint64_t mem)
{
	if ((mem ^ r->mem) >= BLOCK_ALIGN) {
		refs_ref(r);
		r->mem = mem;
	}
	r->n++;
}
#endif
