#include "wire/amqp091/props.h"

#include "base/must.h"
#include "base/rd.h"
#include "wire/amqp091/field.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/table.h"

#define get_u8   rd_u8
#define get_u64  rd_u64
#define get_str8 rd_str8

static inline struct slice get_table(struct rd *r)
{
	struct slice s = rd_str32(r);
	if (amqp091_table_check(s) != ERR_OK)
		rd_fail(r);
	return s;
}

static inline uint16_t get_flags(struct rd *r)
{
	uint16_t flags = rd_u16(r);
	if (flags & AMQP091_PROPS_UNUSED)
		rd_fail(r);
	return flags;
}

enum err amqp091_props_decode(struct slice props, struct amqp091_props *out)
{
	must(out != NULL);
	struct rd r = rd_of(props);
	struct amqp091_props p = { .flags = get_flags(&r) };
#define PROP(bit, type, name, prose)      \
	if (p.flags & AMQP091_HAS_##name) \
		p.name = get_##type(&r);
#include "wire/amqp091/props.def"
#undef PROP
	if (!rd_done(&r))
		return ERR_MALFORMED;
	must((p.flags & AMQP091_PROPS_UNUSED) == 0);
	*out = p;
	return ERR_OK;
}

/* look_at_headers looks for names that say what is to be done with the message, in a table that has
 * been checked. */
static void look_at_headers(struct slice headers, struct amqp091_facts *out)
{
	struct rd r = rd_of(headers);
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		const uint8_t *p = e.name.p;
		if (e.name.n == 2)
			out->has_cc |= p[0] == 'C' && p[1] == 'C';
		else if (e.name.n == 3)
			out->has_cc |= p[0] == 'B' && p[1] == 'C' && p[2] == 'C';
		else if (e.name.n == sizeof AMQP091_RETAIN - 1)
			out->has_retain |= memcmp(p, AMQP091_RETAIN, e.name.n) == 0;
	}
	must(rd_done(&r)); /* it was checked */
}

/* facts_of_list reads the list like amqp091_props_decode, but what nobody asks for is only stepped
 * over: no view of all properties is made. */
static enum err facts_of_list(struct slice props, struct amqp091_facts *out)
{
	struct rd r = rd_of(props);
	uint16_t flags = get_flags(&r);
#define zero_u8    0
#define zero_u64   0
#define zero_str8  SLICE_EMPTY
#define zero_table SLICE_EMPTY
#define PROP(bit, type, name, prose)                                                     \
	amqp091_##type name = flags & AMQP091_HAS_##name ? get_##type(&r) : zero_##type; \
	(void)name;
#include "wire/amqp091/props.def"
#undef PROP
	if (!rd_done(&r))
		return ERR_MALFORMED;

	must((flags & AMQP091_PROPS_UNUSED) == 0);
	out->flags = flags;
	out->delivery_mode = delivery_mode;
	out->priority = priority;
	out->has_cc = out->has_retain = false;
	if (headers.n > 0)
		look_at_headers(headers, out);
	out->expiration = expiration;
	out->user_id = user_id;
	out->headers = headers;
	out->reply_to = reply_to;
	return ERR_OK;
}

enum err amqp091_props_facts(struct slice props, struct amqp091_facts *out)
{
	must(out != NULL);
	if (props.n < 2)
		return ERR_MALFORMED;
	uint16_t flags = load_be16(props.p);
	if (flags & ~(AMQP091_HAS_delivery_mode | AMQP091_HAS_priority))
		return facts_of_list(props, out);

	size_t modes = (flags & AMQP091_HAS_delivery_mode) != 0;
	size_t priorities = (flags & AMQP091_HAS_priority) != 0;
	if (props.n != 2 + modes + priorities)
		return ERR_MALFORMED;
	*out = (struct amqp091_facts){
		.flags = flags,
		.delivery_mode = modes ? props.p[2] : 0,
		.priority = priorities ? props.p[2 + modes] : 0,
	};
	return ERR_OK;
}

size_t amqp091_props_size(const struct amqp091_props *p)
{
	must(p != NULL && (p->flags & AMQP091_PROPS_UNUSED) == 0);
	size_t n = 2;
#define PROP(bit, type, name, prose)       \
	if (p->flags & AMQP091_HAS_##name) \
		n += field_size_##type(p->name);
#include "wire/amqp091/props.def"
#undef PROP
	return n;
}

uint8_t *amqp091_props_put(uint8_t *at, const struct amqp091_props *p)
{
	must(at != NULL && p != NULL);
	store_be16(at, p->flags);
	at += 2;
#define PROP(bit, type, name, prose)       \
	if (p->flags & AMQP091_HAS_##name) \
		at = field_put_##type(at, p->name);
#include "wire/amqp091/props.def"
#undef PROP
	return at;
}

void amqp091_props_print(const struct amqp091_props *p, struct text *out)
{
	must(p != NULL && out != NULL);
#define PROP(bit, type, name, prose)              \
	if (p->flags & AMQP091_HAS_##name) {      \
		text_puts(out, " " #name "=");    \
		field_print_##type(p->name, out); \
	}
#include "wire/amqp091/props.def"
#undef PROP
}
