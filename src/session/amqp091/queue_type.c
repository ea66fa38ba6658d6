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
