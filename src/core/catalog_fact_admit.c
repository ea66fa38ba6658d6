#include "core/catalog_ask.h"

#include "base/ablate.h"
#include "base/must.h"

static bool refuse(struct ask *a, enum err err, const char *word, struct slice name,
		   const char *after)
{
	must(err != ERR_OK && a->why.n == 0);
	text_puts(&a->why, word);
	text_put_quoted(&a->why, " ", name);
	text_puts(&a->why, after);
	catalog_answer(a, err);
	return false;
}

/* What it hangs on must be there. False: the command has been answered. */
static bool hangs_well(struct ask *a, const struct fact *f)
{
	uint8_t i = catalog_fact_lacks(a->c->decided, f);
	must(i <= f->names_n);
	if (i < f->names_n)
		return refuse(a, ERR_NOT_FOUND, fact_word(fact_kind_of(fact_names(f->kind)[i])),
			      f->name[i], " does not exist");
	return true;
}

static bool is_sound(struct ask *a, const struct fact *f)
{
	struct fact_limits l;
	bool is_limits = f->kind == FACT_VHOST_LIMITS || f->kind == FACT_USER_LIMITS;
	must(a->why.n == 0);
	if ((f->kind == FACT_USER || f->kind == FACT_VHOST) && f->name[0].n == 0)
		return refuse(a, ERR_PRECONDITION_FAILED, fact_word(f->kind), f->name[0],
			      " has no name");
	if (is_limits && fact_limits_get(f->value, &l) != ERR_OK)
		return refuse(a, ERR_PRECONDITION_FAILED, fact_word(f->kind), f->name[0],
			      " are no numbers from -1 on");
	return hangs_well(a, f);
}

static void decide(struct ask *a, uint8_t outcome, const struct fact *f, bool answers)
{
	struct mem *mem = a->c->edit.mem;
	struct run head = catalog_answering(a, outcome, true);
	uint8_t *buf = mem_get(mem, FACT_BYTES_MAX, "catalog");
	must(buf != NULL && f->id != 0);
	uint32_t n = fact_put(f, buf, FACT_BYTES_MAX);
	head.queue = f->id;
	if (!answers)
		head.session = 0;
	catalog_decide(a, &head, slice_of(buf, n));
	mem_put(mem, buf, FACT_BYTES_MAX);
}

/* May there be one virtual host more? Finds its number. */
static bool has_vhost_room(struct ask *a, const struct fact *f, uint16_t *out_number)
{
	const struct catalog_view *v = a->c->decided;
	int64_t max = a->c->bounds.vhosts, n = 0;
	must(f->kind == FACT_VHOST);
	for (uint32_t i = 0; max >= 0 && i < v->vhosts->n; i++)
		n += v->vhosts->name[i].p != NULL;
	if (max >= 0 && n >= max) {
		text_put_quoted(&a->why, "cannot create vhost ", f->name[0]);
		text_putf(&a->why, ": vhost limit of %lld is reached", (long long)max);
		catalog_answer(a, ERR_PRECONDITION_FAILED);
		return false;
	}
	if (catalog_vhost_free_number(v, out_number))
		return true;
	return refuse(a, ERR_RESOURCE_ERROR, "vhost", f->name[0], " is one too many");
}

void catalog_admit_fact_put(struct ask *a)
{
	const struct catalog_view *v = a->c->decided;
	struct fact f;
	if (fact_get(run_tail(a->cmd), &f) != ERR_OK) {
		text_puts(&a->why, "malformed, or too large");
		catalog_answer(a, ERR_PRECONDITION_FAILED);
		return;
	}
	if (!is_sound(a, &f) || catalog_is_short(a, SLICE_EMPTY))
		return;
	const struct fact *old = catalog_fact(v, (enum fact_kind)f.kind, f.name[0], f.name[1],
					      f.name[2]);
	if (old && slice_eq(old->value, f.value) && !(a->cmd->flags & FACT_AGAIN)) {
		catalog_answer(a, ERR_OK);
		return;
	}
	f.id = old ? old->id : v->fact_next;
	f.number = old ? old->number : 0;
	uint16_t number;
	bool is_first = !catalog_fact(v, FACT_VHOST, catalog_vhost_name(v, 0), SLICE_EMPTY,
				      SLICE_EMPTY);
	if (f.kind == FACT_VHOST && !old && !(is_first && catalog_vhost_name(v, 0).p)) {
		if (!has_vhost_room(a, &f, &number))
			return;
		f.number = number;
	}
	must(f.id > 0);
	decide(a, OUTCOME_FACT_PUT, &f, true);
}

/* ---- going -------------------------------------------------------------------------------- */

/* Everything that hangs on `what` by the letter `role`. */
static void drop_hanging(struct ask *a, char role, struct slice name)
{
	const struct catalog_view *v = a->c->decided; /* it stays as it is meanwhile */
	must(fact_kind_of(role) != 0);
	for (const struct fact *f = NULL; (f = catalog_fact_after(v, f ? f->id : 0));) {
		const char *letters = fact_names(f->kind);
		for (uint8_t i = 0; i < f->names_n; i++) {
			if (letters[i] != role || !slice_eq(f->name[i], name))
				continue;
			decide(a, OUTCOME_FACT_DELETE, f, false);
			break;
		}
	}
}

static void drop_queues(struct ask *a, uint16_t vhost)
{
	const struct catalog_view *v = a->c->decided;
	const struct queue_record *q = NULL;
	while (catalog_vhost_queues(a->c, vhost) > 0 && (q = catalog_queue_after(v, q ? q->id : 0)))
		if (q->vhost == vhost)
			catalog_decide_queue_delete(a, q, 0, false);
	must(catalog_vhost_queues(a->c, vhost) == 0);
}

/* The pre-declared ones go with the virtual host itself. */
static void drop_exchanges(struct ask *a, uint16_t vhost)
{
	const struct catalog_view *v = a->c->decided;
	struct pmap_walk w;
	pmap_walk(&w, &v->exchanges);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct exchange *x = (const struct exchange *)object;
		must(x->fixed != NULL);
		if (x->vhost != vhost || x->name.n == 0 ||
		    slice_starts_with(x->name, slice_str("amq.")))
			continue;
		x = catalog_exchange(a->c->decided, vhost, x->name);
		if (x)
			catalog_decide_exchange_delete(a, x, false);
	}
}

void catalog_admit_fact_delete(struct ask *a)
{
	struct fact f;
	const struct fact *old = NULL;
	if (fact_get(run_tail(a->cmd), &f) == ERR_OK)
		old = catalog_fact(a->c->decided, (enum fact_kind)f.kind, f.name[0], f.name[1],
				   f.name[2]);
	else
		f = fact_of(FACT_UNKNOWN, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY);
	if (!old) {
		refuse(a, ERR_NOT_FOUND, fact_word(f.kind), f.name[f.kind == FACT_POLICY],
		       " does not exist");
		return;
	}
	must(old->kind == f.kind);
	if (f.kind == FACT_VHOST) {
		drop_queues(a, old->number);
		drop_exchanges(a, old->number);
		drop_hanging(a, 'v', f.name[0]);
	} else if (f.kind == FACT_USER || f.kind == FACT_GLOBAL_PARAMETER) {
		drop_hanging(a, f.kind == FACT_USER ? 'u' : 'g', f.name[0]);
	}
	decide(a, OUTCOME_FACT_DELETE, old, true);
}

static bool is_full_cluster(struct ask *a, struct slice queue)
{
	int64_t max = a->c->bounds.queues;
	must(a->why.n == 0);
	if (max < 0 || a->c->decided->queues.n < (uint64_t)max)
		return false;
	text_put_quoted(&a->why, "cannot declare queue ", queue);
	text_putf(&a->why, ": queue limit in cluster (%lld) is reached", (long long)max);
	catalog_answer(a, ERR_PRECONDITION_FAILED);
	return true;
}

bool catalog_is_full_vhost(struct ask *a, uint16_t vhost, struct slice queue)
{
	struct slice name = catalog_vhost_name(a->c->decided, vhost);
	const struct fact *f = catalog_fact(a->c->decided, FACT_VHOST_LIMITS, name, SLICE_EMPTY,
					    SLICE_EMPTY);
	int64_t max = fact_limits_of(f).objects;
	must(a->why.n == 0);
	if (max < 0 || catalog_vhost_queues(a->c, vhost) < (uint64_t)max || ABLATED(full_vhost))
		return is_full_cluster(a, queue);
	text_put_quoted(&a->why, "cannot declare queue ", queue);
	text_put_quoted(&a->why, ": queue limit in vhost ", name);
	text_putf(&a->why, " (%lld) is reached", (long long)max);
	catalog_answer(a, ERR_PRECONDITION_FAILED);
	return true;
}
