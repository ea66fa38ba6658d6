/* retain -- the last message of each key: keys in the order of their words, found by a filter.
 *
 * A store holds one entry for each key: who it is and where its message lies, never the message. A
 * key is words with dots between, as for topics (topic.h), and a number that the caller gives: keys
 * with equal words and other numbers are others. Those with a number that is not 0 have a tree of
 * their own, and are searched apart: they may need a wider filter. Filters know `*` and `#`.
 *
 *   trees:  bits in which keys part, the first one on top; leaves are entries, in order
 *   pages:  slot -> entry, 128 to a page: what a checkpoint writes at once
 *
 * Keys are kept folded: the dot is the smallest byte, so that order by bytes is order by words, and
 * whatever begins with the same words lies side by side. A search therefore goes from one key that
 * can match to the next, and its place is a key, which stays good while others come and go.
 *
 * Structure only (core_retain.c has the rest). One shard owns it; deterministic, but for slots:
 * after a restart an entry may lie in another one.
 */
#ifndef CORE_RETAIN_H
#define CORE_RETAIN_H
#include "base/deque.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/slice.h"
#include "core/chunk.h"
#include "core/rows.h"

#include <stddef.h>

#define RETAIN_PAGE_N    128u
#define RETAIN_PAGES_MAX (1u << 20)

struct queue;

struct retain_key {
	struct slice words; /* folded */
	uint64_t number;
};

struct retained {
	uint64_t number;
	uint64_t loc;
	uint64_t expiry_ms; /* 0: never */
	uint64_t id;        /* log index of the record that it came in */
	uint32_t bytes;
	uint32_t slot;
	uint16_t pieces_n; /* in which a big body lies */
	uint8_t flags;     /* ENTRY_STORED; ENTRY_SETTLING: its end waits for the log */
	uint8_t words_n;
	uint8_t words[];
};

struct retain_page {
	struct due due; /* the first of its entries that expires (core_retain.c) */
	struct retain *of;
	size_t number;
	uint64_t expires_ms; /* none of them before; 0: none ever */
	uint64_t changed;    /* checkpoint epoch of the last change */
	bool is_stored;      /* a checkpoint may hold a unit of it */
	uint32_t used_n;
	struct list_node roomy; /* in retain.roomy, while a slot is free */
	uint64_t used[RETAIN_PAGE_N / 64];
	struct retained *at[RETAIN_PAGE_N];
};

#define RETAIN_CLASSES ((offsetof(struct retained, words) + LIMIT_SHORTSTR) / 16 + 1)

struct retain {
	struct mem *mem;
	struct queue *queue;
	uintptr_t root[2]; /* of keys without and with a number: a node, or an entry with the lowest
			      bit set; 0: empty */
	struct pool nodes;
	struct pool entries[RETAIN_CLASSES]; /* by their size / 16, rounded up */
	struct deque pages;                  /* struct retain_page * */
	struct list roomy;
	uint64_t n;
};

/* retain_init makes an empty store, which must not be moved; retain_fini gives its memory back. */
void retain_init(struct retain *r, struct queue *q, struct mem *mem);
void retain_fini(struct retain *r);

/* retain_fold writes words as they are compared into `out`, which has room for as many bytes;
 * retain_unfold writes them as they came. */
void retain_fold(struct slice words, uint8_t *out);
void retain_unfold(struct slice folded, uint8_t *out);

static inline struct retain_key retained_key(const struct retained *e)
{
	return (struct retain_key){ slice_of(e->words, e->words_n), e->number };
}

/* retain_get finds an entry by its key; NULL: there is none. retain_from finds the first one, of
 * those with or without a number, whose key is not below `key`, which may be longer than any; NULL:
 * all are. */
struct retained *retain_get(const struct retain *r, struct retain_key key);
struct retained *retain_from(const struct retain *r, struct retain_key key, bool is_numbered);

/* retain_add makes the entry of a key that has none, in the first free slot; its facts are zero.
 * Without memory it is a must(). */
struct retained *retain_add(struct retain *r, struct retain_key key);
/* retain_add_at does so in a given slot, for restoring. NULL: the key or the slot is taken, or
 * absurdly far away; nothing changed. */
struct retained *retain_add_at(struct retain *r, struct retain_key key, uint64_t slot);
void retain_del(struct retain *r, struct retained *own_e);

/* retain_slots: all entries lie in slots below it. retain_at: NULL: that slot is free. */
static inline uint64_t retain_slots(const struct retain *r)
{
	return (uint64_t)r->pages.n * RETAIN_PAGE_N;
}
static inline struct retain_page *retain_page(const struct retain *r, size_t number)
{
	return *(struct retain_page **)deque_at(&r->pages, number);
}
static inline struct retain_page *retain_page_of(const struct retain *r, const struct retained *e)
{
	return retain_page(r, e->slot / RETAIN_PAGE_N);
}
static inline struct retained *retain_at(const struct retain *r, uint64_t slot)
{
	must(slot < retain_slots(r));
	return retain_page(r, slot / RETAIN_PAGE_N)->at[slot % RETAIN_PAGE_N];
}

void retain_check(const struct retain *r); /* must()s every invariant */

/* ---- retain_find.c */

/* Where a search is: nothing below `words` and `number` is wanted any more. It can be kept and
 * handed out, all but which tree it is in: retain_cursor_get reads what retain_cursor_put has
 * written, at most RETAIN_CURSOR_BYTES; no bytes are the beginning. False: that is none. */
#define RETAIN_CURSOR_WORDS (2u * LIMIT_SHORTSTR + 2u)
#define RETAIN_CURSOR_BYTES (RETAIN_CURSOR_WORDS + 8u)
struct retain_cursor {
	uint64_t number;
	uint32_t words_n;
	bool is_numbered; /* among keys with a number; else among those without */
	bool is_end;
	uint8_t words[RETAIN_CURSOR_WORDS];
};
uint32_t retain_cursor_put(const struct retain_cursor *at, uint8_t *buf);
MUST_USE bool retain_cursor_get(struct slice from, struct retain_cursor *out);

/* retain_next gives the next entry whose words match the filter (folded, at most LIMIT_SHORTSTR
 * bytes) and moves the cursor behind it. NULL: there is no more (is_end), or *io_steps came to 0
 * first: a search goes on where it was. */
struct retained *retain_next(const struct retain *r, struct slice filter,
			     struct retain_cursor *io_at, uint32_t *io_steps);
#endif
