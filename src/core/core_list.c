#include "base/text.h"
#include "core/core_state.h"

/* What a keeper keeps, for an operator: read page by page, and removed one by one. A message is
 * called by its id and its position: the id alone is not enough for what is transient, and the
 * position alone would mean another one after a restart.
 *
 * What is on its way just now belongs to the session for dead letters. Whoever wants it removed
 * waits until that has settled it:
 *
 *     out --settled, to be gone--> gone, not cancelled: it has come to its end
 *      \---settled, to go again, but cancelled--> SETTLING --> gone, answered
 */

#define LIST_BYTES 6000u
#define LINE_BYTES 160u

static void put_line(const struct core *c, const struct entry *e, uint64_t pos, struct text *out)
{
	const uint64_t due_ms = expiry_time(e->expiry_ms);
	uint64_t in_ms = due_ms > c->now_ms ? due_ms - c->now_ms : 0;
	must(pos != 0);
	text_putf(out, "message: %llu-%llu in_ms %llu due_ms %llu bytes %u priority %u%s%s\n",
		  (unsigned long long)e->id, (unsigned long long)pos, (unsigned long long)in_ms,
		  (unsigned long long)due_ms, e->bytes, e->priority,
		  e->flags & ENTRY_PERSISTENT ? " persistent" : "",
		  e->flags & ENTRY_DEAD ? " going" : "");
}

static uint64_t word(const struct run *cmd, size_t i)
{
	uint64_t v;
	struct slice tail = run_tail(cmd);
	must(tail.n >= (i + 1) * sizeof v);
	memcpy(&v, tail.p + i * sizeof v, sizeof v);
	return v;
}

/* On its way, and perhaps not for the last time. */
static bool is_out(const struct entry *e)
{
	return e->flags & ENTRY_DEAD && (!(e->flags & ENTRY_SETTLING) || e->flags & ENTRY_AGAIN);
}

bool core_is_kept(const struct chunk *k, uint32_t slot)
{
	must(slot < CHUNK_N);
	return !k->is_cold && bits_test(k->live, slot) &&
	       (bits_test(k->ready, slot) || is_out(&k->entry[slot]));
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
		if (core_is_kept(k, pos_slot(pos)))
			put_line(c, &k->entry[pos_slot(pos)], pos, &t);
	}
	struct run head = core_fx(c, FX_REPLY, cmd);
	(void)post_run(fx, session_loop(cmd->session), &head, &what, sizeof what, 1,
		       text_slice(&t));
}

/* ---- which one ---------------------------------------------------------------------------- */

static bool is_it(const struct chunk *k, uint64_t pos, uint64_t id)
{
	const uint32_t slot = pos_slot(pos);
	return k && core_is_kept(k, slot) && (id == 0 || k->entry[slot].id == id);
}

/* The chunk of the entry that is called so; NULL: there is none. */
static struct chunk *find(const struct queue *q, uint64_t id, uint64_t *io_pos)
{
	struct chunk *k = queue_chunk(q, pos_chunk(*io_pos));
	must(q->id != 0);
	if (id == 0 || is_it(k, *io_pos, id))
		return is_it(k, *io_pos, id) ? k : NULL;
	uint64_t pos = queue_find(q, id);
	k = queue_next_live(q, &pos);
	if (!is_it(k, pos, id) || !(k->entry[pos_slot(pos)].flags & ENTRY_PERSISTENT))
		return NULL;
	*io_pos = pos;
	return k;
}

/* ---- gone --------------------------------------------------------------------------------- */

struct cancel {
	struct run who;          /* his command */
	uint64_t first, last;    /* positions */
	uint64_t from_ms, to_ms; /* and when they are, or were, due */
	uint64_t gone_n;         /* for him, so far */
	bool is_logged;          /* some of that */
	bool is_of_one;
};

static bool is_meant(const struct cancel *x, const struct entry *e)
{
	const uint64_t due_ms = expiry_time(e->expiry_ms);
	must(x->first <= x->last);
	return due_ms >= x->from_ms && due_ms <= x->to_ms;
}

static void count(struct core *c, struct queue *q, struct cancel *x)
{
	must(x->first <= x->last);
	x->gone_n++;
	queue_counting(q, c->mem)->purged++;
	c->count.purged++;
}

/* Removes what waits of it. False: some is on its way. */
static bool sweep(struct core *c, struct queue *q, struct cancel *x, struct outcomes *later)
{
	struct removal r = { .queue = q, .later = later, .reason = REMOVE_PURGED };
	struct refs gone = { 0 };
	struct chunk *before = NULL, *k;
	bool is_over = true;
	must(later != NULL);
	for (uint64_t pos = x->first; (k = queue_next_live(q, &pos)) && pos <= x->last; pos++) {
		const uint32_t slot = pos_slot(pos);
		if (before && before != k)
			core_release(c, q, before);
		before = k;
		if (!core_is_kept(k, slot) || !is_meant(x, &k->entry[slot]))
			continue;
		if (!bits_test(k->ready, slot)) {
			x->first = is_over ? pos : x->first;
			is_over = false;
			continue;
		}
		count(c, q, x);
		if (!(k->entry[slot].flags & ENTRY_PERSISTENT)) {
			core_drop_entry(c, q, k, slot, &gone);
			continue;
		}
		queue_off(q, k, slot);
		core_remove(&r, k, slot);
		x->is_logged = true;
	}
	if (before)
		core_release(c, q, before);
	core_removed(&r);
	refs_unref(&gone);
	return is_over;
}

static void answer(const struct core *c, const struct cancel *x, struct outcomes *later,
		   struct post *fx)
{
	const bool is_missed = x->is_of_one && x->gone_n == 0;
	const struct reply_row what = { .err = is_missed ? ERR_NOT_FOUND : ERR_OK,
					.op = x->who.kind,
					.a = x->gone_n };
	must(x->first <= x->last);
	if (!x->is_logged) {
		core_reply(c, &x->who, what, fx);
		return;
	}
	const struct run head = core_fx(c, OUTCOME_BARRIER, &x->who);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(&what, sizeof what));
}

/* At once, or when what is on its way has come back. */
static void cancel(struct core *c, struct queue *q, struct cancel *x, struct outcomes *later,
		   struct post *fx)
{
	must(c->is_leading && !q->is_closed);
	if (sweep(c, q, x, later)) {
		answer(c, x, later, fx);
		return;
	}
	if (!q->has->cancels) {
		struct deque *own = mem_get(c->mem, sizeof *own, "cancels");
		must(own != NULL);
		deque_init(own, sizeof *x, "cancels");
		queue_special(q, c->mem)->cancels = own;
	}
	if (deque_push(q->has->cancels, c->mem, x) != ERR_OK)
		must(!"no memory for a cancel");
}

void core_cancel(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	uint64_t pos = word(cmd, 1);
	const bool is_of_one = pos != 0, is_open = q && !q->is_closed;
	const bool is_there = is_open && (!is_of_one || find(q, word(cmd, 0), &pos));
	struct cancel x = { .who = *cmd,
			    .first = pos,
			    .last = is_of_one ? pos
				    : is_open ? q->tail_pos
					      : 0,
			    .to_ms = UINT64_MAX,
			    .is_of_one = is_of_one };
	must(cmd->n == 0);
	if (cmd->tail_len == CANCEL_WORDS_MAX * sizeof(uint64_t)) {
		x.from_ms = word(cmd, 2);
		x.to_ms = word(cmd, 3);
	}
	if (is_there)
		cancel(c, q, &x, later, fx);
	else
		answer(c, &x, later, fx);
}

void core_cancel_kept(struct core *c, struct queue *q, const struct run *cmd,
		      struct outcomes *later, struct post *fx)
{
	struct cancel x = { .who = *cmd, .last = q->tail_pos, .to_ms = UINT64_MAX };
	must(cmd->kind == CMD_PURGE && q->has->delay);
	cancel(c, q, &x, later, fx);
}

bool core_cancelled(struct core *c, struct queue *q, uint64_t pos)
{
	bool is_any = false;
	must(q->has->delay != NULL);
	for (size_t i = 0; q->has->cancels && i < q->has->cancels->n; i++) {
		struct cancel *x = deque_at(q->has->cancels, i);
		const struct chunk *k = queue_chunk(q, pos_chunk(pos));
		if (pos < x->first || pos > x->last || !is_meant(x, &k->entry[pos_slot(pos)]))
			continue;
		count(c, q, x);
		x->is_logged = true;
		is_any = true;
	}
	return is_any;
}

void core_cancels_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx)
{
	struct deque *all = q->has->cancels;
	struct cancel x;
	must(all->n > 0);
	for (size_t n = all->n; n > 0 && deque_pop(all, &x); n--) {
		if (sweep(c, q, &x, later))
			answer(c, &x, later, fx);
		else if (deque_push(all, c->mem, &x) != ERR_OK)
			must(!"no memory for a cancel");
	}
	if (all->n == 0)
		core_cancels_forget(c, q);
}

void core_cancels_end(const struct core *c, struct queue *q, struct post *fx)
{
	struct cancel x;
	must(q->is_closed && fx);
	while (deque_pop(q->has->cancels, &x)) {
		const struct reply_row what = { .err = ERR_NOT_FOUND, .op = x.who.kind };
		core_reply(c, &x.who, what, fx);
	}
	core_cancels_forget(c, q);
}

void core_cancels_forget(const struct core *c, struct queue *q)
{
	struct deque *own = q->has->cancels;
	if (!own)
		return;
	must(c->mem != NULL);
	deque_fini(own, c->mem);
	mem_put(c->mem, own, sizeof *own);
	queue_special(q, c->mem)->cancels = NULL;
}
