#include "wire/amqp091/headers.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

/* The bits of a real; both zeros are one. */
static uint64_t bits_of(double real)
{
	uint64_t bits;
	must(sizeof bits == sizeof real);
	memcpy(&bits, &real, sizeof bits);
	return bits << 1 == 0 ? 0 : bits;
}

static void set_value(struct header *h, const struct amqp091_value *v)
{
	must(h->number == 0 && h->octets.n == 0);
	switch (v->type) {
	case AMQP091_TYPE_VOID: h->class = HEADER_VOID; return;
	case AMQP091_TYPE_BOOL: h->class = HEADER_BOOL, h->number = v->boolean; return;
	case AMQP091_TYPE_FLOAT:
	case AMQP091_TYPE_DOUBLE: h->class = HEADER_REAL, h->number = bits_of(v->real); return;
	case AMQP091_TYPE_DECIMAL:
		h->class = HEADER_DECIMAL;
		h->number = (uint64_t)v->decimal_places << 32 | (uint32_t)v->i;
		return;
	case AMQP091_TYPE_TIMESTAMP: h->class = HEADER_TIME, h->number = v->time; return;
	case AMQP091_TYPE_LONGSTR: h->class = HEADER_TEXT, h->octets = v->octets; return;
	case AMQP091_TYPE_BINARY: h->class = HEADER_BINARY, h->octets = v->octets; return;
	case AMQP091_TYPE_ARRAY: h->class = HEADER_LIST, h->octets = v->octets; return;
	case AMQP091_TYPE_TABLE: h->class = HEADER_TABLE, h->octets = v->octets; return;
	default: must(amqp091_value_is_int(v));
	}
	h->class = HEADER_INT;
	h->number = (uint64_t)v->i;
}

static bool next(struct rd *r, struct header *out)
{
	struct amqp091_entry e;
	must(out != NULL);
	if (!amqp091_table_next(r, &e))
		return false;
	*out = (struct header){ .name = e.name };
	set_value(out, &e.value);
	return true;
}

/* Headers come third, behind two short strings. */
static struct rd begin(struct slice props)
{
	struct rd r = rd_of(props);
	uint16_t flags = rd_u16(&r);
	if (flags & AMQP091_HAS_content_type)
		(void)rd_str8(&r);
	if (flags & AMQP091_HAS_content_encoding)
		(void)rd_str8(&r);
	struct slice headers = flags & AMQP091_HAS_headers ? rd_str32(&r) : SLICE_EMPTY;
	must(headers.n <= props.n);
	return rd_of(rd_ok(&r) ? headers : SLICE_EMPTY);
}

static struct header string_of(struct slice s)
{
	must(s.n <= UINT8_MAX);
	return (struct header){ .octets = s, .class = HEADER_TEXT };
}

/* Digits, as they were checked when it came. */
static struct header number_of(struct slice digits)
{
	struct header h = { .class = HEADER_INT };
	must(digits.n <= UINT8_MAX);
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] >= '0' && digits.p[i] <= '9' && h.number < UINT64_MAX / 100)
			h.number = h.number * 10 + (uint64_t)(digits.p[i] - '0');
	return h;
}

static const uint16_t flag_of[HEADER_PROPERTY_N] = {
	[HEADER_CONTENT_TYPE] = AMQP091_HAS_content_type,
	[HEADER_CONTENT_ENCODING] = AMQP091_HAS_content_encoding,
	[HEADER_MESSAGE_ID] = AMQP091_HAS_message_id,
	[HEADER_CORRELATION_ID] = AMQP091_HAS_correlation_id,
	[HEADER_REPLY_TO] = AMQP091_HAS_reply_to,
	[HEADER_TYPE] = AMQP091_HAS_type,
	[HEADER_USER_ID] = AMQP091_HAS_user_id,
	[HEADER_APP_ID] = AMQP091_HAS_app_id,
	[HEADER_TIMESTAMP] = AMQP091_HAS_timestamp,
	[HEADER_EXPIRATION] = AMQP091_HAS_expiration,
	[HEADER_PRIORITY] = AMQP091_HAS_priority,
};

/* The flag of the headers, for what may stand there. */
static const uint16_t may_be_header[HEADER_PROPERTY_N] = {
	[HEADER_CORRELATION_ID] = AMQP091_HAS_headers,
	[HEADER_REPLY_TO] = AMQP091_HAS_headers,
	[HEADER_RETAIN] = AMQP091_HAS_headers,
};

/* What has no place among the properties stands among the headers, as in RabbitMQ. */
static bool among_headers(struct slice headers, enum header_property which, struct header *out)
{
	struct amqp091_value v;
	struct slice s;
	bool is_wanted;
	if (which == HEADER_RETAIN) {
		if (!amqp091_table_bool(headers, AMQP091_RETAIN, &is_wanted) || !is_wanted)
			return false;
		*out = (struct header){ .class = HEADER_INT };
		return true;
	}
	if (which == HEADER_CORRELATION_ID &&
	    amqp091_table_find(headers, slice_str(AMQP091_CORRELATION_ID), &v) &&
	    (v.type == AMQP091_TYPE_LONGSTR || v.type == AMQP091_TYPE_BINARY)) {
		*out = (struct header){ .octets = v.octets, .class = HEADER_BINARY };
		return true;
	}
	if (which != HEADER_REPLY_TO || !amqp091_table_str(headers, AMQP091_REPLY_TO_TOPIC, &s))
		return false;
	must(headers.n > 0);
	*out = (struct header){ .name = slice_str("."), .octets = s, .class = HEADER_TEXT };
	return true;
}

static bool property(struct slice props, enum header_property which, struct header *out)
{
	struct amqp091_props p;
	must(out != NULL && which < HEADER_PROPERTY_N);
	/* most have few of them, and another protocol's codec asks for each */
	const unsigned flags = props.n >= 2 ? load_be16(props.p) : 0;
	if (!(flags & (flag_of[which] | may_be_header[which])) ||
	    amqp091_props_decode(props, &p) != ERR_OK)
		return false;
	if (!(p.flags & flag_of[which]))
		return among_headers(p.headers, which, out);
	switch (which) {
	case HEADER_CONTENT_TYPE: *out = string_of(p.content_type); break;
	case HEADER_CONTENT_ENCODING: *out = string_of(p.content_encoding); break;
	case HEADER_MESSAGE_ID: *out = string_of(p.message_id); break;
	case HEADER_CORRELATION_ID: *out = string_of(p.correlation_id); break;
	case HEADER_REPLY_TO: *out = string_of(p.reply_to); break;
	case HEADER_TYPE: *out = string_of(p.type); break;
	case HEADER_USER_ID: *out = string_of(p.user_id); break;
	case HEADER_APP_ID: *out = string_of(p.app_id); break;
	case HEADER_TIMESTAMP:
		*out = (struct header){ .class = HEADER_TIME, .number = p.timestamp };
		break;
	case HEADER_EXPIRATION: *out = number_of(p.expiration); break;
	case HEADER_PRIORITY:
		*out = (struct header){ .class = HEADER_INT, .number = p.priority };
		break;
	case HEADER_RETAIN:
	case HEADER_REPLY_TOPIC:
	case HEADER_PROPERTY_N: break;
	}
	return true;
}

const struct header_ops amqp091_header_ops = { begin, next, property };

static struct rd begin_table(struct slice table)
{
	must(table.p != NULL || table.n == 0);
	return rd_of(table);
}

const struct header_ops amqp091_argument_ops = { .begin = begin_table, .next = next };

size_t amqp091_headers_drop(uint8_t *props, size_t n, struct slice name)
{
	struct rd r = begin(slice_of(props, n));
	struct slice table = slice_of(r.p, r.n);
	struct amqp091_entry e;
	const uint8_t *from = table.p;
	bool is_found = false;
	while (!is_found && amqp091_table_next(&r, &e)) {
		is_found = slice_eq(e.name, name);
		from = is_found ? from : r.p;
	}
	if (!is_found)
		return 0;
	size_t gone = (size_t)(r.p - from), before = (size_t)(from - props);
	must(props && table.p && before + gone <= n && table.n >= gone);
	store_be32(props + (table.p - props) - 4, (uint32_t)(table.n - gone));
	memmove(props + gone, props, before);
	return gone;
}
