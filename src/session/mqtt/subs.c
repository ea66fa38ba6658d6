#include "session/mqtt/subs.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/must.h"
#include "wire/mqtt/topic.h"

static uint64_t key_of(struct slice filter)
{
	static const struct hash_key key = { 0x676f64776974, 0x66696c746572 };
	uint64_t hash = hash_slice(key, filter);
	must(filter.n > 0);
	return hash == MAP_KEY_NONE ? 0 : hash;
}

static struct sub *first_of(const struct subs *s, uint64_t key)
{
	uint64_t value;
	must(key != MAP_KEY_NONE);
	return map_get(&s->by_filter, key, &value) ? (struct sub *)(uintptr_t)value : NULL;
}

struct sub *subs_find(const struct subs *s, struct slice filter)
{
	struct sub *one = first_of(s, key_of(filter));
	must(filter.n > 0 && filter.n <= UINT16_MAX);
	while (one && !slice_eq(sub_filter(one), filter))
		one = one->next;
	return one;
}

/* ---- shapes ------------------------------------------------------------------------------- */

#define PLUS_WORDS ((LIMIT_MQTT_TOPIC_LEVELS + 63) / 64)
#define WILD_FEW   8u /* up to so many are tried one by one */
#define MADE_BYTES (LIMIT_SHORTSTR + LIMIT_MQTT_TOPIC_LEVELS + 2)

struct sub_shape {
	uint64_t plus[PLUS_WORDS]; /* a bit for each level that is + */
	uint32_t n;                /* subscriptions that have it */
	uint32_t levels;           /* without the # */
	bool has_rest;             /* ... that is behind them */
};

static bool has_plus(const struct sub_shape *h, uint32_t level)
{
	must(level < LIMIT_MQTT_TOPIC_LEVELS);
	return h->plus[level / 64] >> level % 64 & 1;
}

/* The level that stands in front; what is left begins behind its slash. */
static struct slice level_of(struct slice *rest, bool *out_is_last)
{
	size_t n = slice_find(*rest, '/');
	struct slice level = slice_sub(*rest, 0, n);
	*out_is_last = n == rest->n;
	*rest = slice_from(*rest, *out_is_last ? n : n + 1);
	return level;
}

static struct sub_shape shape_of(struct slice filter)
{
	struct sub_shape h = { .levels = 0 };
	for (bool is_last = false; !is_last && !h.has_rest;) {
		struct slice level = level_of(&filter, &is_last);
		h.has_rest = level.n == 1 && level.p[0] == '#';
		if (h.has_rest)
			break;
		must(h.levels < LIMIT_MQTT_TOPIC_LEVELS);
		if (level.n == 1 && level.p[0] == '+')
			h.plus[h.levels / 64] |= UINT64_C(1) << h.levels % 64;
		h.levels++;
	}
	return h;
}

static bool is_same(const struct sub_shape *a, const struct sub_shape *b)
{
	must(a->levels <= LIMIT_MQTT_TOPIC_LEVELS && b->levels <= LIMIT_MQTT_TOPIC_LEVELS);
	return a->levels == b->levels && a->has_rest == b->has_rest &&
	       memcmp(a->plus, b->plus, sizeof a->plus) == 0;
}

static struct sub_shape *shape_find(const struct subs *s, const struct sub_shape *h)
{
	for (uint32_t i = 0; i < s->shapes_n; i++)
		if (is_same(&s->shapes[i], h))
			return &s->shapes[i];
	return NULL;
}

/* Room for one more, whether it is new or not. */
static bool shape_room(struct subs *s, struct mem *mem)
{
	must(s->shapes_n <= s->shapes_cap);
	if (s->shapes_n < s->shapes_cap)
		return true;
	uint32_t cap = s->shapes_cap ? 2 * s->shapes_cap : 1;
	struct sub_shape *at = mem_get(mem, cap * sizeof *at, "subscriptions");
	if (!at)
		return false;
	if (s->shapes_n)
		memcpy(at, s->shapes, s->shapes_n * sizeof *at);
	mem_put(mem, s->shapes, s->shapes_cap * sizeof *at);
	s->shapes = at;
	s->shapes_cap = cap;
	return true;
}

static void shape_add(struct subs *s, struct slice filter)
{
	struct sub_shape h = shape_of(filter), *one = shape_find(s, &h);
	must(s->shapes_n < s->shapes_cap && (h.has_rest || h.levels > 0));
	if (!one) {
		one = &s->shapes[s->shapes_n++];
		*one = h;
	}
	one->n++;
}

static void shape_drop(struct subs *s, struct slice filter)
{
	struct sub_shape h = shape_of(filter), *one = shape_find(s, &h);
	must(one != NULL && one->n > 0);
	if (--one->n == 0)
		*one = s->shapes[--s->shapes_n];
}

/* The one filter of this shape that the topic matches; nothing: it matches none. */
static struct slice filter_made(const struct sub_shape *h, struct slice topic, uint32_t levels,
				uint8_t *room)
{
	uint8_t *at = room;
	bool is_wild_first = h->levels ? has_plus(h, 0) : h->has_rest, is_last = false;
	must(levels > 0 && topic.n > 0);
	if (levels < h->levels || (levels > h->levels && !h->has_rest) ||
	    (is_wild_first && topic.p[0] == '$'))
		return SLICE_EMPTY;
	for (uint32_t i = 0; i < h->levels; i++) {
		struct slice level = level_of(&topic, &is_last);
		if (has_plus(h, i))
			level = slice_str("+");
		if (i > 0)
			*at++ = '/';
		if (level.n)
			memcpy(at, level.p, level.n);
		at += level.n;
	}
	if (h->has_rest && h->levels > 0)
		*at++ = '/';
	if (h->has_rest)
		*at++ = '#';
	return slice_of(room, (size_t)(at - room));
}

/* ---- subscriptions ------------------------------------------------------------------------ */

static bool wild_room(struct subs *s, struct mem *mem)
{
	must(s->wild_n <= s->wild_cap);
	if (s->wild_n < s->wild_cap)
		return true;
	uint32_t cap = s->wild_cap ? 2 * s->wild_cap : 4;
	struct sub **at = mem_get(mem, cap * sizeof(struct sub *), "subscriptions");
	if (!at)
		return false;
	if (s->wild_n)
		memcpy(at, s->wild, s->wild_n * sizeof(struct sub *));
	mem_put(mem, s->wild, s->wild_cap * sizeof(struct sub *));
	s->wild = at;
	s->wild_cap = cap;
	return true;
}

static bool is_wild(struct slice filter)
{
	must(filter.n > 0);
	return memchr(filter.p, '+', filter.n) || memchr(filter.p, '#', filter.n);
}

struct sub *subs_add(struct subs *s, struct mem *mem, struct slice filter)
{
	const uint64_t key = key_of(filter);
	must(!subs_find(s, filter));
	const bool is_shared = slice_starts_with(filter, slice_str(MQTT_SHARE_PREFIX));
	const bool is_tried = is_wild(filter) && !is_shared;
	struct sub *one = mem_get(mem, sizeof *one + filter.n, "subscription");
	if (!one || (is_tried && !(wild_room(s, mem) && shape_room(s, mem))) ||
	    map_make_room(&s->by_filter, mem, "subscriptions by filter") != ERR_OK) {
		mem_put(mem, one, sizeof *one + filter.n);
		return NULL;
	}
	*one = (struct sub){ .next = first_of(s, key),
			     .wild_at = SUB_EXACT,
			     .filter_n = (uint16_t)filter.n,
			     .is_shared = is_shared };
	memcpy(one->filter, filter.p, filter.n);
	one->is_sys = slice_starts_with(filter, slice_str("$SYS/"));
	map_put(&s->by_filter, key, (uint64_t)(uintptr_t)one);
	s->n++;
	s->sys_n += one->is_sys;
	if (is_tried) {
		one->wild_at = s->wild_n;
		s->wild[s->wild_n++] = one;
		shape_add(s, filter);
	}
	return one;
}

void subs_drop(struct subs *s, struct mem *mem, struct sub *own_one)
{
	const uint64_t key = key_of(sub_filter(own_one));
	struct sub *head = first_of(s, key), **at = &head;
	must(head != NULL && s->n > 0);
	while (*at != own_one)
		at = &(*at)->next;
	*at = own_one->next;
	if (head)
		map_put(&s->by_filter, key, (uint64_t)(uintptr_t)head);
	else
		(void)map_del(&s->by_filter, key, NULL);
	s->n--;
	s->sys_n -= own_one->is_sys;
	if (own_one->wild_at != SUB_EXACT) {
		struct sub *last = s->wild[--s->wild_n];
		s->wild[own_one->wild_at] = last;
		last->wild_at = own_one->wild_at;
		shape_drop(s, sub_filter(own_one));
	}
	mem_put(mem, own_one, sizeof *own_one + own_one->filter_n);
}

struct sub *subs_next(const struct subs *s, size_t *io_cursor, const struct sub *before)
{
	must(io_cursor != NULL);
	if (before && before->next)
		return before->next;
	struct map_slot *slot = map_next(&s->by_filter, io_cursor);
	return slot ? (struct sub *)(uintptr_t)slot->value : NULL;
}

void subs_fini(struct subs *s, struct mem *mem)
{
	size_t cursor = 0;
	for (struct map_slot *m; (m = map_next(&s->by_filter, &cursor)) != NULL;) {
		for (struct sub *one = (struct sub *)(uintptr_t)m->value, *next; one; one = next) {
			next = one->next;
			mem_put(mem, one, sizeof *one + one->filter_n);
			s->n--;
		}
	}
	must(s->n == 0);
	map_fini(&s->by_filter, mem);
	mem_put(mem, s->wild, s->wild_cap * sizeof(struct sub *));
	mem_put(mem, s->shapes, s->shapes_cap * sizeof *s->shapes);
	*s = (struct subs){ .n = 0 };
}

static void count_in(const struct sub *one, struct sub_match *m)
{
	const uint8_t qos = one->options & SUB_QOS;
	must(qos <= 2);
	m->is_no_local = (m->n == 0 || m->is_no_local) && one->options & SUB_NO_LOCAL;
	m->n++;
	m->qos = qos > m->qos ? qos : m->qos;
	m->is_as_published |= (one->options & SUB_AS_PUBLISHED) != 0;
	if (one->number && m->numbers_n < SUB_NUMBERS_MAX)
		m->numbers[m->numbers_n++] = one->number;
}

/* By shapes: as many look-ups as there are shapes, not filters. A filter may have been made that
 * has another shape, if the topic has a wildcard in it: topics of AMQP can. */
static void match_shapes(const struct subs *s, struct slice topic, struct sub_match *out)
{
	UNSET uint8_t room[MADE_BYTES];
	uint32_t levels = 1;
	must(topic.n > 0 && topic.n <= LIMIT_SHORTSTR);
	for (size_t i = 0; i < topic.n; i++)
		levels += topic.p[i] == '/';
	for (uint32_t i = 0; i < s->shapes_n; i++) {
		struct slice made = filter_made(&s->shapes[i], topic, levels, room);
		const struct sub *one = made.n ? subs_find(s, made) : NULL;
		if (!one || one->wild_at == SUB_EXACT)
			continue;
		struct sub_shape h = shape_of(made);
		if (is_same(&h, &s->shapes[i]))
			count_in(one, out);
	}
}

void subs_match(const struct subs *s, struct slice topic, struct sub_match *out)
{
	out->n = out->numbers_n = 0;
	out->qos = 0;
	out->is_as_published = out->is_no_local = false;
	must(topic.n <= UINT16_MAX);
	const struct sub *exact = topic.n > 0 ? subs_find(s, topic) : NULL;
	if (exact && exact->wild_at == SUB_EXACT && !exact->is_shared)
		count_in(exact, out);
	if (s->wild_n > WILD_FEW && s->shapes_n < s->wild_n / 2 && topic.n > 0 &&
	    topic.n <= LIMIT_SHORTSTR) {
		match_shapes(s, topic, out);
		return;
	}
	for (uint32_t i = 0; i < s->wild_n; i++)
		if (mqtt_filter_match(sub_filter(s->wild[i]), topic))
			count_in(s->wild[i], out);
}
