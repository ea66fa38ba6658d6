#include "core/catalog_for_tests.h"
#include "core/catalog_model_for_tests.h"
#include "core/catalog_view.h"
#include "core/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A catalog and the simplest model of it go the same random way; now and then the catalog is
 * compared, checkpointed, or lost and made again from checkpoint and log. */

#define UNITS_MAX 4000

struct unit {
	struct unit_key key;
	uint32_t len;
	uint8_t *bytes;
};

struct walk {
	struct world w;
	struct prng r;
	struct model m;
	bool is_heavy; /* many keys on one queue */
	unsigned unbind_percent;
	struct route_cache *cache;
	struct route route;
	struct unit *units; /* the newest whole checkpoint */
	size_t units_n;
	size_t log_at; /* its place in the log */
};

static void op_declare_x(struct walk *k)
{
	int x = 3 + (int)prng_below(&k->r, XS - 3);
	struct model_x *m = &k->m.x[x],
		       want = { true, types[prng_below(&k->r, 4)], (unsigned)prng_below(&k->r, 4),
				(int)prng_below(&k->r, XS + 6) - 6 };
	char arguments[40] = "";
	if (want.alternate >= 0)
		snprintf(arguments, sizeof arguments, "alternate-exchange=%s",
			 x_names[want.alternate]);
	else
		want.alternate = -1;
	enum err err = declare_x(&k->w, x_names[x], want.type, want.flags, arguments);
	bool is_same = m->is && strcmp(m->type, want.type) == 0 && m->flags == want.flags;
	enum err right = !m->is || is_same ? ERR_OK : ERR_PRECONDITION_FAILED;
	if (is_same && m->alternate != want.alternate)
		right = ERR_EXISTS;
	must(k->w.waits || err == right);
	if (!m->is)
		*m = want;
}

static void op_delete_x(struct walk *k)
{
	int x = 3 + (int)prng_below(&k->r, XS - 3);
	bool if_unused = prng_chance(&k->r, 1, 2);
	enum err err = delete_x(&k->w, x_names[x], if_unused ? DELETE_IF_UNUSED : 0);
	bool is_used = k->m.x[x].is && if_unused && count_of_x(&k->m, x) > 0;
	must(k->w.waits || err == (is_used ? ERR_PRECONDITION_FAILED : ERR_OK));
	if (k->m.x[x].is && !is_used)
		model_drop_x(&k->m, x);
}

static void op_declare_q(struct walk *k)
{
	int q = (int)prng_below(&k->r, QS);
	unsigned flags = (unsigned)prng_below(&k->r, 8);
	uint32_t opens = k->w.told.opens_n;
	k->w.session = session_handle(0, (uint32_t)prng_below(&k->r, 3), 1);
	(void)declare_queue(&k->w, q_names[q], flags, "");
	if (flags & QUEUE_EXCLUSIVE)
		flags &= ~(unsigned)QUEUE_DURABLE;
	uint64_t owner = flags & QUEUE_EXCLUSIVE ? k->w.session : 0;
	struct model_q *m = &k->m.q[q], want = { true, flags, owner };
	bool is_same = m->is && m->flags == want.flags && m->owner == want.owner;
	must(k->w.waits || k->w.told.opens_n - opens == (!m->is || is_same));
	if (!m->is)
		*m = want;
}

static void op_remove_q(struct walk *k)
{
	int q = (int)prng_below(&k->r, QS);
	uint64_t id = id_of(&k->w, q_names[q]);
	if (!k->m.q[q].is || !id)
		return;
	/* A queue that was made again while its removal waits has another id. */
	if (k->w.waits && k->w.later.runs_n > 0)
		return;
	(void)ask(&k->w, CMD_QUEUE_REMOVE, 0, id, SLICE_EMPTY);
	model_drop_queue(&k->m, q);
}

static void op_gone(struct walk *k)
{
	k->w.session = session_handle(0, (uint32_t)prng_below(&k->r, 3), 1);
	enum err err = ask(&k->w, CMD_CONNECTION_GONE, 0, 0, SLICE_EMPTY);
	must(k->w.waits || err == ERR_OK);
	for (int q = 0; q < QS; q++)
		if (k->m.q[q].is && k->m.q[q].owner == k->w.session)
			model_drop_queue(&k->m, q);
}

static void make_binding(struct walk *k, struct model_b *out)
{
	static const char *const arguments[] = { "z=", "a=1", "a=1 b=2", "x-match=any a=1 b=2" };
	*out = (struct model_b){ .x = (int)prng_below(&k->r, XS), .q = -1, .to = -1 };
	if (prng_chance(&k->r, 1, 5))
		out->to = (int)prng_below(&k->r, XS);
	else
		out->q = (int)prng_below(&k->r, QS);
	if (k->is_heavy && prng_chance(&k->r, 9, 10)) {
		out->x = (int)prng_below(&k->r, 2);
		out->q = 5;
		out->to = -1;
		snprintf(out->key, sizeof out->key, "key.%d.x", (int)prng_below(&k->r, 9000));
	} else {
		make_words(&k->r, out->key, sizeof out->key, true, 5);
	}
	bool is_headers = k->m.x[out->x].type && k->m.x[out->x].type[0] == 'h';
	if (prng_chance(&k->r, is_headers ? 7 : 1, 8))
		snprintf(out->arguments, sizeof out->arguments, "%s",
			 arguments[prng_below(&k->r, 4)]);
}

static void op_bind(struct walk *k, bool unbind)
{
	struct model_b b;
	make_binding(k, &b);
	if (unbind && k->m.b_n && prng_chance(&k->r, 3, 4))
		b = k->m.b[prng_below(&k->r, k->m.b_n)];
	uint64_t owner = b.q >= 0 ? k->m.q[b.q].owner : 0;
	uint8_t kind = unbind ? CMD_UNBIND : CMD_BIND;
	k->w.session = owner ? owner : session_handle(0, 0, 1);
	enum err err = b.q >= 0 ? bind_or_unbind(&k->w, kind, x_names[b.x], q_names[b.q], b.key,
						 b.arguments)
				: join_x(&k->w, kind, x_names[b.x], x_names[b.to], b.key,
					 b.arguments);
	bool is_there = k->m.x[b.x].is && (b.q >= 0 ? k->m.q[b.q].is : k->m.x[b.to].is);
	must(k->w.waits || err == (is_there || unbind ? ERR_OK : ERR_NOT_FOUND));
	size_t i = find_binding(&k->m, &b);
	if (!is_there)
		return;
	if (unbind && i < k->m.b_n)
		model_unbind(&k->m, i);
	if (!unbind && i == k->m.b_n && k->m.b_n < BINDINGS_MAX)
		k->m.b[k->m.b_n++] = b;
	must(k->m.b_n < BINDINGS_MAX);
}

static void compare_route(struct walk *k, const struct route *r, int x, const char *key,
			  const char *headers)
{
	unsigned seen = 0, to = 0;
	uint32_t n = 0;
	if (x >= 0)
		model_route(&k->m, x, key, headers, &seen, &to);
	for (int q = 0; q < QS; q++) {
		bool want = x < 0 ? k->m.q[q].is && strcmp(q_names[q], key) == 0 : to >> q & 1;
		must(!want || k->m.q[q].is);
		uint64_t id = id_of(&k->w, q_names[q]);
		uint32_t hits = 0;
		for (uint32_t i = 0; i < r->n; i++)
			hits += r->to[i].queue == id && (r->to[i].flags & 7) == k->m.q[q].flags;
		must((id != 0) == k->m.q[q].is && hits == want);
		n += hits;
	}
	must(n == r->n);
	for (uint32_t i = 1; i < r->n; i++)
		must(r->to[i - 1].shard <= r->to[i].shard);
}

static void op_route(struct walk *k)
{
	int x = (int)prng_below(&k->r, XS + 1) - 1;
	const struct catalog_view *v = catalog_view(k->w.c);
	char key[40], bytes[80];
	struct slice name = slice_str(x < 0 ? "" : x_names[x]);
	if (k->w.later.runs_n > 0)
		return;
	make_words(&k->r, key, sizeof key, false, x < 0 ? 1 : 3);
	if (k->is_heavy && prng_chance(&k->r, 1, 2))
		snprintf(key, sizeof key, "key.%d.x", (int)prng_below(&k->r, 9000));
	snprintf(bytes, sizeof bytes, "%d:%s", x, key);
	const struct exchange *found = catalog_exchange(v, 0, name);
	must((found != NULL) == (x < 0 || k->m.x[x].is));
	struct route_hit *hit;
	static const char *const some[] = { "", "a=1", "b=2", "b=2 a=1", "z=5 a=2" };
	const char *headers = some[prng_below(&k->r, 5)];
	struct routing m = { .key = slice_str(key),
			     .headers = &words_ops,
			     .props = slice_str(headers) };
	must(route_cache_find(k->cache, v, 0, slice_str(bytes), name, &m, &hit) == ERR_OK);
	must(hit->x == found);
	if (!found) {
		must(hit->route->n == 0);
		return;
	}
	compare_route(k, hit->route, x, key, headers);
	must(route_message(v, found, &m, &k->route) == ERR_OK);
	compare_route(k, &k->route, x, key, headers);
}

static void compare(struct walk *k)
{
	const struct catalog_view *v = catalog_view(k->w.c);
	catalog_check(k->w.c);
	if (k->w.later.runs_n > 0)
		return;
	size_t n = 0;
	for (int x = 0; x < XS; x++) {
		const struct exchange *found = catalog_exchange(v, 0, slice_str(x_names[x]));
		must((found != NULL) == k->m.x[x].is);
		must(!found || found->bindings_n == count_of_x(&k->m, x));
		n += found ? found->bindings_n : 0;
	}
	must(n == k->m.b_n);
}

static void units_free(struct walk *k)
{
	for (size_t i = 0; i < k->units_n; i++)
		free(k->units[i].bytes);
	k->units_n = 0;
}

static void unit_put(struct walk *k, struct unit_key key, const uint8_t *bytes, uint32_t len)
{
	size_t i = 0;
	while (i < k->units_n &&
	       !(k->units[i].key.queue == key.queue && k->units[i].key.chunk == key.chunk))
		i++;
	if (i < k->units_n) {
		free(k->units[i].bytes);
		k->units[i] = k->units[--k->units_n];
	}
	if (len == 0)
		return;
	struct unit u = { key, len, malloc(len) };
	must(u.bytes && k->units_n < UNITS_MAX);
	memcpy(u.bytes, bytes, len);
	k->units[k->units_n++] = u;
}

static void op(struct walk *k);

/* A checkpoint, with other things happening between its units; or one that fails. */
static void op_checkpoint(struct walk *k)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	size_t at = k->w.log_n;
	bool is_kept = prng_chance(&k->r, 2, 3);
	catalog_checkpoint_begin(k->w.c);
	while (catalog_checkpoint_next(k->w.c, &key, buf, sizeof buf, &len)) {
		if (is_kept)
			unit_put(k, key, buf, len);
		else if (prng_chance(&k->r, 1, 20))
			break;
		if (prng_chance(&k->r, 1, 4)) {
			op(k);
			everybody_has_seen(&k->w);
		}
	}
	catalog_checkpoint_end(k->w.c, is_kept);
	if (is_kept)
		k->log_at = at;
}

static struct catalog *restored(struct walk *k, struct mem *mem)
{
	struct catalog *c = catalog_new(mem, prng_u64(&k->r));
	must(c != NULL);
	catalog_read_by(c, &words_ops);
	for (size_t i = 0; i < k->units_n; i++)
		must(catalog_restore(c, k->units[i].key,
				     slice_of(k->units[i].bytes, k->units[i].len)) == ERR_OK);
	must(catalog_restored(c) == ERR_OK);
	for (size_t i = k->log_at; i < k->w.log_n; i++) {
		must(catalog_sound(c, k->w.log[i]) == ERR_OK); /* what was decided is */
		catalog_apply(c, k->w.log[i], i + 1, NULL);
	}
	catalog_check(c);
	return c;
}

static void op_crash(struct walk *k)
{
	if (k->w.later.runs_n > 0)
		return;
	struct catalog *c = restored(k, &k->w.heap.mem);
	must(digest_eq(digest_of(k->w.c), digest_of(c)));
	if (prng_chance(&k->r, 1, 2)) {
		catalog_free(c);
		return;
	}
	catalog_free(k->w.c);
	k->w.c = c;
	route_cache_free(k->cache);
	k->cache = route_cache_new(&k->w.side.mem);
	model_forget_transient(&k->m);
}

static void op(struct walk *k)
{
	uint64_t what = prng_below(&k->r, k->is_heavy ? 10000 : 300);
	k->w.waits = prng_chance(&k->r, 1, 3);
	if (!k->w.waits)
		commit(&k->w);
	if (k->is_heavy && prng_chance(&k->r, 1, 50))
		op_route(k);
	else if (what < 6)
		op_declare_x(k);
	else if (what < 9)
		op_delete_x(k);
	else if (what < 18)
		op_declare_q(k);
	else if (what < 22)
		op_remove_q(k);
	else if (what < 23)
		op_gone(k);
	else if (what < 30)
		commit(&k->w);
	else if (what < 45)
		op_route(k);
	else
		op_bind(k, prng_chance(&k->r, k->unbind_percent, 100));
}

static void walk_init(struct walk *k, uint64_t seed)
{
	memset(k, 0, sizeof *k);
	world_init(&k->w);
	k->r = prng_of(seed);
	k->m.b = malloc(BINDINGS_MAX * sizeof k->m.b[0]);
	k->units = malloc(UNITS_MAX * sizeof k->units[0]);
	must(k->m.b && k->units);
	k->cache = route_cache_new(&k->w.side.mem);
	route_init(&k->route, &k->w.side.mem);
	k->unbind_percent = 33;
	for (int x = 0; x < 3; x++)
		k->m.x[x] = (struct model_x){ true, types[x], EXCHANGE_DURABLE, -1 };
}

static void walk_fini(struct walk *k)
{
	commit(&k->w);
	compare(k);
	units_free(k);
	route_cache_free(k->cache);
	route_fini(&k->route);
	free(k->m.b);
	free(k->units);
	world_fini(&k->w);
}

static void any_walk_agrees_with_the_model(void **s)
{
	(void)s;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct walk k;
		walk_init(&k, seed);
		for (int i = 0; i < 1500; i++) {
			op(&k);
			if (prng_chance(&k.r, 1, 20))
				compare(&k);
			if (prng_chance(&k.r, 1, 40))
				op_checkpoint(&k);
			if (prng_chance(&k.r, 1, 60))
				op_crash(&k);
			if (prng_chance(&k.r, 1, 3))
				everybody_has_seen(&k.w);
		}
		walk_fini(&k);
	}
}

/* One queue with thousands of bindings: its buckets split, and join again. */
static void so_does_a_queue_with_thousands_of_bindings(void **s)
{
	(void)s;
	unsigned levels = 0;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct walk k;
		walk_init(&k, seed);
		for (int i = 0; i < 300; i++)
			op(&k);
		commit(&k.w);
		k.is_heavy = true;
		(void)declare_queue(&k.w, q_names[5], QUEUE_DURABLE, "");
		if (!k.m.q[5].is)
			k.m.q[5] = (struct model_q){ true, QUEUE_DURABLE, 0 };
		for (int i = 0; i < 17000; i++) {
			k.unbind_percent = i < 8500 ? 15 : 92;
			op(&k);
			uint64_t id = id_of(&k.w, q_names[5]);
			levels |= id ? 1u << catalog_bound_level(catalog_view(k.w.c), id) : 0;
			uint32_t n = id ? catalog_bound_n(catalog_view(k.w.c), id) : 0;
			bool is_near = n < 300 || (n > 4070 && n < 4130); /* where levels change */
			if (prng_chance(&k.r, 1, is_near ? 15 : 700)) {
				compare(&k);
				op_checkpoint(&k);
				commit(&k.w);
				op_crash(&k);
			}
			if (prng_chance(&k.r, 1, 3))
				everybody_has_seen(&k.w);
		}
		walk_fini(&k);
	}
	must(levels == 7); /* none, one and two levels of buckets were all met */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_walk_agrees_with_the_model),
		cmocka_unit_test(so_does_a_queue_with_thousands_of_bindings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
