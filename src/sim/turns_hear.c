#include "base/bits.h"
#include "sim/turns_state.h"

static void confirmed(struct turns *t, uint64_t tag, bool is_multiple)
{
	must(tag >= 1 && t->life_first + tag <= t->sent_n);
	for (uint64_t i = is_multiple ? t->acked_to + 1 : tag; i <= tag; i++)
		t->message[t->life_first + i].is_confirmed = true;
	if (is_multiple)
		t->acked_to = max_u64(t->acked_to, tag);
}

/* Nobody else does anything, so everything that is better than what came is not there. */
static void judge_rank(struct turns *t, uint32_t number)
{
	const struct message *m = number ? &t->message[number] : NULL;
	must(number <= t->sent_n);
	if (m && m->state != WAITS && m->state != MAYBE)
		story_wrong(t->story, "message %u was fetched again", number);
	for (uint32_t i = 1; i <= t->sent_n; i++) {
		struct message *o = &t->message[i];
		bool is_better = !m || o->lane > m->lane || (o->lane == m->lane && i < number);
		if (o->queue != RANK || !is_better)
			continue;
		if (o->state == WAITS)
			story_wrong(t->story, "message %u was fetched though %u comes before it",
				    number, i);
		if (o->state == MAYBE)
			o->state = GONE;
	}
}

static void judge_one(struct turns *t, struct side *s, uint32_t number)
{
	if (s->came_to != s->consumer)
		return; /* it was on its way when the consumer ended */
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (&t->side[i] != s && t->side[i].consumer && t->side[i].came_n)
			story_wrong(t->story, "two consumers are active: %u and %u", s->consumer,
				    t->side[i].consumer);
	if (s->came_n == 0 && t->owed && number > t->owed)
		story_wrong(t->story, "message %u came before %u, which was given back", number,
			    t->owed);
	must(s->consumer <= t->consumers_n);
	if (s->came_n++ == 0)
		t->owed = 0;
}

static void judge(struct turns *t, struct side *s, uint32_t number)
{
	struct message *m = &t->message[number];
	if (s->is_closing)
		return;
	m->is_seen = true;
	if ((m->queue == RANK) != (s->came_to == 0))
		story_wrong(t->story, "message %u came from another queue", number);
	if (m->queue == RANK) {
		judge_rank(t, number);
		m->state = HELD;
		t->got_n++;
	} else {
		judge_one(t, s, number);
	}
	must(s->held_n < HELD_MAX);
	s->held[s->held_n++] = (struct held){ s->came_tag, number, s->came_to };
}

static uint32_t number_of(struct slice tag)
{
	uint32_t n = 0;
	must(tag.n > 0 && tag.n < 10);
	for (size_t i = 0; i < tag.n; i++)
		n = n * 10 + (tag.p[i] - '0');
	return n;
}

static void heard(struct turns *t, struct side *s, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_basic_ack:
		confirmed(t, m->basic_ack.delivery_tag, m->basic_ack.multiple);
		break;
	case AMQP091_channel_close_ok: s->is_closing = false; break;
	case AMQP091_confirm_select_ok: s->is_ready = true; break;
	case AMQP091_basic_get_empty: judge_rank(t, 0); break;
	case AMQP091_basic_get_ok:
		s->came_to = 0;
		s->came_tag = m->basic_get_ok.delivery_tag;
		break;
	case AMQP091_basic_deliver:
		must(s->body_left == 0);
		s->came_to = number_of(m->basic_deliver.consumer_tag);
		s->came_tag = m->basic_deliver.delivery_tag;
		break;
	case AMQP091_basic_cancel:
	case AMQP091_channel_close:
	case AMQP091_connection_close:
		story_wrong(t->story, "the broker ends what takes turns");
		break;
	default: break;
	}
}

static void came(struct turns *t, struct side *s, struct slice part)
{
	must(part.n <= s->body_left);
	s->body_left -= part.n;
	if (s->is_body_begun)
		return;
	s->is_body_begun = true;
	uint32_t number = part.n >= 4 ? load_be32(part.p) : 0;
	if (number == 0 || number > t->sent_n)
		story_wrong(t->story, "a message came that nobody has sent");
	else
		judge(t, s, number);
}

void turns_frame(struct turns *t, struct side *s, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(t, s, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		s->body_left = h.body_bytes;
		s->is_body_begun = false;
	} else if (f->type == AMQP091_FRAME_BODY) {
		came(t, s, f->payload);
	}
	must(e == ERR_OK);
}
