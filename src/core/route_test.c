#include "core/catalog_for_tests.h"
#include "core/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct cached {
	struct world w;
	struct route_cache *cache;
	struct route_hit *hit;
};

static void cached_init(struct cached *t)
{
	world_init(&t->w);
	t->cache = route_cache_new(&t->w.side.mem);
	must(t->cache != NULL);
}

static void cached_fini(struct cached *t)
{
	route_cache_free(t->cache);
	world_fini(&t->w);
}

/* Routes by exchange and key, whose bytes lie together as in a publish. */
static enum err find(struct cached *t, const char *exchange, const char *key)
{
	uint8_t bytes[512];
	struct slice x = slice_str(exchange), k = slice_str(key);
	struct routing m = { .key = k };
	memcpy(bytes, x.p, x.n);
	bytes[x.n] = 0;
	memcpy(bytes + x.n + 1, k.p, k.n);
	return route_cache_find(t->cache, catalog_view(t->w.c), 0, slice_of(bytes, x.n + 1 + k.n),
				x, &m, &t->hit);
}

static void a_route_has_each_queue_once_by_shard(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	char name[16];
	world_init(&w);
	route_init(&r, &w.side.mem);
	for (uint32_t n = 1; n <= 200; n++) {
		snprintf(name, sizeof name, "%c%u", 'a' + n * 7 % 16, n);
		declare_queue(&w, name, n % 2 ? QUEUE_DURABLE : 0, "");
		must(bind_to(&w, "amq.fanout", name, "") == ERR_OK);
		must(bind_to(&w, "amq.fanout", name, "again") == ERR_OK);
		const struct catalog_view *v = catalog_view(w.c);
		const struct exchange *x = catalog_exchange(v, 0, slice_str("amq.fanout"));
		must(route_find(v, x, slice_str("any"), &r) == ERR_OK && r.n == n);
		for (uint32_t i = 0; i < n; i++) {
			const struct queue_record *q = catalog_queue_by_id(v, r.to[i].queue);
			must(q->shard == r.to[i].shard && q->flags == r.to[i].flags);
			must(i == 0 || r.to[i - 1].shard <= r.to[i].shard);
			for (uint32_t k = 0; k < i; k++)
				must(r.to[k].queue != r.to[i].queue);
		}
	}
	route_fini(&r);
	world_fini(&w);
}

static void a_route_without_memory_is_refused_whole(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	char name[16];
	world_init(&w);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%c%d", 'a' + i % 16, i);
		declare_queue(&w, name, 0, "");
		must(bind_to(&w, "amq.fanout", name, "") == ERR_OK);
	}
	const struct catalog_view *v = catalog_view(w.c);
	const struct exchange *x = catalog_exchange(v, 0, slice_str("amq.fanout"));
	enum err err = ERR_LIMIT;
	for (long in = 1; err != ERR_OK; in++) {
		must(in < 100);
		route_init(&r, &w.side.mem);
		w.side.fail_in = in;
		err = route_find(v, x, slice_str(""), &r);
		must(err == ERR_OK ? r.n == 100 : err == ERR_LIMIT && r.n == 0);
		route_fini(&r);
	}
	w.side.fail_in = 0;
	world_fini(&w);
}

static void the_default_exchange_knows_queues_by_name(void **s)
{
	(void)s;
	struct cached t;
	cached_init(&t);
	must(find(&t, "", "q") == ERR_OK && t.hit->x && t.hit->route->n == 0);
	declare_queue(&t.w, "q", 0, "");
	must(find(&t, "", "q") == ERR_OK && t.hit->is_new && t.hit->route->n == 1);
	must(t.hit->route->to[0].queue == id_of(&t.w, "q"));
	declare_queue(&t.w, "other", 0, "");
	must(find(&t, "", "q") == ERR_OK && !t.hit->is_new && t.hit->route->n == 1);
	remove_queue(&t.w, "q");
	must(find(&t, "", "q") == ERR_OK && t.hit->is_new && t.hit->route->n == 0);
	declare_queue(&t.w, "q", 0, "");
	must(find(&t, "", "q") == ERR_OK && t.hit->route->to[0].queue == id_of(&t.w, "q"));
	cached_fini(&t);
}

static void an_entry_is_new_once_and_whenever_its_exchange_changes(void **s)
{
	(void)s;
	struct cached t;
	cached_init(&t);
	must(find(&t, "x", "k") == ERR_OK && t.hit->x == NULL && t.hit->is_new);
	must(find(&t, "x", "k") == ERR_OK && t.hit->x == NULL && !t.hit->is_new);
	must(declare_x(&t.w, "x", "direct", 0, "") == ERR_OK);
	must(find(&t, "x", "k") == ERR_OK && t.hit->x && t.hit->is_new);
	t.hit->auth = ERR_ACCESS_REFUSED;
	must(find(&t, "x", "l") == ERR_OK && t.hit->is_new && t.hit->auth == ERR_OK);
	must(find(&t, "x", "k") == ERR_OK && !t.hit->is_new);
	must(t.hit->auth == ERR_ACCESS_REFUSED);
	declare_queue(&t.w, "q", 0, "");
	everybody_has_seen(&t.w);
	must(find(&t, "x", "k") == ERR_OK && !t.hit->is_new && t.hit->route->n == 0);
	must(t.hit->x == catalog_exchange(catalog_view(t.w.c), 0, slice_str("x")));
	must(bind_to(&t.w, "x", "q", "k") == ERR_OK);
	everybody_has_seen(&t.w);
	must(find(&t, "x", "k") == ERR_OK && t.hit->is_new && t.hit->route->n == 1);
	must(delete_x(&t.w, "x", 0) == ERR_OK && declare_x(&t.w, "x", "fanout", 0, "") == ERR_OK);
	everybody_has_seen(&t.w);
	must(find(&t, "x", "k") == ERR_OK && t.hit->is_new && t.hit->route->n == 0);
	must(delete_x(&t.w, "x", 0) == ERR_OK);
	must(find(&t, "x", "k") == ERR_OK && t.hit->x == NULL);
	cached_fini(&t);
}

static void more_keys_than_entries_take_turns(void **s)
{
	(void)s;
	struct cached t;
	char key[260];
	cached_init(&t);
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "%0*d", 1 + i % 254, i);
		declare_queue(&t.w, key, 0, "");
	}
	for (int i = 0; i < 3000; i++) {
		int n = i * 17 % 300;
		snprintf(key, sizeof key, "%0*d", 1 + n % 254, n);
		must(find(&t, "", key) == ERR_OK && t.hit->route->n == 1);
		must(t.hit->route->to[0].queue == id_of(&t.w, key));
		must(find(&t, "", key) == ERR_OK && !t.hit->is_new);
	}
	cached_fini(&t);
}

static void a_fan_out_is_kept_up_to_a_bound(void **s)
{
	(void)s;
	struct cached t;
	char name[16];
	cached_init(&t);
	for (uint32_t n = 1; n <= ROUTE_KEPT_MAX + 3; n++) {
		snprintf(name, sizeof name, "%c%u", 'a' + n % 16, n);
		declare_queue(&t.w, name, 0, "");
		must(bind_to(&t.w, "amq.fanout", name, "") == ERR_OK);
		if (n % 1000 != 3 && n < ROUTE_KEPT_MAX - 2)
			continue;
		must(find(&t, "amq.fanout", "") == ERR_OK && t.hit->is_new);
		must(t.hit->route->n == n);
		must(find(&t, "amq.fanout", "") == ERR_OK && t.hit->route->n == n);
		must(t.hit->is_new == (n > ROUTE_KEPT_MAX));
	}
	cached_fini(&t);
}

static void a_cache_without_memory_still_routes(void **s)
{
	(void)s;
	struct cached t;
	cached_init(&t);
	declare_queue(&t.w, "q", 0, "");
	must(find(&t, "", "q") == ERR_OK);
	route_cache_free(t.cache);
	for (long in = 1; in <= 5; in++) {
		t.cache = route_cache_new(&t.w.side.mem);
		t.w.side.fail_in = in;
		enum err err = find(&t, "", "q");
		must(in == 1 ? err == ERR_LIMIT : err == ERR_OK && t.hit->route->n == 1);
		t.w.side.fail_in = 0;
		must(find(&t, "", "q") == ERR_OK && t.hit->route->n == 1);
		route_cache_free(t.cache);
	}
	t.cache = NULL;
	cached_fini(&t);
}

static void each_key_of_a_message_counts_once(void **s)
{
	(void)s;
	struct world w;
	struct route_keys k;
	char names[300][8];
	world_init(&w);
	route_keys_init(&k, &w.side.mem);
	for (uint32_t n = 0; n < 300; n++) {
		snprintf(names[n], sizeof names[n], "k%u", n);
		for (uint32_t i = 0; i <= n; i++)
			must(route_keys_add(&k, catalog_view(w.c), slice_str(names[i])));
		must(k.n == n + 1 && slice_eq(k.at[n], slice_str(names[n])));
	}
	struct routing m = { .key = slice_str("k0") };
	route_keys_more(&k, &m);
	must(m.more_n == 299 && slice_eq(m.more[0], slice_str("k1")));
	route_keys_fini(&k);
	world_fini(&w);
}

/* Places to which several keys lead are walked once: 300 bindings for each of 20,000 keys would
 * take far longer than a test has. */
static void many_keys_that_lead_to_one_place_cost_one_walk(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	struct route_keys k;
	static char names[20000][8];
	world_init(&w);
	route_init(&r, &w.side.mem);
	route_keys_init(&k, &w.side.mem);
	for (uint32_t n = 0; n < 300; n++) {
		snprintf(names[0], sizeof names[0], "q%u", n);
		declare_queue(&w, names[0], QUEUE_DURABLE, "");
		must(bind_to(&w, "amq.topic", names[0], n < 200 ? "#" : "k.#") == ERR_OK);
	}
	const struct catalog_view *v = catalog_view(w.c);
	for (uint32_t n = 0; n < 20000; n++) {
		snprintf(names[n], sizeof names[n], "k.%u", n);
		must(route_keys_add(&k, v, slice_str(names[n])));
	}
	struct routing m = { .key = slice_str(names[0]) };
	route_keys_more(&k, &m);
	const struct exchange *x = catalog_exchange(v, 0, slice_str("amq.topic"));
	must(route_message(v, x, &m, &r) == ERR_OK && r.n == 300);
	must(r.matched == 300 + 2 * m.more_n); /* a place that is there counts as one */
	m.more_n = 0;
	must(route_message(v, x, &m, &r) == ERR_OK && r.n == 300 && r.matched == 300);
	route_keys_fini(&k);
	route_fini(&r);
	world_fini(&w);
}

/* Every key matches each of 1024 patterns: so many steps for a few keys, and no more than allowed
 * for many. */
static void keys_beyond_the_steps_allowed_are_not_looked_at(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	struct route_keys k;
	static char names[3000][32];
	char pattern[32] = "a.a.a.a.a.a.a.a.a.a.*";
	world_init(&w);
	route_init(&r, &w.side.mem);
	route_keys_init(&k, &w.side.mem);
	declare_queue(&w, "q", QUEUE_DURABLE, "");
	for (uint32_t n = 0; n < 1024; n++) {
		for (uint32_t bit = 0; bit < 10; bit++)
			pattern[2 * bit] = n >> bit & 1 ? '*' : 'a';
		must(bind_to(&w, "amq.topic", "q", pattern) == ERR_OK);
	}
	const struct catalog_view *v = catalog_view(w.c);
	const struct exchange *x = catalog_exchange(v, 0, slice_str("amq.topic"));
	for (uint32_t n = 0; n < 3000; n++) {
		snprintf(names[n], sizeof names[n], "a.a.a.a.a.a.a.a.a.a.%u", n);
		must(route_keys_add(&k, v, slice_str(names[n])));
	}
	struct routing m = { .key = slice_str(names[0]) };
	route_keys_more(&k, &m);
	must(route_message(v, x, &m, &r) == ERR_OK && r.n == 1 && r.is_beyond);
	must(r.topic_steps >= LIMIT_ROUTE_STEPS && r.topic_steps < LIMIT_ROUTE_STEPS + 8192);
	m.more_n = 100;
	must(route_message(v, x, &m, &r) == ERR_OK && r.n == 1 && !r.is_beyond);
	must(r.matched == 101 * 1024);
	route_keys_fini(&k);
	route_fini(&r);
	world_fini(&w);
}

/* The word `id` of a message stands for its property. */
static bool id_of_words(struct slice props, enum header_property which, struct header *out)
{
	must(which == HEADER_MESSAGE_ID);
	return header_find(&words_ops, props, slice_str("id"), out);
}

static void a_message_is_known_again_by_its_header_or_its_id(void **s)
{
	(void)s;
	const struct header_ops ops = { words_begin, words_next, id_of_words };
	const uint8_t by_id = QUEUE_ONCE | QUEUE_ONCE_BY_ID;
#define ONCE(words, flags) route_once_of(&ops, slice_str(words), flags)
	must(ONCE("id=a", QUEUE_ONCE) == 0 && ONCE("id=", by_id) == 0 && ONCE("", by_id) == 0);
	must(ONCE("id=a", by_id) % 2 == 1 && ONCE("x=y id=a", by_id) == ONCE("id=a", by_id));
	must(ONCE("id=b", by_id) != ONCE("id=a", by_id));
	const uint64_t a = ONCE("x-deduplication-header=a", QUEUE_ONCE);
	must(a % 2 == 1 && ONCE("x-deduplication-header=a id=b", by_id) == a);
	must(ONCE("id=a", by_id) != a && route_once_of(NULL, SLICE_EMPTY, by_id) == 0);
#undef ONCE
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_has_each_queue_once_by_shard),
		cmocka_unit_test(a_route_without_memory_is_refused_whole),
		cmocka_unit_test(the_default_exchange_knows_queues_by_name),
		cmocka_unit_test(an_entry_is_new_once_and_whenever_its_exchange_changes),
		cmocka_unit_test(more_keys_than_entries_take_turns),
		cmocka_unit_test(a_fan_out_is_kept_up_to_a_bound),
		cmocka_unit_test(a_cache_without_memory_still_routes),
		cmocka_unit_test(each_key_of_a_message_counts_once),
		cmocka_unit_test(many_keys_that_lead_to_one_place_cost_one_walk),
		cmocka_unit_test(keys_beyond_the_steps_allowed_are_not_looked_at),
		cmocka_unit_test(a_message_is_known_again_by_its_header_or_its_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
