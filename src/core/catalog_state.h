/* catalog_state -- the catalog itself, for the files that make it: what is applied, and decided.
 *
 * Admit changes the newest *decided* version at once, with the same function that replays the log
 * (catalog_change), and queues the view that came of it; apply only makes the next one in that
 * queue the *applied* one, which readers are given. So a decision counts for the next one before
 * it is committed, and is worked out once.
 *
 *   applied --> view --> view --> decided        the queue: one view for each outcome
 *
 * Readers may see any version up to `applied`, and a checkpoint holds one too: nothing that they
 * need is collected.
 */
#ifndef CORE_CATALOG_STATE_H
#define CORE_CATALOG_STATE_H
#include "core/catalog_view.h"
#include "core/fact.h"

#include "base/deque.h"
#include "base/map.h"

/* What becomes of one outcome that has been decided. */
struct pending {
	const struct catalog_view *view;
	uint64_t queue;
	uint8_t kind;
};

/* Units of the checkpoint, by what they hold: see catalog_checkpoint.c. */
struct dirty {
	struct map changed; /* key -> version of the last change */
	struct map pieces;  /* key -> how many units it took, where that is not 1 */
	struct map writing; /* keys of the checkpoint in hand -> pieces it had before */
	const struct catalog_view *view; /* of the checkpoint in hand; NULL: none */
	struct pmap_walk bindings;       /* of the key in hand */
	const struct binding *held;      /* it did not fit into the unit before */
	size_t cursor;
	uint64_t key; /* MAP_KEY_NONE: take the next */
	uint64_t piece, pieces_before;
	bool is_at_end; /* all of the key is written: the rest is to be deleted */
};

struct restored_unit;

struct catalog {
	struct pmap_edit edit;
	const struct catalog_view *applied, *decided;
	struct catalog_view *work; /* between catalog_change_begin and _end; is `decided` */
	struct deque pending;      /* struct pending, oldest first */
	struct patterns *patterns; /* which policies fit; NULL: none do */
	struct catalog_bounds bounds;
	struct map vhost_queues; /* vhost -> queues it has in the decided version */
	struct dirty dirty;
	uint64_t features;              /* of the facts that there ever were since the start */
	struct restored_unit *restored; /* between catalog_restore and catalog_restored */
	bool is_restoring;
	bool is_salvaging;   /* what does not fit is left out */
	uint64_t left_out_n; /* so far */
};

/* catalog_change_begin opens a new version, made from the decided one; catalog_change_end makes
 * it the decided one. Between them the functions below change c->work. */
void catalog_change_begin(struct catalog *c);
void catalog_change_end(struct catalog *c);

/* catalog_change makes one outcome true in the decided version. Total: what is there already, or
 * gone already, stays so. */
void catalog_change(struct catalog *c, const struct run *o);

/* Single changes. The names must be free, the objects of c->work. */
void catalog_add_exchange(struct catalog *c, uint64_t id, const struct declare_exchange *d);
void catalog_add_queue(struct catalog *c, uint64_t id, const struct declare_queue *d);
void catalog_add_binding(struct catalog *c, const struct ends *e, const struct bind *b);

/* catalog_swap_exchange puts the exchange that came of a change in its old place; `to` NULL: it is
 * gone. */
void catalog_swap_exchange(struct catalog *c, const struct exchange_name *name,
			   const struct exchange *old, const struct exchange *to);

/* catalog_del_exchange takes one out with all its bindings. */
void catalog_del_exchange(struct catalog *c, const struct exchange *x);

/* catalog_fact.c: facts, and the virtual hosts that some of them are. catalog_fact_changed makes
 * an outcome of a fact true; catalog_add_fact enters one that must be new, with its id.
 * catalog_vhost_begin gives the first view vhost 0 with the pre-declared exchanges;
 * catalog_vhost_settle takes it away after a restore that has other ones. */
void catalog_fact_changed(struct catalog *c, const struct run *o);
void catalog_add_fact(struct catalog *c, const struct fact *declared);
void catalog_vhost_begin(struct catalog *c, struct slice name);
void catalog_vhost_settle(struct catalog *c);
size_t catalog_vhosts_bytes(const struct vhosts *v);
void catalog_count_queue(struct catalog *c, uint16_t vhost, int by);
uint64_t catalog_vhost_queues(const struct catalog *c, uint16_t vhost);
/* catalog_vhost_free_number is the first that no virtual host has; false: there are too many. */
bool catalog_vhost_free_number(const struct catalog_view *v, uint16_t *out_number);

/* Texts of refusals: "<before>queue 'q' in vhost '/'<after>", and what a foreign exclusive queue is
 * refused with. */
void catalog_say(struct text *why, const char *before, const char *thing, struct slice name,
		 struct slice vhost_name, const char *after);
void catalog_say_locked(struct text *why, struct slice queue, struct slice vhost_name);

/* catalog_free_view gives back all that `c->decided` holds; no reader may be left. */
void catalog_free_view(struct catalog *c);

/* Checkpoint: what has changed since the last one. */
void catalog_dirty_counters(struct catalog *c);
void catalog_dirty_exchange(struct catalog *c, uint64_t id);
void catalog_dirty_fact(struct catalog *c, uint64_t id);
void catalog_dirty_bucket(struct catalog *c, uint64_t queue, uint32_t level, uint32_t bucket);
/* catalog_dirty_level marks all buckets of a level: the queue leaves it, or enters it. */
void catalog_dirty_level(struct catalog *c, uint64_t queue, uint32_t level);
void catalog_dirty_init(struct catalog *c);
void catalog_dirty_fini(struct catalog *c);
/* catalog_restore_forget frees the units that catalog_restore has kept. */
void catalog_restore_forget(struct catalog *c);

/* Bindings to exchanges lie in buckets as if they led to a queue with this id. */
#define BETWEEN ((UINT64_C(1) << 43) - 1)

/* catalog_bucket is the bucket of a binding whose hash is `hash`. */
static inline uint32_t catalog_bucket(uint64_t hash, uint32_t level)
{
	return level ? (uint32_t)(hash >> (64 - 4 * level)) : 0;
}
#endif
