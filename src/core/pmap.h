/* pmap -- persistent maps: a change makes a new map and leaves the old one as readers see it.
 *
 * A tree of 32-way nodes over 64-bit hashes, highest bits first, so that walking a map goes up by
 * hash; with an id as its own hash that is up by id. Objects are pointers of the caller's, with
 * their lowest bit clear (the bits above it are free for tags). The map does not own them.
 *
 *   root --> node [ object | node | object ]     a lone object hangs where its path is unique
 *                           node [ object | object ]
 *
 * One thread changes maps, through a struct pmap_edit; any thread reads a map that it was handed.
 * A change copies the nodes on its path, about log32(n) of them, and retires the old ones: they
 * are freed when no reader can hold a version before the change (pmap_collect). A node that was
 * born in the version in work is nobody else's yet and is changed in place.
 * Deterministic: the same changes give the same map and the same walk, in any order of changes
 * (but for objects with equal hashes).
 */
#ifndef CORE_PMAP_H
#define CORE_PMAP_H
#include "base/cells.h"
#include "base/deque.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct pmap_node;

struct pmap {
	uintptr_t root; /* 0: empty; an object, or a node with PMAP_NODE added */
	uint32_t n;     /* objects */
	uint32_t shift; /* of the hash's bits that choose in the root */
};
#define PMAP_NODE ((uintptr_t)1)

/* Who may change: the memory, the version in work, and what waits for readers to pass. */
struct pmap_edit {
	struct mem *mem;
	struct cells cells; /* all that hangs in maps lies there */
	uint64_t version;
	struct deque garbage; /* struct pmap_garbage, oldest first */
	uint64_t garbage_bytes;
};

/* What a map is told of its objects. `key` and `at` are the kind's own parameters. */
struct pmap_kind {
	uint64_t (*hash)(const struct pmap_kind *k, uintptr_t object);
	bool (*is)(const struct pmap_kind *k, uintptr_t object, const void *key);
	struct hash_key key;
	uint32_t at;
};

/* pmap_edit_init begins with version 1 in work. pmap_edit_fini frees all garbage: no reader may
 * be left. */
void pmap_edit_init(struct pmap_edit *e, struct mem *mem);
void pmap_edit_fini(struct pmap_edit *e);

/* pmap_alloc takes `bytes` for an object of any kind; memory that is used up is a must(): who
 * admits changes keeps a reserve. */
void *pmap_alloc(struct pmap_edit *e, size_t bytes, const char *kind);

/* pmap_retire frees what no reader has seen (born in the version in work or later) at once, and
 * keeps the rest until pmap_collect passes the version in work. */
void pmap_retire(struct pmap_edit *e, const void *own_p, size_t bytes, uint64_t birth);

/* pmap_collect frees what was retired up to version `seen`: every reader is there or further. */
void pmap_collect(struct pmap_edit *e, uint64_t seen);

/* An empty map for hashes, and one for ids, which is as high as its highest id needs. */
#define PMAP_HASHED ((struct pmap){ 0, 0, 60 })
#define PMAP_IDS    ((struct pmap){ 0, 0, 0 })

/* pmap_find gives the object under `hash` that is `key`; 0: none. */
uintptr_t pmap_find(const struct pmap *m, const struct pmap_kind *k, uint64_t hash,
		    const void *key);

/* pmap_put enters `object` under `hash`. What is `key` there already is replaced and returned;
 * 0: it is new. */
uintptr_t pmap_put(struct pmap *m, struct pmap_edit *e, const struct pmap_kind *k, uint64_t hash,
		   const void *key, uintptr_t object);

/* pmap_del takes out what is `key` and returns it; 0: nothing was. */
uintptr_t pmap_del(struct pmap *m, struct pmap_edit *e, const struct pmap_kind *k, uint64_t hash,
		   const void *key);

/* pmap_swap puts `to` in the place of `old`, which is there under `hash`; 0 takes it out. Neither
 * is looked at: `old` may be freed already. */
void pmap_swap(struct pmap *m, struct pmap_edit *e, uint64_t hash, uintptr_t old, uintptr_t to);

/* pmap_first gives the object with the lowest hash; 0: the map is empty. */
uintptr_t pmap_first(const struct pmap *m);

/* pmap_clear retires all nodes and leaves the map empty; the objects are the caller's. */
void pmap_clear(struct pmap *m, struct pmap_edit *e);

/* A walk up the hashes of one version of a map. */
#define PMAP_DEPTH 15
struct pmap_walk {
	const struct pmap_node *node[PMAP_DEPTH];
	uint32_t at[PMAP_DEPTH];
	int depth;      /* of the node in hand; -1: at the end */
	uintptr_t lone; /* the root, when it is an object */
};
void pmap_walk(struct pmap_walk *w, const struct pmap *m);
/* pmap_walk_from begins at the first object whose hash is not below `hash`. */
void pmap_walk_from(struct pmap_walk *w, const struct pmap *m, const struct pmap_kind *k,
		    uint64_t hash);
/* pmap_walk_next gives the next object; 0 at the end. */
uintptr_t pmap_walk_next(struct pmap_walk *w);

/* pmap_bytes counts the memory of all nodes. */
size_t pmap_bytes(const struct pmap *m);
void pmap_check(const struct pmap *m, const struct pmap_kind *k); /* must()s every invariant */
#endif
