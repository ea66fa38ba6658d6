/* publisher -- how a session publishes: where a message goes, its rows, and who is told that it is
 * safe.
 *
 * A session owns its struct publisher. What it publishes is confirmed by every shard that it went
 * to; the session is told in the order of publishing, with a word of its own that it gave with the
 * message. AMQP 0-9-1, whose confirms may come in any order and in ranges, has its own way.
 */
#ifndef SESSION_PUBLISHER_H
#define SESSION_PUBLISHER_H
#include "base/deque.h"
#include "session/access.h"
#include "session/ask.h"
#include "session/tx_parts.h"

struct publisher_held;
struct publisher_tx;
struct publisher {
	struct route_cache *routes;  /* NULL: nothing was published yet */
	struct publisher_held *held; /* see publisher_gather; NULL: nothing */
	bool is_gathering;
	struct publisher_tx *tx; /* see publisher_begin; NULL: none */
	struct deque window;     /* publishes that nobody was told of yet, oldest first */
	uint64_t first;          /* sequence of the oldest */
	uint64_t bytes;          /* of those that are not safe */
	uint64_t silent_bytes;   /* published since one was last followed */
};

/* What is known of a message before it is one. */
struct publication {
	struct slice exchange, key;
	struct slice route;               /* both, as two short strings */
	const struct header_ops *headers; /* how `props` is read */
	struct slice props;
	uint64_t expiry_ms; /* as in publish_row */
	uint64_t dice;      /* another for each message */
	uint8_t priority;
	bool has_priority;
	uint32_t store_number;            /* of its key there, at most STREAM_TAG_MAX */
	const struct queue_record *store; /* it is kept there, too (retain_store.h); NULL: no */
};

#define PUBLISHER_NOBODY UINT64_MAX /* the word of a publish that nobody is to be told of */

/* publisher_init makes one that has published nothing. */
void publisher_init(struct publisher *p);
/* publisher_fini forgets everything; whoever was to be told is not. */
void publisher_fini(struct publisher *p, struct mem *mem);

/* publisher_forget_routes: they live in the memory of the loop that found them. */
void publisher_forget_routes(struct publisher *p);

/* publisher_route finds where a message goes and whether its user may publish it; the hit is valid
 * until the next call. Refusals, with words in `why`: ERR_NOT_FOUND (no such exchange),
 * ERR_ACCESS_REFUSED, ERR_RESOURCE_ERROR (no memory). */
MUST_USE enum err publisher_route(struct publisher *p, struct session_world *w,
				  const struct access *a, const struct publication *what,
				  struct route_hit **out_hit, struct text *why);

/* publisher_send sends `m`, which lies in a block that the caller fills, where the hit says;
 * nowhere is a good place, too. `word` is told when it is safe. */
void publisher_send(struct publisher *p, struct session_world *w, const struct asker *from,
		    const struct publication *what, const struct route_hit *hit,
		    const struct msg *m, uint64_t word);

/* publisher_gather: from now on publisher_send may hold messages that nobody is to be told of and
 * that follow each other to the same queues, so that they are posted queue by queue. Whoever posts
 * anything else by himself calls publisher_flush before, which posts them; publisher_gathered ends
 * it, in the same call from the node, as their blocks must be there. */
static inline void publisher_gather(struct publisher *p)
{
	p->is_gathering = true;
}
void publisher_flush(struct publisher *p, struct session_world *w);
void publisher_gathered(struct publisher *p, struct session_world *w);

/* publisher_begin: from now on what is sent waits, and goes all together or not at all; nobody is
 * told of any of it by itself. publisher_parts is where settlements join it. publisher_tx_bytes is
 * what it takes so far. publisher_commit has it done: `word` is told when that is decided and safe,
 * also if it is nothing. publisher_decided takes the FX_REPLY of CMD_TX. publisher_abort forgets
 * it, if there is any. */
void publisher_begin(struct publisher *p, struct mem *mem);
struct tx_parts *publisher_parts(struct publisher *p);
uint64_t publisher_tx_bytes(const struct publisher *p);
void publisher_commit(struct publisher *p, struct session_world *w, const struct asker *from,
		      uint64_t word);
void publisher_abort(struct publisher *p, struct mem *mem);
void publisher_decided(struct publisher *p, const struct run *fx);

/* publisher_refuse: what `word` stands for cannot be published after all. It is told in its order,
 * as if a queue had refused it. */
void publisher_refuse(struct publisher *p, struct session_world *w, uint64_t word);

/* publisher_confirmed takes FX_CONFIRM and FX_REFUSED. */
void publisher_confirmed(struct publisher *p, const struct run *fx);

/* publisher_next gives the oldest publish that is safe, or refused by a queue that was full, when
 * all before it have been given: its word; PUBLISHER_NOBODY is left out. False: none now. */
bool publisher_next(struct publisher *p, uint64_t *out_word, bool *out_is_refused);

/* publisher_is_full: more is under way than one connection may have; nothing more is read. */
static inline bool publisher_is_full(const struct publisher *p, const struct session_world *w)
{
	return p->bytes >= w->limits->unconfirmed_bytes_max;
}
#endif
