#include "session/mqtt/mark.h"

#include "base/must.h"
#include "core/retain_store.h"
#include "core/tx.h"
#include "session/views.h"

/* A transaction of at most one message, also to be kept, one mark and one settlement. */

#define RUN_BYTES ((uint32_t)sizeof(struct run))

/* What a shard is asked, run by run. */
struct part {
	uint8_t *at;
	uint32_t n, cap;
};

static struct run head_of(const struct turn *t, enum cmd kind, uint16_t shard)
{
	const struct asker *a = &t->s->asker;
	must(shard > 0 && shard < SHARDS_MAX);
	return (struct run){ .kind = (uint8_t)kind,
			     .channel = a->channel,
			     .session = a->session,
			     .shard = shard,
			     .vhost = a->vhost };
}

/* Begins a run of `rows_n` rows and gives their place; its tail is behind them. */
static void *run_put(struct part *p, struct run head, uint32_t row_bytes, uint32_t rows_n)
{
	const uint32_t len = run_round(RUN_BYTES + row_bytes * rows_n + head.tail_len);
	must(rows_n > 0 && p->n + len <= p->cap);
	head.row_bytes = (uint8_t)row_bytes;
	head.n = (uint16_t)rows_n;
	head.len = len;
	memcpy(p->at + p->n, &head, RUN_BYTES);
	void *rows = p->at + p->n + RUN_BYTES;
	p->n += len;
	return rows;
}

static uint64_t number_of(const struct tx_wish *x, const struct route_to *to)
{
	const struct msg *m = msg_of(x->message.mem);
	must(x->message.mem != 0);
	return to->flags & QUEUE_ONCE ? route_once_of(views_of(m), msg_props(m), to->flags) : 0;
}

static void put_message(struct turn *t, struct part *p, const struct tx_wish *x, uint32_t from,
			uint32_t to)
{
	struct poster poster = { .post = t->w->post,
				 .wall_ms = t->w->wall_ms,
				 .headers = views_of(msg_of(x->message.mem)) };
	const struct route_to *of = x->route->to;
	struct run head = head_of(t, CMD_PUBLISH, of[from].shard);
	const uint64_t once = number_of(x, &of[from]);
	head.tail_len = once ? sizeof once : 0;
	struct publish_row *row = run_put(p, head, sizeof *row, to - from);
	if (once)
		memcpy(row + 1, &once, sizeof once);
	must(to - from <= LIMIT_RUN_ROWS_MAX);
	for (uint32_t i = from; i < to; i++)
		posting_row_put(&poster, &row[i - from], &x->message, &of[i],
				i > from ? ENTRY_SAME : 0, 0);
}

static void put_mark(struct turn *t, struct part *p, const struct tx_wish *x)
{
	struct publish_row row = { .mem = x->mark,
				   .queue = x->mark_queue->id,
				   .bytes = msg_stored_bytes(msg_of(x->mark)),
				   .flags = ENTRY_PERSISTENT };
	must(x->mark != 0);
	memcpy(run_put(p, head_of(t, CMD_PUBLISH, x->mark_queue->shard), sizeof row, 1), &row,
	       sizeof row);
}

/* Into the store of last messages. */
static void put_kept(struct turn *t, struct part *p, const struct tx_wish *x)
{
	const struct poster poster = { .post = t->w->post,
				       .wall_ms = t->w->wall_ms,
				       .headers = views_of(msg_of(x->message.mem)) };
	const struct route_to to = retain_store_to(x->store);
	struct posting kept = x->message;
	must(x->message.mem != 0);
	kept.expiry_ms = retain_expiry(x->message.expiry_ms, x->store_number);
	posting_row_put(
		&poster,
		run_put(p, head_of(t, CMD_PUBLISH, to.shard), sizeof(struct publish_row), 1), &kept,
		&to, 0, 0);
}

static void put_settlement(struct turn *t, struct part *p, const struct settling *what)
{
	const struct settle_row row = { .pos = what->pos, .how = SETTLE_ACCEPT };
	struct run head = head_of(t, CMD_SETTLE, what->shard);
	head.queue = what->queue;
	head.arg = what->taker;
	must(what->pos != 0);
	memcpy(run_put(p, head, sizeof row, 1), &row, sizeof row);
}

static uint32_t route_n(const struct tx_wish *x)
{
	must(!x->route || x->message.mem);
	return x->route ? x->route->n : 0;
}

/* Queues that get a run of their own. */
static uint32_t once_n(const struct tx_wish *x)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < route_n(x); i++)
		n += (x->route->to[i].flags & QUEUE_ONCE) != 0;
	must(n <= route_n(x));
	return n;
}

/* Everything for one shard. */
static void send_part(struct turn *t, const struct tx_wish *x, const struct tx_head *h,
		      uint16_t shard, uint32_t ticket)
{
	struct post *post = t->w->post;
	struct part p = { .n = sizeof *h,
			  .cap = (uint32_t)sizeof *h + 4 * RUN_BYTES + 96 +
				 route_n(x) * (uint32_t)sizeof(struct publish_row) +
				 (route_n(x) / LIMIT_RUN_ROWS_MAX + once_n(x) * 2 + 1) *
					 (RUN_BYTES + 16) };
	p.at = mqtt_get(t, p.cap, "transaction");
	memcpy(p.at, h, sizeof *h);
	for (uint32_t i = 0, end; i < route_n(x); i = end) {
		end = i + 1;
		while (end < route_n(x) && end - i < LIMIT_RUN_ROWS_MAX &&
		       x->route->to[end].shard == x->route->to[i].shard &&
		       !((x->route->to[end].flags | x->route->to[i].flags) & QUEUE_ONCE))
			end++;
		if (x->route->to[i].shard == shard)
			put_message(t, &p, x, i, end);
	}
	if (x->store && x->store->shard == shard)
		put_kept(t, &p, x);
	if (x->mark && x->mark_queue->shard == shard)
		put_mark(t, &p, x);
	if (x->settling.pos && x->settling.shard == shard)
		put_settlement(t, &p, &x->settling);
	must(p.n > sizeof *h);
	struct run head = head_of(t, CMD_TX, shard);
	head.arg = ticket;
	(void)post_run(post, post->loop_of_shard[shard], &head, NULL, 0, 0, slice_of(p.at, p.n));
	mqtt_put(t, p.at, p.cap);
}

/* The shards that take part; the first of them decides. */
static void note_shard(struct tx_head *h, bool *takes_part, uint16_t shard)
{
	must(shard > 0 && shard < SHARDS_MAX);
	takes_part[shard] = true;
	if (shard <= LIMIT_SHARD_DATA_N)
		h->shards[shard / 64] |= UINT64_C(1) << shard % 64;
	if (h->coordinator == 0 || shard < h->coordinator)
		h->coordinator = shard;
}

void mqtt_tx(struct turn *t, const struct tx_wish *x)
{
	struct mqtt *s = t->s;
	bool takes_part[SHARDS_MAX] = { false };
	struct tx_head h = { .id = t->w->random(t->w->random_arg) | 1 };
	struct tx *tx = deque_add(&mqtt_more(t)->txs, t->w->mem);
	must(tx && (x->mark || x->settling.pos || x->route));
	for (uint32_t i = 0; i < route_n(x); i++)
		note_shard(&h, takes_part, x->route->to[i].shard);
	if (x->store)
		note_shard(&h, takes_part, x->store->shard);
	if (x->mark)
		note_shard(&h, takes_part, x->mark_queue->shard);
	if (x->settling.pos)
		note_shard(&h, takes_part, x->settling.shard);
	*tx = (struct tx){ .ticket = ask_ticket(&s->asker),
			   .bytes = x->message.bytes + 64,
			   .id = x->id,
			   .kind = x->kind,
			   .reason = x->reason };
	s->more->tx_bytes += tx->bytes;
	for (uint16_t i = 1; i < SHARDS_MAX; i++)
		if (takes_part[i])
			send_part(t, x, &h, i, tx->ticket);
}

/* Acknowledgements go out in the order of what they acknowledge. */
void mqtt_tx_answered(struct turn *t, uint32_t ticket, enum err e)
{
	struct mqtt *s = t->s;
	struct tx *tx = NULL;
	for (size_t i = 0; i < s->more->txs.n && !tx; i++) {
		struct tx *one = deque_at(&s->more->txs, i);
		if (one->ticket == ticket)
			tx = one;
	}
	if (!tx)
		return;
	must(!tx->is_answered);
	tx->is_answered = true;
	tx->is_refused = e != ERR_OK;
	for (struct tx one; deque_peek(&s->more->txs);) {
		one = *(struct tx *)deque_peek(&s->more->txs);
		if (!one.is_answered)
			break;
		deque_drop(&s->more->txs);
		s->more->tx_bytes -= one.bytes;
		mqtt_marked(t, &one);
	}
	mqtt_calling_cleared(t);
	if (s->more->txs.n == 0 && s->is_end_wanted)
		mqtt_end(t);
}
