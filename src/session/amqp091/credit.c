#include "session/amqp091/amqp091.h"

#include "base/must.h"

/* How many messages a shard may have under way to a consumer. With a prefetch that is it, and
 * settling gives it back. Without one it is a window over what this connection has not written
 * yet, given back by writing; there the core gives back by settling too, which is taken off. */

static uint16_t smaller(uint16_t a, uint16_t b)
{
	_Static_assert(sizeof a == 2, "a prefetch is a short");
	return a == 0 || (b != 0 && b < a) ? b : a;
}

struct credit_row amqp091_first_credit(const struct channel *c, struct consumer *k)
{
	uint16_t prefetch = smaller(c->prefetch, c->prefetch_shared);
	must(k->channel == c);
	k->is_windowed = k->is_no_ack || prefetch == 0;
	k->is_shared = !k->is_windowed && c->prefetch == 0;
	if (k->is_no_ack)
		return (struct credit_row){ LIMIT_DELIVER_WINDOW_MESSAGES,
					    LIMIT_DELIVER_WINDOW_BYTES };
	if (k->is_windowed)
		return (struct credit_row){ CREDIT_NO_LIMIT, LIMIT_DELIVER_WINDOW_BYTES };
	return (struct credit_row){ prefetch, CREDIT_NO_LIMIT };
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
	struct amqp091 *s = t->s;
	must(k->waiting_n < UINT32_MAX);
	if (k->is_direct) {
		must(k->owed_bytes >= bytes);
		k->owed_bytes -= bytes;
	}
	if (!k->is_windowed || k->end != CONSUMER_LIVES)
		return;
	uint32_t taken = k->surplus_bytes < bytes ? (uint32_t)k->surplus_bytes : bytes;
	k->surplus_bytes -= taken;
	k->owed_bytes += bytes - taken;
	k->owed_messages += n;
	bool is_due = k->owed_bytes >= LIMIT_DELIVER_WINDOW_BYTES / 2 ||
		      (k->is_no_ack && k->owed_messages >= LIMIT_DELIVER_WINDOW_MESSAGES / 2);
	if (!is_due || k->is_owed)
		return;
	k->is_owed = true;
	k->next_owed = s->owed;
	s->owed = k;
}

void amqp091_settled(struct amqp091 *s, uint32_t consumer, uint32_t bytes)
{
	struct consumer *k = consumer == CONSUMER_GET ? NULL : amqp091_consumer(s, consumer);
	must(!k || !k->is_no_ack);
	if (!k || !k->is_windowed)
		return;
	uint64_t taken = k->owed_bytes < bytes ? k->owed_bytes : bytes;
	k->owed_bytes -= taken;
	k->surplus_bytes += bytes - taken;
}

void amqp091_credit_flush(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->session.ops == &amqp091_session_ops);
	if (s->session.sendq.bytes >= t->w->limits->output_bytes_max)
		return;
	while (s->owed) {
		struct consumer *k = s->owed;
		s->owed = k->next_owed;
		k->is_owed = false;
		if (k->end == CONSUMER_LIVES)
			put_credit(t, k,
				   (struct credit_row){
					   k->is_no_ack ? k->owed_messages : 0,
					   k->owed_bytes < UINT32_MAX / 2 ? (uint32_t)k->owed_bytes
									  : UINT32_MAX / 2,
				   });
		k->owed_messages = 0;
		k->owed_bytes = 0;
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
