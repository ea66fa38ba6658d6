#include "base/must.h"
#include "core/retain_store.h"
#include "session/amqp091/publish.h"
#include "session/amqp091/tx.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

/* A message to the exchange whose keys are topics may say that it is to be kept: the header
 * x-retain, true. Then it goes to the virtual host's store of last messages, too, and clients that
 * subscribe to its topic later get it; an empty one ends that. */

static bool is_topic_exchange(const struct turn *t, struct slice exchange)
{
	must(exchange.n <= LIMIT_SHORTSTR);
	return exchange.n > 0 && slice_eq(exchange, t->w->limits->retain_exchange);
}

static const struct queue_record *store_of(const struct turn *t)
{
	must(t->w->view != NULL);
	return retain_store(t->w->view, t->s->vhost);
}

bool amqp091_publish_wants_keeping(const struct turn *t, const struct publish *p,
				   struct slice headers)
{
	bool is_wanted = false;
	must(headers.n > 0);
	return amqp091_table_bool(headers, AMQP091_RETAIN, &is_wanted) && is_wanted &&
	       is_topic_exchange(t, p->exchange) && (p->body_bytes > 0 || store_of(t));
}

/* The call is answered like any other, and then the publish is looked at once more. */
static void declare(struct turn *t, const struct channel *c)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	const uint32_t ticket = amqp091_ticket(t->s);
	const uint32_t n = retain_store_declare(t->s->vhost, buf, sizeof buf);
	must(c->number > 0 && n > 0);
	(void)amqp091_call(t, AMQP091_basic_publish, c->number, ticket, SLICE_EMPTY, SLICE_EMPTY);
	amqp091_command_catalog(t, CMD_QUEUE_DECLARE, 0, c->number, ticket, slice_of(buf, n));
}

enum err amqp091_publish_store(struct turn *t, const struct channel *c, struct route_to *out)
{
	const struct queue_record *q = store_of(t);
	if (!q && c->assembly) /* it was there when this one began */
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no store of retained messages");
	if (!q) {
		declare(t, c);
		return ERR_BUSY;
	}
	*out = retain_store_to(q);
	must(out->queue != 0);
	return ERR_OK;
}

bool amqp091_store_ready(struct turn *t, const struct channel *c, struct slice payload)
{
	const struct assembly *a = c->assembly;
	struct amqp091_header h;
	struct amqp091_facts f;
	must(a != NULL);
	if (a->block || !is_topic_exchange(t, slice_of(a->route + 1, a->exchange_n)) ||
	    amqp091_header_decode(payload, &h) != ERR_OK ||
	    amqp091_props_facts(h.props, &f) != ERR_OK || !f.has_retain)
		return true;
	const struct publish p = { .exchange = t->w->limits->retain_exchange,
				   .body_bytes = h.body_bytes };
	if (!amqp091_publish_wants_keeping(t, &p, f.headers) || store_of(t))
		return true;
	declare(t, c);
	return false;
}
