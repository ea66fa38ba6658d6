/* strmap -- names to objects: an open-addressing hash map in memory the caller gives.
 *
 * As map.h, but the keys are byte strings that clients choose, so the hash is keyed with a secret.
 * A key is borrowed: its bytes must live as long as the entry, best inside the object it names.
 * Objects are never NULL. One owner, one thread; the order of strmap_next must decide nothing.
 */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/slice.h"

struct strmap_slot {
	const uint8_t *p; /* the key's bytes, borrowed */
	uint32_t len;
	uint32_t hash;
	void *value; /* NULL: free */
};

struct strmap {
	struct strmap_slot *slots; /* mask + 1 of them; NULL: no memory yet */
	size_t mask;
	size_t n; /* entries */
	struct hash_key key;
};

/* strmap_bytes: the memory in which `n` entries fit. */
size_t strmap_bytes(size_t n);

/* strmap_init, strmap_grow, strmap_make_room, strmap_fini: as in map.h. */
void strmap_init(struct strmap *m, void *own_mem, size_t bytes, struct hash_key key);
void *strmap_grow(struct strmap *m, void *own_mem, size_t bytes, size_t *out_bytes);
MUST_USE enum err strmap_make_room(struct strmap *m, struct mem *mem, const char *kind);
void strmap_fini(struct strmap *m, struct mem *mem);

/* strmap_get gives the object called `name`, or NULL. */
void *strmap_get(const struct strmap *m, struct slice name);

/* strmap_is_full: a new name would not fit. */
bool strmap_is_full(const struct strmap *m);

/* strmap_put enters `value` under `name`, which is borrowed from now on. If the name is there
 * already, its object and its bytes are replaced and the old object is returned, else NULL.
 * A new name must have room (strmap_make_room). */
void *strmap_put(struct strmap *m, struct slice name, void *value);

/* strmap_del forgets `name` and gives the object it had, or NULL. */
void *strmap_del(struct strmap *m, struct slice name);

/* strmap_next walks all entries: begin with *cursor = 0; NULL is the end. No put or del
 * meanwhile. */
struct strmap_slot *strmap_next(const struct strmap *m, size_t *cursor);

void strmap_check(const struct strmap *m); /* must()s every invariant; O(n) */

#endif
