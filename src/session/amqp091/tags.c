#include "session/amqp091/tags.h"

#include "base/hash.h"
#include "base/must.h"

#define FEW 32u

static struct slice tag_of(const struct consumer *k)
{
	must(k->tag_n > 0);
	return slice_of(k->tag, k->tag_n);
}

static uint64_t hash_of(const struct channel *c, struct slice tag)
{
	uint64_t h = hash_slice((struct hash_key){ c->number, c->birth }, tag);
	must(c->number > 0);
	return h == MAP_KEY_NONE ? 0 : h;
}

static struct consumer *with_hash(const struct channel *c, uint64_t hash)
{
	uint64_t at = 0;
	must(c->tags != NULL);
	(void)map_get(c->tags, hash, &at);
	return (struct consumer *)(uintptr_t)at;
}

struct consumer *amqp091_tags_find(const struct channel *c, struct slice tag)
{
	struct consumer *k = c->tags ? with_hash(c, hash_of(c, tag)) : c->consumers;
	must(tag.n <= LIMIT_SHORTSTR);
	while (k && !slice_eq(tag_of(k), tag))
		k = c->tags ? k->next_same : k->next;
	return k;
}

/* ---- the map ------------------------------------------------------------------------------ */

static void put(struct consumer *k)
{
	struct channel *c = k->channel;
	uint64_t hash = hash_of(c, tag_of(k));
	must(c->tags != NULL);
	k->next_same = with_hash(c, hash);
	map_put(c->tags, hash, (uint64_t)(uintptr_t)k);
}

static void drop(struct turn *t, struct channel *c)
{
	must(c->tags != NULL);
	map_fini(c->tags, t->w->mem);
	amqp091_put(t, c->tags, sizeof *c->tags);
	c->tags = NULL;
}

/* Gives a channel that has come to many a map of all it has. */
static bool begin(struct turn *t, struct channel *c)
{
	must(!c->tags && c->consumers_n == FEW);
	c->tags = mem_get(t->w->mem, sizeof *c->tags, "consumer tags");
	if (!c->tags)
		return false;
	map_init(c->tags, NULL, 0, c->birth);
	for (struct consumer *k = c->consumers; k; k = k->next) {
		if (map_make_room(c->tags, t->w->mem, "consumer tags") != ERR_OK) {
			drop(t, c);
			return false;
		}
		put(k);
	}
	return true;
}

/* ---- in and out --------------------------------------------------------------------------- */

bool amqp091_tags_room(struct turn *t, struct channel *c)
{
	must(c->consumers_n < UINT32_MAX);
	if (!c->tags && c->consumers_n < FEW)
		return true;
	if (!c->tags && !begin(t, c))
		return false;
	return map_make_room(c->tags, t->w->mem, "consumer tags") == ERR_OK;
}

void amqp091_tags_add(struct consumer *k)
{
	struct channel *c = k->channel;
	must(c->tags || c->consumers_n < FEW);
	if (c->tags)
		put(k);
	k->next = c->consumers;
	k->link = &c->consumers;
	if (k->next)
		k->next->link = &k->next;
	c->consumers = k;
	c->consumers_n++;
}

static void take_out(struct channel *c, struct consumer *k)
{
	uint64_t hash = hash_of(c, tag_of(k));
	struct consumer *same = with_hash(c, hash);
	must(same != NULL);
	if (same == k && !k->next_same) {
		(void)map_del(c->tags, hash, NULL);
	} else if (same == k) {
		map_put(c->tags, hash, (uint64_t)(uintptr_t)k->next_same);
	} else {
		while (same->next_same != k)
			same = same->next_same;
		same->next_same = k->next_same;
	}
}

void amqp091_tags_del(struct turn *t, struct consumer *k)
{
	struct channel *c = k->channel;
	must(c->consumers_n > 0 && *k->link == k);
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	c->consumers_n--;
	if (c->tags)
		take_out(c, k);
	if (c->tags && c->consumers_n == 0)
		drop(t, c);
}
