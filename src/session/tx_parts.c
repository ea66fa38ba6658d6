#include "session/tx_parts.h"

#include "base/must.h"
#include "core/tx.h"

#define PART_BYTES 1024u

/* ---- rows --------------------------------------------------------------------------------- */

static void make_room(struct tx_part *p, struct mem *mem, uint32_t n)
{
	if (p->n == 0)
		p->n = sizeof(struct tx_head);
	if (p->at && p->cap - p->n >= n)
		return;
	const uint32_t cap = p->cap ? 2 * p->cap : PART_BYTES;
	must(p->n + n <= 2 * cap && p->n + n < UINT32_MAX / 4);
	uint8_t *at = mem_get(mem, cap, "transaction");
	must(at != NULL);
	if (p->at)
		memcpy(at, p->at, p->n);
	mem_put(mem, p->at, p->cap);
	p->at = at;
	p->cap = cap;
}

static struct run *last_run(const struct tx_part *p)
{
	return p->last ? (struct run *)(void *)(p->at + p->last) : NULL;
}

/* True: the row may go into the last run, which gives its sequence then. */
static bool joins(const struct run *last, const struct run *head, uint32_t row_bytes)
{
	if (!last || last->n == LIMIT_RUN_ROWS_MAX || last->row_bytes != row_bytes ||
	    last->tail_len || !run_same(last, head))
		return false;
	return head->kind == CMD_PUBLISH ? head->arg - last->arg <= UINT16_MAX
					 : head->arg == last->arg;
}

static void put_row(struct tx_part *p, struct mem *mem, const struct run *head, const void *row,
		    uint32_t row_bytes)
{
	must(row_bytes % 8 == 0);
	make_room(p, mem, (uint32_t)sizeof *head + row_bytes);
	struct run *r = last_run(p);
	if (!joins(r, head, row_bytes)) {
		p->last = p->n;
		r = last_run(p);
		must(r != NULL);
		*r = *head;
		r->row_bytes = (uint8_t)row_bytes;
		r->len = sizeof *r;
		p->n += (uint32_t)sizeof *r;
	}
	uint8_t *at = p->at + p->n;
	memcpy(at, row, row_bytes);
	if (head->kind == CMD_PUBLISH)
		((struct publish_row *)(void *)at)->seq_delta = (uint16_t)(head->arg - r->arg);
	r->n++;
	r->len += row_bytes;
	p->n += row_bytes;
}

/* Puts the row of a message into a run of its own, with its number behind it (posting.h). */
static void put_row_once(struct tx_part *p, struct mem *mem, const struct run *head,
			 const struct publish_row *row, uint64_t number)
{
	const uint32_t len = (uint32_t)(sizeof *head + sizeof *row + sizeof number);
	must(number != 0 && len % 8 == 0);
	make_room(p, mem, len);
	struct run r = *head;
	r.row_bytes = sizeof *row;
	r.n = 1;
	r.tail_len = sizeof number;
	r.len = len;
	p->last = p->n;
	memcpy(p->at + p->n, &r, sizeof r);
	memcpy(p->at + p->n + sizeof r, row, sizeof *row);
	memcpy(p->at + p->n + sizeof r + sizeof *row, &number, sizeof number);
	p->n += len;
}

void tx_parts_publish(struct tx_parts *x, struct mem *mem, const struct poster *by,
		      const struct posting *m, const struct route *r)
{
	struct run head = by->head;
	head.arg = m->seq;
	must(head.kind == CMD_PUBLISH);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct route_to *to = &r->to[i];
		const bool is_first = i == 0 || to[-1].shard != to->shard;
		const bool is_last = i + 1 == r->n || to[1].shard != to->shard;
		const uint64_t once = to->flags & QUEUE_ONCE
					      ? route_once_of(by->headers,
							      msg_props(msg_of(m->mem)), to->flags)
					      : 0;
		struct publish_row row;
		posting_row_put(by, &row, m, to,
				(uint8_t)((is_first ? 0 : ENTRY_SAME) |
					  (is_last && m->is_followed ? ENTRY_CONFIRM : 0)),
				0);
		head.shard = to->shard;
		if (once)
			put_row_once(&x->part[to->shard], mem, &head, &row, once);
		else
			put_row(&x->part[to->shard], mem, &head, &row, sizeof row);
	}
}

void tx_parts_settle(struct tx_parts *x, struct mem *mem, const struct run *head,
		     const struct settle_row *row)
{
	must(head->kind == CMD_SETTLE && head->shard < SHARDS_MAX);
	put_row(&x->part[head->shard], mem, head, row, sizeof *row);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Frees the rows, and with is_ours the messages in them. */
static void part_free(struct tx_part *p, struct mem *mem, bool is_ours)
{
	for (uint32_t at = sizeof(struct tx_head); is_ours && at < p->n;) {
		struct run *r = (struct run *)(void *)(p->at + at);
		const struct publish_row *row = run_rows(r);
		must(r->len > 0);
		for (uint32_t i = 0; r->kind == CMD_PUBLISH && i < r->n; i++)
			msg_unref(row[i].mem, 1);
		at += r->len;
	}
	mem_put(mem, p->at, p->cap);
	*p = (struct tx_part){ 0 };
}

void tx_parts_drop(struct tx_parts *x, struct mem *mem)
{
	must(x != NULL);
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		if (x->part[i].at)
			part_free(&x->part[i], mem, true);
}

/* What lies in shards without a log is decided at once, and takes no part in the decision. */
static struct tx_head head_of(const struct tx_parts *x, struct session_world *w)
{
	struct tx_head h = { .id = w->random(w->random_arg) | 1 };
	must(!x->part[0].at); /* the catalog's */
	for (uint16_t i = SHARDS_MAX; i-- > 1;) {
		if (!x->part[i].at)
			continue;
		if (i <= LIMIT_SHARD_DATA_N)
			h.shards[i / 64] |= (uint64_t)1 << i % 64;
		h.coordinator = i;
	}
	return h;
}

static void send_part(struct tx_part *p, struct session_world *w, const struct run *head,
		      const struct tx_head *h)
{
	struct post *post = w->post;
	must(p->n > sizeof *h);
	memcpy(p->at, h, sizeof *h);
	(void)post_run(post, post->loop_of_shard[head->shard], head, NULL, 0, 0,
		       slice_of(p->at, p->n));
	part_free(p, w->mem, false);
}

bool tx_parts_commit(struct tx_parts *x, struct session_world *w, const struct run *from,
		     uint64_t arg)
{
	const struct tx_head h = head_of(x, w);
	struct run head = {
		.kind = CMD_TX,
		.channel = from->channel,
		.session = from->session,
		.vhost = from->vhost,
		.arg = arg,
	};
	must(from->session != 0);
	if (h.coordinator == 0)
		return false;
	for (uint16_t i = 1; i < SHARDS_MAX; i++) {
		head.shard = i;
		if (x->part[i].at)
			send_part(&x->part[i], w, &head, &h);
	}
	return true;
}
