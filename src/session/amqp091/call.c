#include "session/amqp091/amqp091.h"

#include "base/must.h"

struct call *amqp091_call(struct turn *t, enum amqp091_method_kind method, uint16_t channel,
			  uint32_t ticket, struct slice name, struct slice tail)
{
	must(t->s->call == NULL && name.n <= LIMIT_SHORTSTR);
	struct call *call = amqp091_get(t, sizeof *call + name.n + tail.n, "call");
	*call = (struct call){
		.method = method,
		.channel = channel,
		.ticket = ticket,
		.name_n = (uint8_t)name.n,
		.tail_n = (uint32_t)tail.n,
	};
	if (name.n)
		memcpy(call->name, name.p, name.n);
	if (tail.n)
		memcpy(call->name + name.n, tail.p, tail.n);
	t->s->call = call;
	return call;
}

void amqp091_call_free(struct turn *t)
{
	struct amqp091 *s = t->s;
	struct call *call = s->call;
	must(!s->barriers || call);
	if (call)
		amqp091_put(t, call, sizeof *call + call->name_n + call->tail_n);
	s->call = NULL;
	amqp091_put(t, s->barriers, sizeof *s->barriers);
	s->barriers = NULL;
}

static void command(struct turn *t, const struct run *head, struct slice tail)
{
	struct post *p = t->w->post;
	must(head->shard < SHARDS_MAX && head->session != 0);
	(void)post_run(p, p->loop_of_shard[head->shard], head, NULL, 0, 0, tail);
}

void amqp091_command_queue(struct turn *t, enum cmd kind, uint8_t flags, uint16_t channel,
			   uint64_t queue, uint16_t shard, uint64_t arg)
{
	must(shard > 0 && queue != 0);
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = channel,
		.session = t->s->session.handle,
		.shard = shard,
		.vhost = t->s->vhost,
		.queue = queue,
		.arg = arg,
	};
	command(t, &head, SLICE_EMPTY);
}

void amqp091_command_catalog(struct turn *t, enum cmd kind, uint8_t flags, uint16_t channel,
			     uint64_t arg, struct slice tail)
{
	must(arg != TICKET_NONE);
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = channel,
		.session = t->s->session.handle,
		.vhost = t->s->vhost,
		.arg = arg,
	};
	command(t, &head, tail);
}
