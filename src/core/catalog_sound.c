#include "core/catalog_state.h"

#include "base/must.h"
#include "core/exchange.h"

/* What a log says is checked here before it is made true: what the catalog has decided always
 * passes, so what does not was damaged, or is of another broker. */

static bool is_vhost(const struct catalog_view *v, uint16_t number)
{
	must(v->vhosts != NULL);
	return number < v->vhosts->n && v->vhosts->name[number].p != NULL;
}

static bool is_queue_sound(const struct catalog_view *v, const struct run *o)
{
	struct declare_queue d;
	must(declare_queue_get(run_tail(o), &d) == ERR_OK);
	if (o->queue == 0 || o->queue >= BETWEEN)
		return false;
	const struct queue_record *q = catalog_queue_by_id(v, o->queue);
	if (q)
		return q->vhost == d.vhost && slice_eq(queue_record_name(q), d.name) &&
		       q->flags & d.flags & QUEUE_DURABLE;
	bool is_placed = d.flags & QUEUE_DURABLE
				 ? d.shard >= 1 && d.shard <= LIMIT_SHARD_DATA_N && !d.owner
				 : d.shard < SHARDS_MAX;
	return is_placed && is_vhost(v, d.vhost) && !catalog_queue(v, d.vhost, d.name);
}

static bool is_exchange_sound(const struct catalog_view *v, const struct run *o)
{
	struct declare_exchange d;
	must(declare_exchange_get(run_tail(o), &d) == ERR_OK);
	return is_vhost(v, d.vhost) && v->exchange_logged < EXCHANGE_ID_VOLATILE - 1;
}

/* The users and virtual hosts that a fact hangs on are there; and so is nobody else's number. */
static bool is_new_fact_sound(const struct catalog_view *v, const struct fact *f)
{
	must(fact_names(f->kind) != NULL);
	if (catalog_fact_lacks(v, f) < f->names_n)
		return false;
	if (f->kind != FACT_VHOST || !is_vhost(v, f->number))
		return f->kind != FACT_VHOST || f->name[0].n > 0;
	struct slice has = catalog_vhost_name(v, f->number);
	return f->name[0].n > 0 && !catalog_fact(v, FACT_VHOST, has, SLICE_EMPTY, SLICE_EMPTY);
}

static bool is_fact_sound(const struct catalog *c, const struct run *o)
{
	const struct catalog_view *v = c->decided;
	struct fact f;
	must(fact_get(run_tail(o), &f) == ERR_OK);
	const struct fact *by_name = catalog_fact(v, (enum fact_kind)f.kind, f.name[0], f.name[1],
						  f.name[2]);
	const struct fact *by_id = catalog_fact_by_id(v, o->queue);
	if (o->kind == OUTCOME_FACT_DELETE)
		return !by_name || by_name->id != o->queue || f.kind != FACT_VHOST ||
		       catalog_vhost_queues(c, by_name->number) == 0;
	if (by_name)
		return by_name == by_id && by_name->number == f.number;
	return !by_id && is_new_fact_sound(v, &f);
}

enum err catalog_sound(const struct catalog *c, const struct run *o)
{
	bool is_sound = true;
	must(c->applied == c->decided && o->flags & RUN_LOGGED);
	switch (o->kind) {
	case OUTCOME_QUEUE_DECLARE: is_sound = is_queue_sound(c->decided, o); break;
	case OUTCOME_EXCHANGE_DECLARE: is_sound = is_exchange_sound(c->decided, o); break;
	case OUTCOME_FACT_PUT:
	case OUTCOME_FACT_DELETE: is_sound = is_fact_sound(c, o); break;
	case OUTCOME_EXCHANGE_DELETE:
	case OUTCOME_QUEUE_DELETE:
	case OUTCOME_BIND:
	case OUTCOME_UNBIND: break; /* of what is not there they say nothing */
	default: is_sound = false;
	}
	return is_sound ? ERR_OK : ERR_CORRUPT;
}
