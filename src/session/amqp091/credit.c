#include "session/amqp091/amqp091.h"

#include "base/list.h"
#include "base/must.h"

struct credit_row amqp091_first_credit(const struct channel *c, struct consumer *k)
{
	/* What the channel's bound holds back waits in the channel: that bound may be raised. */
	uint16_t prefetch = c->prefetch ? c->prefetch : c->prefetch_shared;
	must(k->channel == c);
	const struct credit_row first = credit_first(&k->credit, k->is_no_ack, k->is_stream,
						     prefetch);
	k->is_shared = !k->is_no_ack && c->prefetch == 0 && prefetch != 0;
	return first;
}

static void put_credit(struct turn *t, const struct consumer *k, struct credit_row row)
{
	struct post *p = t->w->post;
	const struct run head = {
		.kind = CMD_CREDIT,
		.channel = k->channel->number,
		.session = t->s->session.handle,
		.shard = k->shard,
		.vhost = t->s->vhost,
		.queue = k->queue,
		.arg = k->id,
	};
	must(k->shard > 0);
	(void)post_run(p, p->loop_of_shard[k->shard], &head, &row, sizeof row, 1, SLICE_EMPTY);
}

void amqp091_written(struct turn *t, struct consumer *k, uint32_t n, uint32_t bytes)
{
	must(k->waiting_n < UINT32_MAX);
	if (k->is_direct) {
		must(k->direct_bytes >= bytes);
		k->direct_bytes -= bytes;
	} else if (k->end == CONSUMER_LIVES) {
		credit_written(&k->credit, n, bytes, &t->s->owed);
	}
}

void amqp091_settled(struct amqp091 *s, uint32_t consumer, uint32_t bytes)
{
	struct consumer *k = consumer == CONSUMER_GET ? NULL : amqp091_consumer(s, consumer);
	must(!k || !k->is_no_ack);
	if (k)
		credit_settled(&k->credit, bytes);
}

void amqp091_credit_flush(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->session.ops == &amqp091_session_ops);
	if (s->session.sendq.bytes >= t->w->limits->output_bytes_max)
		return;
	struct credit_row row;
	for (struct credit *one; (one = credit_take(&s->owed, &row));) {
		const struct consumer *k = containerof(one, struct consumer, credit);
		if (k->end == CONSUMER_LIVES)
			put_credit(t, k, row);
	}
}

void amqp091_share(struct turn *t, struct channel *c, uint16_t prefetch)
{
	uint16_t old = c->prefetch_shared;
	must(c->number > 0);
	c->prefetch_shared = prefetch;
	for (struct consumer *k = c->consumers; k; k = k->next) {
		if (!k->is_shared || k->end != CONSUMER_LIVES || (prefetch != 0 && prefetch <= old))
			continue;
		put_credit(t, k,
			   (struct credit_row){
				   prefetch == 0 ? CREDIT_NO_LIMIT : (uint32_t)(prefetch - old),
				   0,
			   });
	}
	if (c->parked)
		amqp091_unpark(t, c);
}
