#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/views.h"

void mqtt_again_keep(struct turn *t, const struct message *of, const struct msg *m,
		     bool is_followed)
{
	must(t->hit && t->again.head_n == 0);
	if (is_followed || of->is_retained || of->mark_id || !of->is_here || of->qos > 0 ||
	    block_of(m) != t->block || t->hit->route->n == 0)
		return;
	t->again = (struct mqtt_again){ .before = m,
					.head_n = (uint32_t)of->head.n,
					.payload_n = (uint32_t)of->payload.n };
}

static bool is_again(const struct turn *t, uint32_t off)
{
	const struct mqtt_again *a = &t->again;
	const uint8_t *bytes = (const uint8_t *)t->block;
	must(off <= t->block->fill);
	return a->head_n > 0 && !t->w->is_blocked &&
	       t->block->fill - off >= a->head_n + a->payload_n &&
	       memcmp(bytes + off, bytes + a->before->props_off, a->head_n) == 0;
}

/* The message at `off`, as the one before but for its place; NULL: no room for it. */
static const struct msg *message_at(const struct turn *t, uint32_t off)
{
	struct msg facts = *t->again.before;
	must(facts.props_len == t->again.head_n && facts.body_bytes == t->again.payload_n);
	facts.props_off = off;
	facts.body_off = off + t->again.head_n;
	return msg_new(t->block, &facts);
}

bool mqtt_again(struct turn *t, uint32_t *io_off)
{
	struct mqtt *s = t->s;
	const struct msg *m = is_again(t, *io_off) ? message_at(t, *io_off) : NULL;
	if (!m) {
		t->again.head_n = 0;
		return false;
	}
	const uint32_t total = t->again.head_n + t->again.payload_n;
	const struct publication what = { .headers = views_of(m) };
	must(s->phase == PHASE_RUNNING && t->hit && !s->calling);
	s->more->count.published++;
	publisher_send(&s->publisher, t->w, &s->asker, &what, t->hit, m, PUBLISHER_NOBODY);
	meter_add(t->w->lane, METER_messages_in, 1);
	meter_add(t->w->lane, METER_payload_in, t->again.payload_n);
	meter_add(t->w->lane, METER_packets_in, 1);
	meter_add(t->w->lane, METER_bytes_in, total);
	*io_off += total;
	return true;
}
