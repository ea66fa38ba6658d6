#include "sim/letter.h"

#include "base/byteorder.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#define MAGIC UINT64_C(0x6c65747465723031)

static uint64_t word(const struct letter *l, uint32_t at)
{
	return (l->id * UINT64_C(0x9e3779b97f4a7c15)) ^ (at * UINT64_C(0xc2b2ae3d27d4eb4f));
}

static void put_head(const struct letter *l, uint8_t *to)
{
	store_be64(to, MAGIC);
	store_be32(to + 8, l->id);
	store_be32(to + 12, l->publisher);
	store_be32(to + 16, l->bytes);
	store_be32(to + 20, l->is_persistent);
}

void letter_put(const struct letter *l, uint8_t *to)
{
	uint32_t at = LETTER_BYTES_MIN;
	must(l->bytes >= at && l->id > 0);
	put_head(l, to);
	for (; l->bytes - at >= 8; at += 8) {
		uint64_t v = word(l, at);
		memcpy(to + at, &v, 8);
	}
	memset(to + at, (int)(l->id & 0xff), l->bytes - at);
}

uint32_t letter_id(struct slice body)
{
	if (body.n < LETTER_BYTES_MIN || load_be64(body.p) != MAGIC)
		return 0;
	return load_be32(body.p + 8);
}

bool letter_is(const struct letter *l, struct slice body)
{
	uint8_t head[LETTER_BYTES_MIN];
	uint32_t at = LETTER_BYTES_MIN;
	if (body.n != l->bytes)
		return false;
	put_head(l, head);
	if (memcmp(head, body.p, sizeof head) != 0)
		return false;
	for (; l->bytes - at >= 8; at += 8) {
		uint64_t v = word(l, at);
		if (memcmp(&v, body.p + at, 8) != 0)
			return false;
	}
	for (; at < l->bytes; at++)
		if (body.p[at] != (l->id & 0xff))
			return false;
	return true;
}

static void put_key(struct wr *w, const char *name, struct slice key)
{
	const struct amqp091_value v = { .type = AMQP091_TYPE_LONGSTR, .octets = key };
	if (!key.p)
		return;
	amqp091_put_name(w, slice_str(name));
	size_t mark = amqp091_put_open(w, AMQP091_TYPE_ARRAY);
	amqp091_put_value(w, &v);
	amqp091_put_close(w, mark);
}

/* Four kinds, from none to a table. */
static struct slice put_props(const struct letter *l, struct slice blind,
			      uint8_t buf[LETTER_PROPS_MAX])
{
	uint8_t table[LETTER_PROPS_MAX];
	struct wr w = wr_of(table, sizeof table);
	struct amqp091_props p = { 0 };
	if (l->is_persistent) {
		p.flags |= AMQP091_HAS_delivery_mode;
		p.delivery_mode = 2;
	}
	if (letter_says_priority(l->id)) {
		p.flags |= AMQP091_HAS_content_type | AMQP091_HAS_priority;
		p.content_type = slice_str("text/plain");
		p.priority = (uint8_t)letter_priority(l->id);
	} else if (letter_has_headers(l->id)) {
		amqp091_put_int(&w, "id", l->id);
		amqp091_put_str(&w, "kind", slice_str("letter"));
		p.flags |= AMQP091_HAS_headers;
	} else if (l->id % 4 == 3) {
		p.flags |= AMQP091_HAS_message_id | AMQP091_HAS_timestamp;
		p.message_id = slice_str("a letter");
		p.timestamp = l->id;
	}
	put_key(&w, "CC", l->copy);
	put_key(&w, "BCC", blind);
	if (l->copy.p || l->blind.p)
		p.flags |= AMQP091_HAS_headers;
	p.headers = wr_done(&w);
	must(wr_ok(&w) && amqp091_props_size(&p) <= LETTER_PROPS_MAX);
	return slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
}

struct slice letter_props(const struct letter *l, uint8_t buf[LETTER_PROPS_MAX])
{
	return put_props(l, SLICE_EMPTY, buf);
}

struct slice letter_props_said(const struct letter *l, uint8_t buf[LETTER_PROPS_MAX])
{
	return put_props(l, l->blind, buf);
}

/* ---- dead ones --------------------------------------------------------------------------- */

static bool is_same(const struct amqp091_props *a, const struct amqp091_props *b)
{
	return (a->flags | AMQP091_HAS_headers) == (b->flags | AMQP091_HAS_headers) &&
	       a->delivery_mode == b->delivery_mode && a->priority == b->priority &&
	       a->timestamp == b->timestamp && slice_eq(a->content_type, b->content_type) &&
	       slice_eq(a->message_id, b->message_id);
}

/* All that was in its headers is there still. */
static bool has_all(struct slice headers, struct slice own)
{
	struct amqp091_entry e;
	struct amqp091_value v;
	for (struct rd r = rd_of(own); amqp091_table_next(&r, &e);)
		if (!amqp091_table_find(headers, e.name, &v) ||
		    !amqp091_value_equivalent(&v, &e.value))
			return false;
	return true;
}

/* It died once, as the headers in short say, too. */
static bool read_end(struct slice headers, struct letter_end *out)
{
	struct amqp091_value deaths, one;
	struct slice first_queue, first_reason;
	int64_t count;
	if (!amqp091_table_find(headers, slice_str("x-death"), &deaths) ||
	    deaths.type != AMQP091_TYPE_ARRAY)
		return false;
	struct rd r = rd_of(deaths.octets);
	return amqp091_array_next(&r, &one) && r.n == 0 && one.type == AMQP091_TYPE_TABLE &&
	       amqp091_table_str(one.octets, "queue", &out->queue) &&
	       amqp091_table_str(one.octets, "reason", &out->reason) &&
	       amqp091_table_int(one.octets, "count", &count) && count == 1 &&
	       amqp091_table_str(headers, "x-first-death-queue", &first_queue) &&
	       amqp091_table_str(headers, "x-first-death-reason", &first_reason) &&
	       slice_eq(first_queue, out->queue) && slice_eq(first_reason, out->reason);
}

bool letter_has_died(const struct letter *l, struct slice props, struct letter_end *out)
{
	uint8_t buf[LETTER_PROPS_MAX];
	struct amqp091_props own, its;
	struct letter alone = *l; /* dead letters have keys of their own here */
	alone.copy = SLICE_EMPTY;
	if (amqp091_props_decode(letter_props(&alone, buf), &own) != ERR_OK)
		must(!"properties of a letter");
	return amqp091_props_decode(props, &its) == ERR_OK && is_same(&its, &own) &&
	       has_all(its.headers, own.headers) && read_end(its.headers, out);
}

static uint32_t headers_n(struct slice headers)
{
	struct amqp091_entry e;
	uint32_t n = 0;
	for (struct rd r = rd_of(headers); amqp091_table_next(&r, &e);)
		n++;
	return n;
}

bool letter_is_streamed(const struct letter *l, struct slice props, uint64_t *out_offset)
{
	uint8_t buf[LETTER_PROPS_MAX];
	struct amqp091_props own, its;
	int64_t offset;
	if (amqp091_props_decode(letter_props(l, buf), &own) != ERR_OK)
		must(!"properties of a letter");
	if (amqp091_props_decode(props, &its) != ERR_OK || !is_same(&its, &own) ||
	    !has_all(its.headers, own.headers) ||
	    headers_n(its.headers) != headers_n(own.headers) + 1 ||
	    !amqp091_table_int(its.headers, "x-stream-offset", &offset) || offset < 0)
		return false;
	*out_offset = (uint64_t)offset;
	return true;
}

bool letter_is_dead(struct slice props)
{
	struct amqp091_props its;
	struct amqp091_value deaths;
	return amqp091_props_decode(props, &its) == ERR_OK &&
	       amqp091_table_find(its.headers, slice_str("x-death"), &deaths);
}
