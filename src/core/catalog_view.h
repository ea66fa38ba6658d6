/* catalog_view -- one version of the catalog: what a root looks like inside the room.
 *
 * A view and all that hangs from it is written once, by catalog_change.c, and read by everybody.
 * Maps may point to the same object: the names own exchanges, the ids own queues, and the queues'
 * bindings (`bound`) own bindings.
 */
#ifndef CORE_CATALOG_VIEW_H
#define CORE_CATALOG_VIEW_H
#include "core/catalog.h"
#include "core/exchange_set.h"

struct vhosts {
	uint64_t birth;
	uint32_t n;
	struct slice name[]; /* by number; p NULL: there is none */
};

struct catalog_view {
	uint64_t version;
	struct hash_key key; /* the secret of all hashes of names */
	const struct vhosts *vhosts;
	const struct header_ops *arguments; /* how arguments are read; NULL: they say nothing */
	struct pmap exchanges;              /* struct exchange by vhost and name */
	struct pmap exchange_names;         /* struct exchange_name by id */
	struct pmap queues;                 /* struct queue_record by vhost and name */
	struct pmap queue_ids;              /* the same by id */
	struct pmap owned;                  /* exclusive ones by owner, then id */
	struct pmap bound;                  /* bindings by queue id: one, or a struct bound */
	struct pmap between;                /* bindings to exchanges, those to one side by side */
	struct pmap between_logged;         /* the durable ones of them, by their own hashes */
	uint32_t between_level;             /* of the buckets of between_logged */
	uint64_t bindings_n;
	uint64_t queue_next;      /* ids from here on were never used */
	uint64_t queue_logged;    /* likewise, as the log alone knows */
	uint64_t exchange_next;   /* of exchanges that are not durable; EXCHANGE_ID_VOLATILE */
	uint64_t exchange_logged; /* of durable ones: counts them in the log's order */
	struct pmap facts;        /* struct fact by kind and names */
	struct pmap fact_ids;     /* the same by id */
	uint64_t fact_next;       /* ids from here on were never used */
	uint64_t facts_version;   /* in which a fact changed last */
	struct pmap policies;     /* facts that are policies, the operator's too, by id */
};

/* Ids of exchanges: those of the log count from 1 (a checkpoint unit is named by them), the
 * pre-declared and the transient ones from here. */
#define EXCHANGE_ID_VOLATILE (UINT64_C(1) << 62)

/* All bindings of one queue, when it has several. They are kept in checkpoints in buckets: 16 to
 * the power of `level`, by the first bits of their hashes. */
struct bound {
	uint64_t birth;
	uint64_t queue;
	struct pmap bindings;
	uint32_t level;
};
#define BOUND           ((uintptr_t)2) /* the tag in `bound` */
#define BOUND_LEVEL_MAX 4u

/* The kinds of the view's maps. Names are looked up by struct catalog_key, ids by uint64_t. */
struct catalog_key {
	struct slice name;
	uint16_t vhost;
};
uint64_t catalog_key_hash(struct hash_key key, uint16_t vhost, struct slice name);
struct pmap_kind catalog_exchange_kind(struct hash_key key);
struct pmap_kind catalog_queue_kind(struct hash_key key);
extern const struct pmap_kind catalog_exchange_name_kind;
extern const struct pmap_kind catalog_queue_id_kind;
extern const struct pmap_kind catalog_owned_kind;
extern const struct pmap_kind catalog_bound_kind;

/* The place of a queue in `owned`; all of one owner lie behind catalog_owned_from. */
uint64_t catalog_owned_hash(const struct queue_record *q);
uint64_t catalog_owned_from(uint64_t owner);
/* catalog_owned_next gives the next queue of `owner` of a walk from there; NULL: no more. */
const struct queue_record *catalog_owned_next(struct pmap_walk *w, uint64_t owner);

/* The bindings of a queue: how many, in which level of buckets, all of them in order of their
 * hashes (pmap_walk_next gives them), and the one that is `key` (NULL: none). */
uint32_t catalog_bound_n(const struct catalog_view *v, uint64_t queue);
uint32_t catalog_bound_level(const struct catalog_view *v, uint64_t queue);
void catalog_bound_walk(struct pmap_walk *w, const struct catalog_view *v, uint64_t queue,
			uint64_t from_hash);
const struct binding *catalog_binding(const struct catalog_view *v, const struct binding_key *key);

/* The bindings that lead to an exchange: catalog_between_hash is the place of one in `between`;
 * catalog_between_next gives the next of a walk from catalog_between_from; NULL: no more. */
extern const struct pmap_kind catalog_between_kind;
uint64_t catalog_between_hash(const struct binding_key *key);
void catalog_between_walk(struct pmap_walk *w, const struct catalog_view *v,
			  const struct exchange_name *to);
const struct binding *catalog_between_next(struct pmap_walk *w, const struct exchange_name *to);

/* The two ends of a binding, as far as they are there, and what makes it the same as another (when
 * both are). */
struct ends {
	const struct exchange *x;
	const struct queue_record *queue; /* one of these two */
	const struct exchange *to;
};
struct ends catalog_ends(const struct catalog_view *v, const struct bind *b);
struct binding_key catalog_ends_key(const struct ends *e, const struct bind *b);
static inline bool catalog_ends_both(const struct ends *e)
{
	return e->x && (e->queue || e->to);
}

/* catalog_exchange_name finds a durable exchange by its id; NULL: none. */
const struct exchange_name *catalog_exchange_name(const struct catalog_view *v, uint64_t id);
#endif
