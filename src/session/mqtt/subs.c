#include "session/mqtt/subs.h"

#include "base/hash.h"
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
	struct sub *one = mem_get(mem, sizeof *one + filter.n, "subscription");
	if (!one || !wild_room(s, mem) ||
	    map_make_room(&s->by_filter, mem, "subscriptions by filter") != ERR_OK) {
		mem_put(mem, one, sizeof *one + filter.n);
		return NULL;
	}
	*one = (struct sub){ .next = first_of(s, key),
			     .wild_at = SUB_EXACT,
			     .filter_n = (uint16_t)filter.n };
	memcpy(one->filter, filter.p, filter.n);
	one->is_shared = slice_starts_with(filter, slice_str(MQTT_SHARE_PREFIX));
	one->is_sys = slice_starts_with(filter, slice_str("$SYS/"));
	map_put(&s->by_filter, key, (uint64_t)(uintptr_t)one);
	s->n++;
	s->sys_n += one->is_sys;
	if (is_wild(filter) && !one->is_shared) {
		one->wild_at = s->wild_n;
		s->wild[s->wild_n++] = one;
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

void subs_match(const struct subs *s, struct slice topic, struct sub_match *out)
{
	out->n = out->numbers_n = 0;
	out->qos = 0;
	out->is_as_published = out->is_no_local = false;
	must(topic.n <= UINT16_MAX);
	const struct sub *exact = topic.n > 0 ? subs_find(s, topic) : NULL;
	if (exact && exact->wild_at == SUB_EXACT && !exact->is_shared)
		count_in(exact, out);
	for (uint32_t i = 0; i < s->wild_n; i++)
		if (mqtt_filter_match(sub_filter(s->wild[i]), topic))
			count_in(s->wild[i], out);
}
