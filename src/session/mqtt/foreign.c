#include "session/mqtt/foreign.h"

#include "base/must.h"
#include "base/rd.h"
#include "session/views.h"
#include "wire/mqtt/from.h"
#include "wire/mqtt/topic.h"

/* As RabbitMQ maps them (docs/interop.md). */

void foreign_read(const struct msg *m, struct foreign *out)
{
	struct rd r = rd_of(msg_route(m));
	(void)rd_str8(&r);
	const struct slice key = rd_str8(&r);
	must(rd_ok(&r) && key.n <= sizeof out->topic_bytes);
	out->topic = slice_of(out->topic_bytes,
			      (size_t)(mqtt_topic_put(out->topic_bytes, key) - out->topic_bytes));
}

void foreign_props(const struct msg *m, struct foreign *room, struct mqtt_props *out)
{
	const struct header_ops *ops = views_told_of(m);
	must(msg_encoding(m) != MSG_MQTT5);
	const struct slice block = mqtt_props_from(room->bytes, FOREIGN_ROOM, ops, msg_props(m));
	const enum mqtt_fault f = mqtt_props_decode(block, MQTT_PUBLISH_S, out);
	must(f == MQTT_FAULT_NONE);
}
