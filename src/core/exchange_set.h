/* exchange_set -- one binding, and the set of all bindings of one exchange with one key.
 *
 * Bindings are written once and shared by all versions. A place in an exchange (a key of a direct
 * one, a pattern of a topic one) holds one binding or a set: a tagged pointer says which, so that
 * the usual place with one binding costs nothing beside it.
 */
#ifndef CORE_EXCHANGE_SET_H
#define CORE_EXCHANGE_SET_H
#include "core/pmap.h"

#include "base/shared_count.h"
#include "base/slice.h"

#include <string.h>

/* Messages from clients since the exchange is there or the broker runs: all that came, and of them
 * those that no binding wanted. Loops add to them (exchange_count.h). */
struct exchange_count {
	struct shared_count published, unroutable;
};

/* What never changes of an exchange, from declare to delete; and what is counted of it. */
struct exchange_name {
	uint64_t id;
	struct exchange_count count;
	uint16_t vhost;
	uint8_t type, flags; /* enum exchange_type, EXCHANGE_... */
	uint8_t name_len;
	uint8_t kind; /* enum exchange_type: of its bindings */
	uint16_t arguments_len;
	uint8_t bytes[]; /* name, arguments */
};

/* Where a binding leads: the id of a queue, or this and the id of an exchange. */
#define BINDING_TO_EXCHANGE (UINT64_C(1) << 63)

struct binding {
	uint64_t to;
	const struct exchange_name *exchange;
	uint16_t shard; /* the queue's, so that routing needs no look at its record */
	uint16_t flags; /* likewise: QUEUE_...; of an exchange QUEUE_DURABLE says that it is */
	uint16_t arguments_len;
	uint8_t key_len, pad;
	uint8_t bytes[]; /* key, arguments; the pointer to the exchange that it leads to */
};

/* What makes two bindings the same. */
struct binding_key {
	uint64_t to;
	const struct exchange_name *exchange;
	struct slice key, arguments;
	const struct exchange_name *to_x; /* NULL: it leads to a queue */
};

/* binding_to_exchange: NULL if it leads to a queue. */
static inline const struct exchange_name *binding_to_exchange(const struct binding *b)
{
	const struct exchange_name *x;
	if (!(b->to & BINDING_TO_EXCHANGE))
		return NULL;
	memcpy(&x, b->bytes + b->key_len + b->arguments_len, sizeof x);
	return x;
}

static inline struct slice exchange_name_slice(const struct exchange_name *x)
{
	return slice_of(x->bytes, x->name_len);
}
static inline struct slice exchange_name_arguments(const struct exchange_name *x)
{
	return slice_of(x->bytes + x->name_len, x->arguments_len);
}
static inline struct slice binding_key_slice(const struct binding *b)
{
	return slice_of(b->bytes, b->key_len);
}
static inline struct slice binding_arguments(const struct binding *b)
{
	return slice_of(b->bytes + b->key_len, b->arguments_len);
}

/* binding_hash stands for a binding in stored form too (checkpoint buckets): it has a fixed key,
 * and takes exchanges by name. Bindings that somebody makes collide slow down their own queue
 * and exchange. */
uint64_t binding_hash(const struct binding_key *key);
/* binding_is_durable: both its ends are. */
bool binding_is_durable(const struct binding *b);

/* binding_new writes a binding; binding_retire gives it back when no version has it. */
struct binding *binding_new(struct pmap_edit *e, const struct binding_key *key, uint16_t shard,
			    uint16_t flags);
void binding_retire(struct pmap_edit *e, const struct binding *own_b);
struct binding_key binding_key_of(const struct binding *b);

/* The kind of maps whose objects are bindings; keys are struct binding_key. */
extern const struct pmap_kind binding_kind;

/* A place: 0 (none), a binding, or a set. Tags of what else hangs in the same trees: topic.h. */
#define EXCHANGE_SET  ((uintptr_t)2)
#define EXCHANGE_FORK ((uintptr_t)4)
#define EXCHANGE_TAGS (EXCHANGE_SET | EXCHANGE_FORK)

/* exchange_set_key is the key that all bindings of the place share (in a fanout exchange, where
 * they need not, one of them). */
struct slice exchange_set_key(uintptr_t place);

/* exchange_set_add and exchange_set_del give the place with one binding more, one less. */
uintptr_t exchange_set_add(struct pmap_edit *e, uintptr_t place, const struct binding *b);
uintptr_t exchange_set_del(struct pmap_edit *e, uintptr_t place, const struct binding *b);

/* exchange_set_n is how many there are; exchange_set_has: this one is among them. */
uint32_t exchange_set_n(uintptr_t place);
bool exchange_set_has(uintptr_t place, const struct binding *b);

/* exchange_set_any gives one of the bindings, exchange_set_walk all: begin, then pmap_walk_next.
 * exchange_set_drop retires the set, but not its bindings. */
const struct binding *exchange_set_any(uintptr_t place);
void exchange_set_walk(struct pmap_walk *w, uintptr_t place);
void exchange_set_drop(struct pmap_edit *e, uintptr_t place);
#endif
