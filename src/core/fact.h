/* fact -- users, permissions, limits, parameters, policies, virtual hosts: one thing the catalog
 * knows, by its kind and names.
 *
 * Written once, read by every loop, like all that hangs in a view. The catalog knows which facts
 * hang on which (fact.def) and what a limit is; other values are bytes to it.
 */
#ifndef CORE_FACT_H
#define CORE_FACT_H
#include "base/err.h"
#include "base/slice.h"
#include "core/pmap.h"

struct catalog_view;

enum fact_kind {
#define FACT(number, name, names, word, prose) FACT_##name = number,
#include "core/fact.def"
#undef FACT
};

#define FACT_NAMES_MAX 3u
#define FACT_VALUE_MAX 49152u /* bytes of a value: a checkpoint unit holds the whole fact */
#define FACT_BYTES_MAX (FACT_VALUE_MAX + FACT_NAMES_MAX * 256u + 16u)

struct fact {
	uint64_t id, version; /* the log's number of it; catalog version of its last change */
	struct slice name[FACT_NAMES_MAX];
	struct slice value;
	uint16_t number; /* VHOST: its number */
	uint8_t kind;    /* enum fact_kind */
	uint8_t names_n;
};

/* fact_of begins a fact of up to three names; those that its kind does not have are not looked
 * at. */
struct fact fact_of(enum fact_kind kind, struct slice a, struct slice b, struct slice c);

/* fact_names gives the letters of a kind (fact.def), fact_word what it is called; NULL: there is
 * no such kind. */
const char *fact_names(uint8_t kind);
const char *fact_word(uint8_t kind);

/* fact_kind_of is the kind of what a fact hangs on by a name of that letter; 0: on nothing. */
uint8_t fact_kind_of(char letter);

/* Bytes, little-endian: u8 kind, u16 number, names as str8, the rest is the value. fact_put gives
 * their number; 0: they do not fit. fact_get borrows.
 * ERR_MALFORMED: no fact. ERR_NOT_IMPLEMENTED: of a kind that this version does not know. */
uint32_t fact_put(const struct fact *f, uint8_t *buf, uint32_t cap);
MUST_USE enum err fact_get(struct slice from, struct fact *out);

/* Limits: -1 is none. objects: of a virtual host queues, of a user channels. A NULL fact has no
 * limits. */
struct fact_limits {
	int64_t connections, objects;
};
#define FACT_LIMITS_BYTES 16u
void fact_limits_put(const struct fact_limits *l, uint8_t *buf);
MUST_USE enum err fact_limits_get(struct slice from, struct fact_limits *out);
struct fact_limits fact_limits_of(const struct fact *f);

/* fact_new makes one that stays, from a declaration; fact_retire gives it back when no version has
 * it. */
const struct fact *fact_new(struct pmap_edit *e, const struct fact *declared);
void fact_retire(struct pmap_edit *e, const struct fact *own_f);

/* The kinds of maps of facts: by names (keys are struct fact), by id (keys are uint64_t). */
uint64_t fact_hash(struct hash_key key, const struct fact *f);
struct pmap_kind fact_name_kind(struct hash_key key);
extern const struct pmap_kind fact_id_kind;

/* Look-ups in a view; NULL: no such thing. catalog_fact_after walks up the ids (0 starts). */
const struct fact *catalog_fact(const struct catalog_view *v, enum fact_kind kind, struct slice a,
				struct slice b, struct slice c);
const struct fact *catalog_fact_by_id(const struct catalog_view *v, uint64_t id);
const struct fact *catalog_fact_after(const struct catalog_view *v, uint64_t id);

/* catalog_fact_lacks finds what a fact hangs on: which of its names is the first of a user, a
 * virtual host or a global parameter that is not there; f->names_n: all are. */
uint8_t catalog_fact_lacks(const struct catalog_view *v, const struct fact *f);

/* catalog_facts_version is the view's version in which a fact changed last: who remembers what
 * somebody may do asks again when it is another. catalog_is_fresh: no fact was ever told. */
uint64_t catalog_facts_version(const struct catalog_view *v);
bool catalog_is_fresh(const struct catalog_view *v);
/* catalog_fact_next is the id that the next new fact will have. */
uint64_t catalog_fact_next(const struct catalog_view *v);
#endif
