#include "base/text.h"
#include "core/core_state.h"

/* What a keeper keeps, for an operator: read page by page, and removed one by one. A message is
 * called by its id and its position: the id alone is not enough for what is transient, and the
 * position alone would mean another one after a restart. */

#define LIST_BYTES 6000u
#define LINE_BYTES 160u

static void put_line(const struct core *c, const struct entry *e, uint64_t pos, struct text *out)
{
	const uint64_t due_ms = expiry_time(e->expiry_ms);
	uint64_t in_ms = due_ms > c->now_ms ? due_ms - c->now_ms : 0;
	must(pos != 0);
	text_putf(out, "message: %llu-%llu in_ms %llu due_ms %llu bytes %u priority %u%s\n",
		  (unsigned long long)e->id, (unsigned long long)pos, (unsigned long long)in_ms,
		  (unsigned long long)due_ms, e->bytes, e->priority,
		  e->flags & ENTRY_PERSISTENT ? " persistent" : "");
}

static uint64_t word(const struct run *cmd, size_t i)
{
	uint64_t v;
	struct slice tail = run_tail(cmd);
	must(tail.n >= (i + 1) * sizeof v);
	memcpy(&v, tail.p + i * sizeof v, sizeof v);
	return v;
}

void core_list(struct core *c, const struct run *cmd, struct post *fx)
{
	char buf[LIST_BYTES];
	struct text t = text_of(buf, sizeof buf);
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = q ? ERR_OK : ERR_NOT_FOUND, .op = CMD_LIST };
	uint64_t pos = word(cmd, 0);
	must(cmd->session != 0 && cmd->n == 0);
	for (const struct chunk *k; q && (k = queue_next_live(q, &pos)) != NULL; pos++) {
		if (t.cap - t.n < LINE_BYTES) {
			what.a = pos;
			break;
		}
		if (!k->is_cold && bits_test(k->ready, pos_slot(pos)))
			put_line(c, &k->entry[pos_slot(pos)], pos, &t);
	}
	struct run head = core_fx(c, FX_REPLY, cmd);
	(void)post_run(fx, session_loop(cmd->session), &head, &what, sizeof what, 1,
		       text_slice(&t));
}

static bool is_it(const struct chunk *k, uint64_t pos, uint64_t id)
{
	uint32_t slot = pos_slot(pos);
	return k && !k->is_cold && bits_test(k->ready, slot) && k->entry[slot].id == id;
}

/* The chunk of the ready entry that is called so; NULL: there is none. */
static struct chunk *find(const struct queue *q, uint64_t id, uint64_t *io_pos)
{
	struct chunk *k = queue_chunk(q, pos_chunk(*io_pos));
	must(q->id != 0);
	if (is_it(k, *io_pos, id))
		return k;
	uint64_t pos = queue_find(q, id);
	k = queue_next_live(q, &pos);
	if (!is_it(k, pos, id) || !(k->entry[pos_slot(pos)].flags & ENTRY_PERSISTENT))
		return NULL;
	*io_pos = pos;
	return k;
}

void core_cancel(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = ERR_NOT_FOUND, .op = CMD_CANCEL };
	uint64_t pos = word(cmd, 1);
	struct refs gone = { 0 };
	struct chunk *k = q && !q->is_closed ? find(q, word(cmd, 0), &pos) : NULL;
	must(cmd->n == 0);
	if (!k) {
		core_reply(c, cmd, what, fx);
		return;
	}
	what.err = ERR_OK;
	what.a = 1;
	queue_counting(q, c->mem)->purged++;
	c->count.purged++;
	if (!(k->entry[pos_slot(pos)].flags & ENTRY_PERSISTENT)) {
		core_drop_entry(c, q, k, pos_slot(pos), &gone);
		core_release(c, q, k);
		refs_unref(&gone);
		core_reply(c, cmd, what, fx);
		return;
	}
	struct removal r = { .queue = q, .later = later, .reason = REMOVE_PURGED };
	queue_off(q, k, pos_slot(pos));
	core_remove(&r, k, pos_slot(pos));
	core_removed(&r);
	struct run head = core_fx(c, OUTCOME_BARRIER, cmd);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(&what, sizeof what));
}
