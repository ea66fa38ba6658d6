#include "session/mqtt/mqtt.h"

#include "base/must.h"

static void print_topic(const struct mqtt_packet *p, struct text *out)
{
	struct rd r = rd_of(p->body);
	must(p->type == MQTT_PUBLISH);
	const struct slice topic = rd_take(&r, rd_u16(&r));
	const uint8_t qos = p->flags >> 1 & 3;
	text_puts(out, " '");
	text_put_printable(out, topic);
	text_putf(out, "' qos %u%s%s", qos, p->flags & MQTT_DUP ? " dup" : "",
		  p->flags & MQTT_RETAIN ? " retain" : "");
	if (qos > 0)
		text_putf(out, " id %u", rd_u16(&r));
}

static bool has_id(uint8_t type)
{
	return type >= MQTT_PUBACK && type <= MQTT_UNSUBACK;
}

/* Which version it is nobody says here, so nothing behind the first fields is looked at. */
size_t mqtt_print(struct slice in, struct text *out)
{
	struct mqtt_packet p;
	must(in.n > 0);
	if (mqtt_packet_read(in, 0, 0, &p) != MQTT_FAULT_NONE) {
		text_putf(out, "no packet: %zu octets", in.n);
		return in.n;
	}
	text_puts(out, mqtt_packet_name(p.type));
	if (p.type == MQTT_PUBLISH)
		print_topic(&p, out);
	else if (has_id(p.type) && p.body.n >= 2)
		text_putf(out, " id %u", (unsigned)(p.body.p[0] << 8 | p.body.p[1]));
	text_putf(out, " %zu octets", p.total);
	return p.total;
}
