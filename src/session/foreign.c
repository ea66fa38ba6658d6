#include "session/foreign.h"

#include "wire/amqp091/from.h"

void foreign_open(struct foreign *f, struct mem *mem, const struct msg *m,
		  const struct header_ops *ops)
{
	*f = (struct foreign){ .props = msg_props(m) };
	must(m->proto != MSG_CHUNK);
	if (!foreign_is(m))
		return;
	f->room_n = amqp091_from_room(f->props);
	f->room = mem_get(mem, f->room_n, "foreign properties");
	must(f->room != NULL);
	f->props = amqp091_props_from(f->room, f->room_n, ops, f->props, m->flags & MSG_PERSISTENT);
}

void foreign_close(struct foreign *f, struct mem *mem)
{
	must(f->room != NULL || f->room_n == 0);
	if (f->room)
		mem_put(mem, f->room, f->room_n);
	*f = (struct foreign){ .room = NULL };
}
