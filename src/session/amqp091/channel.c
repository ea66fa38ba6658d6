#include "session/amqp091/tx.h"

#include "base/must.h"

struct channel *amqp091_channel(struct amqp091 *s, uint16_t number)
{
	must(number > 0);
	if (s->channel_last && s->channel_last->number == number)
		return s->channel_last;
	uint64_t at;
	if (!map_get(&s->channels, number, &at))
		return NULL;
	s->channel_last = (struct channel *)(uintptr_t)at;
	return s->channel_last;
}

/* ---- open --------------------------------------------------------------------------------- */

static enum err too_many(struct turn *t)
{
	must(t->s->channels.n >= t->s->channel_max);
	text_putf(&t->why,
		  "number of channels opened (%zu) has reached the negotiated channel_max "
		  "(%u)",
		  t->s->channels.n, t->s->channel_max);
	amqp091_fail(t, ERR_NOT_ALLOWED, 0, 0); /* RabbitMQ names no method */
	return ERR_OK;
}

enum err amqp091_on_channel_open(struct turn *t, struct channel *fresh,
				 const struct amqp091_method *m)
{
	struct amqp091 *s = t->s;
	must(fresh->number > 0 && m->kind == AMQP091_channel_open);
	if (s->channel_max > 0 && s->channels.n >= s->channel_max)
		return too_many(t);
	enum err e = access_channel(&s->access, t->w, &t->why);
	if (e != ERR_OK) {
		amqp091_fail(t, e, 0, 0);
		return ERR_OK;
	}
	struct channel *c = mem_get(t->w->mem, sizeof *c, "channel");
	if (!c || map_make_room(&s->channels, t->w->mem, "channels") != ERR_OK) {
		mem_put(t->w->mem, c, sizeof *c);
		access_channel_gone(&s->access, t->w, 1);
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a channel");
	}
	*c = (struct channel){ .number = fresh->number, .next_tag = 1, .birth = amqp091_ticket(s) };
	deque_init(&c->unacked, sizeof(struct unacked), "unacked deliveries");
	map_put(&s->channels, c->number, (uint64_t)(uintptr_t)c);
	amqp091_send_bare(t, c->number, AMQP091_channel_open_ok);
	return ERR_OK;
}

struct slice amqp091_last_queue(const struct channel *c)
{
	must(c->number > 0);
	return slice_of(c->last_queue, c->last_queue_n);
}

void amqp091_last_queue_set(struct turn *t, struct channel *c, struct slice name)
{
	must(name.n > 0 && name.n <= LIMIT_SHORTSTR);
	if (slice_eq(name, amqp091_last_queue(c)))
		return;
	amqp091_put(t, c->last_queue, c->last_queue_n);
	c->last_queue = amqp091_get(t, name.n, "queue name");
	c->last_queue_n = (uint8_t)name.n;
	memcpy(c->last_queue, name.p, name.n);
}

/* ---- end ---------------------------------------------------------------------------------- */

void amqp091_channel_fail(struct turn *t, struct channel *c, enum err e, uint16_t class_id,
			  uint16_t method_id)
{
	char buf[TEXT_MAX];
	struct slice text = amqp091_reply_text(t, e, buf, sizeof buf);
	must(!amqp091_closes_connection(e));
	amqp091_note(t, &(struct session_note){ .event = SESSION_CHANNEL_ERROR,
						.channel = c->number,
						.code = amqp091_code(e),
						.text = text });
	amqp091_end_channel(t, c, amqp091_code(e), text, class_id, method_id);
}

void amqp091_channel_free(struct turn *t, struct channel *own_c)
{
	struct channel *c = own_c;
	struct amqp091 *s = t->s;
	while (c->consumers)
		amqp091_consumer_free(t, c->consumers);
	amqp091_assembly_free(t, c);
	amqp091_confirm_free(t, c);
	amqp091_tx_free(t, c);
	amqp091_parked_free(t, c);
	route_cache_free(c->routes);
	must(s->held_n >= c->unacked.n - c->holes_n);
	s->held_n -= (uint32_t)c->unacked.n - c->holes_n;
	deque_fini(&c->unacked, t->w->mem);
	amqp091_put(t, c->last_queue, c->last_queue_n);
	if (!map_del(&s->channels, c->number, NULL))
		must(!"a channel that was not open");
	if (s->channel_last == c)
		s->channel_last = NULL;
	access_channel_gone(&s->access, t->w, 1);
	amqp091_put(t, c, sizeof *c);
}

/* ---- small methods ------------------------------------------------------------------------ */

enum err amqp091_on_channel_close(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_channel_close);
	amqp091_end_channel(t, c, 0, SLICE_EMPTY, 0, 0);
	return ERR_OK;
}

enum err amqp091_on_channel_close_ok(struct turn *t, struct channel *c,
				     const struct amqp091_method *m)
{
	(void)t;
	(void)m;
	must(!c->is_closing);
	return ERR_OK;
}

enum err amqp091_on_channel_flow(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(m->kind == AMQP091_channel_flow);
	if (!m->channel_flow.active)
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "active=false");
	struct amqp091_method ok = { .kind = AMQP091_channel_flow_ok };
	ok.channel_flow_ok.active = true;
	amqp091_send(t, c->number, &ok);
	return ERR_OK;
}

enum err amqp091_on_channel_flow_ok(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	(void)t;
	(void)c;
	must(m->kind == AMQP091_channel_flow_ok);
	return ERR_OK;
}

enum err amqp091_on_access_request(struct turn *t, struct channel *c,
				   const struct amqp091_method *m)
{
	struct amqp091_method ok = { .kind = AMQP091_access_request_ok };
	must(m->kind == AMQP091_access_request);
	ok.access_request_ok.ticket = 1;
	amqp091_send(t, c->number, &ok);
	return ERR_OK;
}
