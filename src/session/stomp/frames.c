#include "session/stomp/sending.h"

#include "base/bits.h"
#include "base/must.h"
#include "msg/block.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/print.h"

bool stomp_may_read(const struct stomp *s, const struct session_world *w)
{
	must(s->phase <= PHASE_CLOSED);
	if (s->call && s->call->ticket != TICKET_NONE)
		return false;
	if (s->large && s->large_state == UPLOAD_MORE && s->phase != PHASE_CLOSED)
		return false;
	if (s->is_held && (w->is_blocked || publisher_is_full(&s->publisher, w)))
		return false;
	if (s->phase == PHASE_CLOSED)
		return true; /* feed says so */
	return (s->phase == PHASE_LOGIN || s->phase == PHASE_RUNNING) &&
	       s->session.sendq.bytes < 2 * w->limits->output_bytes_max &&
	       s->owed_bytes < w->limits->unconfirmed_bytes_max;
}

/* ---- which frame when --------------------------------------------------------------------- */

static enum done illegal(struct turn *t)
{
	must(t->s->phase == PHASE_LOGIN);
	if (t->s->is_activemq)
		return stomp_amq_fail(t, "Not connected.", SLICE_EMPTY, "");
	return stomp_fail(t, "Illegal command", slice_str("You must log in using CONNECT first"));
}

static enum done unknown(struct turn *t)
{
	char room[100];
	struct text body = text_of(room, sizeof room);
	must(t->frame->word.n <= LIMIT_STOMP_COMMAND_BYTES);
	if (t->s->is_activemq)
		return stomp_amq_fail(t, "Unknown STOMP action: ", t->frame->word, "");
	text_puts(&body, "Could not interpret command \"");
	text_put_slice(&body, t->frame->word);
	text_puts(&body, "\"\n");
	return stomp_refuse(t, "Bad command", text_slice(&body));
}

static enum done twice(struct turn *t)
{
	must(t->s->phase == PHASE_RUNNING);
	if (t->s->is_activemq)
		return stomp_amq_fail(t, "Already connected.", SLICE_EMPTY, "");
	return stomp_fail(t, "Already connected", slice_str("CONNECT can be said once"));
}

static enum done dispatch(struct turn *t)
{
	bool is_hello = t->frame->command == STOMP_CONNECT || t->frame->command == STOMP_STOMP;
	must(t->s->phase == PHASE_LOGIN || t->s->phase == PHASE_RUNNING);
	if (t->s->phase == PHASE_LOGIN)
		return is_hello ? stomp_on_connect(t) : illegal(t);
	switch (t->frame->command) {
	case STOMP_CONNECT:
	case STOMP_STOMP: return twice(t);
	case STOMP_SEND: return stomp_on_send(t);
	case STOMP_SUBSCRIBE: return stomp_on_subscribe(t);
	case STOMP_UNSUBSCRIBE: return stomp_on_unsubscribe(t);
	case STOMP_ACK:
	case STOMP_NACK: return stomp_on_ack(t);
	case STOMP_BEGIN: return stomp_on_begin(t);
	case STOMP_COMMIT: return stomp_on_commit(t);
	case STOMP_ABORT: return stomp_on_abort(t);
	case STOMP_DISCONNECT: return stomp_on_disconnect(t);
	case STOMP_CONNECTED:
	case STOMP_MESSAGE:
	case STOMP_RECEIPT:
	case STOMP_ERROR:
	case STOMP_COMMAND_N: break;
	}
	return unknown(t);
}

/* ---- one frame ---------------------------------------------------------------------------- */

enum stomp_escapes stomp_escapes(const struct stomp *s)
{
	must(s->phase <= PHASE_RUNNING);
	return s->phase != PHASE_RUNNING ? STOMP_ESCAPES_NONE
	       : s->is_activemq          ? STOMP_ESCAPES_OR_NOT
					 : STOMP_ESCAPES;
}

static enum done with_head(struct turn *t, struct wr *scratch)
{
	struct stomp_head head;
	must(t->frame != NULL);
	if (stomp_head_read(t->frame->head, (enum stomp_version)t->s->version, stomp_escapes(t->s),
			    scratch, &head) != ERR_OK)
		return stomp_fail(t, "Malformed frame",
				  slice_str("an escape that there is not in a header"));
	t->head = &head;
	stomp_note_other(t);
	enum done d = dispatch(t);
	t->head = NULL;
	bool is_kept = t->s->phase == PHASE_CHECKING || t->s->phase == PHASE_REFUSED;
	if (d == DONE && !is_kept)
		stomp_call_free(t);
	return d;
}

/* Few frames have escapes; the others are read where they lie. */
static enum done with_frame(struct turn *t, const struct stomp_frame *f)
{
	size_t n = slice_find(f->head, '\\') == f->head.n ? 0 : f->head.n;
	uint8_t *room = n ? mem_get(t->w->mem, n, "unescaped headers") : NULL;
	struct wr scratch = wr_of(room, n);
	must(room != NULL || n == 0);
	t->frame = f;
	if (t->again && f->command != STOMP_SEND && f->command != STOMP_ACK)
		stomp_again_none(t->again);
	t->why = text_of(t->w->words, sizeof t->w->words);
	enum done d = with_head(t, &scratch);
	t->frame = NULL;
	mem_put(t->w->mem, room, n);
	return d;
}

uint64_t stomp_body_max(const struct turn *t)
{
	must(t->w->limits->stomp->frame_max > 0);
	if (t->s->phase == PHASE_LOGIN)
		return LIMIT_STOMP_STRANGER_BYTES;
	return min_u64(t->w->limits->stomp->frame_max, t->w->limits->message_bytes_max);
}

static enum done not_understood(struct turn *t, enum err e)
{
	const struct stomp_fault *f = t->s->scan.fault;
	must(f && f->err == e);
	t->s->deadline_ms = UINT64_MAX;
	if (t->s->is_activemq)
		return stomp_amq_fail(t, f->activemq, SLICE_EMPTY, "");
	return stomp_fail(t, e == ERR_LIMIT ? "Frame too large" : "Malformed frame",
			  slice_str(f->words));
}

static enum feed feed(struct turn *t, uint32_t *io_off, uint32_t *out_need)
{
	struct stomp *s = t->s;
	for (;;) {
		struct slice in = slice_of((const uint8_t *)t->block + *io_off,
					   t->block->fill - *io_off);
		struct stomp_frame f;
		size_t need = 1, used;
		if (s->phase == PHASE_CLOSED)
			return FEED_CLOSE;
		if (!stomp_may_read(s, t->w))
			return FEED_WAIT;
		if (s->scan.at == 0) {
			size_t blank = stomp_blank(in);
			*io_off += (uint32_t)blank;
			in = slice_from(in, blank);
			if (stomp_again_take(t, in, &used)) {
				*io_off += (uint32_t)used;
				continue;
			}
		}
		*out_need = 1;
		if (in.n == 0)
			return FEED_MORE;
		enum err e = stomp_scan(&s->scan, in, stomp_body_max(t), &f, &need);
		*out_need = (uint32_t)need;
		if (e == ERR_MORE)
			return FEED_MORE;
		if (e != ERR_OK)
			(void)not_understood(t, e);
		else if (with_frame(t, &f) == WAIT)
			return t->is_moving ? FEED_MOVE : FEED_WAIT;
		if (e == ERR_OK)
			*io_off += (uint32_t)f.total;
		s->scan = (struct stomp_scan){ 0 };
	}
}

enum feed stomp_feed(struct session *own, struct session_world *w, struct block *b,
		     uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop)
{
	struct turn t;
	UNSET struct again again;
	stomp_turn(&t, own, w);
	must(*io_off <= b->fill);
	stomp_again_none(&again);
	t.again = &again;
	t.block = b;
	enum feed f = feed(&t, io_off, out_need);
	stomp_block_close(t.s);
	stomp_confirmed(&t);
	*out_loop = t.move_to;
	return f;
}

/* ---- for people --------------------------------------------------------------------------- */

size_t stomp_print(const struct session *own, struct slice in, struct text *out)
{
	struct stomp_scan scan = { 0 };
	struct stomp_frame f;
	size_t need, blank = stomp_blank(in);
	(void)own;
	must(in.n > 0);
	if (blank > 0) {
		text_puts(out, "line end");
		return blank;
	}
	if (stomp_scan(&scan, in, INT32_MAX, &f, &need) == ERR_OK) {
		stomp_frame_print(&f, out);
		return f.total;
	}
	text_putf(out, "no frame: %zu octets", in.n);
	return in.n;
}
