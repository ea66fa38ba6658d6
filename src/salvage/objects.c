#include "base/text.h"
#include "core/fact.h"
#include "core/logged.h"
#include "salvage/state.h"

typedef unsigned long long ull;

/* outcome gives the room a run without rows, whose tail is written behind it. */
static struct run *outcome(struct salvage *s, enum outcome kind, uint64_t id)
{
	must(s->room != NULL && id != 0);
	*s->room = (struct run){ .kind = (uint8_t)kind, .flags = RUN_LOGGED, .queue = id };
	return s->room;
}

static void outcome_end(struct run *o, uint32_t tail_len)
{
	must(tail_len > 0 && tail_len <= FACT_BYTES_MAX);
	o->tail_len = tail_len;
	o->len = (uint32_t)sizeof *o + ((tail_len + 7u) & ~7u);
}

/* ---- facts ------------------------------------------------------------------------------ */

static void drop_fact(struct salvage *s, const struct fact *f)
{
	struct text *t = say_lost(s);
	text_putf(t, "%s of", fact_word(f->kind));
	for (uint8_t i = 0; i < f->names_n; i++) {
		text_put_quoted_printable(t, i ? ", " : " ", f->name[i]);
	}
	text_puts(t, ": left out, because what it is about is lost");
	say_end(s);
	struct run *o = outcome(s, OUTCOME_FACT_DELETE, f->id);
	must(LOGGED_RUN_BYTES >= sizeof *o + FACT_BYTES_MAX);
	outcome_end(o, fact_put(f, run_rows(o), FACT_BYTES_MAX));
	catalog_apply(s->catalog, o, s->lane[0].index, NULL);
}

/* The virtual host that every broker begins with is there without its fact; what hangs on that is
 * not to go. */
static void mend_vhost(struct salvage *s)
{
	const struct catalog_view *v = catalog_view(s->catalog);
	struct slice name = catalog_vhost_name(v, 0);
	struct fact f = fact_of(FACT_VHOST, name, SLICE_EMPTY, SLICE_EMPTY);
	must(f.number == 0);
	if (!s->is_catalog_lost || name.n == 0 ||
	    catalog_fact(v, FACT_VHOST, name, SLICE_EMPTY, SLICE_EMPTY))
		return;
	struct run *o = outcome(s, OUTCOME_FACT_PUT, catalog_fact_next(v));
	outcome_end(o, fact_put(&f, run_rows(o), FACT_BYTES_MAX));
	if (catalog_sound(s->catalog, o) == ERR_OK)
		catalog_apply(s->catalog, o, s->lane[0].index, NULL);
}

static void mend_facts(struct salvage *s)
{
	uint64_t id = 0;
	const struct fact *f;
	must(s->catalog != NULL);
	mend_vhost(s);
	while ((f = catalog_fact_after(catalog_view(s->catalog), id)) != NULL) {
		id = f->id;
		if (catalog_fact_lacks(catalog_view(s->catalog), f) < f->names_n)
			drop_fact(s, f);
	}
}

/* ---- queues ----------------------------------------------------------------------------- */

static bool declare(struct salvage *s, struct run *o, const char *how)
{
	struct declare_queue d;
	must(o->kind == OUTCOME_QUEUE_DECLARE);
	if (catalog_sound(s->catalog, o) != ERR_OK ||
	    declare_queue_get(run_tail(o), &d) != ERR_OK || d.shard >= SALVAGE_SHARDS ||
	    !(d.flags & QUEUE_DURABLE))
		return false;
	uint64_t id = o->queue;
	catalog_apply(s->catalog, o, s->lane[0].index, NULL);
	(void)say_lost(s);
	say_queue(s, id);
	text_putf(s->lines, ": its declaration is lost; %s", how);
	say_end(s);
	return true;
}

/* As the log has declared it, if that is still there. */
static bool declare_again(struct salvage *s, uint64_t id)
{
	uint64_t at;
	if (!map_get(&s->declared, id, &at))
		return false;
	const struct place *p = deque_at(&s->places, at);
	uint8_t *bytes = mem_get(s->mem, p->bytes, "salvage");
	must(p->bytes > 0);
	if (!bytes)
		return false;
	struct slice body = slice_of(bytes, p->bytes);
	struct rd r = rd_of(body);
	bool is_done = wreck_read(s->in, p->loc, bytes, p->bytes) == ERR_OK &&
		       logged_get(&r, body, s->room, LOGGED_RUN_BYTES) == ERR_OK &&
		       s->room->kind == OUTCOME_QUEUE_DECLARE && s->room->queue == id &&
		       declare(s, s->room, "an older one was found, without bindings");
	mem_put(s->mem, bytes, p->bytes);
	return is_done;
}

/* The first virtual host that there is. */
static uint16_t any_vhost(const struct salvage *s)
{
	const struct catalog_view *v = catalog_view(s->catalog);
	const struct fact *f = NULL;
	while ((f = catalog_fact_after(v, f ? f->id : 0)) != NULL)
		if (f->kind == FACT_VHOST)
			return f->number;
	must(catalog_vhost_name(v, 0).n > 0);
	return 0;
}

static bool declare_new(struct salvage *s, uint16_t shard, uint64_t id)
{
	char name[64];
	struct text t = text_of(name, sizeof name);
	text_putf(&t, "salvaged.%llu", (ull)id);
	must(shard > 0 && shard < SALVAGE_SHARDS);
	struct declare_queue d = { .name = text_slice(&t),
				   .vhost = any_vhost(s),
				   .shard = shard,
				   .flags = QUEUE_DURABLE };
	struct run *o = outcome(s, OUTCOME_QUEUE_DECLARE, id);
	outcome_end(o, declare_queue_put(&d, run_rows(o), DECLARE_BYTES_MAX));
	return declare(s, o, "it has this name now");
}

static void drop_queue(struct salvage *s, uint16_t shard, uint64_t id)
{
	struct run drop = {
		.kind = OUTCOME_QUEUE_DROP, .flags = RUN_LOGGED, .len = sizeof drop, .queue = id
	};
	must(s->core[shard] != NULL);
	core_apply(s->core[shard], &drop, s->lane[shard].index, 0, NULL);
}

static bool has_messages(struct salvage *s, uint16_t shard, uint64_t id)
{
	struct live_walk walk = { .queue = id };
	struct freed one;
	must(id != 0);
	return core_live_next(s->core[shard], &walk, &one) && walk.queue == id;
}

/* A queue that the catalog does not have was deleted, or its declaration is lost. */
static void mend_queue(struct salvage *s, uint16_t shard, uint64_t id)
{
	const struct queue_record *q = catalog_queue_by_id(catalog_view(s->catalog), id);
	uint64_t is_deleted;
	must(shard > 0);
	if (q && q->shard == shard)
		return;
	bool may_be_lost = s->is_any_lost || s->is_catalog_lost;
	if (!q && may_be_lost && !map_get(&s->deleted, id, &is_deleted)) {
		if (declare_again(s, id))
			return;
		if (has_messages(s, shard, id) && declare_new(s, shard, id))
			return;
		if (has_messages(s, shard, id)) {
			text_putf(say_lost(s), "queue %llu: there can be none of that number",
				  (ull)id);
			say_end(s);
		}
	}
	drop_queue(s, shard, id);
}

static void mend_units(struct salvage *s)
{
	struct unit_key key;
	uint64_t is_deleted;
	while (deque_pop(&s->lost_units, &key)) {
		bool is_queue = key.queue >> 62 == 0 && key.queue != 0;
		if (is_queue && !catalog_queue_by_id(catalog_view(s->catalog), key.queue) &&
		    !map_get(&s->deleted, key.queue, &is_deleted))
			(void)declare_again(s, key.queue);
	}
	must(s->lost_units.n == 0);
}

static void say_streams(struct salvage *s)
{
	const struct catalog_view *v = catalog_view(s->catalog);
	size_t cursor = 0;
	for (struct map_slot *m; (m = map_next(&s->streams, &cursor)) != NULL;) {
		uint64_t is_deleted;
		must(m->value == 1);
		if (!catalog_queue_by_id(v, m->key) && map_get(&s->deleted, m->key, &is_deleted))
			continue;
		(void)say_lost(s);
		say_queue(s, m->key);
		text_puts(s->lines, ": a stream, whose messages are left out");
		say_end(s);
	}
}

void objects_mend(struct salvage *s)
{
	say_streams(s);
	mend_facts(s);
	mend_units(s);
	for (uint16_t no = 1; no < SALVAGE_SHARDS; no++) {
		uint64_t id = 0;
		must(s->core[no] != NULL);
		while ((id = core_queue_next(s->core[no], id)) != 0)
			mend_queue(s, no, id);
	}
	catalog_collect(s->catalog, catalog_version(catalog_view(s->catalog)));
}
