#include "core/core_state.h"

/* Confirms in ranges, joined with what the session is being told anyway. */
void core_confirm(const struct core *c, const struct run *to, uint8_t kind, uint64_t first,
		  uint32_t n, struct post *fx)
{
	uint32_t loop = session_loop(to->session);
	struct run head = core_fx(c, kind, to);
	head.queue = 0;
	struct run *last = post_last(fx, loop, sizeof(struct confirm_row));
	bool is_joined = last && run_same(last, &head) && first >= last->arg &&
			 first - last->arg < UINT32_MAX;
	uint64_t base = is_joined ? last->arg : to->arg;
	must(first >= base);
	struct confirm_row row = { .first = (uint32_t)(first - base), .n = n };
	if (!is_joined) {
		(void)post_run(fx, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
		return;
	}
	struct confirm_row *end = (struct confirm_row *)run_rows(last) + last->n - 1;
	if (end->first + end->n == row.first)
		end->n += n;
	else
		*(struct confirm_row *)post_row(fx, loop, last, sizeof row) = row;
}

void core_apply_confirm(struct core *c, const struct run *o, struct post *fx)
{
	const struct confirm_row *row = (const void *)(o + 1);
	const uint8_t kind = o->flags & CONFIRM_REFUSED ? FX_REFUSED : FX_CONFIRM;
	must(o->n == 1);
	if (!fx || !o->session)
		return;
	struct queue *q = o->queue ? core_find_queue(c, o->queue) : NULL;
	if (q && q->has->dead && core_dead_is_full(c, q))
		core_dead_hold(c, q, o);
	else
		core_confirm(c, o, kind, o->arg + row->first, row->n, fx);
}

void core_confirm_rows(const struct core *c, const struct run *to, const struct add_row *row,
		       uint32_t n, struct post *fx)
{
	uint32_t first = 0, len = 0;
	if (!fx || !to->session)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (!(row[i].flags & ENTRY_CONFIRM))
			continue;
		if (len && row[i].seq_delta == first + len) {
			len++;
			continue;
		}
		if (len)
			core_confirm(c, to, FX_CONFIRM, to->arg + first, len, fx);
		first = row[i].seq_delta;
		len = 1;
	}
	if (len)
		core_confirm(c, to, FX_CONFIRM, to->arg + first, len, fx);
}
