#include "session/amqp091/tx.h"

#include "base/must.h"

/* Whatever ends a channel or a conversation, it first gives back what it held, and only when the
 * shards have answered the last word is written: who reads it finds the world as it is without
 * him.
 *
 *   step 0  consumers are asked to end, all that is held is released, and so is what still comes;
 *           until each consumer's shard has answered, behind the last it gave
 *   step 1  each shard that got something back is asked for a queue's state, whose answer comes
 *           behind it; shard 0 deletes the connection's exclusive queues
 *   then    the last word
 */

static void begin(struct turn *t, enum amqp091_method_kind method, uint16_t channel, uint16_t code,
		  struct slice text)
{
	struct amqp091 *s = t->s;
	must(!s->call && !s->barriers);
	struct call *call = amqp091_call(t, method, channel, TICKET_NONE, text, SLICE_EMPTY);
	call->code = code;
	s->barriers = amqp091_get(t, sizeof *s->barriers, "barriers");
	memset(s->barriers, 0, sizeof *s->barriers);
}

static void release(struct turn *t, struct channel *c)
{
	struct call *call = t->s->call;
	must(!c->is_ending);
	amqp091_assembly_free(t, c);
	amqp091_confirm_free(t, c);
	amqp091_tx_free(t, c);
	for (struct consumer *k = c->consumers; k; k = k->next) {
		if (k->is_direct) /* no shard knows of it */
			k->end = CONSUMER_ENDED;
		if (k->end == CONSUMER_LIVES)
			amqp091_command_queue(t, CMD_UNSUBSCRIBE, UNSUBSCRIBE_ENDING, c->number,
					      k->queue, k->shard, k->id);
		if (k->end != CONSUMER_ENDED)
			call->answers_n++;
		k->end = CONSUMER_ASKED;
	}
	c->is_ending = true;
	amqp091_stream_release(t, c);
	amqp091_unacked_release(t, c, SETTLE_FAIL);
	amqp091_waiting_void(t, c, 0);
}

static void ask_barriers(struct turn *t, struct call *call)
{
	struct amqp091 *s = t->s;
	must(call->answers_n == 0 && call->step == 0);
	call->step = 1;
	call->ticket = s->next_ticket + 1;
	for (uint16_t i = 0; i < SHARDS_MAX; i++) {
		if (s->barriers->queue[i] == 0)
			continue;
		amqp091_command_queue(t, CMD_QUEUE_STAT, 0, call->channel, s->barriers->queue[i], i,
				      amqp091_ticket(s));
		call->answers_n++;
	}
	if (call->method == AMQP091_connection_close && s->owns_queues) {
		amqp091_command_catalog(t, CMD_CONNECTION_GONE, 0, 0, amqp091_ticket(s),
					SLICE_EMPTY);
		call->answers_n++;
	}
	amqp091_put(t, s->barriers, sizeof *s->barriers);
	s->barriers = NULL;
}

/* ---- the last word ------------------------------------------------------------------------ */

static void channel_over(struct turn *t, const struct call *call)
{
	struct channel *c = amqp091_channel(t->s, call->channel);
	struct amqp091_method m = { .kind = AMQP091_channel_close };
	must(c != NULL && c->is_ending);
	if (call->code == 0) {
		amqp091_channel_free(t, c);
		amqp091_send_bare(t, call->channel, AMQP091_channel_close_ok);
		return;
	}
	while (c->consumers)
		amqp091_consumer_free(t, c->consumers);
	c->is_ending = false;
	c->is_closing = true;
	m.channel_close.reply_code = call->code;
	m.channel_close.reply_text = amqp091_call_name(call);
	m.channel_close.class_id = call->class_id;
	m.channel_close.method_id = call->method_id;
	amqp091_send(t, c->number, &m);
}

static void free_channels(struct turn *t)
{
	struct amqp091 *s = t->s;
	for (;;) {
		size_t cursor = 0;
		struct map_slot *slot = map_next(&s->channels, &cursor);
		if (!slot)
			break;
		amqp091_channel_free(t, (struct channel *)(uintptr_t)slot->value);
	}
	amqp091_waiting_drop(t);
	amqp091_stream_drop(t);
	must(s->held_n == 0 && s->consumers.n == 0);
}

static void connection_over(struct turn *t, const struct call *call)
{
	struct amqp091 *s = t->s;
	must(s->phase == PHASE_ENDING && s->is_ended);
	free_channels(t);
	if (s->is_gone || call->code == 0) {
		access_leave(&s->access, t->w);
		if (!s->is_gone)
			amqp091_send_bare(t, 0, AMQP091_connection_close_ok);
		s->phase = PHASE_CLOSED;
		return;
	}
	amqp091_send_close(t, call->code, amqp091_call_name(call), call->class_id, call->method_id);
}

static void go_on(struct turn *t)
{
	struct call *call = t->s->call;
	must(call != NULL);
	if (call->answers_n == 0 && call->step == 0)
		ask_barriers(t, call);
	if (call->answers_n > 0)
		return;
	if (call->method == AMQP091_connection_close)
		connection_over(t, call);
	else
		channel_over(t, call);
	amqp091_call_free(t);
}

void amqp091_end_answered(struct turn *t)
{
	must(t->s->call && t->s->call->answers_n > 0);
	t->s->call->answers_n--;
	go_on(t);
}

void amqp091_end_channel(struct turn *t, struct channel *c, uint16_t code, struct slice text,
			 uint16_t class_id, uint16_t method_id)
{
	must(!c->is_closing);
	begin(t, AMQP091_channel_close, c->number, code, text);
	t->s->call->class_id = class_id;
	t->s->call->method_id = method_id;
	release(t, c);
	go_on(t);
}

/* Gives back what a basic.get has fetched, if it is here and waits for its bytes. False: it is
 * still to come. */
static bool give_back_got(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->call != NULL);
	for (size_t i = 0; i < s->waiting.n; i++) {
		struct waiting *w = deque_at(&s->waiting, i);
		if (!w->is_get || w->state == WAITING_VOID)
			continue;
		if (w->state == WAITING_LOADING) {
			s->loading_n--;
			s->loading_bytes -= w->row.bytes;
		}
		amqp091_settle_row(t, w->channel, w->shard, w->queue, CONSUMER_GET, w->row.pos,
				   SETTLE_RELEASE);
		amqp091_row_unref(&w->row);
		w->row.mem = 0;
		w->state = WAITING_VOID;
		return true;
	}
	return false;
}

void amqp091_end_connection(struct turn *t, uint16_t code, struct slice text, uint16_t class_id,
			    uint16_t method_id)
{
	struct amqp091 *s = t->s;
	must(!s->is_ended);
	bool is_getting = s->call && s->call->method == AMQP091_basic_get && !give_back_got(t);
	amqp091_call_free(t);
	begin(t, AMQP091_connection_close, 0, code, text);
	s->call->class_id = class_id;
	s->call->method_id = method_id;
	s->call->answers_n = is_getting;
	s->phase = PHASE_ENDING;
	s->deadline_ms = UINT64_MAX;
	s->is_ended = true;
	size_t cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;) {
		struct channel *c = (struct channel *)(uintptr_t)slot->value;
		if (!c->is_ending)
			release(t, c);
	}
	go_on(t);
}
