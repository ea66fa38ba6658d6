/* claim -- a name that one session has for itself alone: a client's identity, above all.
 *
 * A protocol says what its names are, and has them to itself. All who claim a name ask the same
 * shard, which the name gives (core_claim.c); it tells the owner of the name to go by FX_CLAIMED,
 * and whoever has asked, by FX_REPLY, that the name is his or will not be. Pure; nothing is kept.
 */
#ifndef SESSION_CLAIM_H
#define SESSION_CLAIM_H
#include "session/ask.h"

struct claim {
	const char *protocol;
	struct slice name; /* at most LIMIT_SHORTSTR; of the session's virtual host */
	struct slice user; /* on whose behalf */
};

/* claim_ask asks for the name; `flags` are CLAIM_... claim_yield lets go of it, whether the
 * session has it or waits for it. claim_moved: it was got as the session `before`, which has moved
 * since. */
void claim_ask(const struct claim *c, struct asker *a, struct post *p, uint8_t flags);
void claim_yield(const struct claim *c, const struct asker *a, struct post *p);
void claim_moved(const struct claim *c, const struct asker *a, struct post *p, uint64_t before);
#endif
