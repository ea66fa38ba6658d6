#include "wire/amqp091/from.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/utf8.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#define DIGITS_MAX 20

struct from {
	const struct header_ops *ops;
	struct slice props;
	struct slice correlation; /* that has to go into a header; empty: none */
	struct header topic;      /* likewise, where the answer goes */
	char digits[DIGITS_MAX + 1];
};

/* ---- properties --------------------------------------------------------------------------- */

static bool find(const struct from *f, enum header_property which, struct header *out)
{
	must(f->ops->property != NULL);
	return f->ops->property(f->props, which, out);
}

static void set_text(const struct from *f, enum header_property which, struct amqp091_props *p,
		     uint16_t flag, struct slice *at)
{
	struct header h;
	if (!find(f, which, &h) || h.class != HEADER_TEXT || h.octets.n > UINT8_MAX)
		return;
	*at = h.octets;
	p->flags |= flag;
}

static void set_texts(const struct from *f, struct amqp091_props *p)
{
	set_text(f, HEADER_CONTENT_TYPE, p, AMQP091_HAS_content_type, &p->content_type);
	set_text(f, HEADER_CONTENT_ENCODING, p, AMQP091_HAS_content_encoding, &p->content_encoding);
	set_text(f, HEADER_MESSAGE_ID, p, AMQP091_HAS_message_id, &p->message_id);
	set_text(f, HEADER_TYPE, p, AMQP091_HAS_type, &p->type);
	set_text(f, HEADER_USER_ID, p, AMQP091_HAS_user_id, &p->user_id);
	set_text(f, HEADER_APP_ID, p, AMQP091_HAS_app_id, &p->app_id);
}

static void set_addresses(struct from *f, struct amqp091_props *p)
{
	struct header h;
	if (find(f, HEADER_CORRELATION_ID, &h) && h.octets.n <= UINT8_MAX &&
	    (h.class == HEADER_TEXT || utf8_is_valid(h.octets))) {
		p->correlation_id = h.octets;
		p->flags |= AMQP091_HAS_correlation_id;
	} else if (find(f, HEADER_CORRELATION_ID, &h)) {
		f->correlation = h.octets;
	}
	if (!find(f, HEADER_REPLY_TO, &h))
		return;
	must(h.name.n <= 1);
	if (h.name.n > 0) {
		f->topic = h;
	} else if (h.octets.n <= UINT8_MAX) {
		p->reply_to = h.octets;
		p->flags |= AMQP091_HAS_reply_to;
	}
}

static void set_numbers(struct from *f, struct amqp091_props *p)
{
	struct header h;
	if (find(f, HEADER_TIMESTAMP, &h)) {
		p->timestamp = h.number;
		p->flags |= AMQP091_HAS_timestamp;
	}
	if (find(f, HEADER_PRIORITY, &h)) {
		p->priority = (uint8_t)min_u64(h.number, UINT8_MAX);
		p->flags |= AMQP091_HAS_priority;
	}
	if (find(f, HEADER_EXPIRATION, &h)) {
		struct text t = text_of(f->digits, sizeof f->digits);
		text_put_u64(&t, h.number);
		must(t.n > 0 && t.n <= DIGITS_MAX);
		p->expiration = slice_of(f->digits, t.n);
		p->flags |= AMQP091_HAS_expiration;
	}
}

/* ---- headers ------------------------------------------------------------------------------ */

/* False: no value of this kind is written. */
static bool value_of(const struct header *h, struct amqp091_value *v)
{
	*v = (struct amqp091_value){ .type = AMQP091_TYPE_VOID, .i = 0 };
	must(h->class <= HEADER_TABLE);
	switch ((enum header_class)h->class) {
	case HEADER_VOID: return true;
	case HEADER_BOOL: v->type = AMQP091_TYPE_BOOL, v->boolean = h->number != 0; return true;
	case HEADER_INT: v->type = AMQP091_TYPE_LONG, v->i = (int64_t)h->number; return true;
	case HEADER_REAL:
		v->type = AMQP091_TYPE_DOUBLE;
		memcpy(&v->real, &h->number, sizeof v->real);
		return true;
	case HEADER_DECIMAL:
		v->type = AMQP091_TYPE_DECIMAL;
		v->decimal_places = (uint8_t)(h->number >> 32);
		v->i = (uint32_t)h->number;
		return true;
	case HEADER_TIME: v->type = AMQP091_TYPE_TIMESTAMP, v->time = h->number; return true;
	case HEADER_TEXT: v->type = AMQP091_TYPE_LONGSTR, v->octets = h->octets; return true;
	case HEADER_BINARY: v->type = AMQP091_TYPE_BINARY, v->octets = h->octets; return true;
	case HEADER_LIST:
	case HEADER_TABLE: break;
	}
	return false;
}

/* The table so far; nothing once something had no room. */
static struct slice written(const struct wr *w, size_t mark)
{
	must(w->n >= mark + 4);
	return slice_of(w->p + mark + 4, w->n - mark - 4);
}

static void put_topic(struct wr *w, const struct header *topic)
{
	uint8_t between = topic->name.p[0];
	amqp091_put_str(w, AMQP091_REPLY_TO_TOPIC, topic->octets);
	if (!wr_ok(w))
		return;
	must(w->n >= topic->octets.n);
	uint8_t *key = w->p + w->n - topic->octets.n;
	for (size_t i = 0; i < topic->octets.n; i++)
		key[i] = key[i] == between ? '.' : key[i];
}

static void put_headers(struct wr *w, const struct from *f)
{
	struct rd r = f->ops->begin(f->props);
	struct header h;
	struct amqp091_value v, there;
	uint32_t n = 0;
	size_t mark = w->n;
	wr_u32(w, 0);
	must(wr_ok(w));
	if (f->correlation.n > 0)
		amqp091_put_str(w, AMQP091_CORRELATION_ID, f->correlation);
	if (f->topic.name.n > 0)
		put_topic(w, &f->topic);
	for (; wr_ok(w) && f->ops->next(&r, &h); n++) {
		if (h.name.n > UINT8_MAX || !value_of(&h, &v) ||
		    (n < AMQP091_FROM_ONCE_MAX &&
		     amqp091_table_find(written(w, mark), h.name, &there)))
			continue;
		amqp091_put_name(w, h.name);
		amqp091_put_value(w, &v);
	}
	amqp091_put_close(w, mark);
}

static bool has_headers(const struct from *f)
{
	struct rd r = f->ops->begin(f->props);
	struct header h;
	return f->correlation.n > 0 || f->topic.name.n > 0 || f->ops->next(&r, &h);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static bool put(struct wr *w, const struct from *f, const struct amqp091_props *p)
{
	must(w->n == 0 && (p->flags & AMQP091_PROPS_UNUSED) == 0);
	wr_u16(w, p->flags);
#define put_u8(v)    wr_u8(w, v)
#define put_u64(v)   wr_u64(w, v)
#define put_str8(v)  wr_str8(w, v)
#define put_table(v) ((void)(v), put_headers(w, f))
#define PROP(bit, type, name, prose)       \
	if (p->flags & AMQP091_HAS_##name) \
		put_##type(p->name);
#include "wire/amqp091/props.def"
#undef PROP
	return wr_ok(w);
}

struct slice amqp091_props_from(uint8_t *room, size_t n, const struct header_ops *ops,
				struct slice props, bool is_persistent)
{
	struct from f = { .ops = ops, .props = props };
	struct amqp091_props p = { .flags = AMQP091_HAS_delivery_mode,
				   .delivery_mode = is_persistent ? 2 : 1 };
	must(room != NULL && n >= AMQP091_FROM_BYTES);
	set_texts(&f, &p);
	set_addresses(&f, &p);
	set_numbers(&f, &p);
	if (has_headers(&f))
		p.flags |= AMQP091_HAS_headers;
	struct wr w = wr_of(room, n);
	if (!put(&w, &f, &p)) {
		p.flags &= (uint16_t)~AMQP091_HAS_headers;
		w = wr_of(room, n);
		bool is_put = put(&w, &f, &p);
		must(is_put);
	}
	return wr_done(&w);
}
