#include "sim/backlog_state.h"

#include "base/bits.h"

const char *const backlog_names[QUEUES] = { "a", "b", "c", "ranked", "quorum" };

uint8_t backlog_level(uint32_t number)
{
	static const uint8_t levels[] = { 4, 0, 9 };
	must(number > 0);
	return number % 97 == 0 ? 31 : levels[number / 2000 % 3];
}

static void confirmed(struct backlog *b, uint64_t tag, bool is_multiple)
{
	must(tag >= 1 && tag <= b->life_sent_n);
	for (uint64_t t = is_multiple ? b->acked_to + 1 : tag; t <= tag; t++)
		b->message[b->life_first + t].is_confirmed = true;
	if (is_multiple)
		b->acked_to = max_u64(b->acked_to, tag);
}

/* At a moment when nothing is under way. */
static void counted(struct backlog *b, uint32_t count)
{
	uint32_t sure = 0, unsure = 0;
	if (b->counted == QUEUES)
		return;
	for (uint32_t i = 1; i <= b->sent_n; i++) {
		const struct message *m = &b->message[i];
		if (m->queue == b->counted && m->where == READY)
			*(m->is_unsure ? &unsure : &sure) += 1;
	}
	if (count + b->on_its_way[b->counted] < sure)
		story_wrong(b->story, "of %u messages of a backlog are lost all but %u", sure,
			    count);
	if (count > sure + unsure)
		story_wrong(b->story, "%s has %u messages of a backlog, more than %u",
			    backlog_names[b->counted], count, sure + unsure);
	b->counted = QUEUES;
}

static void heard(struct backlog *b, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_basic_ack:
		confirmed(b, m->basic_ack.delivery_tag, m->basic_ack.multiple);
		break;
	case AMQP091_confirm_select_ok: b->is_ready = true; break;
	case AMQP091_queue_declare_ok: counted(b, m->queue_declare_ok.message_count); break;
	case AMQP091_basic_get_empty: b->is_getting = false; break;
	case AMQP091_basic_get_ok:
		b->is_got = true;
		b->came_tag = m->basic_get_ok.delivery_tag;
		break;
	case AMQP091_basic_deliver:
		must(m->basic_deliver.consumer_tag.n == 1 && b->body_left == 0);
		b->is_got = false;
		b->came_tag = m->basic_deliver.delivery_tag;
		break;
	case AMQP091_basic_nack:
	case AMQP091_channel_close:
	case AMQP091_connection_close:
		story_wrong(b->story, "the broker refuses what has a long backlog");
		break;
	default: break;
	}
}

/* At the end all that there is comes in its order. */
static bool is_late(const struct backlog *b, uint32_t number)
{
	const uint32_t queue = b->message[number].queue, last = b->last[queue];
	must(number > 0);
	if (queue == QUORUM && last > 0 && backlog_level(number) != backlog_level(last))
		return b->is_ending && backlog_level(number) > backlog_level(last);
	return b->is_ending && number < last;
}

static void judge(struct backlog *b, uint32_t number)
{
	struct message *m = &b->message[number];
	bool is_no_ack = b->is_got && b->is_no_ack;
	b->is_getting &= !b->is_got;
	if (m->where == GONE)
		story_wrong(b->story, "message %u of a backlog is back", number);
	else if (m->where != READY)
		story_wrong(b->story, "message %u of a backlog came twice", number);
	else if (is_late(b, number))
		story_wrong(b->story, "message %u of a backlog came behind %u", number,
			    b->last[m->queue]);
	b->last[m->queue] = number;
	m->has_come = true;
	m->is_unsure = false;
	m->where = is_no_ack ? ACKED : HELD;
	if (is_no_ack)
		return;
	must(b->held_n < MESSAGES_MAX);
	b->held[b->held_n++] = (struct held){ b->came_tag, number };
}

static void frame(struct backlog *b, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(b, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		b->body_left = h.body_bytes;
	} else if (f->type == AMQP091_FRAME_BODY) {
		uint32_t number = load_be32(f->payload.p);
		b->body_left = 0;
		must(number >= 1 && number <= b->sent_n);
		judge(b, number);
	}
	must(e == ERR_OK);
}

bool backlog_exchange(struct backlog *b)
{
	struct amqp091_frame f;
	bool is_end = false;
	bool is_any = talk_exchange(&b->talk, &b->host.socks, &is_end);
	while (!b->story->is_wrong && talk_next(&b->talk, &f))
		frame(b, &f);
	if (is_end)
		story_wrong(b->story, "the broker hangs up on a long backlog");
	return is_any;
}
