#include "core/core_retain.h"

#include "base/ablate.h"
#include "base/rd.h"
#include "base/text.h"
#include "msg/big.h"

/* A store keeps the last message of each key. Its entries are in memory, their messages in the
 * journal and nowhere else. What comes is logged with its key, so that nobody has to read a message
 * to know where it belongs:
 *
 *     a message          RETAIN: takes the place of the one before, whose room is free
 *     an empty message   FORGET: whatever is there goes
 *     time               FORGET, with the time: what has expired by then goes
 *
 * A bound is never passed: a key that is new has to fit beside all that is on its way, and one that
 * is there may always have a message that is not longer than its last one. */

#define WALK_STEPS ((uint32_t)LIMIT_RETAINED_STEPS)

/* ---- with and without -------------------------------------------------------------------- */

struct retaining *core_retain_of(struct core *c, struct queue *q)
{
	if (q->has->retain)
		return q->has->retain;
	must(q->live_n == 0 && !q->has->stream);
	struct retaining *t = queue_special(q, c->mem)->retain = mem_get(c->mem, sizeof *t,
									 "retained");
	must(t != NULL);
	*t = (struct retaining){ .queue = q };
	retain_init(&t->r, q, c->mem);
	q->flags |= QUEUE_RETAINS;
	return t;
}

uint64_t core_retain_n(const struct queue *q)
{
	must(q->has->retain != NULL);
	return q->has->retain->r.n;
}

uint64_t core_retain_forget(struct core *c, struct queue *q)
{
	struct retaining *t = q->has->retain;
	if (!t)
		return 0;
	uint64_t n = t->r.n;
	for (size_t i = 0; i < t->r.pages.n; i++) {
		struct retain_page *p = retain_page(&t->r, i);
		struct unit_key key = { q->id, i };
		for (uint32_t k = 0; k < RETAIN_PAGE_N; k++)
			if (p->at[k])
				core_freed(c, p->at[k]->loc, p->at[k]->bytes, p->at[k]->flags);
		if (p->is_stored) {
			enum err err = deque_push(&c->checkpoint.tombs, c->mem, &key);
			must(err == ERR_OK);
		}
		wheel_cancel(&c->wheel, &p->due.timer);
	}
	c->all.retained_n -= n;
	c->all.bytes -= t->bytes;
	retain_fini(&t->r);
	mem_put(c->mem, t, sizeof *t);
	queue_special(q, c->mem)->retain = NULL;
	return n;
}

void core_retain_limit(struct core *c, uint64_t messages, uint64_t bytes)
{
	must(messages > 0 && bytes > 0);
	c->retain_max_n = messages;
	c->retain_max_bytes = bytes;
}

/* ---- what it costs ----------------------------------------------------------------------- */

/* A big body counts in whole pieces: that many are all that the log says of it (logged.h). */
static uint64_t weight_of(uint32_t bytes, uint32_t pieces_n)
{
	must(pieces_n <= UINT16_MAX);
	return bytes + (uint64_t)pieces_n * LIMIT_CHUNK_BYTES;
}

uint64_t core_retain_weight(const struct retained *e)
{
	must((e->pieces_n == 0) || (e->flags & ENTRY_BIG));
	return weight_of(e->bytes, e->pieces_n);
}

static uint32_t pieces_of(const struct msg *m)
{
	return m->proto == MSG_CHUNKS ? big_n(big_list(m)) : 0;
}

/* Of a row whose message is not in memory: as it was read from a log. */
static uint32_t pieces_of_row(const struct add_row *row)
{
	if (!(row->flags & ENTRY_BIG))
		return 0;
	if (row->mem)
		return pieces_of(msg_of(row->mem));
	const uint32_t list = row->bytes - (uint32_t)min_u64(add_row_head(row), row->bytes);
	return (uint32_t)min_u64(list / BIG_ROW_BYTES, UINT16_MAX);
}

static void weigh(struct core *c, struct retaining *t, struct retained *e, uint32_t pieces_n)
{
	must(e->pieces_n == 0);
	e->pieces_n = (uint16_t)pieces_n;
	t->bytes += core_retain_weight(e);
	c->all.bytes += core_retain_weight(e);
}

static void unweigh(struct core *c, struct retaining *t, struct retained *e)
{
	must(t->bytes >= core_retain_weight(e));
	t->bytes -= core_retain_weight(e);
	c->all.bytes -= core_retain_weight(e);
	e->pieces_n = 0;
}

void core_retain_pieces(struct core *c, uint64_t queue, uint64_t id, uint32_t pieces_n)
{
	const struct queue *q = core_find_queue(c, queue);
	struct retaining *t = q ? q->has->retain : NULL;
	struct retained *e = t && id > 0 && id <= retain_slots(&t->r) ? retain_at(&t->r, id - 1)
								      : NULL;
	if (!e || !(e->flags & ENTRY_BIG))
		return;
	unweigh(c, t, e);
	weigh(c, t, e, (uint32_t)min_u64(pieces_n, UINT16_MAX));
}

/* ---- in: admit --------------------------------------------------------------------------- */

/* The routing key is the second of the two names that a message came with. */
static struct slice key_of(const struct msg *m)
{
	struct rd r = rd_of(msg_route(m));
	(void)rd_str8(&r);
	struct slice key = rd_str8(&r);
	must(rd_ok(&r));
	return key;
}

static struct retained *find(const struct retaining *t, struct slice key, uint32_t number)
{
	uint8_t words[LIMIT_SHORTSTR];
	must(key.n <= sizeof words);
	retain_fold(key, words);
	return retain_get(&t->r, (struct retain_key){ slice_of(words, key.n), number });
}

static bool fits(const struct core *c, const struct retaining *t, const struct retained *e,
		 uint64_t bytes)
{
	uint64_t pending_n = t->queue->pending_n;
	must(t->r.n > 0 || !e);
	if (e && bytes <= core_retain_weight(e))
		return true;
	if (!e && (t->r.n >= c->retain_max_n || pending_n >= c->retain_max_n - t->r.n))
		return false;
	uint64_t held = t->bytes + t->pending_bytes;
	return held <= c->retain_max_bytes && bytes <= c->retain_max_bytes - held;
}

enum retain_fate core_retain_fate(const struct core *c, const struct queue *q,
				  const struct publish_row *row)
{
	const struct msg *m = msg_of(row->mem);
	const struct retained *e = find(q->has->retain, key_of(m), retain_number(row->expiry_ms));
	must(row->mem && row->flags & ENTRY_PERSISTENT);
	if (m->body_bytes == 0)
		return e || q->pending_n ? RETAIN_FORGETS : RETAIN_NOTHING;
	const uint64_t bytes = weight_of(row->bytes, pieces_of(m));
	return fits(c, q->has->retain, e, bytes) ? RETAIN_KEEPS : RETAIN_REFUSES;
}

static void log_forget(const struct core *c, const struct queue *q, struct slice key,
		       uint64_t expiry, struct outcomes *later)
{
	struct run head = { .kind = OUTCOME_FORGET,
			    .flags = RUN_LOGGED,
			    .shard = c->shard,
			    .queue = q->id,
			    .arg = expiry };
	must(key.n <= LIMIT_SHORTSTR);
	if (ABLATED(retain_forget))
		head.flags = 0;
	q->has->retain->forgets_n++;
	(void)outcomes_run(later, &head, NULL, 0, 0, key);
}

void core_retain_admit(struct core *c, struct queue *q, const struct run *add, struct add_row *row,
		       struct outcomes *later)
{
	const struct msg *m = msg_of(row->mem);
	struct run head = *add;
	must(row->mem && q->has->retain);
	q->is_logged = true;
	if (m->body_bytes == 0) {
		log_forget(c, q, key_of(m), retain_expiry(0, retain_number(row->expiry_ms)), later);
		msg_unref(row->mem, 1);
		return;
	}
	head.kind = OUTCOME_RETAIN;
	head.flags = RUN_LOGGED | ADD_RESERVED;
	q->pending_n++;
	q->has->retain->pending_bytes += weight_of(row->bytes, pieces_of(m));
	(void)outcomes_run(later, &head, row, sizeof *row, 1, key_of(m));
}

/* ---- in: apply --------------------------------------------------------------------------- */

void core_retain_watch(struct core *c, struct retain_page *p, uint64_t expiry_ms)
{
	must(expiry_ms != 0);
	if (p->expires_ms && p->expires_ms <= expiry_ms)
		return;
	p->expires_ms = expiry_ms;
	if (c->is_leading)
		wheel_set(&c->wheel, &p->due.timer, expiry_ms);
}

void core_retain_changed(struct core *c, struct queue *q, struct retain_page *p)
{
	must(p->of == &q->has->retain->r);
	p->changed = c->checkpoint.epoch;
	core_changed(c, q, NULL);
}

static void unreserve(struct retaining *t, const struct run *o, const struct add_row *row)
{
	if (!(o->flags & ADD_RESERVED))
		return;
	const uint64_t bytes = weight_of(row->bytes, pieces_of_row(row));
	must(t->queue->pending_n > 0 && t->pending_bytes >= bytes);
	t->queue->pending_n--;
	t->pending_bytes -= bytes;
}

static struct retained *find_or_make(struct core *c, struct retaining *t, struct slice key,
				     uint32_t number)
{
	uint8_t words[LIMIT_SHORTSTR];
	struct retain_key k = { slice_of(words, key.n), number };
	must(key.n <= sizeof words);
	retain_fold(key, words);
	struct retained *e = retain_get(&t->r, k);
	if (!e) {
		c->all.retained_n++;
		return retain_add(&t->r, k);
	}
	core_freed(c, e->loc, e->bytes, e->flags);
	unweigh(c, t, e);
	return e;
}

void core_retain_apply_add(struct core *c, const struct run *o, uint64_t index, struct post *fx)
{
	const struct add_row *row = (const void *)(o + 1);
	struct queue *q = core_find_queue(c, o->queue);
	must(o->n == 1 && row->loc != 0);
	if (!q)
		q = core_make_queue(c, o->queue, QUEUE_DURABLE | QUEUE_KEEPER | QUEUE_RETAINS);
	must(q != NULL);
	struct retaining *t = core_retain_of(c, q);
	unreserve(t, o, row);
	struct retained *e = find_or_make(c, t, run_tail(o), retain_number(row->expiry_ms));
	e->loc = row->loc;
	e->bytes = row->bytes;
	e->expiry_ms = retain_ms(row->expiry_ms);
	e->id = index;
	e->flags = row->flags & ENTRY_STORED;
	weigh(c, t, e, pieces_of_row(row));
	struct retain_page *p = retain_page_of(&t->r, e);
	core_retain_changed(c, q, p);
	if (e->expiry_ms)
		core_retain_watch(c, p, e->expiry_ms);
	if (row->mem)
		msg_unref(row->mem, 1);
	queue_counting(q, c->mem)->published++;
	c->count.published++;
	core_confirm_rows(c, o, row, 1, fx);
}

/* ---- out --------------------------------------------------------------------------------- */

void core_retain_apply_forget(struct core *c, const struct run *o, const struct post *fx)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct retaining *t = q ? q->has->retain : NULL;
	uint64_t until_ms = retain_ms(o->arg);
	must(o->n == 0);
	if (t && fx) {
		must(t->forgets_n > 0);
		t->forgets_n--;
	}
	struct retained *e = t ? find(t, run_tail(o), retain_number(o->arg)) : NULL;
	if (!e || (until_ms && (!e->expiry_ms || e->expiry_ms > until_ms)))
		return;
	core_freed(c, e->loc, e->bytes, e->flags);
	unweigh(c, t, e);
	c->all.retained_n--;
	queue_counting(q, c->mem)->expired += until_ms != 0;
	c->count.expired += until_ms != 0;
	core_retain_changed(c, q, retain_page_of(&t->r, e));
	retain_del(&t->r, e);
}

static void expire(const struct core *c, const struct queue *q, struct retained *e,
		   struct outcomes *later)
{
	uint8_t key[LIMIT_SHORTSTR];
	struct slice words = slice_of(e->words, e->words_n);
	must(e->expiry_ms != 0 && !(e->flags & ENTRY_SETTLING));
	retain_unfold(words, key);
	e->flags |= ENTRY_SETTLING;
	log_forget(c, q, slice_of(key, words.n), retain_expiry(c->now_ms, (uint32_t)e->number),
		   later);
}

void core_retain_due(struct core *c, struct due *due, struct outcomes *later)
{
	struct retain_page *p = containerof(due, struct retain_page, due);
	uint64_t soonest = UINT64_MAX;
	must(c->is_leading && p->expires_ms != 0);
	for (uint32_t i = 0; i < RETAIN_PAGE_N; i++) {
		struct retained *e = p->at[i];
		if (!e || !e->expiry_ms || e->flags & ENTRY_SETTLING)
			continue;
		if (e->expiry_ms <= c->now_ms)
			expire(c, p->of->queue, e, later);
		else
			soonest = min_u64(soonest, e->expiry_ms);
	}
	p->expires_ms = 0;
	if (soonest < UINT64_MAX)
		core_retain_watch(c, p, soonest);
}

void core_retain_lead(struct core *c, const struct queue *q)
{
	must(c->is_leading);
	for (size_t i = 0; i < q->has->retain->r.pages.n; i++) {
		struct retain_page *p = retain_page(&q->has->retain->r, i);
		if (p->expires_ms)
			wheel_set(&c->wheel, &p->due.timer, p->expires_ms);
	}
}

/* ---- found ------------------------------------------------------------------------------- */

/* What a search is asked for, and how far it has come. */
struct finding {
	struct slice filter; /* folded */
	struct retain_cursor at;
	uint8_t words[LIMIT_SHORTSTR];
};

static bool finding_of(const struct run *cmd, struct finding *out)
{
	struct rd r = rd_of(run_tail(cmd));
	struct slice filter = rd_str8(&r), from = rd_rest(&r);
	if (!rd_ok(&r) || !retain_cursor_get(from, &out->at))
		return false;
	must(filter.n <= sizeof out->words);
	retain_fold(filter, out->words);
	out->at.is_numbered = (cmd->flags & FIND_NUMBERED) != 0;
	out->filter = slice_of(out->words, filter.n);
	return true;
}

static bool is_over(const struct core *c, const struct retained *e)
{
	must(c->is_leading);
	return e->expiry_ms && e->expiry_ms <= c->now_ms && !ABLATED(expiry);
}

/* Rows of what is found, as many as are wanted. */
static uint32_t collect(struct core *c, const struct retain *r, struct finding *f,
			const struct credit_row *want)
{
	struct deliver_row *row = c->giving.row;
	const struct retained *e;
	uint64_t bytes = 0;
	uint32_t n = 0, steps = WALK_STEPS, max = (uint32_t)min_u64(want->messages, GIVE_N);
	while (n < max && bytes < want->bytes &&
	       (e = retain_next(r, f->filter, &f->at, &steps)) != NULL) {
		if (is_over(c, e))
			continue;
		must(e->loc != 0);
		row[n++] = (struct deliver_row){
			.loc = e->loc,
			.pos = e->expiry_ms,
			.bytes = e->bytes,
			.flags = (uint16_t)((e->flags & ENTRY_STORED) | ENTRY_STREAM),
		};
		bytes += e->bytes;
	}
	return n;
}

static void answer(struct core *c, const struct run *cmd, struct retaining *t, struct finding *f,
		   struct post *fx)
{
	uint8_t at[RETAIN_CURSOR_BYTES];
	const struct credit_row *want = (const void *)(cmd + 1);
	uint32_t n = collect(c, &t->r, f, want);
	struct run head = core_fx(c, FX_DELIVER, cmd);
	struct reply_row what = { .op = CMD_FIND, .a = n };
	uint32_t loop = session_loop(cmd->session);
	head.flags = DELIVER_FOUND;
	if (n)
		(void)post_run(fx, loop, &head, c->giving.row, sizeof *c->giving.row, n,
			       SLICE_EMPTY);
	queue_counting(t->queue, c->mem)->given += n;
	c->count.given += n;
	head = core_fx(c, FX_REPLY, cmd);
	what.b = f->at.is_end;
	must(what.err == ERR_OK);
	(void)post_run(fx, loop, &head, &what, sizeof what, 1,
		       slice_of(at, f->at.is_end ? 0 : retain_cursor_put(&f->at, at)));
}

void core_retain_find(struct core *c, const struct run *cmd, struct outcomes *later,
		      struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = ERR_NOT_FOUND, .op = CMD_FIND };
	struct finding f;
	must(cmd->n == 1 && cmd->session != 0);
	if (!q || q->is_closed || !q->has->retain || !finding_of(cmd, &f)) {
		core_reply(c, cmd, what, fx);
		return;
	}
	if (!later || !(q->pending_n || q->has->retain->forgets_n)) {
		answer(c, cmd, q->has->retain, &f, fx);
		return;
	}
	struct run head = *cmd;
	head.kind = OUTCOME_FIND;
	(void)outcomes_run(later, &head, cmd + 1, sizeof(struct credit_row), 1, run_tail(cmd));
}
