#include "core/route.h"

#include "base/ablate.h"
#include "base/must.h"
#include "core/catalog_view.h"
#include "core/exchange.h"
#include "core/headers.h"
#include "core/keeper.h"
#include "core/topic.h"

#define SCANNED_MAX     8u /* so many destinations are compared one by one */
#define SORTED_IN_PLACE 32u

void route_init(struct route *r, struct mem *mem)
{
	must(mem != NULL);
	*r = (struct route){ .mem = mem };
}

static void seen_fini(struct route *r, struct route_seen *seen)
{
	must_if(seen->cap > 0, r->mem != NULL);
	mem_put(r->mem, seen->at, seen->cap * sizeof seen->at[0]);
	*seen = (struct route_seen){ 0 };
}

void route_fini(struct route *r)
{
	must_if(r->to != NULL, r->mem != NULL);
	mem_put(r->mem, r->to, r->cap * sizeof r->to[0]);
	topic_steps_free(r);
	headers_free(r);
	seen_fini(r, &r->queues);
	seen_fini(r, &r->floats);
	seen_fini(r, &r->places);
	seen_fini(r, &r->exchanges);
	mem_put(r->mem, r->via, r->via_cap * sizeof r->via[0]);
	route_init(r, r->mem);
}

static uint64_t *seen_slot(const struct route_seen *seen, uint64_t number)
{
	uint32_t mask = seen->cap - 1;
	must(seen->n < seen->cap);
	uint32_t i = (uint32_t)hash_u64(number, 0) & mask;
	while (seen->at[i] && seen->at[i] != number)
		i = (i + 1) & mask;
	return &seen->at[i];
}

static bool seen_grow(struct route *r, struct route_seen *seen)
{
	struct route_seen old = *seen;
	must(old.n <= old.cap / 2);
	uint32_t cap = old.cap ? old.cap * 2 : 64;
	uint64_t *at = mem_get(r->mem, cap * sizeof at[0], "route");
	if (!at)
		return false;
	memset(at, 0, cap * sizeof at[0]);
	*seen = (struct route_seen){ at, old.n, cap };
	for (uint32_t i = 0; i < old.cap; i++)
		if (old.at[i])
			*seen_slot(seen, old.at[i]) = old.at[i];
	mem_put(r->mem, old.at, old.cap * sizeof at[0]);
	return true;
}

bool route_seen_add(struct route *r, struct route_seen *seen, uint64_t number)
{
	must(number != 0);
	if (seen->n >= seen->cap / 2 && !seen_grow(r, seen)) {
		r->is_short = true;
		return false;
	}
	uint64_t *slot = seen_slot(seen, number);
	if (*slot)
		return false;
	*slot = number;
	seen->n++;
	return true;
}

void route_seen_clear(struct route_seen *seen)
{
	must(seen->n <= seen->cap);
	if (seen->n)
		memset(seen->at, 0, seen->cap * sizeof seen->at[0]);
	seen->n = 0;
}

static bool is_new(struct route *r, uint64_t queue)
{
	must(queue != 0);
	if (r->n >= SCANNED_MAX) {
		if (r->n == SCANNED_MAX && r->queues.n == 0)
			for (uint32_t i = 0; i < r->n; i++)
				(void)route_seen_add(r, &r->queues, r->to[i].queue);
		return route_seen_add(r, &r->queues, queue);
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (r->to[i].queue == queue)
			return false;
	return true;
}

static bool is_new_exchange(struct route *r, uint64_t id)
{
	must(id != 0);
	if (r->via_n >= SCANNED_MAX) {
		if (r->via_n == SCANNED_MAX && r->exchanges.n == 0)
			for (uint32_t i = 0; i < r->via_n; i++)
				(void)route_seen_add(r, &r->exchanges, r->via[i]->id);
		return route_seen_add(r, &r->exchanges, id);
	}
	for (uint32_t i = 0; i < r->via_n; i++)
		if (r->via[i]->id == id)
			return false;
	return true;
}

static void via_add(struct route *r, const struct exchange *x)
{
	must(r->via_n <= r->via_cap);
	if (r->via_n == r->via_cap) {
		uint32_t cap = r->via_cap ? r->via_cap * 2 : 8;
		const struct exchange **via = mem_get(r->mem, cap * sizeof via[0], "route");
		if (!via) {
			r->is_short = true;
			return;
		}
		if (r->via_n)
			memcpy(via, r->via, r->via_n * sizeof via[0]);
		mem_put(r->mem, r->via, r->via_cap * sizeof via[0]);
		r->via = via;
		r->via_cap = cap;
	}
	r->via[r->via_n++] = x;
}

/* One more exchange to look at, unless the message has met it. The first is noted only when there
 * are others. */
static void meet(struct route *r, const struct exchange *x)
{
	if (!x || x == r->first)
		return;
	must(r->first != NULL);
	if (r->via_n == 0)
		via_add(r, r->first);
	if (!r->is_short && is_new_exchange(r, x->id))
		via_add(r, x);
}

static bool grow(struct route *r)
{
	must(r->n == r->cap);
	uint32_t cap = r->cap ? r->cap * 2 : 4;
	struct route_to *to = mem_get(r->mem, cap * sizeof to[0], "route");
	if (!to)
		return false;
	if (r->n)
		memcpy(to, r->to, r->n * sizeof to[0]);
	mem_put(r->mem, r->to, r->cap * sizeof to[0]);
	r->to = to;
	r->cap = cap;
	return true;
}

static void add_to(struct route *r, const struct route_to *to)
{
	must(to->queue != 0);
	if (r->n == r->cap && !grow(r)) {
		r->is_short = true;
		return;
	}
	r->to[r->n++] = *to;
}

static void add(struct route *r, uint64_t queue, uint16_t shard, uint16_t flags)
{
	must(queue != 0);
	if (r->is_now)
		r->finds_one = true;
	else if (is_new(r, queue))
		add_to(r, &(struct route_to){ .queue = queue, .shard = shard, .flags = flags });
}

static void add_binding(struct route *r, uintptr_t at)
{
	const struct binding *b = (const struct binding *)at;
	must((at & EXCHANGE_TAGS) == 0);
	r->matched++;
	const struct exchange_name *to = binding_to_exchange(b);
	if (to)
		meet(r, catalog_exchange(r->view, to->vhost, exchange_name_slice(to)));
	else
		add(r, b->to, b->shard, b->flags);
}

static void add_set(struct route *r, uintptr_t place)
{
	struct pmap_walk w;
	must(place & EXCHANGE_SET);
	exchange_set_walk(&w, place);
	for (uintptr_t at; (at = pmap_walk_next(&w));)
		add_binding(r, at);
}

void route_add(struct route *r, uintptr_t place)
{
	must(r->mem != NULL);
	if (r->has_more && place && !route_seen_add(r, &r->places, place))
		r->matched++; /* all of it is there */
	else if (place & EXCHANGE_SET)
		add_set(r, place);
	else if (place)
		add_binding(r, place);
}

static bool is_sorted(const struct route *r)
{
	for (uint32_t i = 1; i < r->n; i++)
		if (r->to[i - 1].shard > r->to[i].shard)
			return false;
	return true;
}

static void insert_sort(struct route *r)
{
	must(r->n <= SORTED_IN_PLACE);
	for (uint32_t i = 1; i < r->n; i++) {
		struct route_to one = r->to[i];
		uint32_t at = i;
		for (; at > 0 && r->to[at - 1].shard > one.shard; at--)
			r->to[at] = r->to[at - 1];
		r->to[at] = one;
	}
}

/* Many destinations are dealt out by shard, into a new block that takes the old one's place. */
static void count_sort(struct route *r)
{
	uint32_t begin[SHARDS_MAX + 1] = { 0 };
	struct route_to *to = mem_get(r->mem, r->cap * sizeof to[0], "route");
	if (!to) {
		r->is_short = true;
		return;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		must(r->to[i].shard < SHARDS_MAX);
		begin[r->to[i].shard + 1]++;
	}
	for (uint32_t s = 1; s <= SHARDS_MAX; s++)
		begin[s] += begin[s - 1];
	for (uint32_t i = 0; i < r->n; i++)
		to[begin[r->to[i].shard]++] = r->to[i];
	mem_put(r->mem, r->to, r->cap * sizeof to[0]);
	r->to = to;
}

/* The default exchange knows queues by their names. */
static void add_named(struct route *r, const struct exchange *x, struct slice name)
{
	const struct queue_record *q = catalog_queue(r->view, x->vhost, name);
	must(x->name.n == 0);
	if (q && !(q->flags & QUEUE_KEEPER))
		add(r, q->id, q->shard, q->flags);
}

/* What the exchange keeps itself. True: and sends on only later. */
static bool keep(struct route *r, const struct exchange *x, const struct routing *m)
{
	struct route_to to;
	must(exchange_keeps(x->type));
	if (!keeper_takes(r->view, x, m, &to))
		return false;
	if (r->is_now) {
		const bool is_one = to.wait_ms == 0 && to.number;
		r->finds_one |= is_one;
		return is_one;
	}
	add_to(r, &to);
	r->delays_n += !r->is_short && to.wait_ms > 0;
	r->kept_n += !r->is_short && to.wait_ms == 0 && !to.number;
	return to.wait_ms > 0 || to.number;
}

/* What the bindings of one exchange say; if they say nothing, its alternate is looked at. */
static void look_at(struct route *r, const struct exchange *x, const struct routing *m)
{
	uint32_t matched = r->matched;
	must(r->view != NULL);
	if (x->name.n == 0) {
		add_named(r, x, m->key);
		for (uint32_t i = 0; i < m->more_n; i++)
			add_named(r, x, m->more[i]);
		return;
	}
	r->varies |= exchange_varies(x);
	if (exchange_keeps(x->type) && keep(r, x, m))
		return;
	exchange_route(r->view, x, m, r);
	struct slice alternate = x->alternate.p ? x->alternate : x->by_policy;
	if (r->matched > matched || !alternate.p || ABLATED(alternate))
		return;
	r->is_frail = true;
	meet(r, catalog_exchange(r->view, x->vhost, alternate));
}

static void keep_also(struct route *r, const struct route_to *to)
{
	must(to->flags & QUEUE_KEEPER);
	add_to(r, to);
	r->kept_n += !r->is_short;
	r->varies = true; /* the next one need not be kept */
}

/* Every exchange that the message meets, from the first on. */
static void walk(struct route *r, const struct routing *m)
{
	must(r->mem != NULL);
	r->via_n = r->matched = 0;
	r->topic_steps = 0;
	look_at(r, r->first, m);
	for (uint32_t i = 1; i < r->via_n; i++)
		look_at(r, r->via[i], m);
	r->is_frail = r->is_frail || r->via_n > 1;
	route_seen_clear(&r->queues);
	route_seen_clear(&r->places);
	route_seen_clear(&r->exchanges);
}

/* Nobody has it, and nobody would if it were due now: then whoever sent it is told so, and it does
 * not wait. What was found stays. */
static bool would_be_lost(struct route *r, const struct routing *m)
{
	const bool is_beyond = r->is_beyond;
	must(m->is_mandatory && !r->is_now);
	if (r->n > r->kept_n + r->delays_n || r->is_short)
		return false;
	r->is_now = true;
	r->is_beyond = r->finds_one = false;
	walk(r, m);
	r->is_now = false;
	r->is_beyond = is_beyond;
	return !r->finds_one;
}

static void drop_delays(struct route *r)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->n; i++)
		if (r->to[i].wait_ms == 0)
			r->to[n++] = r->to[i];
	must(n + r->delays_n == r->n);
	r->n = n;
	r->delays_n = 0;
}

enum err route_message(const struct catalog_view *v, const struct exchange *x,
		       const struct routing *m, struct route *r)
{
	r->n = r->kept_n = r->delays_n = 0;
	r->is_short = r->is_frail = r->is_beyond = false;
	r->varies = r->has_more = m->more_n > 0;
	r->view = v;
	r->first = x;
	walk(r, m);
	if (m->also && !route_is_delayed(r))
		keep_also(r, m->also);
	if (m->is_mandatory && r->delays_n > 0 && would_be_lost(r, m))
		drop_delays(r);
	must(r->delays_n + r->kept_n <= r->n || r->is_short);
	if (r->n > SORTED_IN_PLACE && !is_sorted(r))
		count_sort(r);
	else if (r->n > 1 && r->n <= SORTED_IN_PLACE)
		insert_sort(r);
	if (!r->is_short)
		return ERR_OK;
	r->n = r->kept_n = r->delays_n = 0;
	return ERR_LIMIT;
}

/* ---- which message it is ------------------------------------------------------------------ */

uint64_t route_once_of(const struct header_ops *ops, struct slice props, uint16_t flags)
{
	static const struct hash_key key = { 0x676f64776974, 0x6f6e6365 };
	struct header h;
	must(flags & QUEUE_ONCE && (props.p != NULL || props.n == 0));
	if (!ops)
		return 0;
	bool is_said = header_find(ops, props, slice_str(KEEPER_NUMBER), &h);
	if (!is_said && flags & QUEUE_ONCE_BY_ID)
		is_said = ops->property(props, HEADER_MESSAGE_ID, &h) && h.octets.n > 0;
	return is_said ? header_hash(key, &h) >> 1 | 1 : 0;
}

/* ---- filter values of streams ------------------------------------------------------------ */

uint32_t route_tag(struct slice value)
{
	static const struct hash_key key = { 0x66696c746572, 0x76616c756573 };
	_Static_assert(STREAM_TAG_MAX < UINT32_MAX, "0 is none");
	return (uint32_t)(1 + hash_slice(key, value) % STREAM_TAG_MAX);
}

uint32_t route_tag_of(const struct header_ops *ops, struct slice props)
{
	struct header h;
	must(ops != NULL);
	if (!header_find(ops, props, slice_str("x-stream-filter-value"), &h) ||
	    h.class != HEADER_TEXT)
		return 0;
	return route_tag(h.octets);
}
