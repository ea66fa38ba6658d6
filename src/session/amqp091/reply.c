#include "session/amqp091/amqp091.h"

#include "base/must.h"

void amqp091_send(struct turn *t, uint16_t channel, const struct amqp091_method *m)
{
	must(!amqp091_method_info[m->kind].has_content);
	size_t n = amqp091_method_size(m);
	struct sendq *q = amqp091_out(t, channel);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = amqp091_method_put(at, channel, m);
	must((size_t)(end - at) == n);
	sendq_commit(q, (uint32_t)n);
}

void amqp091_send_bare(struct turn *t, uint16_t channel, enum amqp091_method_kind kind)
{
	struct amqp091_method m = { .kind = kind };
	must(kind < AMQP091_METHOD_N);
	amqp091_send(t, channel, &m);
}
