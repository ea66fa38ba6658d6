#include "session/stomp/activemq.h"

#include "base/bits.h"
#include "base/must.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/put.h"

/* What the messages of a subscription begin with is the same but for their tags, as long as they
 * come the same way: it is written once and copied. Behind this struct lie the route and the front,
 * which leaves out the tags. */
struct front {
	uint32_t bytes; /* of the whole block */
	uint32_t route_n, n;
	uint32_t tag_at[STOMP_FRONT_TAGS]; /* in the front: in ascending order; n: there is none */
	bool is_redelivered;
	uint8_t octets[];
};

/* Room for what a MESSAGE says of itself, whatever the names are. */
#define DESTINATION_ROOM (2u * STOMP_NAME_MAX(LIMIT_SHORTSTR) + 32u)
#define ID_ROOM          (LIMIT_SHORTSTR + NAME_MADE_MAX + 32u)
#define BYTES_STEP       64u /* the next one may be a little longer */

static struct slice destination_of(const struct turn *t, struct slice route, struct slice queue,
				   struct text *out)
{
	struct rd r = rd_of(route);
	struct slice exchange = rd_str8(&r), key = rd_str8(&r);
	must(rd_ok(&r));
	if (t->s->is_activemq) {
		bool is_topic = slice_eq(exchange, t->w->limits->stomp->topic_exchange);
		stomp_amq_address(t->s, is_topic && key.n > 0,
				  (is_topic || exchange.n == 0) && key.n > 0 ? key : queue, out);
		return text_slice(out);
	}
	if (exchange.n == 0) {
		text_puts(out, "/queue/");
	} else if (slice_eq(exchange, t->w->limits->stomp->topic_exchange)) {
		text_puts(out, "/topic/");
	} else {
		text_puts(out, "/exchange/");
		stomp_destination_name(out, exchange);
		text_puts(out, key.n ? "/" : "");
	}
	stomp_destination_name(out, key);
	return text_slice(out);
}

/* A tag belongs behind it. */
static struct slice id_of(const struct turn *t, const struct subscription *k, struct text *out)
{
	must(k->id_n > 0 || k->has_id);
	text_puts(out, k->has_id ? "T_" : "Q_");
	text_put_slice(out, stomp_sub_id(k));
	text_puts(out, "@@");
	text_put_slice(out, stomp_name(t->s));
	text_puts(out, "@@");
	return text_slice(out);
}

void stomp_front_free(struct turn *t, struct subscription *k)
{
	must(k != NULL);
	if (k->front)
		mem_put(t->w->mem, k->front, k->front->bytes);
	k->front = NULL;
}

static struct front *make(struct turn *t, struct subscription *k, struct slice route,
			  bool is_redelivered)
{
	UNSET char destination[DESTINATION_ROOM], id[ID_ROOM];
	struct text to = text_of(destination, sizeof destination), me = text_of(id, sizeof id);
	const struct stomp_message say = {
		.version = (enum stomp_version)t->s->version,
		.has_subscription = k->has_id,
		.subscription = stomp_sub_id(k),
		.destination = destination_of(t, route, stomp_sub_queue(k), &to),
		.id = id_of(t, k, &me),
		.is_redelivered = is_redelivered,
		.is_acked = k->ack != ACK_AUTO,
		.is_activemq = t->s->is_activemq,
	};
	uint32_t tag_at[STOMP_FRONT_TAGS];
	must(!text_is_full(&to) && !text_is_full(&me));
	const size_t n = stomp_front_put(NULL, &say, tag_at);
	const size_t bytes = sizeof(struct front) + route.n + n;
	if (k->front && k->front->bytes < bytes)
		stomp_front_free(t, k);
	if (!k->front) {
		const size_t room = align_up(bytes, BYTES_STEP);
		k->front = mem_get(t->w->mem, room, "front of a message");
		must(k->front != NULL);
		k->front->bytes = (uint32_t)room;
	}
	struct front *f = k->front;
	f->route_n = (uint32_t)route.n;
	f->n = (uint32_t)n;
	f->is_redelivered = is_redelivered;
	memcpy(f->octets, route.p, route.n);
	(void)stomp_front_put(f->octets + route.n, &say, f->tag_at);
	return f;
}

const struct front *stomp_front(struct turn *t, struct subscription *k, struct slice route,
				bool is_redelivered)
{
	const struct front *f = k->front;
	must(route.n >= 2);
	if (f && f->is_redelivered == is_redelivered &&
	    slice_eq(slice_of(f->octets, f->route_n), route))
		return f;
	return make(t, k, route, is_redelivered);
}

size_t stomp_front_bytes(const struct front *f, struct slice tag)
{
	must(tag.n > 0);
	return f->n + STOMP_FRONT_TAGS * tag.n;
}

size_t stomp_front_copy(uint8_t *at, const struct front *f, struct slice tag)
{
	const uint8_t *from = f->octets + f->route_n;
	size_t done = 0, n = 0;
	must(tag.n > 0);
	for (uint32_t i = 0; i < STOMP_FRONT_TAGS && f->tag_at[i] < f->n; i++) {
		const size_t part = f->tag_at[i] - done;
		memcpy(at + n, from + done, part);
		memcpy(at + n + part, tag.p, tag.n);
		n += part + tag.n;
		done += part;
	}
	memcpy(at + n, from + done, f->n - done);
	return n + f->n - done;
}
