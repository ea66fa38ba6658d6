#include "core/core_group.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "wire/record/head.h"

#define PASS_STEPS 256u /* of a turn's, what it costs to go through a chunk in vain */

void core_group_begin(struct core *c, struct queue *q)
{
	if (q->has->group)
		return;
	struct grouping *g = mem_get(c->mem, sizeof *g, "message groups");
	must(g != NULL);
	*g = (struct grouping){ .queue = q };
	queue_special(q, c->mem)->group = g;
	c->checkpoint.features |= FEATURE_GROUPS;
}

void core_group_forget(struct core *c, struct queue *q)
{
	struct grouping *g = q->has->group;
	if (!g)
		return;
	must(g->queue == q);
	if (list_has_node(&g->late))
		list_remove(&g->late);
	mem_put(c->mem, g, sizeof *g);
	queue_special(q, c->mem)->group = NULL;
}

/* NULL: it belongs to none. */
static struct group *group_of(struct grouping *g, const struct entry *e)
{
	must(g != NULL);
	return e->expiry_ms & EXPIRY_OF_GROUP ? &g->at[expiry_group(e->expiry_ms)] : NULL;
}

static bool is_free(const struct group *of)
{
	must_if(of->owner, of->owner->groups_n > 0);
	return (!of->owner && of->held_n == 0) || ABLATED(group_owner);
}

/* ---- whose is it -------------------------------------------------------------------------- */

static void own(struct group *of, struct consumer *s, uint64_t pos)
{
	must(!of->owner);
	s->group_cursor = s->groups_n++ ? min_u64(s->group_cursor, pos) : pos;
	of->owner = s;
}

/* Nothing of it is ready before `from`. */
static void disown(struct grouping *g, struct group *of, uint64_t from)
{
	must(of->owner && of->owner->groups_n > 0);
	of->owner->groups_n--;
	of->owner = NULL;
	of->from = from;
	if (of->held_n == 0)
		g->cursor = min_u64(g->cursor, from);
}

bool core_group_may(const struct queue *q, const struct consumer *s, const struct entry *e)
{
	const struct group *of = group_of(q->has->group, e);
	must(s->queue == q);
	return !of || q->has->single || of->owner == s || is_free(of);
}

bool core_group_given(struct queue *q, const struct chunk *k, uint32_t slot, struct consumer *s)
{
	struct grouping *g = q->has->group;
	const struct entry *e = &k->entry[slot]; /* as it was, even if it is gone with it */
	struct group *of = group_of(g, e);
	const uint64_t pos = pos_of(k->number, slot);
	must(!bits_test(k->ready, slot));
	if (!of)
		return false;
	of->held_n += chunk_is_given(k, slot);
	const bool is_first = s && !of->owner && !q->has->single;
	const bool in_order = s && !s->selector && !q->has->single;
	if (is_first)
		own(of, s, pos + 1);
	if (e->expiry_ms & EXPIRY_LAST && of->owner && of->owner == s)
		disown(g, of, in_order ? pos + 1 : pos_of(q->first, 0));
	return is_first;
}

void core_group_settled(struct core *c, struct queue *q, const struct entry *e)
{
	struct grouping *g = q->has->group;
	struct group *of = group_of(g, e);
	if (!of || of->held_n == 0)
		return;
	must(g->queue == q);
	if (--of->held_n > 0 || of->owner)
		return;
	g->cursor = min_u64(g->cursor, of->from);
	core_activate(c, q);
}

void core_group_back(struct queue *q, const struct chunk *k, uint32_t slot)
{
	struct grouping *g = q->has->group;
	struct group *of = group_of(g, &k->entry[slot]);
	const uint64_t pos = pos_of(k->number, slot);
	must(bits_test(k->ready, slot));
	if (of && of->owner)
		of->owner->group_cursor = min_u64(of->owner->group_cursor, pos);
	else if (of)
		of->from = min_u64(of->from, pos);
	if (!of || is_free(of))
		g->cursor = min_u64(g->cursor, pos);
}

void core_group_leave(struct core *c, struct queue *q, struct consumer *s)
{
	struct grouping *g = q->has->group;
	must(s->queue == q);
	for (uint32_t i = 0; s->groups_n > 0; i++) {
		must(i < LIMIT_GROUPS);
		if (g->at[i].owner == s)
			disown(g, &g->at[i], pos_of(q->first, 0));
	}
	core_activate(c, q);
}

/* ---- the next one ------------------------------------------------------------------------- */

/* False: the turn has been used up, and the queue goes on in the next one. */
static bool may_go_on(struct core *c, struct grouping *g)
{
	must(g->queue->has->group == g);
	if (c->select.steps > 0) {
		c->select.steps -= (uint32_t)min_u64(c->select.steps, PASS_STEPS);
		return true;
	}
	if (!list_has_node(&g->late))
		list_push(&c->select.grouped, &g->late);
	return false;
}

void core_group_begin_turn(struct core *c)
{
	struct list_node *n;
	must(c->is_leading);
	while ((n = list_pop(&c->select.grouped)) != NULL)
		core_activate(c, containerof(n, struct grouping, late)->queue);
}

/* From `slot` on: ready, and of a group of `s`; with NULL: anybody may have it. CHUNK_N: none. What
 * belongs to a group never leaves memory. */
static uint32_t wanted(struct grouping *g, const struct chunk *k, const struct consumer *s,
		       uint32_t slot)
{
	must(slot < CHUNK_N);
	if (k->is_cold)
		return s ? CHUNK_N : (uint32_t)bits_next_set(k->ready, CHUNK_N, slot);
	for (; (slot = (uint32_t)bits_next_set(k->ready, CHUNK_N, slot)) < CHUNK_N; slot++) {
		const struct group *of = group_of(g, &k->entry[slot]);
		if (s ? of && of->owner == s : !of || is_free(of))
			break;
	}
	return slot;
}

/* The first such entry from *io_pos on and before `end`; *io_pos is there then. NULL: there is
 * none, or it is not to be had now. */
static struct chunk *walk(struct core *c, struct queue *q, const struct consumer *s,
			  uint64_t *io_pos, uint64_t end, struct outcomes *later,
			  uint32_t *out_slot)
{
	struct chunk *k;
	must(end <= q->tail_pos);
	while (*io_pos < end && (k = queue_next_used(q, pos_chunk(*io_pos))) != NULL) {
		const uint64_t at = max_u64(*io_pos, pos_of(k->number, 0));
		const uint64_t next = min_u64(pos_of(k->number + 1, 0), q->tail_pos);
		const uint32_t slot = wanted(q->has->group, k, s, pos_slot(at));
		if (at >= end || (slot < CHUNK_N && pos_of(k->number, slot) >= end))
			break;
		if (slot == CHUNK_N) {
			if (!may_go_on(c, q->has->group))
				return NULL;
			*io_pos = next;
			continue;
		}
		if (k->is_cold && !core_near(c, q, k))
			return NULL;
		if (core_expire_due(c, k, later))
			continue;
		*io_pos = pos_of(k->number, slot);
		*out_slot = slot;
		return k;
	}
	*io_pos = max_u64(*io_pos, end);
	return NULL;
}

struct chunk *core_group_find(struct core *c, struct queue *q, struct consumer *s,
			      struct outcomes *later, uint32_t *out_slot)
{
	struct grouping *g = q->has->group;
	struct chunk *none = NULL;
	uint32_t slot;
	must(s->queue == q && q->ready_n > 0);
	if (q->has->single)
		return core_next_ready(c, q, &none, later, out_slot);
	struct chunk *k = walk(c, q, NULL, &g->cursor, q->tail_pos, later, out_slot);
	if (s->groups_n == 0)
		return k;
	/* what is due in a chunk before `k` dies there: `k` stays */
	struct chunk *own_k = walk(c, q, s, &s->group_cursor, k ? g->cursor : q->tail_pos, later,
				   &slot);
	if (!own_k)
		return k;
	*out_slot = slot;
	return own_k;
}

struct chunk *core_group_next(struct core *c, struct queue *q, struct outcomes *later,
			      struct consumer **out_s, uint32_t *out_slot)
{
	must(later != NULL && !q->has->select);
	for (struct list_node *n = q->able.head.next; n != &q->able.head; n = n->next) {
		struct consumer *s = containerof(n, struct consumer, node);
		q->has->group->kept = q->cursor;
		struct chunk *k = q->ready_n > 0 ? core_group_find(c, q, s, later, out_slot) : NULL;
		if (!k)
			continue;
		*out_s = s;
		return k;
	}
	return NULL;
}

/* ---- check -------------------------------------------------------------------------------- */

static void check_entry(const struct queue *q, const struct chunk *k, uint32_t slot)
{
	struct grouping *g = q->has->group;
	const struct group *of = group_of(g, &k->entry[slot]);
	const uint64_t pos = pos_of(k->number, slot);
	must_if(of, g->queue == q);
	if (!bits_test(k->ready, slot) || q->has->single)
		return;
	if (of && of->owner)
		must(of->owner->selector || of->owner->group_cursor <= pos);
	else if (of && of->held_n > 0)
		must(of->from <= pos);
	else
		must(g->cursor <= pos);
}

void core_group_check(const struct queue *q)
{
	const struct grouping *g = q->has->group;
	if (!g || ABLATED(group_owner))
		return;
	for (uint32_t i = 0; i < LIMIT_GROUPS; i++)
		must_if(g->at[i].owner, g->at[i].owner->queue == q && g->at[i].owner->groups_n > 0);
	for (struct chunk *k = NULL; (k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL;)
		for (uint32_t i = 0; !k->is_cold && i < k->used; i++)
			if (bits_test(k->live, i))
				check_entry(q, k, i);
}
