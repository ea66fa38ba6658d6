#include "wire/mqtt/subscribe.h"

#include "base/must.h"
#include "wire/mqtt/field.h"
#include "wire/mqtt/reason.h"

enum {
	OPTION_QOS = 0x03,
	OPTION_NO_LOCAL = 0x04,
	OPTION_AS_PUBLISHED = 0x08,
	OPTION_HANDLING = 0x30,
};

/* ---- reading ---- */

static void take_options(struct mqtt_in *in, uint8_t version, struct slice filter)
{
	uint8_t options = rd_u8(&in->r);
	bool is_share = slice_starts_with(filter, slice_str(MQTT_SHARE_PREFIX));
	must(version <= MQTT_V5);
	if ((options & OPTION_QOS) == OPTION_QOS)
		mqtt_in_fail(in, MQTT_FAULT_QOS);
	else if (options & (version == MQTT_V5 ? 0xC0 : 0xFC))
		mqtt_in_fail(in, MQTT_FAULT_OPTIONS);
	else if ((options & OPTION_HANDLING) == OPTION_HANDLING)
		mqtt_in_fail(in, MQTT_FAULT_RETAIN_HANDLING);
	else if ((options & OPTION_NO_LOCAL) && is_share)
		mqtt_in_fail(in, MQTT_FAULT_SHARE_NO_LOCAL);
}

static void take_filter(struct mqtt_in *in, const struct mqtt_packet *p)
{
	struct slice filter = mqtt_in_str(in);
	must(p->type == MQTT_SUBSCRIBE || p->type == MQTT_UNSUBSCRIBE);
	enum mqtt_fault f = in->r.bad ? MQTT_FAULT_NONE : mqtt_filter_check(filter);
	if (f != MQTT_FAULT_NONE)
		mqtt_in_fail(in, f);
	if (p->type == MQTT_SUBSCRIBE)
		take_options(in, p->version, filter);
}

enum mqtt_fault mqtt_subscribe_decode(const struct mqtt_packet *p, struct mqtt_subscribe *out)
{
	must(out != NULL);
	struct mqtt_subscribe s = { .id = 0 };
	struct mqtt_in in = mqtt_in_of(p->body);
	s.id = mqtt_in_id(&in);
	if (p->version == MQTT_V5)
		mqtt_in_props(&in, p->type, &s.props);
	s.list = slice_of(in.r.p, in.r.n);
	if (!in.r.bad && s.list.n == 0)
		return MQTT_FAULT_NO_FILTER;
	for (; in.r.n > 0; s.filters_n++)
		take_filter(&in, p);
	MQTT_TRY(mqtt_in_end(&in));
	*out = s;
	return MQTT_FAULT_NONE;
}

bool mqtt_unsubscribe_next(struct rd *r, struct slice *out)
{
	must(out != NULL && rd_ok(r));
	if (r->n == 0)
		return false;
	*out = rd_take(r, rd_u16(r));
	return true;
}

uint8_t mqtt_subscription_options(const struct mqtt_subscription *s)
{
	must(s->qos <= 2 && s->retain_handling <= MQTT_RETAIN_NOT_SENT);
	unsigned options = s->qos | (unsigned)s->retain_handling << 4;
	options |= s->no_local ? OPTION_NO_LOCAL : 0u;
	options |= s->retain_as_published ? OPTION_AS_PUBLISHED : 0u;
	return (uint8_t)options;
}

void mqtt_subscription_set(struct mqtt_subscription *s, uint8_t options)
{
	must((options & OPTION_QOS) != OPTION_QOS);
	must((options & OPTION_HANDLING) != OPTION_HANDLING);
	s->qos = options & OPTION_QOS;
	s->no_local = options & OPTION_NO_LOCAL;
	s->retain_as_published = options & OPTION_AS_PUBLISHED;
	s->retain_handling = (uint8_t)((options & OPTION_HANDLING) >> 4);
}

bool mqtt_subscribe_next(struct rd *r, struct mqtt_subscription *out)
{
	struct slice filter;
	must(out != NULL);
	if (!mqtt_unsubscribe_next(r, &filter))
		return false;
	out->filter = filter;
	mqtt_subscription_set(out, rd_u8(r));
	return true;
}

enum mqtt_fault mqtt_suback_decode(const struct mqtt_packet *p, struct mqtt_suback *out)
{
	must(p->type == MQTT_SUBACK || p->type == MQTT_UNSUBACK);
	struct mqtt_suback s = { .id = 0 };
	struct mqtt_in in = mqtt_in_of(p->body);
	s.id = mqtt_in_id(&in);
	if (p->version == MQTT_V5)
		mqtt_in_props(&in, p->type, &s.props);
	bool has_reasons = p->type == MQTT_SUBACK || p->version == MQTT_V5;
	s.reasons = has_reasons ? rd_rest(&in.r) : SLICE_EMPTY;
	for (size_t i = 0; i < s.reasons.n; i++)
		if (!mqtt_reason_fits(s.reasons.p[i], p->type, true))
			mqtt_in_fail(&in, MQTT_FAULT_REASON);
	MQTT_TRY(mqtt_in_end(&in));
	*out = s;
	return MQTT_FAULT_NONE;
}

/* ---- writing ---- */

uint8_t *mqtt_subscription_put(uint8_t *at, const struct mqtt_subscription *s)
{
	must(at != NULL && s->filter.n > 0);
	at = mqtt_put_str(at, s->filter);
	*at++ = mqtt_subscription_options(s);
	return at;
}

static size_t subscribe_body(uint8_t version, const struct mqtt_subscribe *s)
{
	must(s->list.n > 0 && s->id != 0);
	return 2 + (version == MQTT_V5 ? mqtt_props_size(&s->props) : 0) + s->list.n;
}

size_t mqtt_subscribe_size(uint8_t version, const struct mqtt_subscribe *s)
{
	must(s != NULL);
	return mqtt_packet_size(subscribe_body(version, s));
}

uint8_t *mqtt_subscribe_put(uint8_t *at, uint8_t version, uint8_t type,
			    const struct mqtt_subscribe *s)
{
	must(type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE);
	at = mqtt_head_put(at, type, 2, subscribe_body(version, s));
	at = mqtt_put_u16(at, s->id);
	if (version == MQTT_V5)
		at = mqtt_props_put(at, &s->props);
	return mqtt_put_octets(at, s->list);
}

static size_t suback_body(uint8_t version, uint8_t type, const struct mqtt_suback *s)
{
	must(s->id != 0 && (type == MQTT_SUBACK || type == MQTT_UNSUBACK));
	if (version == MQTT_V5)
		return 2 + mqtt_props_size(&s->props) + s->reasons.n;
	return 2 + (type == MQTT_SUBACK ? s->reasons.n : 0);
}

size_t mqtt_suback_size(uint8_t version, uint8_t type, const struct mqtt_suback *s)
{
	must(s != NULL);
	return mqtt_packet_size(suback_body(version, type, s));
}

uint8_t *mqtt_suback_put(uint8_t *at, uint8_t version, uint8_t type, const struct mqtt_suback *s)
{
	must(version >= MQTT_V3 && version <= MQTT_V5);
	at = mqtt_head_put(at, type, 0, suback_body(version, type, s));
	at = mqtt_put_u16(at, s->id);
	if (version == MQTT_V5)
		return mqtt_put_octets(mqtt_props_put(at, &s->props), s->reasons);
	uint8_t failure = version == MQTT_V3 ? 0 : MQTT_REASON_FAILURE;
	for (size_t i = 0; type == MQTT_SUBACK && i < s->reasons.n; i++)
		*at++ = s->reasons.p[i] < MQTT_REASON_FAILURE ? s->reasons.p[i] : failure;
	return at;
}
