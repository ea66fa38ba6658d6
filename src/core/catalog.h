/* catalog -- vhosts, exchanges, bindings and queue records: who exists, and where messages go.
 *
 * Shard 0 owns the catalog and alone changes it; every loop reads it. Readers see an immutable
 * version (struct catalog_view): a change makes new versions of only the objects it touches
 * (persistent maps) and one new root, which the node publishes with one atomic pointer. Old
 * objects stay until the node says that all loops have passed their version.
 *
 * Like core: catalog_admit decides (against the newest applied version plus what it has decided
 * but not yet applied), catalog_apply makes outcomes true and total. What catalog_apply tells
 * goes into `held`: the node releases it when every loop has seen the new version.
 *
 * Routing is a pure function over a view, done on the publisher's loop (route.h).
 */
#ifndef CORE_CATALOG_H
#define CORE_CATALOG_H
#include "core/core.h"
#include "core/pmap.h"
#include "core/rules.h"

struct catalog;
struct catalog_view;
struct patterns;

/* The rule `keeper` stores numbers of types: append only. */
enum exchange_type {
	EXCHANGE_DIRECT = 1,
	EXCHANGE_FANOUT,
	EXCHANGE_TOPIC,
	EXCHANGE_HEADERS,
	EXCHANGE_CONSISTENT_HASH,
	EXCHANGE_MODULUS_HASH,
	EXCHANGE_RANDOM,
	EXCHANGE_LOCAL_RANDOM, /* a queue that lives where the message came in */
	EXCHANGE_RECENT_HISTORY,
	EXCHANGE_DELAYED,
	EXCHANGE_JMS_TOPIC,
	EXCHANGE_DEDUPLICATION,
};
/* exchange_keeps: exchanges of this type have a keeper (keeper.h). */
static inline bool exchange_keeps(uint8_t type)
{
	return type == EXCHANGE_RECENT_HISTORY || type == EXCHANGE_DELAYED ||
	       type == EXCHANGE_DEDUPLICATION;
}
/* exchange_type_of finds a type by its name; 0: unknown. exchange_type_name says it. */
uint8_t exchange_type_of(struct slice name);
const char *exchange_type_name(uint8_t type);

enum { EXCHANGE_DURABLE = 1, EXCHANGE_AUTO_DELETE = 2, EXCHANGE_INTERNAL = 4 };

struct exchange_name;
struct header_ops;

struct exchange {             /* a view's record: read only, never moves in its version */
	uint64_t id, version; /* version: of the last change to it or its bindings */
	struct slice name;
	struct slice arguments; /* field table as declared, without its length */
	struct slice
		alternate; /* the exchange that takes what this one does not route; p NULL: none */
	struct slice by_policy; /* the same, from a policy (policy.h), if it has none of its own */
	uint16_t vhost;
	uint8_t type, flags;
	uint8_t kind; /* enum exchange_type: how its bindings are kept, and found */
	uint32_t bindings_n;
	const struct exchange_name *fixed;
	struct pmap by_key; /* direct: places by key (exchange_set.h); headers: see headers.h */
	uintptr_t root;     /* a place; topic: a tree (topic.h) */
};

struct queue_record {
	uint64_t id, version;
	uint64_t owner; /* session handle of an exclusive queue, else 0 */
	uint16_t vhost, shard;
	uint16_t flags; /* QUEUE_... */
	uint16_t arguments_len, rules_len;
	uint8_t name_len;
	uint8_t bytes[]; /* name, arguments as declared, rules (rules.h) */
};

static inline struct slice queue_record_name(const struct queue_record *q)
{
	return slice_of(q->bytes, q->name_len);
}
static inline struct slice queue_record_arguments(const struct queue_record *q)
{
	return slice_of(q->bytes + q->name_len, q->arguments_len);
}
static inline struct slice queue_record_rules(const struct queue_record *q)
{
	return slice_of(q->bytes + q->name_len + q->arguments_len, q->rules_len);
}

/* Declarations as they travel in tails and records; slices borrow. put returns bytes written into
 * buf (DECLARE_BYTES_MAX is enough for anything the limits allow but arguments: add their size). */
#define DECLARE_BYTES_MAX     2048u
#define CATALOG_ARGUMENTS_MAX 12288u /* of one declaration or binding; more is refused */
struct declare_exchange {
	struct slice name, type, arguments;
	uint16_t vhost;
	uint8_t flags;
};
struct declare_queue {
	struct slice name, arguments;
	uint64_t owner;
	uint16_t vhost, shard;
	uint16_t flags;
	struct slice rules; /* what the arguments mean: rules.h */
};
struct bind {
	struct slice exchange, queue, key, arguments;
	uint16_t vhost;
	bool to_exchange; /* `queue` is the name of an exchange */
};
uint32_t declare_exchange_put(const struct declare_exchange *d, uint8_t *buf, uint32_t cap);
uint32_t declare_queue_put(const struct declare_queue *d, uint8_t *buf, uint32_t cap);
uint32_t bind_put(const struct bind *b, uint8_t *buf, uint32_t cap);
MUST_USE enum err declare_exchange_get(struct slice from, struct declare_exchange *out);
MUST_USE enum err declare_queue_get(struct slice from, struct declare_queue *out);
MUST_USE enum err bind_get(struct slice from, struct bind *out);

/* catalog_new makes a catalog with vhost 0 = "/" and its pre-declared exchanges (amq.*), which
 * are not logged. NULL: no memory. */
struct catalog *catalog_new(struct mem *mem, uint64_t seed);
void catalog_free(struct catalog *c);

/* catalog_name_vhost gives vhost 0 another name, borrowed, before any loop sees a view. */
void catalog_name_vhost(struct catalog *c, struct slice name);

/* catalog_read_by says how arguments of exchanges and bindings are read, before there are any: the
 * catalog itself only keeps them. */
void catalog_read_by(struct catalog *c, const struct header_ops *arguments);

/* catalog_bound says how many of each there may be; -1, as at first: any number. What is there
 * stays, and what is replayed is not counted. */
struct catalog_bounds {
	int64_t vhosts, queues, exchanges;
};
void catalog_bound(struct catalog *c, struct catalog_bounds bounds);

/* catalog_match_by says who knows which policies fit a queue; NULL, as at first: none do. */
void catalog_match_by(struct catalog *c, struct patterns *patterns);
struct patterns *catalog_patterns(const struct catalog *c);

/* catalog_view is the newest applied version; valid until catalog_collect passes it. */
const struct catalog_view *catalog_view(const struct catalog *c);
uint64_t catalog_version(const struct catalog_view *v);
/* catalog_collect frees what only versions before `seen` need: every reader has reached it. Its
 * time goes with what has been replaced since the last call. */
void catalog_collect(struct catalog *c, uint64_t seen);

/* Look-ups in a view; NULL: no such thing. */
const struct exchange *catalog_exchange(const struct catalog_view *v, uint16_t vhost,
					struct slice name);
const struct queue_record *catalog_queue(const struct catalog_view *v, uint16_t vhost,
					 struct slice name);
const struct queue_record *catalog_queue_by_id(const struct catalog_view *v, uint64_t id);
/* catalog_vhost: number of a vhost, ERR_NOT_FOUND. */
MUST_USE enum err catalog_vhost(const struct catalog_view *v, struct slice name,
				uint16_t *out_vhost);
/* catalog_queue_after walks records by id (0 starts; NULL ends). */
const struct queue_record *catalog_queue_after(const struct catalog_view *v, uint64_t id);

/* Equivalence of a redeclaration with what exists. ERR_PRECONDITION_FAILED or
 * ERR_RESOURCE_LOCKED (exclusive queue of another session) with RabbitMQ's text in `why`. */
MUST_USE enum err catalog_queue_same(const struct queue_record *q, const struct declare_queue *d,
				     uint64_t session, struct slice vhost_name, struct text *why);
MUST_USE enum err catalog_exchange_same(const struct exchange *x, const struct declare_exchange *d,
					struct slice vhost_name, struct text *why);
struct slice catalog_vhost_name(const struct catalog_view *v, uint16_t vhost);

/* The shard's two steps; see core.h. Commands whose `to` is CATALOG.
 *
 * Every answer, a refusal too, is an outcome, so that it comes behind those before it: admit puts
 * nothing into `fx`. What admit has decided must be applied in the order of its outcomes: all of
 * `now`, then `later` (when anything is in `later`, everything goes there). A refusal's text goes
 * without the name of its error. ERR_EXISTS: it was made by somebody else meanwhile, with other
 * arguments; who can compare them looks again at the newest view.
 * Admit refuses (ERR_RESOURCE_ERROR) what would leave less than 1 MiB of `mem`; memory that is
 * used up nevertheless is a must().
 * apply with held == NULL tells nobody: recovery, replica. */
void catalog_admit(struct catalog *c, struct run *cmd, uint64_t now_ms, struct outcomes *now,
		   struct outcomes *later, struct post *fx);
void catalog_apply(struct catalog *c, struct run *o, uint64_t index, struct post *held);
/* catalog_sound looks at an outcome that was read from a log (logged_get), before it is applied.
 * ERR_CORRUPT: no catalog has decided that here: an outcome of queues, a name or a number that
 * something else has, a queue in a shard that there is not, a fact without its user. */
MUST_USE enum err catalog_sound(const struct catalog *c, const struct run *o);

/* As in core.h: checkpoint units (key.queue = bucket of objects), digest, check, dump. */
void catalog_checkpoint_begin(struct catalog *c);
bool catalog_checkpoint_next(struct catalog *c, struct unit_key *out_key, uint8_t *buf,
			     uint32_t cap, uint32_t *out_len);
void catalog_checkpoint_end(struct catalog *c, bool is_kept);
uint64_t catalog_features(const struct catalog *c);
MUST_USE enum err catalog_restore(struct catalog *c, struct unit_key key, struct slice unit);
MUST_USE enum err catalog_restored(struct catalog *c);
/* catalog_salvaged ends it too, where units may be missing or too old: what does not fit is left
 * out, and counted. */
uint64_t catalog_salvaged(struct catalog *c);
/* catalog_checkpoint_all makes the next checkpoint give every unit: it goes to a new place. */
void catalog_checkpoint_all(struct catalog *c);
void catalog_digest(const struct catalog *c, struct digest *d);
void catalog_check(const struct catalog *c);
void catalog_dump(const struct catalog *c, struct text *out);
#endif
