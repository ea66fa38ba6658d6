#include "session/mqtt/alias.h"

#include "base/hash.h"
#include "base/must.h"

struct alias {
	uint16_t number, topic_n;
	uint8_t topic[];
};

static uint64_t key_of(struct slice topic)
{
	static const struct hash_key key = { 0x676f64776974, 0x616c696173 };
	uint64_t hash = hash_slice(key, topic);
	must(topic.n > 0);
	return hash == MAP_KEY_NONE ? 0 : hash;
}

struct aliases *aliases_new(struct mem *mem, uint16_t max)
{
	struct aliases *a = mem_get(mem, sizeof *a, "topic aliases");
	must(max > 0);
	if (a) {
		*a = (struct aliases){ .max = max };
		map_init(&a->by_topic, NULL, 0, max);
	}
	return a;
}

void aliases_free(struct aliases *own_a, struct mem *mem)
{
	size_t cursor = 0;
	if (!own_a)
		return;
	must(own_a->by_topic.n == own_a->n);
	for (struct map_slot *slot; (slot = map_next(&own_a->by_topic, &cursor)) != NULL;) {
		struct alias *one = (struct alias *)(uintptr_t)slot->value;
		mem_put(mem, one, sizeof *one + one->topic_n);
	}
	map_fini(&own_a->by_topic, mem);
	mem_put(mem, own_a, sizeof *own_a);
}

uint16_t aliases_find(const struct aliases *a, struct slice topic)
{
	uint64_t at;
	if (!map_get(&a->by_topic, key_of(topic), &at))
		return 0;
	const struct alias *one = (const struct alias *)(uintptr_t)at;
	must(one->number > 0 && one->number <= a->n);
	return slice_eq(slice_of(one->topic, one->topic_n), topic) ? one->number : 0;
}

uint16_t aliases_next(const struct aliases *a)
{
	must(a->n <= a->max);
	return a->n < a->max ? (uint16_t)(a->n + 1) : 0;
}

bool aliases_add(struct aliases *a, struct mem *mem, struct slice topic)
{
	const uint64_t key = key_of(topic);
	must(a->n < a->max && topic.n <= UINT16_MAX);
	if (map_find(&a->by_topic, key) ||
	    map_make_room(&a->by_topic, mem, "topic aliases") != ERR_OK)
		return false;
	struct alias *one = mem_get(mem, sizeof *one + topic.n, "topic alias");
	if (!one)
		return false;
	*one = (struct alias){ .number = ++a->n, .topic_n = (uint16_t)topic.n };
	memcpy(one->topic, topic.p, topic.n);
	map_put(&a->by_topic, key, (uint64_t)(uintptr_t)one);
	return true;
}
