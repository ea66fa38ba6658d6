#include "core/core_select.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "core/core_group.h"
#include "core/sql.h"
#include "msg/msg.h"

#include <string.h>

#define ASKED_MAX 64u /* of one queue, being read */
#define PLAIN     LIMIT_SELECTORS

/* ---- looking at messages ------------------------------------------------------------------ */

void core_views(struct core *c, const struct header_ops *(*of)(uint8_t encoding))
{
	must(of != NULL);
	c->select.views = of;
}

bool core_has_looks(const struct core *c)
{
	must(c->mem != NULL);
	return c->select.wants.n > 0 || !list_is_empty(&c->select.late) ||
	       !list_is_empty(&c->select.grouped);
}

/* Behind all that are to be served already, which may have had their part in the turn before. */
static void again(struct core *c, struct list_node *late)
{
	struct queue *q = containerof(late, struct selecting, late)->queue;
	must(q->has->select != NULL);
	if (list_has_node(&q->active))
		list_remove(&q->active);
	core_activate(c, q);
}

/* Who has used up the last turn comes last in this one. */
void core_select_begin(struct core *c)
{
	struct list_node *n, *used_up = list_pop(&c->select.late);
	c->select.steps = SELECT_STEPS_MAX;
	must(c->is_leading);
	while ((n = list_pop(&c->select.late)) != NULL)
		again(c, n);
	if (used_up)
		again(c, used_up);
	core_group_begin_turn(c);
}

/* False: the turn has been used up, and the queue goes on in the next one. */
static bool may_go_on(struct core *c, struct selecting *sel)
{
	must(sel->n > 0);
	if (c->select.steps > 0)
		return true;
	if (!list_has_node(&sel->late))
		list_push(&c->select.late, &sel->late);
	return false;
}

static struct chunk_select *table_of(struct core *c, struct chunk *k)
{
	must(!k->is_cold);
	if (!k->select) {
		k->select = mem_get(c->mem, sizeof *k->select, "selectors");
		must(k->select != NULL);
		memset(k->select, 0, sizeof *k->select);
	}
	return k->select;
}

void core_select_own(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n,
		     uint64_t session)
{
	struct selecting *sel = q->has->select;
	must(sel && from + n <= CHUNK_N);
	for (uint32_t i = 0; sel->local_n > 0 && session && i < LIMIT_SELECTORS; i++) {
		if (!sel->at[i].code || sel->at[i].session != session || ABLATED(selector))
			continue;
		struct chunk_select *t = table_of(c, k);
		t->has_own = true;
		for (uint32_t slot = from; slot < from + n; slot++)
			bits_set(t->known[i], slot);
	}
}

/* What the looks at a message cost counts for those to come, more of it if it is more. */
static void note_cost(struct selecting *sel, uint32_t cost)
{
	must(sel->n > 0);
	sel->cost = cost > sel->cost ? cost : sel->cost - (sel->cost - cost) / 8;
}

/* The selectors look that have not, the first of them at least, the others as long as `*io_steps`
 * last; NULL: the message cannot be read, and none is true of it. */
static void look(struct core *c, const struct queue *q, struct chunk_select *t, uint32_t slot,
		 const struct msg *m, uint32_t *io_steps)
{
	struct sql_message what = { .ops = NULL };
	uint32_t steps, all = 0;
	must(c->select.views != NULL && q->has->select != NULL);
	if (m)
		what = (struct sql_message){ .ops = c->select.views(msg_encoding(m)),
					     .props = msg_props(m),
					     .is_persistent = m->flags & MSG_PERSISTENT };
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++) {
		const struct selector_of *one = &q->has->select->at[i];
		if (!one->code || one->code_n == 0 || bits_test(t->known[i], slot))
			continue;
		if (all > 0 && *io_steps == 0)
			break;
		bits_set(t->known[i], slot);
		if (!m)
			continue;
		if (sql_matches(slice_of(one->code, one->code_n), &what, &steps) ||
		    ABLATED(selector))
			bits_set(t->match[i], slot);
		all += steps + LOOK_STEPS;
		*io_steps -= (uint32_t)min_u64(*io_steps, steps + LOOK_STEPS);
	}
	note_cost(q->has->select, all);
}

/* What it will cost to look at it, as far as can be said. */
static uint32_t cost_of(const struct selecting *sel, const struct entry *e)
{
	uint64_t cost = 0;
	must(sel->n > 0);
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++)
		if (sel->at[i].code)
			cost += LOOK_STEPS + sel->at[i].code_n;
	return (uint32_t)min_u64(max_u64(cost + e->bytes / 8, sel->cost), SELECT_STEPS_MAX);
}

/* False: so much is being read already that this has to wait. */
static bool may_read(struct core *c, struct selecting *sel, uint32_t cost)
{
	must(cost > 0);
	if (c->select.reading == 0 || c->select.reading + cost <= SELECT_STEPS_MAX)
		return true;
	if (!list_has_node(&sel->late))
		list_push(&c->select.full, &sel->late);
	return false;
}

/* Entries from `slot` on that selector `i` does not know and that are not in memory are read. */
static void ask(struct core *c, struct queue *q, struct chunk *k, uint32_t slot, uint32_t i)
{
	struct chunk_select *t = k->select;
	struct selecting *sel = q->has->select;
	for (; slot < k->used && sel->asked_n < ASKED_MAX; slot++) {
		const struct entry *e = &k->entry[slot];
		if (!bits_test(k->ready, slot) || e->mem || bits_test(t->known[i], slot) ||
		    bits_test(t->asked, slot))
			continue;
		const uint32_t cost = cost_of(sel, e);
		if (!may_read(c, sel, cost))
			return;
		const struct core_look one = { .queue = q->id,
					       .pos = pos_of(k->number, slot),
					       .loc = k->loc[slot],
					       .gen = sel->gen,
					       .bytes = e->bytes,
					       .cost = cost,
					       .flags = e->flags & (ENTRY_BIG | ENTRY_SPILLED) };
		must(one.loc != 0);
		if (deque_push(&c->select.wants, c->mem, &one) != ERR_OK)
			must(!"no memory to read a message");
		bits_set(t->asked, slot);
		sel->asked_n++;
		c->select.reading += cost;
	}
}

bool core_look_wanted(struct core *c, struct core_look *out)
{
	must(out != NULL);
	return deque_pop(&c->select.wants, out);
}

/* Who waits for it may ask for more; all of them if nothing is being read. */
static void has_read(struct core *c, uint32_t cost)
{
	struct list_node *n;
	must(c->select.reading >= cost);
	c->select.reading -= cost;
	while ((n = list_pop(&c->select.full)) != NULL) {
		again(c, n);
		if (c->select.reading > 0)
			return;
	}
}

bool core_looked(struct core *c, const struct core_look *which, const struct msg *m)
{
	struct queue *q = core_find_queue(c, which->queue);
	uint32_t slot = pos_slot(which->pos), steps = which->cost;
	has_read(c, which->cost);
	if (!q || !q->has->select || q->has->select->gen != which->gen)
		return false;
	must(q->has->select->asked_n > 0);
	q->has->select->asked_n--;
	core_activate(c, q);
	struct chunk *k = queue_chunk(q, pos_chunk(which->pos));
	if (!k || k->is_cold || !k->select)
		return false;
	bits_clear(k->select->asked, slot);
	if (!bits_test(k->live, slot) || k->loc[slot] != which->loc)
		return false; /* gone, or elsewhere: what was read may be anything */
	look(c, q, k->select, slot, m, &steps);
	return true;
}

/* False: not now. */
static bool learn(struct core *c, struct queue *q, struct chunk *k, uint32_t slot, uint32_t i)
{
	struct chunk_select *t = table_of(c, k);
	uint64_t mem = k->entry[slot].mem;
	must(bits_test(k->ready, slot));
	if (!mem) {
		ask(c, q, k, slot, i);
		return false;
	}
	if (!may_go_on(c, q->has->select))
		return false;
	look(c, q, t, slot, msg_of(mem), &c->select.steps);
	return true;
}

/* ---- the next one ------------------------------------------------------------------------- */

/* From `slot` on: ready, and true or not known; of one that discards: ready. CHUNK_N: none. */
static uint32_t candidate(const struct chunk *k, uint32_t i, bool discards, uint32_t slot)
{
	const struct chunk_select *t = k->select;
	must(i < LIMIT_SELECTORS && slot < CHUNK_N);
	for (uint32_t w = slot / 64; w < CHUNK_WORDS; w++) {
		uint64_t bits = k->ready[w];
		if (t && !discards)
			bits &= t->match[i][w] | ~t->known[i][w];
		if (w == slot / 64)
			bits &= ~UINT64_C(0) << slot % 64;
		if (bits)
			return w * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return CHUNK_N;
}

/* What a subscription of its own does not want. */
static void discard(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    struct outcomes *later)
{
	struct removal r = { .queue = q, .later = later, .reason = REMOVE_PURGED };
	struct refs gone = { 0 };
	must(bits_test(k->ready, slot));
	queue_counting(q, c->mem)->purged++;
	c->count.purged++;
	if (k->entry[slot].flags & ENTRY_PERSISTENT) {
		queue_off(q, k, slot);
		core_remove(&r, k, slot);
	} else {
		core_drop_entry(c, q, k, slot, &gone);
	}
	core_removed(&r);
	refs_unref(&gone);
	core_release(c, q, k);
}

/* The chunk at the cursor, which is moved to it; NULL: there is nothing behind the cursor. */
static struct chunk *chunk_at(struct queue *q, uint64_t *io_pos)
{
	struct chunk *k = queue_next_used(q, pos_chunk(*io_pos));
	must(*io_pos <= q->tail_pos || q->chunks.n == 0);
	*io_pos = k ? max_u64(*io_pos, pos_of(k->number, 0)) : q->tail_pos;
	return *io_pos < q->tail_pos ? k : NULL;
}

/* Nothing in `k` is for it. */
static void pass(struct core *c, struct queue *q, uint64_t *io_pos, struct chunk *k)
{
	must(*io_pos < q->tail_pos);
	*io_pos = min_u64(pos_of(k->number + 1, 0), q->tail_pos);
	if (!k->is_cold && *io_pos < q->tail_pos)
		core_cool_behind(c, q, k);
}

/* What a turn has not been enough for is looked at again in the next one, if this one has found
 * something: else it may never be enough. */
static void look_again(struct core *c, struct selecting *sel)
{
	must(c->select.steps == 0);
	if (sel->has_given)
		(void)may_go_on(c, sel);
	sel->has_given = false;
}

/* The cursor stays before what is for it but belongs to another one's group: behind that one turn
 * looks as far as it can. */
static struct chunk *find(struct core *c, struct queue *q, const struct consumer *s,
			  struct outcomes *later, uint32_t *out_slot)
{
	const uint32_t i = s->selector - 1u;
	struct selector_of *one = &q->has->select->at[i];
	struct chunk *k;
	uint64_t ahead = one->cursor, *pos = &one->cursor;
	must(one->code != NULL);
	while ((k = chunk_at(q, pos)) != NULL) {
		bool is_passed = k->is_cold && one->reached >= pos_of(k->number + 1, 0);
		uint32_t slot = is_passed ? CHUNK_N
					  : candidate(k, i, one->discards, pos_slot(*pos));
		if (pos == &ahead && c->select.steps == 0) {
			look_again(c, q->has->select);
			return NULL;
		}
		if (slot == CHUNK_N) {
			if (!may_go_on(c, q->has->select))
				return NULL;
			c->select.steps -= (uint32_t)min_u64(c->select.steps, PASS_STEPS);
			pass(c, q, pos, k);
			continue;
		}
		if (k->is_cold && !core_near(c, q, k))
			return NULL;
		if (core_expire_due(c, k, later))
			continue;
		*pos = pos_of(k->number, slot);
		const bool is_known = k->select && bits_test(k->select->known[i], slot);
		if (!is_known && one->code_n > 0) {
			if (!learn(c, q, k, slot, i))
				return NULL;
		} else if (!is_known || bits_test(k->select->match[i], slot)) {
			*out_slot = slot;
			if (!q->has->group || core_group_may(q, s, &k->entry[slot]))
				return k;
			ahead = *pos + 1;
			pos = &ahead;
			c->select.steps -= c->select.steps > 0;
		} else {
			must(one->discards);
			discard(c, q, k, slot, later);
		}
	}
	return NULL;
}

static struct chunk *find_plain(struct core *c, struct queue *q, struct consumer *s,
				struct outcomes *later, uint32_t *out_slot)
{
	struct chunk *none = NULL;
	must(s->selector == 0);
	return q->has->group ? core_group_find(c, q, s, later, out_slot)
			     : core_next_ready(c, q, &none, later, out_slot);
}

/* Who has tried in vain tries in vain again, unless messages have groups. */
struct chunk *core_select_next(struct core *c, struct queue *q, struct outcomes *later,
			       struct consumer **out_s, uint32_t *out_slot)
{
	uint64_t tried = 0;
	struct selecting *sel = q->has->select;
	must(sel && later);
	for (struct list_node *n = q->able.head.next; n != &q->able.head; n = n->next) {
		struct consumer *s = containerof(n, struct consumer, node);
		uint32_t i = s->selector ? s->selector - 1u : PLAIN;
		struct chunk *k = NULL;
		if (tried >> i & 1 && !q->has->group)
			continue;
		tried |= UINT64_C(1) << i;
		sel->kept = i == PLAIN && !q->has->group ? UINT64_MAX : q->cursor;
		if (q->ready_n > 0 && i == PLAIN)
			k = find_plain(c, q, s, later, out_slot);
		else if (q->ready_n > 0)
			k = find(c, q, s, later, out_slot);
		if (k) {
			*out_s = s;
			return k;
		}
	}
	return NULL;
}

void core_select_given(struct core *c, struct queue *q, struct chunk *k)
{
	struct selecting *sel = q->has->select;
	must(sel != NULL);
	sel->has_given = true;
	if (sel->kept != UINT64_MAX)
		q->cursor = sel->kept;
	core_release(c, q, k);
}

/* ---- check -------------------------------------------------------------------------------- */

static void check_one(const struct queue *q, uint32_t i)
{
	const struct selector_of *one = &q->has->select->at[i];
	must((one->code != NULL) == (one->users_n > 0));
	if (!one->code)
		return;
	for (uint64_t at = q->first; at < queue_end(q); at++) {
		const struct chunk *k = queue_chunk(q, at);
		if (!k || one->discards)
			continue;
		must(!k->is_cold || !k->select);
		uint64_t pos = one->cursor > pos_of(at, 0) ? one->cursor - pos_of(at, 0) : 0;
		for (uint32_t s = 0; k->select && s < min_u64(pos, CHUNK_N); s++)
			must_if(bits_test(k->ready, s) && bits_test(k->select->known[i], s),
				!bits_test(k->select->match[i], s));
	}
}

void core_select_check(const struct queue *q)
{
	uint32_t n = 0;
	for (uint32_t i = 0; q->has->select && i < LIMIT_SELECTORS; i++) {
		check_one(q, i);
		n += q->has->select->at[i].code != NULL;
	}
	must_if(q->has->select,
		n == q->has->select->n && n > 0 && q->has->select->asked_n <= ASKED_MAX);
}
