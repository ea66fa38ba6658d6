#include "wire/mqtt/from.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/text.h"
#include "base/wr.h"
#include "wire/mqtt/field.h"
#include "wire/mqtt/topic.h"

#define NUMBER_MAX 40 /* characters of a number, the final zero too */

/* What has been written already of those properties that may come from headers. */
struct said {
	struct slice correlation, topic;
};

/* is_text: MQTT can say it. */
static bool is_text(struct slice s)
{
	must(s.n == 0 || s.p != NULL);
	return s.n <= UINT16_MAX && mqtt_text_fault(s, mqtt_scan(s)) == MQTT_FAULT_NONE;
}

static void put(struct wr *w, const struct mqtt_props *p)
{
	uint8_t *at = wr_reserve(w, mqtt_props_list_size(p, p->has));
	must(at != NULL || !wr_ok(w));
	if (at)
		(void)mqtt_props_list_put(at, p, p->has);
	w->full = false;
}

/* The topic for the answer, with `/` between its words wherever it came from. */
static void put_reply_topic(struct wr *w, const struct header *h, struct said *said)
{
	uint8_t between = h->name.n == 1 ? h->name.p[0] : 0;
	size_t before = w->n;
	struct mqtt_props p = { .has = MQTT_HAS(response_topic), .response_topic = h->octets };
	if (between == 0 || !mqtt_topic_ok(h->octets))
		return;
	put(w, &p);
	if (w->n == before)
		return;
	must(w->n - before > h->octets.n);
	said->topic = h->octets;
	for (uint8_t *c = w->p + w->n - h->octets.n; c < w->p + w->n; c++)
		*c = *c == between ? '/' : *c;
}

static void put_properties(struct wr *w, const struct header_ops *ops, struct slice props,
			   struct said *said)
{
	struct header h;
	struct mqtt_props p = { .has = 0 };
	must(ops->property != NULL);
	if (ops->property(props, HEADER_EXPIRATION, &h)) {
		p.message_expiry_s = (uint32_t)min_u64(ceil_div(h.number, 1000), UINT32_MAX);
		p.has |= MQTT_HAS(message_expiry_s);
	}
	if (ops->property(props, HEADER_CONTENT_TYPE, &h) && is_text(h.octets)) {
		p.content_type = h.octets;
		p.has |= MQTT_HAS(content_type);
	}
	if (ops->property(props, HEADER_CORRELATION_ID, &h) && h.octets.n <= UINT16_MAX) {
		p.correlation_data = h.octets;
		p.has |= MQTT_HAS(correlation_data);
		said->correlation = h.octets;
	}
	put(w, &p);
	if ((ops->property(props, HEADER_REPLY_TO, &h) && h.name.n > 0) ||
	    ops->property(props, HEADER_REPLY_TOPIC, &h))
		put_reply_topic(w, &h, said);
}

static void put_real(struct text *t, uint64_t bits)
{
	double real;
	must(sizeof real == sizeof bits);
	memcpy(&real, &bits, sizeof real);
	text_putf(t, "%.20e", real);
}

/* value_of: the value as text, perhaps in `t`; false: there is no text for it. */
static bool value_of(const struct header *h, struct text *t, struct slice *out)
{
	must(h->class <= HEADER_TABLE);
	switch ((enum header_class)h->class) {
	case HEADER_TEXT: *out = h->octets; return is_text(h->octets);
	case HEADER_VOID: break;
	case HEADER_BOOL: text_puts(t, h->number ? "true" : "false"); break;
	case HEADER_INT: text_putf(t, "%lld", (long long)h->number); break;
	case HEADER_TIME: text_put_u64(t, h->number); break;
	case HEADER_REAL: put_real(t, h->number); break;
	case HEADER_DECIMAL:
	case HEADER_BINARY:
	case HEADER_LIST:
	case HEADER_TABLE: return false;
	}
	*out = text_slice(t);
	return true;
}

/* is_same: not only as many octets, but the same ones. */
static bool is_same(struct slice a, struct slice b)
{
	must(a.n == 0 || a.p != NULL);
	return a.n > 0 && a.p == b.p && a.n == b.n;
}

static void put_header(struct wr *w, const struct header *h)
{
	char number[NUMBER_MAX];
	struct text t = text_of(number, sizeof number);
	struct mqtt_user u = { .name = h->name };
	if (!is_text(h->name) || !value_of(h, &t, &u.value))
		return;
	must(!text_is_full(&t));
	uint8_t *at = wr_reserve(w, mqtt_user_size(&u));
	if (at)
		(void)mqtt_user_put(at, &u);
	w->full = false;
}

struct slice mqtt_props_from(uint8_t *room, size_t n, const struct header_ops *ops,
			     struct slice props)
{
	struct wr w = wr_of(room, n);
	struct said said = { .topic = SLICE_EMPTY };
	struct header h;
	must(room != NULL || n == 0);
	put_properties(&w, ops, props, &said);
	struct rd r = ops->begin(props);
	while (ops->next(&r, &h))
		if (!is_same(h.octets, said.topic) && !is_same(h.octets, said.correlation))
			put_header(&w, &h);
	return wr_done(&w);
}
