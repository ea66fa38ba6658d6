#include "wire/stomp/stored.h"

#include "base/must.h"

void stomp_stored_put_one(struct wr *w, struct slice name, struct slice value)
{
	must(name.n <= UINT16_MAX && value.n <= UINT16_MAX);
	wr_u16(w, (uint16_t)name.n);
	wr_slice(w, name);
	wr_u16(w, (uint16_t)value.n);
	wr_slice(w, value);
}

void stomp_stored_put(struct slice head, enum stomp_version version, struct wr *scratch,
		      struct wr *w)
{
	struct slice name, value;
	while (stomp_line(&head, &name, &value)) {
		(void)stomp_unescape(name, version, scratch, &name); /* it was looked at before */
		(void)stomp_unescape(value, version, scratch, &value);
		if (!stomp_header_is_ours(stomp_header_of(name)))
			stomp_stored_put_one(w, name, stomp_trim(value, version));
	}
	must(wr_ok(w));
}

bool stomp_stored_next(struct rd *r, struct slice *out_name, struct slice *out_value)
{
	must(r->p != NULL || r->n == 0);
	if (rd_left(r) == 0)
		return false;
	struct slice name = rd_take(r, rd_u16(r));
	struct slice value = rd_take(r, rd_u16(r));
	if (!rd_ok(r))
		return false;
	*out_name = name;
	*out_value = value;
	return true;
}

bool stomp_number(struct slice text, int64_t *out)
{
	bool is_negative = text.n > 0 && text.p[0] == '-';
	int64_t n = 0;
	size_t i = is_negative;
	must(text.p != NULL || text.n == 0);
	if (i == text.n || text.n - i > 18) /* fits whatever the digits are */
		return false;
	for (; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = 10 * n + (text.p[i] - '0');
	}
	*out = is_negative ? -n : n;
	return true;
}

/* Which property a name is; HEADER_PROPERTY_N: none. */
static enum header_property property_of(struct slice name)
{
	static const uint8_t properties[STOMP_H_N + 1] = {
#define HEADER(name, text, in_send, property, prose) [STOMP_H_##name] = HEADER_##property,
#include "wire/stomp/headers.def"
#undef HEADER
		[STOMP_H_N] = HEADER_PROPERTY_N,
	};
	enum stomp_header h = stomp_header_of(name);
	must(h <= STOMP_H_N);
	return (enum header_property)properties[h];
}

static struct rd begin(struct slice props)
{
	must(props.p != NULL || props.n == 0);
	return rd_of(props);
}

static bool next(struct rd *r, struct header *out)
{
	struct slice name, value;
	must(out != NULL);
	while (stomp_stored_next(r, &name, &value)) {
		if (property_of(name) != HEADER_PROPERTY_N)
			continue;
		*out = (struct header){ .name = name, .octets = value, .class = HEADER_TEXT };
		return true;
	}
	return false;
}

static bool find(struct slice props, enum header_property which, struct slice *out)
{
	struct rd r = begin(props);
	struct slice name;
	must(which < HEADER_PROPERTY_N);
	while (stomp_stored_next(&r, &name, out))
		if (property_of(name) == which)
			return true;
	return false;
}

/* The first header of that name, if it is a number above 0. */
static bool number_of(struct slice props, enum stomp_header which, int64_t *out)
{
	struct rd r = begin(props);
	struct slice name, value;
	must(which < STOMP_H_N);
	while (stomp_stored_next(&r, &name, &value))
		if (stomp_header_of(name) == which)
			return stomp_number(value, out) && *out > 0;
	return false;
}

/* ActiveMQ's clients do not say how long a message lives but until when, and when they made it. */
static bool life(struct slice props, struct header *out)
{
	int64_t until_ms, since;
	must(out != NULL);
	if (!number_of(props, STOMP_H_EXPIRES, &until_ms) ||
	    !number_of(props, STOMP_H_TIMESTAMP, &since))
		return false;
	const int64_t since_ms = since < STOMP_MILLISECONDS_MIN ? since * 1000 : since;
	*out = (struct header){ .number = (uint64_t)(until_ms > since_ms ? until_ms - since_ms : 0),
				.class = HEADER_INT };
	return true;
}

/* The topic that `reply-to` means to clients of MQTT; where its key is spelt with %, none: there is
 * no place to unescape it. */
static bool reply_topic(struct slice props, struct header *out)
{
	static const char *const places[] = { "/topic/", "/exchange/amq.topic/" };
	struct slice value;
	must(out != NULL);
	if (!find(props, HEADER_REPLY_TO, &value))
		return false;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (!slice_starts_with(value, slice_str(places[i])))
			continue;
		struct slice key = slice_from(value, strlen(places[i]));
		if (key.n == 0 || slice_find(key, '%') < key.n || slice_find(key, '/') < key.n)
			return false;
		*out = (struct header){ .name = slice_str("."),
					.octets = key,
					.class = HEADER_TEXT };
		return true;
	}
	return false;
}

static bool property(struct slice props, enum header_property which, struct header *out)
{
	struct slice value;
	int64_t number;
	must(out != NULL);
	if (which == HEADER_REPLY_TOPIC)
		return reply_topic(props, out);
	if (!find(props, which, &value))
		return which == HEADER_EXPIRATION && life(props, out);
	bool is_time = which == HEADER_TIMESTAMP;
	if (!is_time && which != HEADER_EXPIRATION && which != HEADER_PRIORITY) {
		*out = (struct header){ .octets = value, .class = HEADER_TEXT };
		return true;
	}
	if (!stomp_number(value, &number) || number < 0 ||
	    (which == HEADER_PRIORITY && number > UINT8_MAX))
		return false;
	*out = (struct header){ .number = (uint64_t)number,
				.class = is_time ? HEADER_TIME : HEADER_INT };
	if (is_time && number >= STOMP_MILLISECONDS_MIN)
		out->number /= 1000;
	return true;
}

const struct header_ops stomp_header_ops = { begin, next, property };

static bool next_told(struct rd *r, struct header *out)
{
	must(out != NULL);
	while (next(r, out))
		if (stomp_header_of(out->name) != STOMP_H_MSG_TYPE)
			return true;
	return false;
}

const struct header_ops stomp_told_ops = { begin, next_told, property };
