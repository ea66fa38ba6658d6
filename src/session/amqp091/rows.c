#include "session/amqp091/direct.h"
#include "session/amqp091/tx.h"

#include "base/must.h"

/* A message that waits in the fan: one reference for each queue of the route is handed out. */
struct fanned {
	uint64_t mem, seq, expiry_ms;
	uint32_t bytes;
	uint8_t flags, priority; /* MSG_..., of the message */
	bool is_followed, is_big;
};

/* Consecutive messages of a channel with one route to several shards. They are posted shard by
 * shard, because only messages that follow each other to the same shard share a run. */
struct fan {
	struct channel *channel;
	struct slice key; /* of the route, as it came: in the block that is being fed */
	const struct route *route;
	uint32_t n;
	struct fanned message[FAN_MESSAGES];
};

static uint32_t shards_n(const struct route *r)
{
	uint32_t n = 1;
	must(r->n > 0);
	for (uint32_t i = 1; i < r->n; i++)
		n += r->to[i].shard != r->to[i - 1].shard;
	return n;
}

/* Consecutive messages of a channel to a shard share one run. */
static void put_row(struct turn *t, struct run *head, uint64_t seq, struct publish_row *row)
{
	struct post *p = t->w->post;
	uint32_t loop = p->loop_of_shard[head->shard];
	struct run *r = post_last(p, loop, sizeof *row);
	must(row->mem != 0);
	if (r && run_same(r, head) && seq - r->arg <= UINT16_MAX) {
		row->seq_delta = (uint16_t)(seq - r->arg);
		memcpy(post_row(p, loop, r, sizeof *row), row, sizeof *row);
		return;
	}
	row->seq_delta = 0;
	head->arg = seq;
	(void)post_run(p, loop, head, row, sizeof *row, 1, SLICE_EMPTY);
}

/* The rows of one message for `n` queues of one shard. */
static void put_rows(struct turn *t, const struct channel *c, const struct fanned *m,
		     const struct route_to *to, uint32_t n)
{
	struct run head = {
		.kind = CMD_PUBLISH,
		.channel = c->number,
		.session = t->s->session.handle,
		.shard = to->shard,
		.vhost = t->s->vhost,
	};
	must(n > 0);
	for (uint32_t i = 0; i < n; i++) {
		struct publish_row row = {
			.mem = m->mem,
			.queue = to[i].queue,
			.expiry_ms = m->expiry_ms,
			.bytes = m->bytes,
			.priority = m->priority,
		};
		route_to_row(&to[i], t->w->wall_ms, m->flags & MSG_PERSISTENT, &row);
		if (m->is_big)
			row.flags |= ENTRY_BIG;
		if (i > 0)
			row.flags |= ENTRY_SAME;
		if (i + 1 == n && m->is_followed)
			row.flags |= ENTRY_CONFIRM;
		put_row(t, &head, m->seq, &row);
	}
}

/* All messages to the first shard, then all to the next. */
static void put_messages(struct turn *t, const struct channel *c, const struct fanned *m,
			 uint32_t messages_n, const struct route *r)
{
	for (uint32_t at = 0, end; at < r->n; at = end) {
		end = at + 1;
		while (end < r->n && r->to[end].shard == r->to[at].shard)
			end++;
		for (uint32_t i = 0; i < messages_n; i++)
			put_rows(t, c, &m[i], &r->to[at], end - at);
	}
}

static struct fan *fan_of(struct turn *t, struct channel *c, const struct publish *p)
{
	struct fan *f = t->fan;
	if (!f) {
		f = t->fan = amqp091_get(t, sizeof *f, "fan");
		f->n = 0;
	}
	if (f->n == FAN_MESSAGES)
		amqp091_fan_send(t);
	must(f->n == 0 || f->channel == c);
	f->channel = c;
	f->key = p->route;
	return f;
}

void amqp091_publish_rows(struct turn *t, struct channel *c, const struct publish *p,
			  const struct route_hit *hit, struct block *b, const struct msg *m)
{
	const struct route *route = hit->route;
	if (c->tx) {
		amqp091_tx_rows(t, c, p, route, b, m);
		return;
	}
	if (route->n == 0) {
		amqp091_fan_send(t);
		amqp091_direct_send(t, c, p, b, m);
		return;
	}
	uint32_t left_n = shards_n(route);
	struct fanned one = { .mem = msg_mem(m),
			      .seq = amqp091_confirm_seq(t, c),
			      .expiry_ms = p->expiry_ms,
			      .bytes = msg_stored_bytes(m),
			      .flags = m->flags,
			      .priority = p->priority,
			      .is_big = m->proto == MSG_CHUNKS };
	one.is_followed = c->confirm || amqp091_pace(t, one.bytes, left_n);
	bool is_returned = p->is_mandatory && route_is_nowhere(route);
	must(block_of(m) == b);
	t->s->count.published++;
	block_give(b, route->n + is_returned);
	if (left_n > 1 && b == t->block && !hit->varies) {
		struct fan *f = fan_of(t, c, p);
		f->route = route;
		f->message[f->n++] = one;
	} else {
		amqp091_fan_send(t);
		put_messages(t, c, &one, 1, route);
	}
	if (c->confirm)
		amqp091_confirm_new(t, c, one.bytes, left_n + is_returned);
	if (is_returned)
		amqp091_direct_return(t, c, one.mem, one.seq);
}

void amqp091_fan_look(struct turn *t, const struct channel *c, const struct publish *p)
{
	const struct fan *f = t->fan;
	if (f && f->n && !(f->channel == c && slice_eq(f->key, p->route)))
		amqp091_fan_send(t);
}

void amqp091_fan_send(struct turn *t)
{
	struct fan *f = t->fan;
	if (!f || !f->n)
		return;
	must(f->n <= FAN_MESSAGES);
	put_messages(t, f->channel, f->message, f->n, f->route);
	f->n = 0;
}

void amqp091_fan_end(struct turn *t)
{
	amqp091_fan_send(t);
	if (t->fan)
		amqp091_put(t, t->fan, sizeof *t->fan);
	t->fan = NULL;
}
