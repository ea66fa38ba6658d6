#include "core/catalog.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

/* All three: u16 vhost, then by kind, then u32 length and bytes of the arguments. Little-endian.
 * They lie in journals: a field is added behind the arguments, and its absence means as before.
 *   exchange: u8 flags, str8 name, str8 type
 *   queue:    u8 flags, u16 shard, u64 owner, str8 name; behind the arguments, if there are
 *             rules: u16 length, rules
 *   bind:     str8 exchange, str8 queue, str8 key; behind the arguments nothing, or u8 1: the
 *             queue is an exchange. */

enum { TO_QUEUE, TO_EXCHANGE };

static uint32_t put_arguments(struct wr *w, struct slice arguments)
{
	must(arguments.n <= UINT32_MAX);
	wr_le32(w, (uint32_t)arguments.n);
	wr_slice(w, arguments);
	return wr_ok(w) ? (uint32_t)w->n : 0;
}

static enum err get_arguments(struct rd *r, struct slice *out)
{
	must(r->p != NULL || r->n == 0);
	*out = rd_take(r, rd_le32(r));
	return rd_ok(r) ? ERR_OK : ERR_MALFORMED;
}

uint32_t declare_exchange_put(const struct declare_exchange *d, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	must(d->name.n <= UINT8_MAX && d->type.n <= UINT8_MAX);
	wr_le16(&w, d->vhost);
	wr_u8(&w, d->flags);
	wr_str8(&w, d->name);
	wr_str8(&w, d->type);
	return put_arguments(&w, d->arguments);
}

enum err declare_exchange_get(struct slice from, struct declare_exchange *out)
{
	struct rd r = rd_of(from);
	struct declare_exchange d = { .vhost = rd_le16(&r) };
	d.flags = rd_u8(&r);
	d.name = rd_str8(&r);
	d.type = rd_str8(&r);
	TRY(get_arguments(&r, &d.arguments));
	must(d.name.n <= UINT8_MAX);
	*out = d;
	return ERR_OK;
}

uint32_t declare_queue_put(const struct declare_queue *d, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	must(d->name.n <= UINT8_MAX && d->rules.n <= RULES_BYTES_MAX);
	wr_le16(&w, d->vhost);
	wr_u8(&w, (uint8_t)d->flags); /* what follows from the rules is found there again */
	wr_le16(&w, d->shard);
	wr_le64(&w, d->owner);
	wr_str8(&w, d->name);
	(void)put_arguments(&w, d->arguments);
	if (d->rules.n > 0) {
		wr_le16(&w, (uint16_t)d->rules.n);
		wr_slice(&w, d->rules);
	}
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

static enum err get_rules(struct rd *r, struct slice *out, uint16_t *io_flags)
{
	struct queue_rules checked;
	if (rd_left(r) == 0)
		return ERR_OK;
	struct slice rules = rd_take(r, rd_le16(r));
	if (!rd_ok(r) || rules.n == 0)
		return ERR_MALFORMED;
	TRY(rules_get(rules, &checked));
	must(rules.n <= RULES_BYTES_MAX);
	if (checked.type == QUEUE_STREAM)
		*io_flags |= QUEUE_APPENDS;
	if (checked.type == QUEUE_QUORUM)
		*io_flags |= QUEUE_KEEPS;
	if (checked.retains != RULE_NONE)
		*io_flags |= QUEUE_RETAINS;
	if (checked.once != RULE_NONE)
		*io_flags |= QUEUE_ONCE;
	if (checked.once_by_id != RULE_NONE)
		*io_flags |= QUEUE_ONCE_BY_ID;
	*out = rules;
	return ERR_OK;
}

enum err declare_queue_get(struct slice from, struct declare_queue *out)
{
	struct rd r = rd_of(from);
	struct declare_queue d = { .vhost = rd_le16(&r) };
	d.flags = rd_u8(&r);
	d.shard = rd_le16(&r);
	d.owner = rd_le64(&r);
	d.name = rd_str8(&r);
	TRY(get_arguments(&r, &d.arguments));
	TRY(get_rules(&r, &d.rules, &d.flags));
	if (d.flags & QUEUE_EXCLUSIVE)
		d.flags &=
			(uint16_t)~QUEUE_DURABLE; /* what dies with its connection does not last */
	must(d.name.n <= UINT8_MAX);
	*out = d;
	return ERR_OK;
}

uint32_t bind_put(const struct bind *b, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	must(b->exchange.n <= UINT8_MAX && b->queue.n <= UINT8_MAX && b->key.n <= UINT8_MAX);
	wr_le16(&w, b->vhost);
	wr_str8(&w, b->exchange);
	wr_str8(&w, b->queue);
	wr_str8(&w, b->key);
	(void)put_arguments(&w, b->arguments);
	if (b->to_exchange)
		wr_u8(&w, TO_EXCHANGE);
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

enum err bind_get(struct slice from, struct bind *out)
{
	struct rd r = rd_of(from);
	struct bind b = { .vhost = rd_le16(&r) };
	b.exchange = rd_str8(&r);
	b.queue = rd_str8(&r);
	b.key = rd_str8(&r);
	TRY(get_arguments(&r, &b.arguments));
	uint8_t to = rd_left(&r) ? rd_u8(&r) : TO_QUEUE;
	if (to > TO_EXCHANGE)
		return ERR_NOT_IMPLEMENTED;
	b.to_exchange = to == TO_EXCHANGE;
	must(b.key.n <= UINT8_MAX);
	*out = b;
	return ERR_OK;
}
