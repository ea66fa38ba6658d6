#include "session/mqtt/deliver_rows.h"

#include "base/must.h"

/* From this size on a span is not copied but written from where it lies. */
#define SPAN_SLICE_MIN 16384u

struct span {
	const uint8_t *at;
	uint32_t n, bodies_n; /* octets, and of them those of bodies */
	uint32_t rows_n;
	struct slice topic; /* of the row before, which the client wants */
	bool is_one_topic;  /* so it was with all */
};

/* Does the message lie in its block as it goes out? Gives its topic. */
static bool is_as_it_goes(const struct msg *m, struct slice *out_topic)
{
	const struct slice head = msg_props(m);
	struct mqtt_publish_peek p;
	if (m->proto != MSG_MQTT3 || m->piece_bytes || m->body_off != m->props_off + m->props_len ||
	    !mqtt_publish_head_peek(head, &p) || head.p[0] != MQTT_PUBLISH << 4)
		return false;
	*out_topic = p.topic;
	must(p.qos == 0 && !p.retain);
	return p.topic.p + p.topic.n == head.p + head.n && !mqtt_topic_is_ours(p.topic);
}

/* Wants: a subscription matches. */
static bool is_wanted(const struct turn *t, struct slice topic)
{
	UNSET struct sub_match match;
	subs_match(t->s->subs, topic, &match);
	must(match.n == 0 || match.qos <= 2);
	return match.n > 0;
}

/* One row more, if its message lies behind the others and goes out as it came. */
static bool span_grow(const struct turn *t, struct span *s, const struct deliver_row *row,
		      uint64_t room)
{
	struct slice topic;
	must_if(s->rows_n > 0, s->at != NULL);
	if (!row->mem || row->flags & ENTRY_SETTLE)
		return false;
	const struct msg *m = msg_of(row->mem);
	const uint8_t *at = msg_props(m).p;
	const uint32_t n = m->props_len + m->body_bytes;
	if ((s->rows_n > 0 && at != s->at + s->n) || s->n + (uint64_t)n > room ||
	    !is_as_it_goes(m, &topic))
		return false;
	const bool is_same = s->rows_n > 0 && slice_eq(topic, s->topic);
	if (!is_same && !is_wanted(t, topic))
		return false;
	s->is_one_topic = s->rows_n == 0 || (s->is_one_topic && is_same);
	s->at = s->rows_n > 0 ? s->at : at;
	s->topic = topic;
	s->n += n;
	s->bodies_n += m->body_bytes;
	s->rows_n++;
	return true;
}

/* What the session before was told, and wrote in one span. */
static bool is_echo(const struct turn *t, const struct deliver_row *row, uint32_t n, uint64_t room)
{
	const struct session_echo *e = t->w->echo;
	struct slice topic;
	if (!e || e->n == 0 || e->n != n || e->ops != &mqtt_session_ops || e->bytes_n > room)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (row[i].mem != e->row[i].mem || row[i].flags & ENTRY_SETTLE)
			return false;
	must(row[0].mem != 0);
	return is_as_it_goes(msg_of(row[0].mem), &topic) && is_wanted(t, topic);
}

static void remember(const struct turn *t, const struct deliver_row *row, uint32_t n,
		     const struct span *s)
{
	struct session_echo *e = t->w->echo;
	must(s->rows_n <= n);
	if (!e)
		return;
	e->ops = &mqtt_session_ops;
	e->row = row;
	e->n = s->rows_n == n && s->is_one_topic ? n : 0;
	e->bytes = s->at;
	e->bytes_n = s->n;
	e->bodies_n = s->bodies_n;
}

static void write_span(struct turn *t, const struct span *s, uint64_t mem)
{
	struct sendq *q = &t->s->session.sendq;
	struct meter_lane *lane = t->w->lane;
	const struct slice bytes = slice_of(s->at, s->n);
	must(s->rows_n > 0 && s->bodies_n < s->n);
	if (s->n >= SPAN_SLICE_MIN)
		sendq_slice(q, t->w->mem, block_of(msg_of(mem)), bytes);
	else
		sendq_copy(q, t->w->mem, bytes);
	mqtt_more(t)->count.delivered += s->rows_n;
	meter_add(lane, METER_packets_out, s->rows_n);
	meter_add(lane, METER_bytes_out, s->n);
	meter_add(lane, METER_messages_out, s->rows_n);
	meter_add(lane, METER_payload_out, s->bodies_n);
}

static uint32_t write_next(struct turn *t, const struct deliver_row *row, uint32_t n, uint64_t room)
{
	struct span s = { .at = NULL };
	must(n > 0 && room > 0);
	if (is_echo(t, row, n, room)) {
		const struct session_echo *e = t->w->echo;
		s = (struct span){
			.at = e->bytes, .n = e->bytes_n, .bodies_n = e->bodies_n, .rows_n = n
		};
	} else {
		while (s.rows_n < n && span_grow(t, &s, &row[s.rows_n], room))
			;
		if (s.rows_n == 0)
			return 0;
		remember(t, row, n, &s);
	}
	write_span(t, &s, row->mem);
	return s.rows_n;
}

uint32_t mqtt_deliver_rows(struct session *own, struct session_world *w, struct taker *k,
			   const struct deliver_row *row, uint32_t n)
{
	struct turn t;
	uint32_t done = 0, wrote = 1;
	mqtt_turn(&t, own, w);
	const struct sendq *q = &t.s->session.sendq;
	if (k != t.s->taker || !k->is_no_ack || t.s->version == MQTT_V5 || t.s->calling)
		return 0;
	must(t.s->version >= MQTT_V3);
	while (done < n && wrote > 0 && q->bytes < w->limits->output_bytes_max) {
		wrote = write_next(&t, row + done, n - done,
				   w->limits->output_bytes_max - q->bytes);
		done += wrote;
	}
	return done;
}
