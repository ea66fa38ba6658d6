#include "session/amqp091/direct.h"
#include "session/amqp091/tx.h"

#include "base/must.h"
#include "wire/amqp091/headers.h"

/* Consecutive messages of a channel with one route to several shards. They are posted shard by
 * shard, because only messages that follow each other to the same shard share a run. */
struct fan {
	struct channel *channel;
	struct slice key; /* of the route, as it came: in the block that is being fed */
	const struct route *route;
	uint32_t n;
	struct posting message[FAN_MESSAGES];
};

static struct poster poster_of(const struct turn *t, const struct channel *c, const struct route *r)
{
	must(c->number > 0);
	return (struct poster){
		.post = t->w->post,
		.wall_ms = posting_wall_ms(t->w, r),
		.headers = &amqp091_header_ops,
		.head = {
			.kind = CMD_PUBLISH,
			.channel = c->number,
			.session = t->s->session.handle,
			.vhost = t->s->vhost,
		},
	};
}

/* All messages to the first shard, then all to the next. */
static void put_messages(struct turn *t, const struct channel *c, const struct posting *m,
			 uint32_t messages_n, const struct route *r)
{
	struct poster p = poster_of(t, c, r);
	must(messages_n > 0);
	posting_messages(&p, m, messages_n, r);
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

void amqp091_publish_routed(struct turn *t, struct channel *c, const struct publish *p,
			    const struct route_hit *hit, uint32_t shards_n, const struct msg *m)
{
	const struct route *route = hit->route;
	const uint32_t bytes = msg_stored_bytes(m);
	struct block *b = block_of(m);
	const uint64_t seq = amqp091_confirm_seq(t, c);
	const bool is_returned = p->is_mandatory && route_is_nowhere(route);
	struct posting alone, *f = &alone;
	bool is_fanned = shards_n > 1 && b == t->block && !hit->varies;
	must(route->n > 0 && shards_n > 0);
	if (is_fanned) {
		struct fan *fan = fan_of(t, c, p);
		fan->route = route;
		f = &fan->message[fan->n++];
	}
	*f = (struct posting){ .mem = msg_mem(m),
			       .seq = seq,
			       .expiry_ms = p->expiry_ms,
			       .bytes = bytes,
			       .flags = m->flags,
			       .priority = p->priority,
			       .has_priority = p->has_priority,
			       .is_followed = c->confirm || amqp091_pace(t, bytes, shards_n),
			       .is_big = m->proto == MSG_CHUNKS };
	t->s->count.published++;
	block_give(b, route->n + is_returned);
	if (!is_fanned && t->fan)
		amqp091_fan_send(t);
	if (!is_fanned && route->n == 1) {
		struct poster one = poster_of(t, c, route);
		posting_one(&one, f, route->to, f->is_followed ? ENTRY_CONFIRM : 0);
	} else if (!is_fanned) {
		put_messages(t, c, f, 1, route);
	}
	if (c->confirm)
		amqp091_confirm_new(t, c, bytes, shards_n + is_returned);
	if (is_returned)
		amqp091_direct_return(t, c, msg_mem(m), seq);
}

void amqp091_publish_rows(struct turn *t, struct channel *c, const struct publish *p,
			  const struct route_hit *hit, struct block *b, const struct msg *m)
{
	must(block_of(m) == b);
	if (c->tx) {
		amqp091_tx_rows(t, c, p, hit->route, b, m);
	} else if (hit->route->n == 0) {
		amqp091_fan_send(t);
		amqp091_direct_send(t, c, p, b, m);
	} else {
		amqp091_publish_routed(t, c, p, hit, posting_shards_n(hit->route), m);
	}
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
