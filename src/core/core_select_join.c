#include "core/core_select.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "core/sql.h"

#include <string.h>

/* ---- who has which ------------------------------------------------------------------------ */

static struct selecting *begin(struct core *c, struct queue *q)
{
	struct selecting *sel = mem_get(c->mem, sizeof *sel, "selectors");
	must(sel != NULL && !q->has->select);
	*sel = (struct selecting){ .queue = q, .gen = ++c->select.gen };
	queue_special(q, c->mem)->select = sel;
	return sel;
}

/* The one with this code, else a free one; LIMIT_SELECTORS: there is none. */
static uint32_t place_of(const struct selecting *sel, struct slice code, bool discards,
			 uint64_t session)
{
	uint32_t place = LIMIT_SELECTORS;
	must(code.n > 0 || session > 0);
	for (uint32_t i = LIMIT_SELECTORS; i-- > 0;) {
		const struct selector_of *one = &sel->at[i];
		if (!one->code)
			place = i;
		else if (one->discards == discards && one->session == session &&
			 slice_eq(slice_of(one->code, one->code_n), code))
			return i;
	}
	return place;
}

/* Whoever had the place before knew other things. */
static void clear(const struct queue *q, uint32_t i)
{
	must(i < LIMIT_SELECTORS);
	for (struct chunk *k = NULL; (k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL;) {
		if (!k->select)
			continue;
		memset(k->select->known[i], 0, sizeof k->select->known[i]);
		memset(k->select->match[i], 0, sizeof k->select->match[i]);
	}
}

/* There is memory for one that is empty, too: code tells that somebody has it. */
static size_t room_of(size_t code_n)
{
	must(code_n <= SQL_CODE_MAX);
	return code_n ? code_n : 1;
}

enum err core_select_join(struct core *c, struct queue *q, struct consumer *s, struct slice code)
{
	struct selecting *sel = q->has->select ? q->has->select : begin(c, q);
	bool discards = s->flags & SUBSCRIBE_DISCARDS;
	const uint64_t session = s->flags & SUBSCRIBE_NO_LOCAL ? s->session : 0;
	uint32_t i = place_of(sel, code, discards, session);
	must(!s->selector);
	if (i == LIMIT_SELECTORS)
		return ERR_LIMIT;
	struct selector_of *one = &sel->at[i];
	if (!one->code) {
		*one = (struct selector_of){ .code = mem_get(c->mem, room_of(code.n), "selectors"),
					     .code_n = (uint32_t)code.n,
					     .session = session,
					     .discards = discards,
					     .cursor = pos_of(q->first, 0) };
		must(one->code != NULL);
		if (code.n)
			memcpy(one->code, code.p, code.n);
		clear(q, i);
		sel->n++;
		sel->local_n += session != 0;
	}
	one->users_n++;
	s->selector = (uint8_t)(i + 1);
	return ERR_OK;
}

/* Nobody minds any more who has sent what. */
static void let_go(struct queue *q)
{
	must(q->has->select != NULL);
	q->cool_at = 0; /* what was kept may leave memory */
	for (struct chunk *k = NULL; (k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL;)
		if (k->select)
			k->select->has_own = false;
}

void core_select_leave(struct core *c, struct queue *q, const struct consumer *s)
{
	struct selecting *sel = q->has->select;
	must(sel && s->selector);
	struct selector_of *one = &sel->at[s->selector - 1];
	must(one->users_n > 0);
	if (--one->users_n > 0)
		return;
	if (one->session && --sel->local_n == 0)
		let_go(q);
	mem_put(c->mem, one->code, room_of(one->code_n));
	*one = (struct selector_of){ 0 };
	if (--sel->n == 0)
		core_select_forget(c, q);
}

void core_select_drop(struct core *c, struct chunk *k)
{
	must(k->queue != NULL || !k->select);
	mem_put(c->mem, k->select, sizeof *k->select);
	k->select = NULL;
}

void core_select_forget(struct core *c, struct queue *q)
{
	struct selecting *sel = q->has->select;
	if (!sel)
		return;
	for (struct chunk *k = NULL; (k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL;)
		core_select_drop(c, k);
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++)
		if (sel->at[i].code)
			mem_put(c->mem, sel->at[i].code, room_of(sel->at[i].code_n));
	if (list_has_node(&sel->late))
		list_remove(&sel->late);
	mem_put(c->mem, sel, sizeof *sel);
	queue_special(q, c->mem)->select = NULL;
	must(q->cursor <= q->tail_pos);
}

/* Selectors that know that it is not for them stay where they are. A chunk with an entry that has
 * come back does not leave memory any more (chunk_weigh), so on the way nothing cold has any. */
void core_select_back(struct queue *q, const struct chunk *k, uint32_t slot)
{
	const struct chunk_select *t = k->select;
	const uint64_t pos = pos_of(k->number, slot);
	must(q->has->select != NULL && bits_test(k->ready, slot));
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++) {
		struct selector_of *one = &q->has->select->at[i];
		bool is_others = t && !one->discards && bits_test(t->known[i], slot) &&
				 !bits_test(t->match[i], slot);
		if (!one->code || is_others || one->cursor <= pos || ABLATED(select_back))
			continue;
		one->reached = max_u64(one->reached, one->cursor);
		one->cursor = pos;
	}
}
