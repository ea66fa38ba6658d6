#include "app/bench/frames.h"

#include "base/bits.h"
#include "base/must.h"

#define CONSUMER_TAG "c"

static size_t begin(struct wr *w, enum frames_type type, uint16_t channel)
{
	size_t at = w->n;
	wr_u8(w, (uint8_t)type);
	wr_u16(w, channel);
	wr_u32(w, 0);
	return at;
}

static void end(struct wr *w, size_t at)
{
	if (wr_ok(w))
		wr_patch_u32(w, at + 3, (uint32_t)(w->n - at - FRAMES_HEAD));
	wr_u8(w, FRAMES_END);
}

static size_t method(struct wr *w, uint16_t channel, enum frames_id id)
{
	size_t at = begin(w, FRAMES_METHOD, channel);
	wr_u32(w, (uint32_t)id);
	return at;
}

static void name(struct wr *w, const char *z)
{
	wr_str8(w, slice_str(z));
}

static void long_string(struct wr *w, const char *z)
{
	wr_str32(w, slice_str(z));
}

static void table_end(struct wr *w, size_t at)
{
	if (wr_ok(w))
		wr_patch_u32(w, at, (uint32_t)(w->n - at - 4));
}

static size_t table_begin(struct wr *w)
{
	size_t at = w->n;
	wr_u32(w, 0);
	return at;
}

void frames_protocol(struct wr *w)
{
	wr_bytes(w, "AMQP\0\0\x09\x01", 8);
}

static void client_properties(struct wr *w)
{
	static const char *const can[] = { "publisher_confirms", "basic.nack", "connection.blocked",
					   "consumer_cancel_notify",
					   "authentication_failure_close" };
	size_t all = table_begin(w);
	name(w, "product");
	wr_u8(w, 'S');
	long_string(w, "godwit bench");
	name(w, "capabilities");
	wr_u8(w, 'F');
	size_t capabilities = table_begin(w);
	for (size_t i = 0; i < sizeof can / sizeof can[0]; i++) {
		name(w, can[i]);
		wr_u8(w, 't');
		wr_u8(w, 1);
	}
	table_end(w, capabilities);
	table_end(w, all);
}

void frames_start_ok(struct wr *w, const char *user, const char *password)
{
	size_t at = method(w, 0, CONNECTION_START_OK);
	client_properties(w);
	name(w, "PLAIN");
	wr_u32(w, (uint32_t)(strlen(user) + strlen(password) + 2));
	wr_u8(w, 0);
	wr_slice(w, slice_str(user));
	wr_u8(w, 0);
	wr_slice(w, slice_str(password));
	name(w, "en_US");
	end(w, at);
}

void frames_tune_ok(struct wr *w, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat)
{
	size_t at = method(w, 0, CONNECTION_TUNE_OK);
	wr_u16(w, channel_max);
	wr_u32(w, frame_max);
	wr_u16(w, heartbeat);
	end(w, at);
}

void frames_open(struct wr *w, const char *vhost)
{
	size_t at = method(w, 0, CONNECTION_OPEN);
	name(w, vhost);
	name(w, "");
	wr_u8(w, 0);
	end(w, at);
}

void frames_channel_open(struct wr *w, uint16_t channel)
{
	size_t at = method(w, channel, CHANNEL_OPEN);
	name(w, "");
	end(w, at);
}

void frames_close(struct wr *w, uint16_t channel)
{
	size_t at = method(w, channel, channel ? CHANNEL_CLOSE : CONNECTION_CLOSE);
	wr_u16(w, 200);
	name(w, "done");
	wr_u32(w, 0);
	end(w, at);
}

void frames_exchange_declare(struct wr *w, uint16_t channel, const struct frames_exchange *x)
{
	size_t at = method(w, channel, EXCHANGE_DECLARE);
	wr_u16(w, 0);
	name(w, x->name);
	name(w, x->type);
	wr_u8(w, x->durable ? 2 : 0);
	size_t table = table_begin(w);
	if (x->delayed_type) {
		name(w, "x-delayed-type");
		wr_u8(w, 'S');
		long_string(w, x->delayed_type);
	}
	table_end(w, table);
	end(w, at);
}

void frames_exchange_delete(struct wr *w, uint16_t channel, const char *exchange)
{
	size_t at = method(w, channel, EXCHANGE_DELETE);
	wr_u16(w, 0);
	name(w, exchange);
	wr_u8(w, 0);
	end(w, at);
}

static void lifetime(struct wr *w, uint32_t ttl_ms)
{
	name(w, "x-message-ttl");
	wr_u8(w, 'I');
	wr_u32(w, ttl_ms);
}

static void declare(struct wr *w, uint16_t channel, const char *queue, uint8_t bits,
		    const char *type, uint32_t ttl_ms, uint8_t priorities)
{
	size_t at = method(w, channel, QUEUE_DECLARE);
	wr_u16(w, 0);
	name(w, queue);
	wr_u8(w, bits);
	size_t arguments = table_begin(w);
	if (type) {
		name(w, "x-queue-type");
		wr_u8(w, 'S');
		long_string(w, type);
	}
	if (ttl_ms)
		lifetime(w, ttl_ms);
	if (priorities) {
		name(w, "x-max-priority");
		wr_u8(w, 'I');
		wr_u32(w, priorities);
	}
	table_end(w, arguments);
	end(w, at);
}

void frames_queue_declare(struct wr *w, uint16_t channel, const char *queue, bool durable,
			  const char *type, uint32_t ttl_ms, uint8_t priorities)
{
	declare(w, channel, queue, durable ? 2 : 0, type, ttl_ms, priorities);
}

static void argument(struct wr *w, const char *key, const char *value)
{
	name(w, key);
	wr_u8(w, 'S');
	long_string(w, value);
}

void frames_queue_declare_mortal(struct wr *w, uint16_t channel, const char *queue, bool durable,
				 const char *next)
{
	size_t at = method(w, channel, QUEUE_DECLARE);
	wr_u16(w, 0);
	name(w, queue);
	wr_u8(w, durable ? 2 : 0);
	size_t arguments = table_begin(w);
	argument(w, "x-dead-letter-exchange", "");
	argument(w, "x-dead-letter-routing-key", next);
	lifetime(w, 0);
	table_end(w, arguments);
	end(w, at);
}

void frames_queue_look(struct wr *w, uint16_t channel, const char *queue)
{
	declare(w, channel, queue, 1, NULL, 0, 0);
}

/* The headers of a message, or those that a binding wants. */
static void put_headers(struct wr *w, const char *id)
{
	size_t table = table_begin(w);
	name(w, "id");
	wr_u8(w, 'S');
	long_string(w, id);
	name(w, "kind");
	wr_u8(w, 'S');
	long_string(w, "bench");
	table_end(w, table);
}

void frames_queue_bind(struct wr *w, uint16_t channel, const struct frames_binding *b)
{
	size_t at = method(w, channel, QUEUE_BIND);
	wr_u16(w, 0);
	name(w, b->queue);
	name(w, b->exchange);
	name(w, b->key);
	wr_u8(w, b->nowait);
	if (b->header)
		put_headers(w, b->header);
	else
		wr_u32(w, 0);
	end(w, at);
}

void frames_queue_delete(struct wr *w, uint16_t channel, const char *queue)
{
	size_t at = method(w, channel, QUEUE_DELETE);
	wr_u16(w, 0);
	name(w, queue);
	wr_u8(w, 0);
	end(w, at);
}

void frames_confirm_select(struct wr *w, uint16_t channel)
{
	size_t at = method(w, channel, CONFIRM_SELECT);
	wr_u8(w, 0);
	end(w, at);
}

void frames_qos(struct wr *w, uint16_t channel, uint16_t prefetch)
{
	size_t at = method(w, channel, BASIC_QOS);
	wr_u32(w, 0);
	wr_u16(w, prefetch);
	wr_u8(w, 0);
	end(w, at);
}

void frames_consume(struct wr *w, uint16_t channel, const char *queue, bool manual_ack)
{
	size_t at = method(w, channel, BASIC_CONSUME);
	wr_u16(w, 0);
	name(w, queue);
	name(w, CONSUMER_TAG);
	wr_u8(w, manual_ack ? 0 : 2);
	wr_u32(w, 0);
	end(w, at);
}

void frames_cancel(struct wr *w, uint16_t channel)
{
	size_t at = method(w, channel, BASIC_CANCEL);
	name(w, CONSUMER_TAG);
	wr_u8(w, 0);
	end(w, at);
}

void frames_ack(struct wr *w, uint16_t channel, uint64_t tag, bool multiple)
{
	uint8_t *at = wr_reserve(w, FRAMES_ACK_BYTES);
	if (!at)
		return;
	at[0] = FRAMES_METHOD;
	store_be16(at + 1, channel);
	store_be32(at + 3, FRAMES_ACK_BYTES - FRAMES_OVERHEAD);
	store_be32(at + 7, BASIC_ACK);
	store_be64(at + 11, tag);
	at[19] = multiple;
	at[20] = FRAMES_END;
}

static void put_delay(struct wr *w, uint32_t delay_ms)
{
	size_t table = table_begin(w);
	name(w, "x-delay");
	wr_u8(w, 'I');
	wr_u32(w, delay_ms);
	table_end(w, table);
}

void frames_publish(struct wr *w, const struct frames_message *m, size_t *out_body_at)
{
	must(m->frame_max > FRAMES_OVERHEAD);
	size_t old = w->n, at = method(w, m->channel, BASIC_PUBLISH);
	wr_u16(w, 0);
	name(w, m->exchange);
	name(w, m->key);
	wr_u8(w, 0);
	end(w, at);
	at = begin(w, FRAMES_CONTENT, m->channel);
	wr_u32(w, FRAMES_ID(60, 0));
	wr_u64(w, m->body_len);
	wr_u16(w, (uint16_t)((m->header || m->delay_ms ? 1 << 13 : 0) | (m->durable ? 1 << 12 : 0) |
			     (m->has_priority ? 1 << 11 : 0)));
	if (m->delay_ms)
		put_delay(w, m->delay_ms);
	else if (m->header)
		put_headers(w, m->header);
	if (m->durable)
		wr_u8(w, 2);
	if (m->has_priority)
		wr_u8(w, m->priority);
	end(w, at);
	*out_body_at = w->n - old + FRAMES_HEAD;
	for (size_t left = m->body_len, part; left > 0; left -= part) {
		part = min_size(left, m->frame_max - FRAMES_OVERHEAD);
		at = begin(w, FRAMES_BODY, m->channel);
		wr_zeros(w, part);
		end(w, at);
	}
}

size_t frames_publish_bytes(const struct frames_message *m)
{
	must(m->frame_max > FRAMES_OVERHEAD);
	size_t parts = (size_t)ceil_div(m->body_len, m->frame_max - FRAMES_OVERHEAD);
	size_t headers = m->header ? 4 + 3 + 5 + strlen(m->header) + 5 + 5 + 5 : 0;
	if (m->delay_ms)
		headers = 4 + 8 + 5;
	return FRAMES_OVERHEAD + 4 + 2 + 1 + strlen(m->exchange) + 1 + strlen(m->key) + 1 +
	       FRAMES_OVERHEAD + 4 + 8 + 2 + headers + m->durable + m->has_priority +
	       parts * FRAMES_OVERHEAD + m->body_len;
}
