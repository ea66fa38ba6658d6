#include "core/catalog_state.h"

#include "base/ablate.h"
#include "base/must.h"
#include "core/exchange.h"
#include "core/keeper.h"
#include "core/policy.h"

#define QUEUE_ID_FIRST 1u

static void make_first_view(struct catalog *c, uint64_t seed)
{
	struct catalog_view *v = pmap_alloc(&c->edit, sizeof *v, "catalog view");
	*v = (struct catalog_view){
		.version = c->edit.version,
		.key = { hash_u64(seed, 1), hash_u64(seed, 2) },
		.exchanges = PMAP_HASHED,
		.exchange_names = PMAP_IDS,
		.queues = PMAP_HASHED,
		.queue_ids = PMAP_IDS,
		.owned = PMAP_HASHED,
		.bound = PMAP_IDS,
		.between = PMAP_HASHED,
		.between_logged = PMAP_HASHED,
		.queue_next = QUEUE_ID_FIRST,
		.queue_logged = QUEUE_ID_FIRST,
		.exchange_next = EXCHANGE_ID_VOLATILE,
		.exchange_logged = 1,
		.facts = PMAP_HASHED,
		.fact_ids = PMAP_IDS,
		.policies = PMAP_IDS,
		.fact_next = 1,
	};
	c->work = v;
	catalog_vhost_begin(c, slice_str("/"));
	c->work = NULL;
	c->applied = c->decided = v;
}

struct catalog *catalog_new(struct mem *mem, uint64_t seed)
{
	struct catalog *c = mem_get(mem, sizeof *c, "catalog");
	if (!c)
		return NULL;
	*c = (struct catalog){ .bounds = { -1, -1, -1 } };
	map_init(&c->vhost_queues, NULL, 0, 0);
	pmap_edit_init(&c->edit, mem);
	deque_init(&c->pending, sizeof(struct pending), "catalog pending");
	catalog_dirty_init(c);
	make_first_view(c, seed);
	must(c->applied->version == 1);
	return c;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	struct mem *mem = c->edit.mem;
	must(c->work == NULL);
	catalog_restore_forget(c); /* a recovery may fail before all units are here */
	catalog_dirty_fini(c);
	catalog_free_view(c);
	deque_fini(&c->pending, mem);
	pmap_edit_fini(&c->edit);
	map_fini(&c->vhost_queues, mem);
	mem_put(mem, c, sizeof *c);
}

void catalog_name_vhost(struct catalog *c, struct slice name)
{
	must(name.n > 0 && name.n <= LIMIT_SHORTSTR && c->applied->version == 1);
	((struct vhosts *)(uintptr_t)c->applied->vhosts)->name[0] = name;
}

void catalog_read_by(struct catalog *c, const struct header_ops *arguments)
{
	must(c->applied == c->decided && c->applied->version == 1);
	((struct catalog_view *)(uintptr_t)c->applied)->arguments = arguments;
}

void catalog_bound(struct catalog *c, struct catalog_bounds bounds)
{
	must(c->applied != NULL);
	c->bounds = bounds;
}

void catalog_match_by(struct catalog *c, struct patterns *patterns)
{
	must(c->applied != NULL);
	c->patterns = patterns;
}

struct patterns *catalog_patterns(const struct catalog *c)
{
	must(c->applied != NULL);
	return c->patterns;
}

const struct catalog_view *catalog_view(const struct catalog *c)
{
	must(c->applied->version <= c->decided->version);
	return c->applied;
}

void catalog_collect(struct catalog *c, uint64_t seen)
{
	uint64_t held = c->dirty.view ? c->dirty.view->version : UINT64_MAX;
	must(seen <= c->applied->version);
	pmap_collect(&c->edit, seen < held ? seen : held);
}

/* What an outcome is the answer to. */
static uint8_t asked(const struct run *o)
{
	switch (o->kind) {
	case OUTCOME_EXCHANGE_DECLARE: return CMD_EXCHANGE_DECLARE;
	case OUTCOME_EXCHANGE_DELETE: return CMD_EXCHANGE_DELETE;
	case OUTCOME_BIND: return CMD_BIND;
	case OUTCOME_FACT_PUT: return CMD_FACT_PUT;
	case OUTCOME_FACT_DELETE: return CMD_FACT_DELETE;
	default: must(o->kind == OUTCOME_UNBIND);
	}
	return CMD_UNBIND;
}

static void reply(const struct run *o, struct reply_row row, struct slice text, struct post *held)
{
	struct run head = {
		.kind = FX_REPLY,
		.channel = o->channel,
		.session = o->session,
		.vhost = o->vhost,
		.arg = o->arg,
	};
	must(row.op != 0);
	if (o->session)
		post_run(held, session_loop(o->session), &head, &row, sizeof row, 1, text);
}

/* Passes an outcome on to the queue's shard, which answers the session if there is one. */
static void pass_on(const struct catalog *c, const struct catalog_view *v, const struct run *o,
		    uint8_t cmd, const struct queue_record *q, struct post *held)
{
	struct run head = *o;
	uint8_t rules[RULES_BYTES_MAX];
	uint32_t n = cmd == CMD_QUEUE_OPEN ? policy_rules(v, c->patterns, q, rules) : 0;
	must(q->shard < SHARDS_MAX);
	head.kind = cmd;
	head.flags = cmd == CMD_QUEUE_OPEN ? (uint8_t)q->flags : o->flags & (uint8_t)~RUN_LOGGED;
	head.shard = q->shard;
	head.queue = q->id;
	head.vhost = q->vhost;
	post_run(held, held->loop_of_shard[q->shard], &head, NULL, 0, 0, slice_of(rules, n));
}

/* A policy has changed: its virtual host's queues are told their rules again. */
static void open_again(const struct catalog *c, const struct catalog_view *v, const struct run *o,
		       struct post *held)
{
	struct run head = *o;
	struct fact f;
	uint16_t vhost;
	head.session = 0;
	if (ABLATED(policy_live) || fact_get(run_tail(o), &f) != ERR_OK ||
	    (f.kind != FACT_POLICY && f.kind != FACT_OPERATOR_POLICY) ||
	    catalog_vhost(v, f.name[0], &vhost) != ERR_OK)
		return;
	must(held != NULL);
	for (const struct queue_record *q = NULL; (q = catalog_queue_after(v, q ? q->id : 0));)
		if (q->vhost == vhost)
			pass_on(c, v, &head, CMD_QUEUE_OPEN, q, held);
}

/* An exchange with a queue of its own is there when that queue is: what is published to one that
 * its shard has not heard of is nobody's. So the shard answers. False: it has no queue. */
static bool open_keeper(const struct catalog *c, const struct catalog_view *v, const struct run *o,
			struct post *held)
{
	struct declare_exchange d;
	must(o->kind == OUTCOME_EXCHANGE_DECLARE);
	if (!o->session || declare_exchange_get(run_tail(o), &d) != ERR_OK)
		return false;
	const struct exchange *x = catalog_exchange(v, d.vhost, d.name);
	const struct queue_record *q = x ? keeper_of(v, x) : NULL;
	if (!q)
		return false;
	pass_on(c, v, o, CMD_QUEUE_OPEN, q, held);
	return true;
}

/* Who is bound to an exchange that remembers is answered when he has what it remembers: by its
 * keeper. False: it is not such an exchange. */
static bool replay(const struct catalog_view *v, const struct run *o, struct post *held)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct bind b;
	must(o->kind == OUTCOME_BIND);
	if (!o->session || bind_get(run_tail(o), &b) != ERR_OK)
		return false;
	const struct exchange *x = catalog_exchange(v, b.vhost, b.exchange);
	const struct queue_record *q = x && x->type == EXCHANGE_RECENT_HISTORY ? keeper_of(v, x)
									       : NULL;
	if (!q)
		return false;
	struct run head = *o;
	head.kind = CMD_REPLAY;
	head.flags = 0;
	head.shard = q->shard;
	head.queue = q->id;
	b.arguments = SLICE_EMPTY;
	uint32_t n = bind_put(&b, buf, sizeof buf);
	post_run(held, held->loop_of_shard[q->shard], &head, NULL, 0, 0, slice_of(buf, n));
	return true;
}

static void tell(const struct catalog *c, const struct run *o, const struct catalog_view *before,
		 const struct catalog_view *after, struct post *held)
{
	const struct queue_record *q;
	struct slice tail = run_tail(o);
	struct reply_row row;
	switch (o->kind) {
	case OUTCOME_QUEUE_DECLARE:
		q = catalog_queue_by_id(after, o->queue);
		must(q != NULL);
		pass_on(c, after, o, CMD_QUEUE_OPEN, q, held);
		return;
	case OUTCOME_QUEUE_DELETE:
		q = catalog_queue_by_id(before, o->queue);
		must(q != NULL);
		pass_on(c, before, o, CMD_QUEUE_DROP, q, held);
		return;
	case OUTCOME_BARRIER:
		must(tail.n >= sizeof row);
		memcpy(&row, tail.p, sizeof row);
		reply(o, row, slice_from(tail, sizeof row), held);
		return;
	case OUTCOME_FACT_PUT:
	case OUTCOME_FACT_DELETE: open_again(c, after, o, held); break;
	case OUTCOME_EXCHANGE_DECLARE:
		if (open_keeper(c, after, o, held))
			return;
		break;
	case OUTCOME_BIND:
		if (replay(after, o, held))
			return;
		break;
	default: break;
	}
	reply(o, (struct reply_row){ .err = ERR_OK, .op = asked(o) }, SLICE_EMPTY, held);
}

void catalog_apply(struct catalog *c, struct run *o, uint64_t index, struct post *held)
{
	const struct catalog_view *before = c->applied;
	struct pending next;
	(void)index;
	must(c->restored == NULL);
	if (deque_pop(&c->pending, &next)) {
		must(next.kind == o->kind && next.queue == o->queue);
		c->applied = next.view;
	} else {
		must(c->applied == c->decided);
		catalog_change(c, o);
		c->applied = c->decided;
	}
	if (held)
		tell(c, o, before, c->applied, held);
}
