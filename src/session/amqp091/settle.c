#include "session/amqp091/tx.h"

#include "base/must.h"

/* Fewer holes than this are not worth closing. */
#define HOLES_MIN 64u

void amqp091_settle_row(struct turn *t, uint16_t channel, uint16_t shard, uint64_t queue,
			uint32_t consumer, uint64_t pos, enum settle how)
{
	struct post *p = t->w->post;
	const struct settle_row row = { .pos = pos, .how = how };
	const struct run head = {
		.kind = CMD_SETTLE,
		.channel = channel,
		.session = t->s->session.handle,
		.shard = shard,
		.vhost = t->s->vhost,
		.queue = queue,
		.arg = consumer,
	};
	must(shard > 0 && shard < SHARDS_MAX && queue != 0);
	t->s->has_settled = true;
	if (t->commits) {
		amqp091_tx_settle(t, t->commits, &head, &row);
		return;
	}
	uint32_t loop = p->loop_of_shard[shard];
	struct run *r = post_last(p, loop, sizeof row);
	if (r && run_same(r, &head) && r->arg == consumer)
		*(struct settle_row *)post_row(
			p, loop, r, sizeof row) = (struct settle_row){ .pos = pos, .how = how };
	else
		(void)post_run(p, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
	if (t->s->barriers && (how == SETTLE_RELEASE || how == SETTLE_FAIL))
		t->s->barriers->queue[shard] = queue;
}

/* ---- what the client holds, by tag -------------------------------------------------------- */

void amqp091_unacked_add(struct turn *t, struct channel *c, const struct unacked *u)
{
	const struct unacked *last = c->unacked.n ? deque_at(&c->unacked, c->unacked.n - 1) : NULL;
	must(u->tag < c->next_tag && (!last || last->tag < u->tag));
	struct unacked *at = deque_add(&c->unacked, t->w->mem);
	if (!at)
		must(!"no memory for what a client holds");
	*at = (struct unacked){ .tag = u->tag,
				.pos = u->pos,
				.queue = u->queue,
				.consumer = u->consumer,
				.bytes = u->bytes,
				.shard = u->shard,
				.is_stream = u->is_stream };
	t->s->held_n++;
	c->held_n += u->consumer != CONSUMER_GET;
}

/* Tags rise by one unless holes were closed: the place is guessed first. Of one that is not there,
 * *out_at is where it would be. */
static struct unacked *find(const struct channel *c, uint64_t tag, size_t *out_at)
{
	size_t low = 0, high = c->unacked.n;
	must(c->number > 0);
	*out_at = 0;
	if (high == 0)
		return NULL;
	const struct unacked *front = deque_at(&c->unacked, 0);
	if (tag >= front->tag && tag - front->tag < high) {
		struct unacked *u = deque_at(&c->unacked, (size_t)(tag - front->tag));
		if (u->tag == tag) {
			*out_at = (size_t)(tag - front->tag);
			return u->is_gone || u->then ? NULL : u;
		}
	}
	while (low < high) {
		size_t at = low + (high - low) / 2;
		struct unacked *u = deque_at(&c->unacked, at);
		if (u->tag == tag) {
			*out_at = at;
			return u->is_gone || u->then ? NULL : u;
		}
		if (u->tag < tag)
			low = at + 1;
		else
			high = at;
	}
	*out_at = low;
	return NULL;
}

static void settle(struct turn *t, struct channel *c, struct unacked *u, enum settle how)
{
	must(!u->is_gone && t->s->held_n > 0);
	t->s->count.acknowledged += how == SETTLE_ACCEPT;
	t->s->count.released += how == SETTLE_RELEASE || how == SETTLE_FAIL;
	t->s->count.rejected += how == SETTLE_REJECT;
	amqp091_settle_row(t, c->number, u->shard, u->queue, u->consumer, u->pos, how);
	amqp091_settled(t->s, u->consumer, u->bytes);
	u->is_gone = true;
	c->holes_n++;
	c->held_n -= u->consumer != CONSUMER_GET;
	t->s->held_n--;
}

/* Takes settled entries away: from both ends always, from the middle when they are most of it. */
static void close_holes(struct channel *c)
{
	struct deque *d = &c->unacked;
	must(c->holes_n <= d->n);
	while (d->n && ((struct unacked *)deque_at(d, 0))->is_gone) {
		deque_drop(d);
		c->holes_n--;
	}
	while (d->n && ((struct unacked *)deque_at(d, d->n - 1))->is_gone) {
		(void)deque_pop_back(d, NULL);
		c->holes_n--;
	}
	if (c->holes_n < HOLES_MIN || c->holes_n < d->n / 2)
		return;
	size_t live = 0;
	for (size_t i = 0; i < d->n; i++) {
		struct unacked *u = deque_at(d, i);
		if (!u->is_gone)
			*(struct unacked *)deque_at(d, live++) = *u;
	}
	while (d->n > live)
		(void)deque_pop_back(d, NULL);
	c->holes_n = 0;
}

/* What a transaction is to settle stays with it, unless the channel ends. */
void amqp091_unacked_release(struct turn *t, struct channel *c, enum settle how)
{
	must(c->number > 0);
	for (size_t i = 0; i < c->unacked.n; i++) {
		struct unacked *u = deque_at(&c->unacked, i);
		if (!u->is_gone && (!u->then || c->is_ending))
			settle(t, c, u, how);
	}
	close_holes(c);
	must(c->tx || (c->unacked.n == 0 && c->held_n == 0));
}

void amqp091_unacked_commit(struct turn *t, struct channel *c)
{
	must(!t->commits && c->tx);
	t->commits = c;
	for (size_t i = 0; i < c->unacked.n; i++) {
		struct unacked *u = deque_at(&c->unacked, i);
		if (!u->is_gone && u->then)
			settle(t, c, u, (enum settle)(u->then - 1));
	}
	t->commits = NULL;
	close_holes(c);
	amqp091_trim_rows(t, &c->unacked);
	if (c->parked)
		amqp091_unpark(t, c);
}

void amqp091_unacked_rollback(struct channel *c)
{
	must(c->tx != NULL);
	for (size_t i = 0; i < c->unacked.n; i++)
		((struct unacked *)deque_at(&c->unacked, i))->then = 0;
}

void amqp091_unacked_back(struct turn *t, struct channel *c, uint32_t consumer)
{
	must(consumer != CONSUMER_GET);
	for (size_t i = 0; i < c->unacked.n; i++) {
		struct unacked *u = deque_at(&c->unacked, i);
		if (!u->is_gone && u->consumer == consumer)
			settle(t, c, u, SETTLE_FAIL);
	}
	close_holes(c);
	if (c->parked)
		amqp091_unpark(t, c);
}

/* ---- methods ------------------------------------------------------------------------------ */

static void settle_or_note(struct turn *t, struct channel *c, struct unacked *u, enum settle how)
{
	must(!u->then);
	if (c->tx)
		u->then = (uint8_t)(1 + how);
	else
		settle(t, c, u, how);
}

/* RabbitMQ's streams take nothing back. Of the `n` oldest, and of `u`. */
static enum err refuse_stream(struct turn *t, const struct channel *c, size_t n,
			      const struct unacked *u)
{
	const struct unacked *of = u && u->is_stream ? u : NULL;
	must(n <= c->unacked.n);
	for (size_t i = 0; i < n && !of; i++) {
		const struct unacked *one = deque_at(&c->unacked, i);
		of = one->is_stream && !one->is_gone && !one->then ? one : NULL;
	}
	if (!of)
		return ERR_OK;
	const struct queue_record *q = catalog_queue_by_id(t->w->view, of->queue);
	return amqp091_refuse_named(
		t, ERR_NOT_IMPLEMENTED,
		"basic.nack and basic.reject not supported by stream queues queue ",
		q ? queue_record_name(q) : SLICE_EMPTY, "");
}

static enum err settle_tags(struct turn *t, struct channel *c, uint64_t tag, bool is_multiple,
			    enum settle how)
{
	size_t at = 0;
	struct unacked *u = NULL;
	if (tag == 0 && is_multiple)
		at = c->unacked.n;
	else if ((u = find(c, tag, &at)) == NULL && (tag == 0 || tag >= c->late_tag))
		return amqp091_refuse_number(t, ERR_PRECONDITION_FAILED, "unknown delivery tag ",
					     tag, "");
	must(at <= c->unacked.n);
	if (how != SETTLE_ACCEPT)
		TRY(refuse_stream(t, c, is_multiple ? at : 0, u));
	for (size_t i = 0; is_multiple && i < at; i++) {
		struct unacked *before = deque_at(&c->unacked, i);
		if (!before->is_gone && !before->then)
			settle_or_note(t, c, before, how);
	}
	if (u)
		settle_or_note(t, c, u, how);
	close_holes(c);
	amqp091_trim_rows(t, &c->unacked);
	if (c->parked)
		amqp091_unpark(t, c);
	return ERR_OK;
}

enum err amqp091_on_basic_ack(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_basic_ack);
	return settle_tags(t, c, m->basic_ack.delivery_tag, m->basic_ack.multiple, SETTLE_ACCEPT);
}

enum err amqp091_on_basic_nack(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_nack *n = &m->basic_nack;
	must(m->kind == AMQP091_basic_nack);
	return settle_tags(t, c, n->delivery_tag, n->multiple,
			   n->requeue ? SETTLE_RELEASE : SETTLE_REJECT);
}

enum err amqp091_on_basic_reject(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_reject *r = &m->basic_reject;
	must(m->kind == AMQP091_basic_reject);
	return settle_tags(t, c, r->delivery_tag, false, r->requeue ? SETTLE_FAIL : SETTLE_REJECT);
}

/* Deliveries before recover-ok went back, those behind it count: so what was parked comes after. */
static enum err recover(struct turn *t, struct channel *c, bool is_requeue, bool is_answered)
{
	must(c->number > 0);
	if (!is_requeue)
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "requeue=false");
	amqp091_unacked_release(t, c, SETTLE_RELEASE);
	if (is_answered)
		amqp091_send_bare(t, c->number, AMQP091_basic_recover_ok);
	if (c->parked)
		amqp091_unpark(t, c);
	return ERR_OK;
}

enum err amqp091_on_basic_recover(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_basic_recover);
	return recover(t, c, m->basic_recover.requeue, true);
}

enum err amqp091_on_basic_recover_async(struct turn *t, struct channel *c,
					const struct amqp091_method *m)
{
	must(m->kind == AMQP091_basic_recover_async);
	return recover(t, c, m->basic_recover_async.requeue, false);
}
