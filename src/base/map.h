/* map -- integers to integers: an open-addressing hash map in memory the caller gives.
 *
 * One owner, one thread. Deterministic: the same calls with the same seed give the same map and
 * the same order of map_next, but that order is the hash's: it must decide nothing that others
 * see. Key UINT64_MAX is not allowed (it marks a free slot). A zeroed map is a good empty one
 * with room for nothing.
 *
 *	TRY(map_make_room(&m, mem, "queues by id"));
 *	map_put(&m, id, at);
 *
 * Linear probing, at most 7/8 full; a deletion moves later entries back, so there are no tombs.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>

#define MAP_KEY_NONE UINT64_MAX

struct map_slot {
	uint64_t key, value; /* key MAP_KEY_NONE: free */
};

struct map {
	struct map_slot *slots; /* mask + 1 of them; NULL: no memory yet */
	size_t mask;
	size_t n; /* entries */
	uint64_t seed;
};

/* map_bytes: the memory in which `n` entries fit. */
size_t map_bytes(size_t n);

/* map_init makes an empty map in `own_mem`, aligned to 8; it uses the largest power of two of
 * slots that fits, at least 4. `own_mem` may be NULL with 0 bytes. */
void map_init(struct map *m, void *own_mem, size_t bytes, uint64_t seed);

/* map_grow moves everything into a bigger block and hands the old one out (NULL if there was
 * none); *out_bytes is the size that map_bytes gave for it. The new block must hold all entries. */
void *map_grow(struct map *m, void *own_mem, size_t bytes, size_t *out_bytes);

/* map_make_room sees to it that one more key fits, by doubling through `mem` if it must.
 * ERR_LIMIT: no memory; the map is as it was. */
MUST_USE enum err map_make_room(struct map *m, struct mem *mem, const char *kind);

/* map_fini gives the block back to the `mem` it came from and leaves a zeroed map. */
void map_fini(struct map *m, struct mem *mem);

/* map_find gives the place of the value, good until the next put, grow or del; NULL: not there. */
uint64_t *map_find(const struct map *m, uint64_t key);

/* map_get reads a value. False: not there, *out_value untouched. */
bool map_get(const struct map *m, uint64_t key, uint64_t *out_value);

/* map_is_full: a new key would not fit. */
bool map_is_full(const struct map *m);

/* map_put sets the value of `key`, new or not. A new key must have room (map_make_room). */
void map_put(struct map *m, uint64_t key, uint64_t value);

/* map_del forgets `key`. False: it was not there. *out_value (may be NULL) gets its value. */
bool map_del(struct map *m, uint64_t key, uint64_t *out_value);

/* map_clear forgets everything and keeps the memory. */
void map_clear(struct map *m);

/* map_next walks all entries: begin with *cursor = 0; NULL is the end. No put or del meanwhile;
 * the value may be changed in place. */
struct map_slot *map_next(const struct map *m, size_t *cursor);

void map_check(const struct map *m); /* must()s every invariant; O(n) */

#endif
