#include "wire/stomp/put.h"

#include "base/bits.h"
#include "base/limits.h"
#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/stored.h"

struct out {
	uint8_t *at; /* NULL: only counts */
	size_t n;
	enum stomp_version version;
	bool is_escaped;
};

static void put(struct out *o, struct slice s)
{
	must(s.p != NULL || s.n == 0);
	if (o->at && s.n)
		memcpy(o->at + o->n, s.p, s.n);
	o->n += s.n;
}

/* Octets that may not stand for themselves; most values have none of them. */
static const uint8_t is_special[256] = {
	['\0'] = 1, ['\n'] = 1, ['\r'] = 1, [':'] = 1, ['\\'] = 1,
};

/* Which letter stands for an octet behind a backslash; 0: it stands for itself. A line end cannot
 * be told from the end of a line in 1.0 either, whatever that version says of escapes. */
static char escape_of(const struct out *o, uint8_t c, bool is_name)
{
	must(is_special[c]);
	switch (c) {
	case '\n': return 'n';
	case ':': return is_name || (o->is_escaped && o->version > STOMP_1_0) ? 'c' : 0;
	case '\\': return o->is_escaped && o->version > STOMP_1_0 ? '\\' : 0;
	case '\r': return o->is_escaped && o->version == STOMP_1_2 ? 'r' : 0;
	default: return 0;
	}
}

/* A NUL would end the frame for many readers: it is left out. */
static void put_escaped(struct out *o, struct slice s, bool is_name)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_special[s.p[i]])
			continue;
		char letter = escape_of(o, s.p[i], is_name);
		if (!letter && s.p[i])
			continue;
		put(o, slice_sub(s, from, i - from));
		from = i + 1;
		const char pair[] = { '\\', letter };
		put(o, slice_of(pair, letter ? 2 : 0));
	}
	must(from <= s.n);
	put(o, slice_from(s, from));
}

static void put_header(struct out *o, struct slice name, struct slice value)
{
	must(name.n > 0);
	put_escaped(o, name, true);
	put(o, slice_str(":"));
	put_escaped(o, value, false);
	put(o, slice_str("\n"));
}

static void put_known(struct out *o, enum stomp_header which, struct slice value)
{
	must(which < STOMP_H_N);
	put(o, slice_str(stomp_header_words[which]));
	put(o, slice_str(":"));
	put_escaped(o, value, false);
	put(o, slice_str("\n"));
}

static bool is_word(struct slice name, enum stomp_header which)
{
	must(which < STOMP_H_N);
	return slice_eq(name, slice_str(stomp_header_words[which]));
}

static void put_number(struct out *o, struct slice name, int64_t value)
{
	char room[24];
	struct text t = text_of(room, sizeof room);
	must(name.n > 0);
	if (value < 0)
		text_putc(&t, '-');
	text_put_u64(&t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	put_header(o, name, text_slice(&t));
}

static void put_length(struct out *o, uint64_t bytes)
{
	char room[24];
	struct text t = text_of(room, sizeof room);
	must(o->is_escaped);
	text_put_u64(&t, bytes);
	put(o, slice_str("content-length:"));
	put(o, text_slice(&t));
	put(o, slice_str("\n"));
}

/* Headers are UTF-8, and readers end where they are not; a NUL would not get out at all. Half a
 * value is worse than none. */
static void put_text(struct out *o, struct slice name, struct slice value)
{
	must(name.n > 0);
	if (utf8_is_valid(name) && utf8_is_valid(value) && slice_find(value, '\0') == value.n)
		put_header(o, name, value);
}

/* RabbitMQ shows texts and integers; so do we, and what is true or false or a time. */
static void put_view(struct out *o, struct slice name, const struct header *h)
{
	must(name.n > 0);
	switch ((enum header_class)h->class) {
	case HEADER_TEXT:
	case HEADER_BINARY: put_text(o, name, h->octets); return;
	case HEADER_INT:
	case HEADER_TIME: put_number(o, name, (int64_t)h->number); return;
	case HEADER_BOOL: put_header(o, name, slice_str(h->number ? "true" : "false")); return;
	case HEADER_VOID:
	case HEADER_REAL:
	case HEADER_DECIMAL:
	case HEADER_LIST:
	case HEADER_TABLE: return;
	}
}

/* Where the answer is wanted: a topic is a destination here. One that is no key is nothing. */
static void put_reply_to(struct out *o, struct slice name, const struct header *h)
{
	uint8_t key[LIMIT_SHORTSTR];
	char room[sizeof "/topic/" + STOMP_NAME_MAX(LIMIT_SHORTSTR)];
	struct text t = text_of(room, sizeof room);
	must(h->name.n <= 1);
	if (h->name.n == 0) {
		put_view(o, name, h);
		return;
	}
	if (h->octets.n > sizeof key)
		return;
	for (size_t i = 0; i < h->octets.n; i++)
		key[i] = h->octets.p[i] == h->name.p[0] ? '.' : h->octets.p[i];
	text_puts(&t, "/topic/");
	stomp_destination_name(&t, slice_of(key, h->octets.n));
	put_header(o, name, text_slice(&t));
}

static void put_properties(struct out *o, const struct stomp_message *m)
{
	static const struct {
		enum stomp_header header;
		enum header_property property;
	} rows[] = {
#define HEADER(name, text, in_send, property, prose) { STOMP_H_##name, HEADER_##property },
#include "wire/stomp/headers.def"
#undef HEADER
	};
	struct header h;
	must(m->ops != NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice name = slice_str(stomp_header_words[rows[i].header]);
		if (rows[i].property == HEADER_PROPERTY_N ||
		    (m->is_activemq && rows[i].header == STOMP_H_TIMESTAMP) ||
		    !m->ops->property(m->props, rows[i].property, &h))
			continue;
		if (rows[i].property == HEADER_REPLY_TO)
			put_reply_to(o, name, &h);
		else
			put_view(o, name, &h);
	}
	struct rd r = m->ops->begin(m->props);
	while (m->ops->next(&r, &h)) {
		const enum stomp_header which = h.name.n ? stomp_header_of(h.name) : STOMP_H_N;
		const bool is_over = m->is_dead && which == STOMP_H_EXPIRES;
		if (h.name.n && !stomp_header_is_ours(which) && !is_over)
			put_view(o, h.name, &h);
	}
}

/* The moment that a dead letter was to expire at, and did; 0: it had none. */
static void put_dead(struct out *o, const struct stomp_message *m, struct slice expires)
{
	char room[120];
	struct text why = text_of(room, sizeof room);
	must(m->is_dead);
	put_known(o, STOMP_H_EXPIRES, slice_str("0"));
	if (expires.n == 0 && !m->is_timed && !m->is_expired)
		expires = slice_str("0");
	if (expires.n > 0)
		put_header(o, slice_str("originalExpiration"), expires);
	if (!m->is_expired)
		return;
	text_puts(&why, "java.lang.Throwable: Message Expired.");
	text_puts(&why, expires.n ? " Expiration:" : "");
	text_put_slice(&why, expires);
	put_header(o, slice_str("dlqDeliveryFailureCause"), text_slice(&why));
}

/* Until when it lives. From when on is not known any more of what other dialects have sent: it
 * cannot be later. */
static void put_expires(struct out *o, const struct stomp_message *m)
{
	struct header h;
	uint64_t until_ms = 0;
	must(m->now_ms <= INT64_MAX / 2);
	if (m->ops->property(m->props, HEADER_EXPIRATION, &h))
		until_ms = m->now_ms + min_u64(h.number, INT64_MAX / 2);
	put_number(o, slice_str(stomp_header_words[STOMP_H_EXPIRES]), (int64_t)until_ms);
}

/* In ActiveMQ's dialect times are in milliseconds, and some headers are always there. */
static void put_fixed(struct out *o, const struct stomp_message *m)
{
	struct header h;
	uint64_t seconds = 0;
	must(m->is_activemq);
	if (m->original.n)
		put_header(o, slice_str("original-destination"), m->original);
	if (m->is_text && m->transformation.n)
		put_known(o, STOMP_H_TRANSFORMATION, m->transformation);
	if (m->is_first)
		put(o, slice_str("JMSXGroupFirstForConsumer:true\n"));
	if (!m->ops->property(m->props, HEADER_PRIORITY, &h))
		put_known(o, STOMP_H_PRIORITY, slice_str("4"));
	const bool expires = header_find(m->ops, m->props,
					 slice_str(stomp_header_words[STOMP_H_EXPIRES]), &h);
	if (m->is_dead)
		put_dead(o, m, expires && h.class == HEADER_TEXT ? h.octets : SLICE_EMPTY);
	else if (!expires)
		put_expires(o, m);
	if (m->ops->property(m->props, HEADER_TIMESTAMP, &h))
		seconds = h.number;
	if (m->ops != &stomp_header_ops || seconds == 0)
		put_number(o, slice_str(stomp_header_words[STOMP_H_TIMESTAMP]),
			   seconds > INT64_MAX / 1000 ? 0 : (int64_t)seconds * 1000);
}

/* A time that a client of the other dialect wrote. */
static void put_timestamp(struct out *o, struct slice value, bool is_activemq)
{
	const struct slice name = slice_str(stomp_header_words[STOMP_H_TIMESTAMP]);
	int64_t n;
	must(value.p != NULL || value.n == 0);
	const bool is_time = stomp_number(value, &n) && n > 0;
	if (!is_time || (n >= STOMP_MILLISECONDS_MIN) == is_activemq)
		put_header(o, name, value);
	else
		put_number(o, name, is_activemq ? n * 1000 : n / 1000);
}

/* What came by STOMP is told as it came, but for the times of the other dialect. */
static void put_stored(struct out *o, const struct stomp_message *m)
{
	struct rd r = rd_of(m->props);
	struct slice name, value;
	struct header life;
	bool has_expires = false, has_expiration = false;
	must(m->ops == &stomp_header_ops);
	while (stomp_stored_next(&r, &name, &value)) {
		if (!name.n || (m->is_activemq && is_word(name, STOMP_H_MSG_TYPE)))
			continue;
		has_expires |= is_word(name, STOMP_H_EXPIRES);
		has_expiration |= is_word(name, STOMP_H_EXPIRATION);
		if (is_word(name, STOMP_H_TIMESTAMP))
			put_timestamp(o, value, m->is_activemq);
		else
			put_header(o, name, value);
	}
	if (!m->is_activemq && has_expires && !has_expiration &&
	    m->ops->property(m->props, HEADER_EXPIRATION, &life))
		put_number(o, slice_str(stomp_header_words[STOMP_H_EXPIRATION]),
			   (int64_t)life.number);
}

/* What it is to its subscriber. Behind each id, which lacks its tag, there is a place for that. */
size_t stomp_front_put(uint8_t *at, const struct stomp_message *m,
		       uint32_t out_tag_at[STOMP_FRONT_TAGS])
{
	struct out o = { .at = at, .version = m->version, .is_escaped = true };
	bool says_ack = m->is_acked && m->version == STOMP_1_2;
	must(m->id.n > 0);
	put(&o, slice_str("MESSAGE\n"));
	if (m->has_subscription)
		put_known(&o, STOMP_H_SUBSCRIPTION, m->subscription);
	put_known(&o, STOMP_H_DESTINATION, m->destination);
	put_known(&o, STOMP_H_MESSAGE_ID, m->id);
	out_tag_at[0] = (uint32_t)o.n - 1;
	if (m->is_redelivered || !m->is_activemq)
		put_known(&o, STOMP_H_REDELIVERED, slice_str(m->is_redelivered ? "true" : "false"));
	if (says_ack)
		put_known(&o, STOMP_H_ACK, m->id);
	out_tag_at[1] = (uint32_t)o.n - says_ack;
	return o.n;
}

size_t stomp_rest_bound(const struct stomp_message *m)
{
	must(m->ops == &stomp_header_ops && !m->is_dead && m->original.n == 0);
	return STOMP_REST_FIXED + 2 * (m->props.n + m->transformation.n);
}

size_t stomp_rest_put(uint8_t *at, const struct stomp_message *m)
{
	struct out o = { .at = at, .version = m->version, .is_escaped = true };
	must(m->ops != NULL);
	if (m->is_persistent)
		put_known(&o, STOMP_H_PERSISTENT, slice_str("true"));
	if (m->stream_pos > 0)
		put_number(&o, slice_str(stomp_header_words[STOMP_H_X_STREAM_OFFSET]),
			   (int64_t)(m->stream_pos - 1));
	if (m->is_activemq)
		put_fixed(&o, m);
	if (m->ops == &stomp_header_ops)
		put_stored(&o, m);
	else
		put_properties(&o, m);
	if (!m->is_text)
		put_length(&o, m->body_bytes);
	put(&o, slice_str("\n"));
	return o.n;
}

static struct slice version_word(enum stomp_version v)
{
	static const char *const words[] = { "1.0", "1.1", "1.2" };
	must(v <= STOMP_1_2);
	return slice_str(words[v]);
}

size_t stomp_connected_put(uint8_t *at, const struct stomp_connected *c)
{
	struct out o = { .at = at, .version = c->version };
	char room[32];
	struct text beat = text_of(room, sizeof room);
	must(c->session.n > 0);
	text_put_u64(&beat, c->sends_ms);
	text_putc(&beat, ',');
	text_put_u64(&beat, c->wants_ms);
	put(&o, slice_str("CONNECTED\n"));
	put_known(&o, STOMP_H_SERVER, c->server);
	put_known(&o, STOMP_H_SESSION, c->session);
	put_known(&o, STOMP_H_HEART_BEAT, text_slice(&beat));
	put_known(&o, STOMP_H_VERSION, version_word(c->version));
	if (c->has_receipt) {
		put_header(&o, slice_str("response-id"), c->receipt);
		put_known(&o, STOMP_H_RECEIPT_ID, c->receipt);
	}
	put(&o, slice_str("\n"));
	return o.n;
}

size_t stomp_browsed_put(uint8_t *at, const struct stomp_message *m)
{
	struct out o = { .at = at, .version = m->version, .is_escaped = true };
	must(m->destination.n > 0);
	put(&o, slice_str("MESSAGE\n"));
	if (m->has_subscription)
		put_known(&o, STOMP_H_SUBSCRIPTION, m->subscription);
	put_known(&o, STOMP_H_BROWSER, slice_str("end"));
	put_known(&o, STOMP_H_DESTINATION, m->destination);
	put_known(&o, STOMP_H_MESSAGE_ID, slice_str("0"));
	put(&o, slice_str("\n"));
	return o.n;
}

size_t stomp_receipt_put(uint8_t *at, enum stomp_version version, struct slice id)
{
	struct out o = { .at = at, .version = version, .is_escaped = true };
	must(version <= STOMP_1_2);
	put(&o, slice_str("RECEIPT\n"));
	put_known(&o, STOMP_H_RECEIPT_ID, id);
	put(&o, slice_str("\n"));
	return o.n;
}

size_t stomp_error_put(uint8_t *at, const struct stomp_error *e)
{
	struct out o = { .at = at, .version = e->version, .is_escaped = true };
	must(e->message.n > 0);
	put(&o, slice_str("ERROR\n"));
	put_known(&o, STOMP_H_MESSAGE, e->message);
	if (e->has_receipt)
		put_known(&o, STOMP_H_RECEIPT_ID, e->receipt);
	if (e->has_subscription)
		put_known(&o, STOMP_H_SUBSCRIPTION, e->subscription);
	put_known(&o, STOMP_H_CONTENT_TYPE, slice_str("text/plain"));
	put_known(&o, STOMP_H_VERSION, slice_str("1.0,1.1,1.2"));
	put_length(&o, e->body_bytes);
	put(&o, slice_str("\n"));
	return o.n;
}
