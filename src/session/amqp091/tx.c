#include "session/amqp091/tx.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/tx.h"
#include "session/amqp091/direct.h"
#include "session/amqp091/deliver.h"
#include "wire/amqp091/headers.h"

#define PART_BYTES  1024u
#define ROW_COST    64u /* of a row, beside its message */
#define EPOCH_SHIFT 40  /* as in confirm.c: nobody else's answers have this epoch */
#define EPOCH_MASK  0xffffffu

/* No queue takes it: at commit it comes back, or goes to whoever waits for a reply. */
struct tx_aside {
	uint64_t mem;
	bool is_mandatory;
};

/* ---- rows --------------------------------------------------------------------------------- */

static void part_room(struct turn *t, struct tx_part *p, uint32_t n)
{
	if (p->n == 0)
		p->n = sizeof(struct tx_head);
	if (p->at && p->cap - p->n >= n)
		return;
	uint32_t cap = p->cap ? 2 * p->cap : PART_BYTES;
	must(p->n + n <= 2 * cap && p->n + n < UINT32_MAX / 4);
	uint8_t *at = amqp091_get(t, cap, "transaction");
	if (p->at)
		memcpy(at, p->at, p->n);
	amqp091_put(t, p->at, p->cap);
	p->at = at;
	p->cap = cap;
}

static struct run *part_last(const struct tx_part *p)
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

static void part_row(struct turn *t, struct tx_part *p, const struct run *head, const void *row,
		     uint32_t row_bytes)
{
	must(row_bytes % 8 == 0);
	part_room(t, p, (uint32_t)sizeof *head + row_bytes);
	struct run *r = part_last(p);
	if (!joins(r, head, row_bytes)) {
		p->last = p->n;
		r = part_last(p);
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
static void part_row_once(struct turn *t, struct tx_part *p, const struct run *head,
			  const struct publish_row *row, uint64_t number)
{
	const uint32_t len = (uint32_t)(sizeof *head + sizeof *row + sizeof number);
	must(number != 0 && len % 8 == 0);
	part_room(t, p, len);
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

static void part_drop(struct turn *t, struct tx_part *p, bool is_ours)
{
	for (uint32_t at = sizeof(struct tx_head); is_ours && at < p->n;) {
		struct run *r = (struct run *)(void *)(p->at + at);
		const struct publish_row *row = run_rows(r);
		for (uint32_t i = 0; r->kind == CMD_PUBLISH && i < r->n; i++)
			msg_unref(row[i].mem, 1);
		at += r->len;
	}
	amqp091_put(t, p->at, p->cap);
	*p = (struct tx_part){ 0 };
}

/* ---- publishing --------------------------------------------------------------------------- */

enum err amqp091_tx_room(struct turn *t, const struct channel *c, uint64_t bytes)
{
	must(c->tx != NULL);
	if (c->tx->bytes + bytes <= LIMIT_TX_BYTES)
		return ERR_OK;
	return amqp091_refuse_number(t, ERR_PRECONDITION_FAILED, "transaction of more than ",
				     LIMIT_TX_BYTES, " bytes");
}

struct block *amqp091_tx_block(struct turn *t, struct channel *c, uint32_t n, struct msg **out_m,
			       uint32_t *out_at)
{
	static const struct msg empty;
	struct tx *x = c->tx;
	for (int tries = 0; tries < 2; tries++) {
		struct msg *m = x->block ? msg_new(x->block, &empty) : NULL;
		if (m && block_room(x->block) >= n) {
			*out_m = m;
			*out_at = x->block->fill;
			return x->block;
		}
		must(tries == 0);
		if (x->block)
			block_close(x->block);
		x->block = block_take(t->w->home, n);
		if (!x->block)
			return NULL;
	}
	return NULL;
}

static void put_aside(struct turn *t, struct tx *x, const struct publish *p, struct block *b,
		      const struct msg *m)
{
	struct tx_aside one = { .mem = msg_mem(m), .is_mandatory = p->is_mandatory };
	block_give(b, 1);
	if (deque_push(&x->aside, t->w->mem, &one) != ERR_OK)
		must(!"no memory for a transaction");
}

void amqp091_tx_rows(struct turn *t, struct channel *c, const struct publish *p,
		     const struct route *route, struct block *b, const struct msg *m)
{
	struct tx *x = c->tx;
	struct run head = {
		.kind = CMD_PUBLISH,
		.channel = c->number,
		.session = t->s->session.handle,
		.vhost = t->s->vhost,
		.arg = (uint64_t)x->epoch << EPOCH_SHIFT | x->seq++,
	};
	uint32_t own = b != x->block ? b->bytes : msg_stored_bytes(m);
	must(block_of(m) == b);
	t->s->count.published++;
	x->bytes += own + (uint64_t)ROW_COST * (route->n + 1);
	if (route->n == 0) {
		put_aside(t, x, p, b, m);
		return;
	}
	block_give(b, route->n);
	for (uint32_t i = 0; i < route->n; i++) {
		const struct route_to *to = &route->to[i];
		bool is_first = i == 0 || to[-1].shard != to->shard;
		bool is_last = i + 1 == route->n || to[1].shard != to->shard;
		struct publish_row row = {
			.mem = msg_mem(m),
			.queue = to->queue,
			.expiry_ms = p->expiry_ms,
			.bytes = msg_stored_bytes(m),
			.priority = p->priority,
			.flags = (uint8_t)((is_first ? 0 : ENTRY_SAME) |
					   (is_last ? ENTRY_CONFIRM : 0) |
					   (m->proto == MSG_CHUNKS ? ENTRY_BIG : 0)),
		};
		if (route_to_row(to, t->w->wall_ms, m->flags & MSG_PERSISTENT, &row))
			row.expiry_ms = route_tag_of(&amqp091_header_ops, msg_props(m));
		uint64_t once = to->flags & QUEUE_ONCE
					? route_once_of(&amqp091_header_ops, msg_props(m))
					: 0;
		head.shard = to->shard;
		if (once)
			part_row_once(t, &x->part[to->shard], &head, &row, once);
		else
			part_row(t, &x->part[to->shard], &head, &row, sizeof row);
	}
	if (p->is_mandatory && route_is_nowhere(route))
		put_aside(t, x, p, b, m);
}

void amqp091_tx_settle(struct turn *t, struct channel *c, const struct run *head,
		       const struct settle_row *row)
{
	must(head->kind == CMD_SETTLE && c->tx);
	part_row(t, &c->tx->part[head->shard], head, row, sizeof *row);
}

void amqp091_tx_refused(struct channel *c, const struct run *fx)
{
	must(fx->kind == FX_REFUSED);
	if (c->tx && c->tx->epoch == fx->arg >> EPOCH_SHIFT)
		c->tx->is_refused = true;
}

/* ---- commit ------------------------------------------------------------------------------- */

static void let_aside_go(struct turn *t, struct channel *c, const struct tx_aside *own_a)
{
	const struct msg *m = msg_of(own_a->mem);
	struct rd r = rd_of(msg_route(m));
	struct publish p = { .exchange = rd_str8(&r), .is_mandatory = own_a->is_mandatory };
	p.key = rd_str8(&r);
	must(rd_done(&r));
	if (amqp091_direct_is_to(t, &p))
		amqp091_direct_forward(t, c, &p, own_a->mem);
	else
		amqp091_direct_back(t, c, own_a->mem);
}

static struct tx_head head_of(struct turn *t, const struct tx *x)
{
	struct tx_head h = { .id = t->w->random(t->w->random_arg) | 1 };
	must(x->epoch != 0);
	for (uint16_t i = SHARDS_MAX; i-- > 0;) {
		if (!x->part[i].at)
			continue;
		bool is_data = i <= LIMIT_SHARD_DATA_N;
		if (is_data)
			h.shards[i / 64] |= (uint64_t)1 << i % 64;
		h.coordinator = i;
	}
	return h;
}

static void send_part(struct turn *t, const struct channel *c, struct tx_part *p, uint16_t shard,
		      const struct tx_head *h, uint32_t ticket)
{
	struct post *post = t->w->post;
	struct run head = {
		.kind = CMD_TX,
		.channel = c->number,
		.session = t->s->session.handle,
		.shard = shard,
		.vhost = t->s->vhost,
		.arg = ticket,
	};
	must(p->n > sizeof *h);
	memcpy(p->at, h, sizeof *h);
	(void)post_run(post, post->loop_of_shard[shard], &head, NULL, 0, 0, slice_of(p->at, p->n));
	part_drop(t, p, false);
}

enum err amqp091_on_tx_commit(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	struct tx *x = c->tx;
	struct tx_aside aside;
	must(m->kind == AMQP091_tx_commit);
	if (!x)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "channel is not transactional");
	amqp091_unacked_commit(t, c);
	while (deque_pop(&x->aside, &aside))
		let_aside_go(t, c, &aside);
	struct tx_head h = head_of(t, x);
	x->is_refused = false;
	x->bytes = 0;
	if (h.coordinator == 0) {
		amqp091_send_bare(t, c->number, AMQP091_tx_commit_ok);
		return ERR_OK;
	}
	uint32_t ticket = amqp091_ticket(t->s);
	for (uint16_t i = 0; i < SHARDS_MAX; i++)
		if (x->part[i].at)
			send_part(t, c, &x->part[i], i, &h, ticket);
	(void)amqp091_call(t, AMQP091_tx_commit, c->number, ticket, SLICE_EMPTY, SLICE_EMPTY);
	return ERR_OK;
}

/* ---- select, rollback, the end ------------------------------------------------------------ */

enum err amqp091_on_tx_select(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_tx_select);
	if (c->confirm)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "cannot switch from confirm to tx mode");
	if (!c->tx) {
		struct tx *x = c->tx = amqp091_get(t, sizeof *x, "transaction");
		*x = (struct tx){ 0 };
		deque_init(&x->aside, sizeof(struct tx_aside), "messages of a transaction");
		do
			x->epoch = ++t->s->next_epoch & EPOCH_MASK;
		while (x->epoch == 0);
		t->s->txs_n++;
	}
	amqp091_send_bare(t, c->number, AMQP091_tx_select_ok);
	return ERR_OK;
}

/* Forgets what waits. */
static void drop_all(struct turn *t, struct channel *c)
{
	struct tx *x = c->tx;
	struct tx_aside aside;
	must(x != NULL);
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		if (x->part[i].at)
			part_drop(t, &x->part[i], true);
	while (deque_pop(&x->aside, &aside))
		msg_unref(aside.mem, 1);
	x->bytes = 0;
	amqp091_unacked_rollback(c);
}

enum err amqp091_on_tx_rollback(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_tx_rollback);
	if (!c->tx)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "channel is not transactional");
	drop_all(t, c);
	amqp091_send_bare(t, c->number, AMQP091_tx_rollback_ok);
	return ERR_OK;
}

void amqp091_tx_free(struct turn *t, struct channel *c)
{
	if (!c->tx)
		return;
	drop_all(t, c);
	if (c->tx->block)
		block_close(c->tx->block);
	deque_fini(&c->tx->aside, t->w->mem);
	amqp091_put(t, c->tx, sizeof *c->tx);
	c->tx = NULL;
	must(t->s->txs_n > 0);
	t->s->txs_n--;
}
