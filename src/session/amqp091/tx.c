#include "session/amqp091/tx.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/amqp091/direct.h"
#include "session/amqp091/deliver.h"
#include "wire/amqp091/headers.h"

#define EPOCH_SHIFT 40 /* as in confirm.c: nobody else's answers have this epoch */
#define EPOCH_MASK  0xffffffu

/* No queue takes it: at commit it comes back, or goes to whoever waits for a reply. */
struct tx_aside {
	uint64_t mem;
	bool is_mandatory;
};

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
	const struct poster by = { .wall_ms = posting_wall_ms(t->w, route),
				   .headers = &amqp091_header_ops,
				   .head = { .kind = CMD_PUBLISH,
					     .channel = c->number,
					     .session = t->s->session.handle,
					     .vhost = t->s->vhost } };
	const struct posting one = { .mem = msg_mem(m),
				     .seq = (uint64_t)x->epoch << EPOCH_SHIFT | x->seq++,
				     .expiry_ms = p->expiry_ms,
				     .bytes = msg_stored_bytes(m),
				     .flags = m->flags,
				     .priority = p->priority,
				     .has_priority = p->has_priority,
				     .is_followed = true,
				     .is_big = m->proto == MSG_CHUNKS };
	uint32_t own = b != x->block ? b->bytes : msg_stored_bytes(m);
	must(block_of(m) == b);
	t->s->count.published++;
	x->bytes += own + tx_parts_cost(route->n);
	if (route->n == 0) {
		put_aside(t, x, p, b, m);
		return;
	}
	block_give(b, route->n);
	tx_parts_publish(&x->parts, t->w->mem, &by, &one, route);
	if (p->is_mandatory && route_is_nowhere(route))
		put_aside(t, x, p, b, m);
}

void amqp091_tx_settle(struct turn *t, struct channel *c, const struct run *head,
		       const struct settle_row *row)
{
	must(head->kind == CMD_SETTLE && c->tx);
	tx_parts_settle(&c->tx->parts, t->w->mem, head, row);
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
	x->is_refused = false;
	x->bytes = 0;
	const struct run from = { .channel = c->number,
				  .session = t->s->session.handle,
				  .vhost = t->s->vhost };
	const uint32_t ticket = amqp091_ticket(t->s);
	if (!tx_parts_commit(&x->parts, t->w, &from, ticket)) {
		amqp091_send_bare(t, c->number, AMQP091_tx_commit_ok);
		return ERR_OK;
	}
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
	tx_parts_drop(&x->parts, t->w->mem);
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
