#include "session/amqp091/queue_type.h"

#include "base/must.h"
#include "session/defaults.h"

uint8_t *amqp091_queue_name_type(struct turn *t, struct declare_queue *d, uint32_t *out_cap)
{
	enum queue_type type;
	*out_cap = 0;
	if (!defaults_type(t->w, amqp091_vhost_name(t), d, &type))
		return NULL;
	*out_cap = (uint32_t)d->arguments.n + DEFAULTS_TYPE_BYTES;
	uint8_t *room = amqp091_get(t, *out_cap, "arguments");
	struct wr w = wr_of(room, *out_cap);
	defaults_type_put(&w, d->arguments, type);
	must(wr_ok(&w));
	d->arguments = wr_done(&w);
	return room;
}
