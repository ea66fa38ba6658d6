#include "core/fact.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/catalog_view.h"

static const struct {
	const char *names, *word;
} kinds[] = {
#define FACT(number, name, names, word, prose) [number] = { names, word },
#include "core/fact.def"
#undef FACT
};
#define KINDS (sizeof kinds / sizeof kinds[0])

const char *fact_names(uint8_t kind)
{
	return kind < KINDS ? kinds[kind].names : NULL;
}

const char *fact_word(uint8_t kind)
{
	return kind < KINDS ? kinds[kind].word : NULL;
}

uint8_t fact_kind_of(char letter)
{
	switch (letter) {
	case 'u': return FACT_USER;
	case 'v': return FACT_VHOST;
	case 'g': return FACT_GLOBAL_PARAMETER;
	default: return 0;
	}
}

struct fact fact_of(enum fact_kind kind, struct slice a, struct slice b, struct slice c)
{
	struct fact f = { .kind = (uint8_t)kind, .name = { a, b, c } };
	must(fact_names(f.kind) != NULL);
	f.names_n = (uint8_t)strlen(fact_names(f.kind));
	return f;
}

/* ---- bytes -------------------------------------------------------------------------------- */

uint32_t fact_put(const struct fact *f, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	must(f->names_n <= FACT_NAMES_MAX);
	wr_u8(&w, f->kind);
	wr_le16(&w, f->number);
	for (uint8_t i = 0; i < f->names_n; i++)
		wr_str8(&w, f->name[i]);
	wr_slice(&w, f->value);
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

enum err fact_get(struct slice from, struct fact *out)
{
	struct rd r = rd_of(from);
	struct fact f = { .kind = rd_u8(&r) };
	f.number = rd_le16(&r);
	must(out != NULL);
	if (!rd_ok(&r))
		return ERR_MALFORMED;
	if (!fact_names(f.kind))
		return ERR_NOT_IMPLEMENTED;
	f.names_n = (uint8_t)strlen(fact_names(f.kind));
	for (uint8_t i = 0; i < f.names_n; i++)
		f.name[i] = rd_str8(&r);
	if (!rd_ok(&r))
		return ERR_MALFORMED;
	f.value = rd_rest(&r);
	if (f.value.n > FACT_VALUE_MAX)
		return ERR_MALFORMED;
	*out = f;
	return ERR_OK;
}

void fact_limits_put(const struct fact_limits *l, uint8_t *buf)
{
	struct wr w = wr_of(buf, FACT_LIMITS_BYTES);
	wr_le64(&w, (uint64_t)l->connections);
	wr_le64(&w, (uint64_t)l->objects);
	must(w.n == FACT_LIMITS_BYTES);
}

enum err fact_limits_get(struct slice from, struct fact_limits *out)
{
	struct rd r = rd_of(from);
	struct fact_limits l = { .connections = (int64_t)rd_le64(&r) };
	l.objects = (int64_t)rd_le64(&r);
	must(out != NULL);
	if (!rd_done(&r) || l.connections < -1 || l.objects < -1)
		return ERR_MALFORMED;
	*out = l;
	return ERR_OK;
}

struct fact_limits fact_limits_of(const struct fact *f)
{
	struct fact_limits l = { -1, -1 };
	must(f == NULL || f->kind == FACT_VHOST_LIMITS || f->kind == FACT_USER_LIMITS);
	if (f && fact_limits_get(f->value, &l) != ERR_OK)
		must(!"limits that admit has let in");
	return l;
}

/* ---- in memory ---------------------------------------------------------------------------- */

static size_t fact_bytes(const struct fact *f)
{
	size_t n = sizeof *f + f->value.n;
	for (uint8_t i = 0; i < f->names_n; i++)
		n += f->name[i].n;
	return n;
}

static struct slice keep(uint8_t **io_at, struct slice s)
{
	struct slice kept = slice_of(*io_at, s.n);
	must(*io_at != NULL);
	if (s.n)
		memcpy(*io_at, s.p, s.n);
	*io_at += s.n;
	return kept;
}

const struct fact *fact_new(struct pmap_edit *e, const struct fact *declared)
{
	struct fact *f = pmap_alloc(e, fact_bytes(declared), "catalog fact");
	uint8_t *at = (uint8_t *)(f + 1);
	must(declared->id != 0);
	*f = *declared;
	for (uint8_t i = 0; i < f->names_n; i++)
		f->name[i] = keep(&at, declared->name[i]);
	f->value = keep(&at, declared->value);
	f->version = e->version;
	return f;
}

void fact_retire(struct pmap_edit *e, const struct fact *own_f)
{
	must(own_f->version <= e->version || e->version == 0);
	pmap_retire(e, own_f, fact_bytes(own_f), own_f->version);
}

/* ---- maps --------------------------------------------------------------------------------- */

uint64_t fact_hash(struct hash_key key, const struct fact *f)
{
	uint64_t hash = f->kind;
	must(f->names_n > 0);
	for (uint8_t i = 0; i < f->names_n; i++) {
		struct hash_key of = { key.k0, key.k1 ^ hash };
		hash = hash_slice(of, f->name[i]);
	}
	return hash;
}

static uint64_t by_name(const struct pmap_kind *k, uintptr_t object)
{
	must(object != 0);
	return fact_hash(k->key, (const struct fact *)object);
}

static bool name_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	const struct fact *f = (const struct fact *)object, *want = key;
	must(k->hash == by_name);
	if (f->kind != want->kind)
		return false;
	for (uint8_t i = 0; i < f->names_n; i++)
		if (!slice_eq(f->name[i], want->name[i]))
			return false;
	return true;
}

struct pmap_kind fact_name_kind(struct hash_key key)
{
	return (struct pmap_kind){ .hash = by_name, .is = name_is, .key = key };
}

static uint64_t by_id(const struct pmap_kind *k, uintptr_t object)
{
	must(k == &fact_id_kind);
	return ((const struct fact *)object)->id;
}

static bool id_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(object != 0);
	return by_id(k, object) == *(const uint64_t *)key;
}

const struct pmap_kind fact_id_kind = { .hash = by_id, .is = id_is };

/* ---- look-ups ----------------------------------------------------------------------------- */

const struct fact *catalog_fact(const struct catalog_view *v, enum fact_kind kind, struct slice a,
				struct slice b, struct slice c)
{
	struct fact want = fact_of(kind, a, b, c);
	struct pmap_kind by = fact_name_kind(v->key);
	must(v->facts.n == v->fact_ids.n);
	return (const struct fact *)pmap_find(&v->facts, &by, fact_hash(v->key, &want), &want);
}

uint8_t catalog_fact_lacks(const struct catalog_view *v, const struct fact *f)
{
	const char *letters = fact_names(f->kind);
	uint8_t i = 0;
	must(letters != NULL && f->names_n == strlen(letters));
	for (; i < f->names_n; i++) {
		uint8_t on = fact_kind_of(letters[i]);
		if (on != 0 &&
		    !catalog_fact(v, (enum fact_kind)on, f->name[i], SLICE_EMPTY, SLICE_EMPTY))
			break;
	}
	return i;
}

const struct fact *catalog_fact_by_id(const struct catalog_view *v, uint64_t id)
{
	must(id != 0);
	return (const struct fact *)pmap_find(&v->fact_ids, &fact_id_kind, id, &id);
}

const struct fact *catalog_fact_after(const struct catalog_view *v, uint64_t id)
{
	struct pmap_walk w;
	must(id < UINT64_MAX);
	pmap_walk_from(&w, &v->fact_ids, &fact_id_kind, id + 1);
	return (const struct fact *)pmap_walk_next(&w);
}

uint64_t catalog_facts_version(const struct catalog_view *v)
{
	must(v->facts_version <= v->version);
	return v->facts_version;
}

uint64_t catalog_fact_next(const struct catalog_view *v)
{
	must(v->fact_next > 0);
	return v->fact_next;
}

bool catalog_is_fresh(const struct catalog_view *v)
{
	must(v->fact_next > 0);
	return v->fact_next == 1;
}
