#include "session/browser.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/sql.h"
#include "session/views.h"

/* Steps of selectors at a time; what they look at beyond that waits for the next millisecond. */
#define STEPS_MAX 262144u
#define LOOK      128u /* what any look costs */
#define BUSY_MS   20u  /* until who may be shown nothing is asked again */

/* A message of the page. */
struct found {
	struct deliver_row row; /* mem 0: not read yet, or unreadable */
	uint64_t due_ms;        /* of a keeper: when it is due */
	bool is_read, is_wanted;
};

void browser_init(struct browser *b, const struct browser_ops *ops, struct session *session,
		  struct asker *asker)
{
	must(ops && session && asker);
	*b = (struct browser){ .ops = ops,
			       .session = session,
			       .asker = asker,
			       .whole.also = WHOLE_OTHER,
			       .again_ms = UINT64_MAX };
	deque_init(&b->found, sizeof(struct found), "messages looked at");
}

/* What was read or found for an earlier page finds nobody. */
static void drop_page(struct browser *b)
{
	struct found one;
	must(b->found.row_bytes == sizeof one);
	if (b->whole.list)
		whole_drop(&b->whole);
	b->found_first += b->found.n;
	while (deque_pop(&b->found, &one))
		if (one.row.mem)
			msg_unref(one.row.mem, 1);
	b->ticket = TICKET_NONE;
	b->is_last = false;
}

static void browse_free(struct browser *b, struct session_world *w, struct browse *own_k)
{
	struct browse **at = &b->first, *before = NULL;
	for (; *at != own_k; at = &(*at)->next)
		before = *at;
	*at = own_k->next;
	must(own_k->code_n <= SQL_CODE_MAX);
	if (b->last == own_k)
		b->last = before;
	mem_put(w->mem, own_k, sizeof *own_k + own_k->code_n);
}

void browser_fini(struct browser *b, struct session_world *w)
{
	must(b->ops != NULL);
	drop_page(b);
	while (b->first)
		browse_free(b, w, b->first);
	deque_fini(&b->found, w->mem);
	b->again_ms = UINT64_MAX;
}

struct browse *browser_begin(struct browser *b, struct session_world *w,
			     const struct queue_record *q, struct slice selector, void *of)
{
	struct browse *k = mem_get(w->mem, sizeof *k + selector.n, "look at a queue");
	must(k != NULL && selector.n <= SQL_CODE_MAX);
	*k = (struct browse){
		.of = of,
		.queue = q->id,
		.place = { .bytes = LIMIT_BROWSE_BYTES, .messages = LIMIT_BROWSE_ROWS },
		.shard = q->shard,
		.code_n = (uint32_t)selector.n,
	};
	if (selector.n)
		memcpy(k->code, selector.p, selector.n);
	if (b->first)
		b->last->next = k;
	else
		b->first = k;
	b->last = k;
	b->again_ms = min_u64(b->again_ms, w->now_ms);
	return k;
}

void browser_end(struct browser *b, struct session_world *w, struct browse *own_k)
{
	must(b->first != NULL);
	if (b->first == own_k)
		drop_page(b);
	browse_free(b, w, own_k);
	b->again_ms = b->first ? w->now_ms : UINT64_MAX;
}

/* ---- asking ------------------------------------------------------------------------------- */

static void ask(struct browser *b, struct session_world *w)
{
	const struct browse *k = b->first;
	struct post *p = w->post;
	must(k && b->ticket == TICKET_NONE && b->found.n == 0);
	b->ticket = ask_ticket(b->asker);
	const struct run head = {
		.kind = CMD_BROWSE,
		.channel = b->asker->channel,
		.session = b->asker->session,
		.shard = k->shard,
		.vhost = b->asker->vhost,
		.queue = k->queue,
		.arg = b->ticket,
	};
	(void)post_run(p, p->loop_of_shard[k->shard], &head, &k->place, sizeof k->place, 1,
		       SLICE_EMPTY);
}

/* The message at the front is not where its page said. Its queue may still have it elsewhere. */
static void ask_again(struct browser *b, struct session_world *w, uint64_t pos)
{
	struct browse *k = b->first;
	must(k->tried != pos && pos > 0);
	k->tried = k->place.pos = pos;
	drop_page(b);
	ask(b, w);
}

/* ---- showing ------------------------------------------------------------------------------ */

static bool is_wanted(const struct browse *k, const struct msg *m, uint32_t *io_steps)
{
	uint32_t steps = 0;
	if (k->code_n == 0)
		return true;
	const struct sql_message what = { .ops = views_of(m),
					  .props = msg_props(m),
					  .is_persistent = m->flags & MSG_PERSISTENT };
	const bool is = sql_matches(slice_of(k->code, k->code_n), &what, &steps);
	must(*io_steps > 0);
	*io_steps -= (uint32_t)min_u64(*io_steps, steps + LOOK);
	return is;
}

/* The front goes out, or is passed over. False: not yet. */
static bool place(struct browser *b, struct session_world *w, uint32_t *io_steps)
{
	struct browse *k = b->first;
	struct found *front = deque_peek(&b->found);
	must(front && front->is_read && k && !b->whole.list);
	const struct msg *m = front->row.mem ? msg_of(front->row.mem) : NULL;
	if (m && !front->is_wanted && !is_wanted(k, m, io_steps))
		m = NULL;
	if (m && m->proto == MSG_CHUNKS) {
		front->is_wanted = true;
		if (!whole_begin(&b->whole, w, b->asker->session, m))
			b->again_ms = w->now_ms + 1; /* there is no memory now */
		return false;
	}
	k->due_ms = front->due_ms;
	if (m)
		b->ops->show(b->session, w, k, &front->row);
	b->found_first++;
	if (front->row.mem)
		msg_unref(front->row.mem, 1);
	deque_drop(&b->found);
	return true;
}

static void show_page(struct browser *b, struct session_world *w)
{
	uint32_t steps = STEPS_MAX;
	must(b->ticket == TICKET_NONE);
	for (struct found *front; (front = deque_peek(&b->found)) != NULL && front->is_read;) {
		const struct deliver_row *row = &front->row;
		if (b->whole.list || b->session->sendq.bytes >= w->limits->output_bytes_max)
			return;
		if (b->ops->is_full && b->ops->is_full(b->session, w, b->first)) {
			b->again_ms = w->now_ms + BUSY_MS;
			return;
		}
		if (steps == 0) {
			b->again_ms = w->now_ms + 1;
			return;
		}
		if (!row->mem && row->flags & ENTRY_STREAM && b->first->tried != row->pos) {
			ask_again(b, w, row->pos);
			return;
		}
		if (!place(b, w, &steps))
			return;
	}
}

/* The first look has no page any more: it is over, or the next one has its turn. */
static void turn(struct browser *b, struct session_world *w)
{
	struct browse *k = b->first;
	must(k && b->found.n == 0 && b->ticket == TICKET_NONE);
	if (b->is_last) {
		b->ops->over(b->session, w, k);
		b->is_last = false;
		browse_free(b, w, k);
	} else if (k->next && k->place.end > 0) {
		b->first = k->next;
		b->last->next = k;
		b->last = k;
		k->next = NULL;
	}
}

void browser_drain(struct browser *b, struct session_world *w)
{
	must(b->ops != NULL);
	b->again_ms = UINT64_MAX;
	if (b->ticket == TICKET_NONE)
		show_page(b, w);
	while (b->first && b->ticket == TICKET_NONE && b->found.n == 0 &&
	       b->session->sendq.bytes < w->limits->output_bytes_max) {
		turn(b, w);
		if (b->first)
			ask(b, w);
	}
}

/* ---- what comes --------------------------------------------------------------------------- */

void browser_found(struct browser *b, struct session_world *w, const struct run *fx)
{
	const struct deliver_row *row = (const struct deliver_row *)(const void *)(fx + 1);
	const struct slice due = run_tail(fx);
	must(fx->flags & DELIVER_FOUND && fx->row_bytes == sizeof *row);
	must(due.n == 0 || due.n == fx->n * sizeof(uint64_t));
	for (uint32_t i = 0; i < fx->n; i++) {
		if (fx->arg != b->ticket) {
			if (row[i].mem)
				msg_unref(row[i].mem, 1);
			continue;
		}
		struct found *one = deque_add(&b->found, w->mem);
		must(one != NULL);
		*one = (struct found){ .row = row[i], .is_read = row[i].mem != 0 };
		if (due.n)
			memcpy(&one->due_ms, due.p + i * sizeof one->due_ms, sizeof one->due_ms);
		if (one->is_read)
			continue;
		loads_put(w->loads, (struct load){ .session = b->asker->session,
						   .ticket = BROWSER_TICKET |
							     (b->found_first + b->found.n - 1),
						   .loc = row[i].loc,
						   .bytes = row[i].bytes,
						   .flags = row[i].flags });
	}
}

void browser_page(struct browser *b, struct session_world *w, const struct run *fx)
{
	struct reply_row r;
	const struct slice tail = run_tail(fx);
	memcpy(&r, fx + 1, sizeof r);
	must(r.op == CMD_BROWSE);
	if (fx->arg != b->ticket)
		return;
	b->ticket = TICKET_NONE;
	b->is_last = r.err != ERR_OK || r.b;
	if (r.err == ERR_OK) {
		must(tail.n == sizeof b->first->place);
		memcpy(&b->first->place, tail.p, tail.n);
	}
	browser_drain(b, w);
}

/* A part of the front, whose list is here. */
static void part_loaded(struct browser *b, struct session_world *w, uint64_t ticket, uint64_t mem)
{
	uint64_t whole = 0;
	const enum whole_state state = whole_loaded(&b->whole, w, ticket, mem, &whole);
	if (state == WHOLE_STRANGE || state == WHOLE_MORE)
		return;
	struct found *front = deque_peek(&b->found);
	must(front && front->is_read && front->row.mem);
	msg_unref(front->row.mem, 1);
	front->row.mem = whole;
	front->row.flags &= (uint16_t)~ENTRY_STREAM; /* broken: it is not looked up again */
	browser_drain(b, w);
}

void browser_loaded(struct browser *b, struct session_world *w, uint64_t ticket, uint64_t mem)
{
	must(browser_is_read(ticket));
	if (ticket & WHOLE_TICKET) {
		part_loaded(b, w, ticket, mem);
		return;
	}
	const uint64_t at = (ticket & ~BROWSER_TICKET) - b->found_first;
	if (at >= b->found.n) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	struct found *one = deque_at(&b->found, (size_t)at);
	must(!one->is_read);
	one->row.mem = mem;
	one->is_read = true;
	browser_drain(b, w);
}
