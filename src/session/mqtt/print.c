#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "wire/mqtt/print.h"

/* A packet that came together with CONNECT is seen before the version is known. */
size_t mqtt_print(const struct session *own, struct slice in, struct text *out)
{
	const struct mqtt *s = (const void *)own;
	struct mqtt_packet p;
	must(in.n > 0);
	if (mqtt_packet_read(in, 0, s->version, &p) != MQTT_FAULT_NONE) {
		text_putf(out, "no packet: %zu octets", in.n);
		return in.n;
	}
	mqtt_packet_print(&p, out);
	return p.total;
}
