/* route -- from exchange and key to queues: a pure function over a catalog view, and its cache.
 *
 * A loop owns its route sets and caches; views are shared and read only.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H
#include "core/catalog.h"
#include "core/core.h"

#include "msg/header.h"

struct topic_step;
struct header_kept;

/* What of a message decides where it goes. Headers are not read unless an exchange asks. */
struct routing {
	struct slice key;
	const struct slice *more; /* further keys; those above LIMIT_SHORTSTR bytes match nothing */
	uint32_t more_n;
	const struct header_ops *headers; /* NULL: it has none */
	struct slice props;               /* where they are */
	uint64_t past;                    /* the exchange with this id has kept it already */
	const struct route_to *also; /* it is kept there, too, unless it is delayed; NULL: no */
	uint64_t now_ms;             /* since 1970: what says until when it waits has waited then */
	bool is_mandatory;           /* it is delayed only if it would find a queue now */
	uint64_t dice; /* any number, another for each message: what chance decides by */
};

/* The keys of a message that has several, each once, in the order in which they were added. */
struct route_keys {
	struct mem *mem;
	struct slice *at; /* borrowed */
	uint32_t n, cap;
	uint32_t *slots; /* open addressing, twice cap: place in `at` + 1; 0 is free; NULL: few */
};

/* route_keys_init takes no memory yet; route_keys_fini gives it back. route_keys_add adds a key
 * that is not there; false: no memory, nothing changed. route_keys_more makes them those of `m`,
 * whose own key was added first. */
void route_keys_init(struct route_keys *k, struct mem *mem);
void route_keys_fini(struct route_keys *k);
MUST_USE bool route_keys_add(struct route_keys *k, const struct catalog_view *v, struct slice key);
void route_keys_more(const struct route_keys *k, struct routing *m);

struct route_to {
	uint64_t queue;
	uint16_t shard;
	uint16_t flags;   /* QUEUE_... */
	bool is_stored;   /* in a store for what is delayed (delay_store.h) */
	uint32_t wait_ms; /* a keeper's: how long it keeps the message before it goes on; 0: none */
	uint64_t number;  /* a keeper's that takes each message once: which it is; with a wait_ms:
			     until when, and not how long; 0: neither */
};

/* Numbers that have been met; open addressing, 0 is free. */
struct route_seen {
	uint64_t *at;
	uint32_t n, cap; /* cap: 0 or a power of two */
};

/* route_tag_of is the number of a message's filter value, as a publish_row to a stream says it; 0:
 * it has none. */
uint32_t route_tag_of(const struct header_ops *ops, struct slice props);
/* route_once_of is the number by which a queue with QUEUE_ONCE, and these flags, knows a message
 * again (core_once.c), the same after a restart; 0: it does not say which one it is. The header
 * goes before the message id. */
uint64_t route_once_of(const struct header_ops *ops, struct slice props, uint16_t flags);
/* route_tag is the number of a stream's filter value: equal for equal ones. */
uint32_t route_tag(struct slice value);

/* A set of destinations, each queue once; grows through mem. Ordered by shard, then as found. The
 * rest is the search's own room, kept for the next one. */
struct route {
	struct mem *mem;
	struct route_to *to;
	uint32_t n, cap;
	uint32_t kept_n;          /* of them, keepers: who only has these was routed nowhere */
	uint32_t delays_n;        /* of them, those that keep it for a time, and then send it on */
	bool is_short;            /* there was no memory for all */
	bool varies;              /* another message with the same key may go elsewhere */
	bool has_more;            /* several keys may lead to one place */
	bool is_now;              /* only asked: would a queue get it if nothing were delayed? */
	bool finds_one;           /* one would */
	bool is_frail;            /* it led through other exchanges: good for this version only */
	struct route_seen queues; /* used above a few destinations */
	struct route_seen floats; /* topic_match.c */
	struct route_seen places; /* with several keys: those that were added */
	struct topic_step *steps;
	uint32_t steps_n, steps_cap;
	const struct catalog_view *view; /* while it is being found */
	const struct exchange *first;    /* where the message came in */
	const struct exchange **via;     /* exchanges that were met, none twice; empty: the first */
	uint32_t via_n, via_cap;
	uint32_t matched;            /* bindings so far that the message matches */
	uint64_t topic_steps;        /* so far, of topic_route */
	bool is_beyond;              /* LIMIT_ROUTE_STEPS: not all further keys were looked at */
	struct route_seen exchanges; /* used above a few */
	struct header_kept *headers; /* headers.c */
	uint32_t *header_names;      /* places in `headers` by name, when there are many */
	uint32_t headers_n, headers_cap, names_cap;
};

/* route_init makes an empty set; memory is taken when it is needed. route_fini gives it back. */
void route_init(struct route *r, struct mem *mem);
void route_fini(struct route *r);

/* route_message fills `r` with the queues that a message to `x` goes to (n = 0: none); route_find
 * for one that has nothing but a key. ERR_LIMIT: no memory for the set. After an error the set is
 * empty. is_beyond: it has too many keys for the patterns there are; what was found counts. */
MUST_USE enum err route_message(const struct catalog_view *v, const struct exchange *x,
				const struct routing *m, struct route *r);
MUST_USE static inline enum err route_find(const struct catalog_view *v, const struct exchange *x,
					   struct slice key, struct route *r)
{
	const struct routing m = { .key = key };
	return route_message(v, x, &m, r);
}

/* For what walks bindings: route_add adds the queues of a place (exchange_set.h; 0: none) that are
 * not there yet, and notes its exchanges, to be looked at later; route_seen_add notes a number that
 * is not 0, false: it was there. Without memory they set is_short. */
void route_add(struct route *r, uintptr_t place);
bool route_seen_add(struct route *r, struct route_seen *seen, uint64_t number);
void route_seen_clear(struct route_seen *seen);

/* route_is_nowhere: no binding matches; at most the message is kept. Of one that is delayed that is
 * not known before it is due. */
static inline bool route_is_nowhere(const struct route *r)
{
	return r->n == r->kept_n;
}

/* route_is_delayed: nobody gets it now. */
static inline bool route_is_delayed(const struct route *r)
{
	return r->n == 1 && (r->to[0].wait_ms > 0 || r->to[0].number);
}

/* A keeper does not let a message expire; one that takes each once is told which it is instead. */
static inline void route_to_keeper(const struct route_to *to, uint64_t wall_ms,
				   struct publish_row *io_row)
{
	io_row->expiry_ms = to->number ? to->number : to->wait_ms ? wall_ms + to->wait_ms : 0;
}

/* route_to_row gives a row what it has from where it goes: whether it survives, and until when. It
 * has the expiry that the message asks for, which a store of last messages takes as it is. What is
 * delayed survives if its exchange does, and all in a quorum queue. True: it goes to a stream,
 * which keeps everything; its expiry is to be what route_tag_of says. */
static inline bool route_to_row(const struct route_to *to, uint64_t wall_ms, bool is_persistent,
				struct publish_row *io_row)
{
	if ((is_persistent || to->wait_ms || to->flags & QUEUE_KEEPS) && to->flags & QUEUE_DURABLE)
		io_row->flags |= ENTRY_PERSISTENT;
	if (!(to->flags & (QUEUE_KEEPER | QUEUE_APPENDS)))
		return false;
	if (to->flags & QUEUE_RETAINS) {
		io_row->flags |= ENTRY_PERSISTENT;
		return false;
	}
	if (to->flags & QUEUE_APPENDS) {
		io_row->flags |= ENTRY_PERSISTENT;
		io_row->expiry_ms = 0;
		return true;
	}
	route_to_keeper(to, wall_ms, io_row);
	return false;
}

/* route_cache: the last routes of one channel, found again by the publish's own bytes
 * ("exchange and key" as they came). An entry holds while the catalog's version stands, and is
 * confirmed by the exchange's own version when another object changed (the default exchange's by
 * the queue's). Routes to more than ROUTE_KEPT_MAX queues, and those that vary from message to
 * message, are found anew each time. */
#define ROUTE_KEPT_MAX 4096u
struct route_cache;

/* route_cache_new makes an empty cache; memory for entries is taken as routes come. NULL: no
 * memory. NULL may be freed. */
struct route_cache *route_cache_new(struct mem *mem);
void route_cache_free(struct route_cache *own_c);

/* A cached answer: the exchange (NULL: there is none), whether the user may write to it (auth is
 * asked once per entry by the caller through `is_new`), and the destinations. Valid until the
 * next call. */
struct route_hit {
	const struct exchange *x;
	const struct route *route;
	enum err auth; /* written by the caller when is_new, remembered here */
	bool is_new;
	bool varies; /* holds for this message only */
};

/* route_cache_find routes a publish that has no keys but its own; route_cache_more one that has, or
 * is kept somewhere (also), behind a route_cache_find for the same. Errors as in route_message;
 * nothing is kept then. */
MUST_USE enum err route_cache_find(struct route_cache *c, const struct catalog_view *v,
				   uint16_t vhost, struct slice route_bytes, struct slice exchange,
				   const struct routing *m, struct route_hit **out_hit);
MUST_USE enum err route_cache_more(struct route_cache *c, const struct catalog_view *v,
				   const struct routing *m, struct route_hit **inout_hit);
#endif
