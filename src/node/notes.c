/* What sessions and shards want logged, as lines of the log: which connection it was, and whose
 * queue, is added here. */
#include "node/conn.h"

#include "base/must.h"

#define SHEDS_NAMED 8u /* queues of a shard that are named, each time */

static struct log_value peer_of(const struct conn *c)
{
	return log_str(slice_of(c->peer, c->peer_n));
}

static void log_conn(struct conn *c, const struct session_note *note, enum log_id id)
{
	struct log_value v[3] = { log_u64(c->number), peer_of(c), log_str(note->text) };
	if (note->event == SESSION_HEARTBEAT_LOST)
		v[2] = log_u64(note->n);
	loop_log(c->loop, id, v, 3);
}

static void log_opened(struct conn *c, const struct session_note *note)
{
	struct log_value v[5] = { log_u64(c->number), peer_of(c), log_str(note->user),
				  log_str(note->vhost), log_str(note->text) };
	loop_log(c->loop, LOG_connection_opened, v, 5);
	c->is_opened = true;
}

static void log_error(struct conn *c, const struct session_note *note)
{
	bool is_channel = note->event == SESSION_CHANNEL_ERROR;
	struct log_value v[4] = { log_u64(c->number),
				  is_channel ? log_u64(note->channel) : peer_of(c),
				  log_u64(note->code), log_str(note->text) };
	loop_log(c->loop, is_channel ? LOG_channel_error : LOG_protocol_error, v, 4);
}

static void log_consumer(struct conn *c, const struct session_note *note)
{
	struct log_value v[4] = { log_u64(c->number), log_u64(note->channel), log_str(note->text),
				  log_u64(note->n) };
	loop_log(c->loop, LOG_consumer_timeout, v, 4);
}

static void log_topic(struct conn *c, const struct session_note *note)
{
	struct log_value v[5] = { log_u64(c->number), peer_of(c), log_str(note->text),
				  log_u64(note->code), log_str(note->reason) };
	loop_log(c->loop, LOG_topic_refused, v, 5);
}

/* Those who have not logged in have no number yet that anybody knows. */
static void log_stranger(struct conn *c, const struct session_note *note)
{
	struct log_value v[4] = { peer_of(c), log_str(note->reason), log_str(note->user),
				  log_str(note->text) };
	switch (note->event) {
	case SESSION_LOGIN_REFUSED: loop_log(c->loop, LOG_login_refused, v, 4); return;
	case SESSION_HANDSHAKE_TIMEOUT:
		v[1] = log_u64(note->n);
		loop_log(c->loop, LOG_handshake_timeout, v, 2);
		return;
	default: v[1] = log_str(note->text); loop_log(c->loop, LOG_unknown_protocol, v, 2);
	}
}

static void note_log(struct conn *c, const struct session_note *note)
{
	c->is_end_logged |= note->event != SESSION_OPENED && note->event != SESSION_CHANNEL_ERROR &&
			    note->event != SESSION_CONSUMER_TIMEOUT &&
			    note->event != SESSION_SHED && note->event != SESSION_OTHER_DIALECT &&
			    note->event != SESSION_TOPIC_REFUSED;
	switch (note->event) {
	case SESSION_OPENED: log_opened(c, note); return;
	case SESSION_CLOSED: log_conn(c, note, LOG_connection_closed); return;
	case SESSION_HEARTBEAT_LOST: log_conn(c, note, LOG_heartbeat_timeout); return;
	case SESSION_OTHER_DIALECT: log_conn(c, note, LOG_other_dialect); return;
	case SESSION_ERROR:
	case SESSION_CHANNEL_ERROR: log_error(c, note); return;
	case SESSION_CONSUMER_TIMEOUT: log_consumer(c, note); return;
	case SESSION_SHED: log_conn(c, note, LOG_messages_shed); return;
	case SESSION_TOPIC_REFUSED: log_topic(c, note); return;
	case SESSION_LOGIN_REFUSED:
	case SESSION_HANDSHAKE_TIMEOUT:
	case SESSION_UNKNOWN_PROTOCOL: log_stranger(c, note); return;
	}
	must(!"an event that no table has");
}

void notes_log(struct loop *l)
{
	struct session_events *e = &l->events;
	for (uint32_t i = 0; i < e->n; i++) {
		struct conn *c = conn_of(l, e->at[i].session);
		if (c)
			note_log(c, &e->at[i]);
	}
	e->n = 0;
}

void notes_log_end(struct conn *c)
{
	bool is_ours = c->is_closing;
	struct log_value v[3] = { log_u64(c->number), peer_of(c) };
	if (!c->is_opened || c->is_end_logged)
		return;
	c->is_end_logged = true;
	v[2] = log_str(slice_str(!is_ours               ? "the client went away without closing"
				 : c->loop->is_stopping ? "the broker stops"
							: "the broker ended it"));
	loop_log(c->loop, is_ours ? LOG_connection_closed : LOG_connection_lost, v, 3);
}

static void log_shed(struct loop *l, const struct core_shed *one)
{
	const struct catalog_view *v = loop_world(l)->view;
	const struct queue_record *q = catalog_queue_by_id(v, one->queue);
	must(one->n > 0);
	if (!q) /* it has just gone */
		return;
	struct log_value values[3] = { log_str(queue_record_name(q)),
				       log_str(catalog_vhost_name(v, q->vhost)), log_u64(one->n) };
	loop_log(l, LOG_queue_sheds, values, 3);
}

void notes_shed(struct shard *s)
{
	struct core_shed one;
	uint64_t queues = 0, more_queues = 0, more = 0;
	must(s->core != NULL);
	while (core_shed_take(s->core, &one)) {
		if (queues++ < SHEDS_NAMED) {
			log_shed(s->loop, &one);
			continue;
		}
		more_queues++;
		more += one.n;
	}
	struct log_value values[2] = { log_u64(more_queues), log_u64(more) };
	if (more_queues > 0)
		loop_log(s->loop, LOG_queues_shed, values, 2);
}
