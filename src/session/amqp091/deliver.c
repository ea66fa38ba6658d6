#include "session/amqp091/deliver.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/rd.h"
#include "msg/big.h"

/* From this size on a body is not copied but written from where it lies; smaller parts would cost
 * more than they save. */
#define SLICE_BODY_MIN 16384u
#define SLICE_PART_MIN 8192u

/* What a header frame that was written without a body, up to `end`, says of it. */
static void body_follows(uint8_t *end, const struct msg *m, const struct amqp091_content *c)
{
	uint8_t *at = end - 1 - c->props.n - 8;
	if (m->proto != MSG_CHUNKS)
		return;
	must(c->body_bytes == 0 && load_be64(at) == 0);
	store_be64(at, big_body_bytes(big_list(m)));
}

/* ---- basic.deliver ------------------------------------------------------------------------ */

static bool is_worth_slicing(const struct amqp091_content *c, size_t frame_max)
{
	must(frame_max > 0);
	return c->body_bytes >= SLICE_BODY_MIN &&
	       c->body_bytes / amqp091_gather_parts(frame_max, c) >= SLICE_PART_MIN;
}

static void write_sliced(struct turn *t, const struct amqp091_delivery *d,
			 const struct amqp091_content *c, struct block *b)
{
	struct amqp091 *s = t->s;
	struct sendq *q = amqp091_out(t, d->channel);
	size_t own_n = amqp091_gather_own(d, s->frame_max, c);
	size_t max = amqp091_gather_parts(s->frame_max, c);
	uint8_t *own = amqp091_get(t, own_n, "heads");
	struct slice *parts = amqp091_get(t, max * sizeof *parts, "parts");
	size_t n = amqp091_deliver_gather(own, d, s->frame_max, c, parts);
	must(n <= max);
	for (size_t i = 0; i < n; i++) {
		if (parts[i].p >= own && parts[i].p < own + own_n)
			sendq_copy(q, t->w->mem, parts[i]);
		else
			sendq_slice(q, t->w->mem, b, parts[i]);
	}
	amqp091_put(t, parts, max * sizeof *parts);
	amqp091_put(t, own, own_n);
}

static void write_copied(struct turn *t, const struct amqp091_delivery *d,
			 const struct amqp091_content *c, const struct msg *m)
{
	struct sendq *q = amqp091_out(t, d->channel);
	size_t n = amqp091_deliver_size(d, t->s->frame_max, c);
	must(n <= UINT32_MAX);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = amqp091_deliver_put(at, d, t->s->frame_max, c);
	must((size_t)(end - at) == n);
	body_follows(end, m, c);
	sendq_commit(q, (uint32_t)n);
}

static void write_content(struct turn *t, const struct amqp091_delivery *d,
			  const struct amqp091_content *c, const struct msg *m)
{
	must(d->channel > 0);
	if (is_worth_slicing(c, t->s->frame_max))
		write_sliced(t, d, c, block_of(m));
	else
		write_copied(t, d, c, m);
}

void amqp091_deliver_write(struct turn *t, struct consumer *k, const struct waiting *own_w)
{
	struct waiting counted;
	const struct msg *m = msg_of(own_w->row.mem);
	const bool is_dressed = k->is_stream || foreign_is(m);
	if (amqp091_came_back(own_w) && !foreign_is(m)) {
		counted = *own_w;
		amqp091_recount(t, &counted, k->is_no_ack);
		own_w = &counted;
		m = msg_of(own_w->row.mem);
	}
	struct channel *c = k->channel;
	struct amqp091_content content;
	struct slice body;
	struct dress dress;
	const bool is_settled = k->is_no_ack && own_w->row.flags & ENTRY_SETTLE;
	must(own_w->state == WAITING_HERE && k->waiting_n > 0);
	const struct amqp091_delivery d = {
		.channel = c->number,
		.redelivered = own_w->row.flags & ENTRY_REDELIVERED,
		.consumer_tag = slice_of(k->tag, k->tag_n),
		.delivery_tag = c->next_tag++,
	};
	t->s->count.delivered++;
	amqp091_content_of(m, &content, &body);
	if (is_dressed)
		amqp091_dress(t, own_w, k->is_stream, &dress, &content);
	write_content(t, &d, &content, m);
	if (is_dressed)
		amqp091_undress(t, &dress);
	if (!k->is_no_ack)
		amqp091_unacked_add(t, c,
				    &(struct unacked){
					    .tag = d.delivery_tag,
					    .pos = own_w->row.pos,
					    .queue = own_w->queue,
					    .consumer = k->id,
					    .bytes = own_w->row.bytes,
					    .shard = own_w->shard,
					    .is_stream = k->is_stream,
				    });
	else if (is_settled && m->proto != MSG_CHUNKS)
		amqp091_settle_row(t, c->number, own_w->shard, own_w->queue, k->id, own_w->row.pos,
				   SETTLE_ACCEPT);
	if (m->proto == MSG_CHUNKS)
		amqp091_stream_begin(t, own_w, is_settled);
	else
		refs_drop(&t->gone, own_w->row.mem);
	k->waiting_n--;
	amqp091_written(t, k, 1, own_w->row.bytes);
	if (k->end == CONSUMER_ENDED)
		amqp091_drained(t, k);
}

void amqp091_got_write(struct turn *t, struct channel *c, bool is_no_ack,
		       const struct waiting *own_w)
{
	struct waiting counted;
	const struct msg *m = msg_of(own_w->row.mem);
	const bool is_dressed = foreign_is(m);
	if (amqp091_came_back(own_w) && !is_dressed) {
		counted = *own_w;
		amqp091_recount(t, &counted, is_no_ack);
		own_w = &counted;
		m = msg_of(own_w->row.mem);
	}
	struct sendq *q = amqp091_out(t, c->number);
	struct amqp091_content content;
	struct slice body;
	struct dress dress;
	const bool is_settled = is_no_ack && own_w->row.flags & ENTRY_SETTLE;
	must(own_w->state == WAITING_HERE && own_w->is_get);
	const struct amqp091_got g = {
		.channel = c->number,
		.redelivered = own_w->row.flags & ENTRY_REDELIVERED,
		.delivery_tag = c->next_tag++,
		.message_count = own_w->ready_n,
	};
	t->s->count.got++;
	amqp091_content_of(m, &content, &body);
	if (is_dressed)
		amqp091_dress(t, own_w, false, &dress, &content);
	size_t n = amqp091_get_ok_size(t->s->frame_max, &content);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = amqp091_get_ok_put(at, &g, t->s->frame_max, &content);
	must((size_t)(end - at) == n);
	body_follows(end, m, &content);
	sendq_commit(q, (uint32_t)n);
	if (is_dressed)
		amqp091_undress(t, &dress);
	if (!is_no_ack)
		amqp091_unacked_add(t, c,
				    &(struct unacked){
					    .tag = g.delivery_tag,
					    .pos = own_w->row.pos,
					    .queue = own_w->queue,
					    .consumer = CONSUMER_GET,
					    .shard = own_w->shard,
				    });
	else if (is_settled && m->proto != MSG_CHUNKS)
		amqp091_settle_row(t, c->number, own_w->shard, own_w->queue, CONSUMER_GET,
				   own_w->row.pos, SETTLE_ACCEPT);
	if (m->proto == MSG_CHUNKS)
		amqp091_stream_begin(t, own_w, is_settled);
	else
		amqp091_row_unref(&own_w->row);
}

/* A big message that no queue takes goes back to its publisher. */
void amqp091_return_write(struct turn *t, const struct waiting *own_w)
{
	const struct msg *m = msg_of(own_w->row.mem);
	const struct amqp091_returned r = {
		.channel = own_w->channel,
		.reply_code = amqp091_code(ERR_NO_ROUTE),
		.reply_text = slice_str("NO_ROUTE"),
	};
	struct sendq *q = amqp091_out(t, r.channel);
	struct amqp091_content content;
	struct slice body;
	must(own_w->is_return && m->proto == MSG_CHUNKS);
	amqp091_content_of(m, &content, &body);
	size_t n = amqp091_return_size(&r, t->s->frame_max, &content);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = amqp091_return_put(at, &r, t->s->frame_max, &content);
	must((size_t)(end - at) == n);
	body_follows(end, m, &content);
	sendq_commit(q, (uint32_t)n);
	amqp091_stream_begin(t, own_w, false);
}
