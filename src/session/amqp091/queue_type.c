#include "session/amqp091/queue_type.h"

#include "base/must.h"
#include "session/defaults.h"
#include "wire/amqp091/table.h"

#define TYPE       "x-queue-type"
#define TYPE_BYTES 64u /* of that argument, with any type */

uint8_t *amqp091_queue_name_type(struct turn *t, struct declare_queue *d, uint32_t *out_cap)
{
	enum queue_type type = defaults_queue_type(t->w, amqp091_vhost_name(t), d->flags);
	struct amqp091_value v;
	*out_cap = 0;
	if (type == QUEUE_CLASSIC || amqp091_table_find(d->arguments, slice_str(TYPE), &v))
		return NULL;
	*out_cap = (uint32_t)d->arguments.n + TYPE_BYTES;
	uint8_t *room = amqp091_get(t, *out_cap, "arguments");
	struct wr w = wr_of(room, *out_cap);
	wr_slice(&w, d->arguments);
	amqp091_put_str(&w, TYPE, defaults_type_word(type));
	must(wr_ok(&w));
	d->arguments = wr_done(&w);
	return room;
}

enum err amqp091_queue_type_on(struct turn *t, struct slice name, uint64_t rule)
{
	const enum queue_type type = rule == RULE_NONE ? QUEUE_CLASSIC : (enum queue_type)rule;
	must(type <= QUEUE_STREAM);
	if (!(t->w->limits->queue_types_off & 1u << type))
		return ERR_OK;
	text_puts(&t->why, "Cannot declare a queue 'queue '");
	text_put_slice(&t->why, name);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, amqp091_vhost_name(t));
	text_puts(&t->why, "'' of type 'rabbit_");
	text_put_slice(&t->why, defaults_type_word(type));
	text_puts(&t->why, "_queue' on node '");
	text_put_slice(&t->why, t->w->limits->cluster_name);
	return amqp091_refuse(t, ERR_INTERNAL_ERROR,
			      "': the corresponding feature flag is disabled");
}
