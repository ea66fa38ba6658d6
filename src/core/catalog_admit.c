#include "core/catalog_ask.h"

#include "base/must.h"
#include "core/exchange.h"
#include "core/keeper.h"
#include "core/rules.h"

/* Memory that must be free before anything is added: what deletions and path copies may need. */
#define RESERVE_BYTES (4u << 20)
#define BARRIER_BYTES (sizeof(struct reply_row) + WHY_BYTES)

void catalog_decide(struct ask *a, const struct run *head, struct slice tail)
{
	bool waits = head->flags & RUN_LOGGED || a->later->runs_n > 0;
	struct run *o = outcomes_run(waits ? a->later : a->now, head, NULL, 0, 0, tail);
	struct catalog *c = a->c;
	catalog_change(c, o);
	struct pending next = { c->decided, o->queue, o->kind };
	must(deque_push(&c->pending, c->edit.mem, &next) == ERR_OK);
}

struct run catalog_answering(const struct ask *a, uint8_t outcome, bool is_logged)
{
	struct run head = *a->cmd;
	must(outcome != 0);
	head.kind = outcome;
	head.flags = is_logged ? RUN_LOGGED : 0;
	head.queue = 0;
	return head;
}

void catalog_answer(struct ask *a, enum err err)
{
	uint8_t tail[BARRIER_BYTES];
	struct reply_row row = { .err = err, .op = a->cmd->kind };
	struct run head = catalog_answering(a, OUTCOME_BARRIER, false);
	must(a->why.n < WHY_BYTES);
	if (row.op == CMD_QUEUE_REMOVE)
		row.op = CMD_QUEUE_DELETE;
	memcpy(tail, &row, sizeof row);
	memcpy(tail + sizeof row, a->why.p, a->why.n);
	catalog_decide(a, &head, slice_of(tail, sizeof row + a->why.n));
}

static struct slice vhost_of(const struct ask *a, uint16_t vhost)
{
	return catalog_vhost_name(a->c->decided, vhost);
}

static void refuse(struct ask *a, enum err err, const char *before, const char *thing,
		   struct slice name, uint16_t vhost, const char *after)
{
	must(err != ERR_OK && a->why.n == 0);
	catalog_say(&a->why, before, thing, name, vhost_of(a, vhost), after);
	catalog_answer(a, err);
}

static bool is_default(struct ask *a, struct slice exchange)
{
	must(a->why.n == 0);
	if (exchange.n > 0)
		return false;
	text_puts(&a->why, "operation not permitted on the default exchange");
	catalog_answer(a, ERR_ACCESS_REFUSED);
	return true;
}

bool catalog_is_short(struct ask *a, struct slice arguments)
{
	const struct mem *mem = a->c->edit.mem;
	if (arguments.n > CATALOG_ARGUMENTS_MAX) {
		text_putf(&a->why, "arguments of more than %u bytes", CATALOG_ARGUMENTS_MAX);
		catalog_answer(a, ERR_PRECONDITION_FAILED);
		return true;
	}
	must(mem->used <= mem->max);
	if (mem->max - mem->used >= RESERVE_BYTES)
		return false;
	text_puts(&a->why, "the catalog has no memory left");
	catalog_answer(a, ERR_RESOURCE_ERROR);
	return true;
}

/* A virtual host that has just been deleted takes nothing any more. */
static bool is_nowhere(struct ask *a, uint16_t vhost)
{
	must(a->why.n == 0);
	if (vhost_of(a, vhost).p)
		return false;
	text_puts(&a->why, "vhost not found");
	catalog_answer(a, ERR_NOT_ALLOWED);
	return true;
}

static bool is_reserved(struct slice name)
{
	return slice_starts_with(name, slice_str("amq."));
}

/* One that is there is declared once more, so that it is answered as the first time. */
static void exchange_exists(struct ask *a, const struct exchange *x,
			    const struct declare_exchange *d)
{
	enum err err = catalog_exchange_same(x, d, vhost_of(a, d->vhost), &a->why);
	must(x->vhost == d->vhost);
	if (err == ERR_OK && !slice_eq(x->arguments, d->arguments)) {
		catalog_say(&a->why, "inequivalent arguments for ", "exchange", d->name,
			    vhost_of(a, d->vhost), "");
		err = ERR_EXISTS;
	}
	struct run head = catalog_answering(a, OUTCOME_EXCHANGE_DECLARE, false);
	if (err == ERR_OK)
		catalog_decide(a, &head, run_tail(a->cmd));
	else
		catalog_answer(a, err);
}

/* The queue that an exchange of some types has of its own comes before it, and goes behind it. */
static void decide_keeper(struct ask *a, const struct declare_exchange *d)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	uint32_t n = keeper_declare(a->c->decided, d, buf, sizeof buf);
	if (n == 0)
		return;
	struct run head = catalog_answering(a, OUTCOME_QUEUE_DECLARE, d->flags & EXCHANGE_DURABLE);
	head.session = 0;
	head.queue = a->c->decided->queue_next;
	must(head.queue != 0);
	catalog_decide(a, &head, slice_of(buf, n));
}

/* Those that every virtual host has count, too. */
static bool is_full(struct ask *a, const struct declare_exchange *d)
{
	int64_t max = a->c->bounds.exchanges;
	must(a->why.n == 0);
	if (max < 0 || a->c->decided->exchanges.n < (uint64_t)max)
		return false;
	catalog_say(&a->why, "cannot declare ", "exchange", d->name, vhost_of(a, d->vhost), "");
	text_putf(&a->why, ": exchange limit of %lld is reached", (long long)max);
	catalog_answer(a, ERR_PRECONDITION_FAILED);
	return true;
}

static void decide_exchange(struct ask *a, const struct declare_exchange *d)
{
	enum err e = keeper_check(a->c->decided, d, &a->why);
	must(d->name.n > 0);
	if (e != ERR_OK) {
		catalog_answer(a, e);
		return;
	}
	decide_keeper(a, d);
	struct run head = catalog_answering(a, OUTCOME_EXCHANGE_DECLARE,
					    d->flags & EXCHANGE_DURABLE);
	catalog_decide(a, &head, run_tail(a->cmd));
}

static void exchange_declare(struct ask *a)
{
	struct declare_exchange d;
	must(declare_exchange_get(run_tail(a->cmd), &d) == ERR_OK);
	if (is_default(a, d.name) || is_nowhere(a, d.vhost))
		return;
	const struct exchange *x = catalog_exchange(a->c->decided, d.vhost, d.name);
	if (!exchange_type_of(d.type)) {
		text_put_quoted(&a->why, "unknown exchange type ", d.type);
		catalog_answer(a, ERR_PRECONDITION_FAILED);
	} else if (x) {
		exchange_exists(a, x, &d);
	} else if (is_reserved(d.name)) {
		text_put_quoted(&a->why, "exchange name ", d.name);
		text_puts(&a->why, " contains reserved prefix 'amq.*'");
		catalog_answer(a, ERR_ACCESS_REFUSED);
	} else if (!catalog_is_short(a, d.arguments) && !is_full(a, &d)) {
		decide_exchange(a, &d);
	}
}

/* Counts one binding that goes; its exchange is added to `gone` when it was the last of an
 * auto-delete one. */
static void lose(struct ask *a, struct map *counts, struct deque *gone, const struct binding *b,
		 const struct exchange_name *root)
{
	const struct exchange_name *name = b->exchange;
	struct mem *mem = a->c->edit.mem;
	uint64_t n;
	if (!(name->flags & EXCHANGE_AUTO_DELETE) || name == root)
		return;
	must(map_make_room(counts, mem, "catalog") == ERR_OK);
	n = map_get(counts, name->id, &n) ? n + 1 : 1;
	map_put(counts, name->id, n);
	const struct exchange *x = catalog_exchange(a->c->decided, name->vhost,
						    exchange_name_slice(name));
	if (x->bindings_n == n)
		must(deque_push(gone, mem, &x) == ERR_OK);
}

static void decide_delete(struct ask *a, const struct exchange *x, bool answers)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct declare_exchange d = { .name = x->name, .vhost = x->vhost };
	struct run head = catalog_answering(a, OUTCOME_EXCHANGE_DELETE,
					    x->flags & EXCHANGE_DURABLE);
	if (!answers)
		head.session = 0;
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	must(n > 0);
	const struct queue_record *keeper = keeper_of(a->c->decided, x);
	catalog_decide(a, &head, slice_of(buf, n));
	if (!keeper)
		return;
	head = catalog_answering(a, OUTCOME_QUEUE_DELETE, keeper->flags & QUEUE_DURABLE);
	head.session = 0;
	head.queue = keeper->id;
	catalog_decide(a, &head, SLICE_EMPTY);
}

/* Auto-delete exchanges that have no binding left when the queue or the exchange is gone go with
 * it, and those that lead only to them: before it, the farthest first. */
static void decide_orphans(struct ask *a, const struct queue_record *q, const struct exchange *root)
{
	const struct catalog_view *v = a->c->decided;
	const struct exchange_name *root_name = root ? root->fixed : NULL;
	struct deque gone;
	struct map counts;
	struct pmap_walk w;
	map_init(&counts, NULL, 0, 0);
	deque_init(&gone, sizeof root, "catalog");
	if (q)
		catalog_bound_walk(&w, v, q->id, 0);
	for (uintptr_t b; q && (b = pmap_walk_next(&w));)
		lose(a, &counts, &gone, (const struct binding *)b, NULL);
	const struct exchange *x = root;
	for (size_t at = 0; x || at < gone.n; x = NULL) {
		x = x ? x : *(const struct exchange **)deque_at(&gone, at++);
		catalog_between_walk(&w, v, x->fixed);
		for (const struct binding *b; (b = catalog_between_next(&w, x->fixed));)
			lose(a, &counts, &gone, b, root_name);
	}
	must(v == a->c->decided);
	while (deque_pop_back(&gone, &x))
		decide_delete(a, x, false);
	map_fini(&counts, a->c->edit.mem);
	deque_fini(&gone, a->c->edit.mem);
}

void catalog_decide_exchange_delete(struct ask *a, const struct exchange *x, bool answers)
{
	must(x->fixed != NULL);
	decide_orphans(a, NULL, x);
	decide_delete(a, x, answers);
}

static void exchange_delete(struct ask *a)
{
	struct slice name = run_tail(a->cmd);
	uint16_t vhost = a->cmd->vhost;
	must(name.n <= UINT8_MAX);
	if (is_default(a, name))
		return;
	const struct exchange *x = catalog_exchange(a->c->decided, vhost, name);
	if (is_reserved(name))
		refuse(a, ERR_ACCESS_REFUSED, "deletion of system ", "exchange", name, vhost,
		       " not allowed");
	else if (!x)
		catalog_answer(a, ERR_OK);
	else if (a->cmd->flags & DELETE_IF_UNUSED && x->bindings_n > 0)
		refuse(a, ERR_PRECONDITION_FAILED, "", "exchange", name, vhost, " in use");
	else
		catalog_decide_exchange_delete(a, x, true);
}

/* Declares a queue, or one that is there once more: its shard answers both. */
static void decide_queue(struct ask *a, const struct declare_queue *d, uint64_t id, bool is_new)
{
	bool is_logged = is_new && d->flags & QUEUE_DURABLE;
	struct run head = catalog_answering(a, OUTCOME_QUEUE_DECLARE, is_logged);
	must(id != 0);
	head.queue = id;
	catalog_decide(a, &head, run_tail(a->cmd));
}

static void queue_declare(struct ask *a)
{
	struct declare_queue d;
	must(declare_queue_get(run_tail(a->cmd), &d) == ERR_OK);
	must((d.owner != 0) == ((d.flags & QUEUE_EXCLUSIVE) != 0) && d.shard < SHARDS_MAX);
	if (catalog_is_short(a, d.arguments) || is_nowhere(a, d.vhost))
		return;
	const struct queue_record *q = catalog_queue(a->c->decided, d.vhost, d.name);
	if (!q) {
		if (!catalog_is_full_vhost(a, d.vhost, d.name))
			decide_queue(a, &d, a->c->decided->queue_next, true);
		return;
	}
	enum err err = catalog_queue_same(q, &d, a->cmd->session, vhost_of(a, d.vhost), &a->why);
	if (err == ERR_OK && !slice_eq(queue_record_arguments(q), d.arguments)) {
		catalog_say(&a->why, "inequivalent arguments for ", "queue", d.name,
			    vhost_of(a, d.vhost), "");
		err = ERR_EXISTS;
	}
	if (err == ERR_OK)
		decide_queue(a, &d, q->id, false);
	else
		catalog_answer(a, err);
}

/* Of several that lengthen it at once the longest counts, whatever each of them saw. */
static bool is_long_enough(const struct queue_record *q, const struct declare_queue *d)
{
	struct queue_rules has, wanted;
	must(q && d);
	return rules_get(queue_record_rules(q), &has) == ERR_OK &&
	       rules_get(d->rules, &wanted) == ERR_OK && has.expires_ms >= wanted.expires_ms;
}

/* What it is stays: how durable, where, whose. */
static void queue_alter(struct ask *a)
{
	struct declare_queue d;
	must(declare_queue_get(run_tail(a->cmd), &d) == ERR_OK);
	const struct queue_record *q = catalog_queue(a->c->decided, d.vhost, d.name);
	if (catalog_is_short(a, d.arguments))
		return;
	if (!q)
		refuse(a, ERR_NOT_FOUND, "no ", "queue", d.name, d.vhost, "");
	else if (a->cmd->flags & ALTER_LENGTHENS && is_long_enough(q, &d))
		catalog_answer(a, ERR_OK);
	else if (q->flags & d.flags & QUEUE_DURABLE)
		decide_queue(a, &d, q->id, true);
	else
		refuse(a, ERR_PRECONDITION_FAILED, "", "queue", d.name, d.vhost, " is not durable");
}

void catalog_decide_queue_delete(struct ask *a, const struct queue_record *q, uint8_t flags,
				 bool answers)
{
	struct run head = catalog_answering(a, OUTCOME_QUEUE_DELETE, q->flags & QUEUE_DURABLE);
	head.flags |= flags;
	head.queue = q->id;
	if (!answers)
		head.session = 0;
	decide_orphans(a, q, NULL);
	must(catalog_queue_by_id(a->c->decided, q->id) == q);
	catalog_decide(a, &head, SLICE_EMPTY);
}

static void queue_remove(struct ask *a)
{
	const struct queue_record *q = catalog_queue_by_id(a->c->decided, a->cmd->queue);
	must(a->cmd->queue != 0);
	if (q)
		catalog_decide_queue_delete(a, q, a->cmd->flags & (uint8_t)~RUN_LOGGED, true);
	else
		catalog_answer(a, ERR_OK);
}

static void connection_gone(struct ask *a)
{
	const struct catalog_view *v = a->c->decided;
	uint64_t owner = a->cmd->session;
	struct pmap_walk w;
	must(owner != 0);
	pmap_walk_from(&w, &v->owned, &catalog_owned_kind, catalog_owned_from(owner));
	for (const struct queue_record *q; (q = catalog_owned_next(&w, owner));)
		catalog_decide_queue_delete(a, q, DELETE_OWNER_GONE, false);
	catalog_answer(a, ERR_OK);
}

/* The queue is somebody else's; but to take out what is not there is nothing. */
static bool is_locked(const struct ask *a, const struct bind *d, const struct ends *e)
{
	const struct queue_record *q = e->queue;
	if (!q || !q->owner || !a->cmd->session || q->owner == a->cmd->session)
		return false;
	must(!e->to);
	if (a->cmd->kind == CMD_BIND || !e->x)
		return a->cmd->kind == CMD_BIND;
	struct binding_key key = catalog_ends_key(e, d);
	return catalog_binding(a->c->decided, &key) != NULL;
}

/* The two ends of a binding. False: the command has been answered. */
static bool find_ends(struct ask *a, const struct bind *d, struct ends *out)
{
	must(a->cmd->kind == CMD_BIND || a->cmd->kind == CMD_UNBIND);
	if (is_default(a, d->exchange) || (d->to_exchange && is_default(a, d->queue)))
		return false;
	struct ends e = catalog_ends(a->c->decided, d);
	*out = e;
	if (is_locked(a, d, &e)) {
		catalog_say_locked(&a->why, queue_record_name(e.queue), vhost_of(a, d->vhost));
		catalog_answer(a, ERR_RESOURCE_LOCKED);
	} else if (catalog_ends_both(&e)) {
		return true;
	} else if (a->cmd->kind == CMD_UNBIND) {
		catalog_answer(a, ERR_OK);
	} else if (!e.x) {
		refuse(a, ERR_NOT_FOUND, "no ", "exchange", d->exchange, d->vhost, "");
	} else {
		refuse(a, ERR_NOT_FOUND, "no ", d->to_exchange ? "exchange" : "queue", d->queue,
		       d->vhost, "");
	}
	return false;
}

static bool is_logged(const struct ends *e)
{
	must(catalog_ends_both(e));
	return e->x->flags & EXCHANGE_DURABLE &&
	       (e->to ? e->to->flags & EXCHANGE_DURABLE : e->queue->flags & QUEUE_DURABLE);
}

static void bind(struct ask *a)
{
	struct bind d;
	struct ends e;
	must(bind_get(run_tail(a->cmd), &d) == ERR_OK);
	if (!find_ends(a, &d, &e) || catalog_is_short(a, d.arguments))
		return;
	struct binding_key key = catalog_ends_key(&e, &d);
	if (catalog_binding(a->c->decided, &key)) {
		catalog_answer(a, ERR_OK);
	} else {
		struct run head = catalog_answering(a, OUTCOME_BIND, is_logged(&e));
		catalog_decide(a, &head, run_tail(a->cmd));
	}
}

static void unbind(struct ask *a)
{
	struct bind d;
	struct ends e;
	must(bind_get(run_tail(a->cmd), &d) == ERR_OK);
	if (!find_ends(a, &d, &e))
		return;
	struct binding_key key = catalog_ends_key(&e, &d);
	const struct binding *b = catalog_binding(a->c->decided, &key);
	bool is_last = b && e.x->bindings_n == 1 && e.x->flags & EXCHANGE_AUTO_DELETE;
	if (is_last) /* takes its last binding along */
		catalog_decide_exchange_delete(a, e.x, false);
	if (b && !is_last) {
		struct run head = catalog_answering(a, OUTCOME_UNBIND, binding_is_durable(b));
		catalog_decide(a, &head, run_tail(a->cmd));
	} else {
		catalog_answer(a, ERR_OK);
	}
}

void catalog_admit(struct catalog *c, struct run *cmd, uint64_t now_ms, struct outcomes *now,
		   struct outcomes *later, struct post *fx)
{
	struct ask a;
	(void)now_ms;
	(void)fx;
	must(c->restored == NULL && now != later);
	a.c = c;
	a.cmd = cmd;
	a.now = now;
	a.later = later;
	a.why = text_of(a.why_bytes, sizeof a.why_bytes);
	switch (cmd->kind) {
	case CMD_EXCHANGE_DECLARE: exchange_declare(&a); return;
	case CMD_EXCHANGE_DELETE: exchange_delete(&a); return;
	case CMD_QUEUE_DECLARE: queue_declare(&a); return;
	case CMD_QUEUE_ALTER: queue_alter(&a); return;
	case CMD_QUEUE_REMOVE: queue_remove(&a); return;
	case CMD_BIND: bind(&a); return;
	case CMD_UNBIND: unbind(&a); return;
	case CMD_FACT_PUT: catalog_admit_fact_put(&a); return;
	case CMD_FACT_DELETE: catalog_admit_fact_delete(&a); return;
	default: must(cmd->kind == CMD_CONNECTION_GONE);
	}
	connection_gone(&a);
}
