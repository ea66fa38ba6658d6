#include "session/amqp091/publish.h"

#include "base/must.h"

/* What came of looking at the bytes that are there. */
enum step { STEP_ON, STEP_MORE, STEP_WAIT, STEP_MOVE };

/* Deliveries stop at the bound of the output, reading only at twice that: who writes before he
 * reads is still heard. */
bool amqp091_may_read(const struct amqp091 *s, const struct session_world *w)
{
	must(s->session.ops == &amqp091_session_ops);
	if (s->is_checking || s->phase == PHASE_ENDING || (s->call && s->phase == PHASE_RUNNING))
		return false;
	if (s->is_held && w->is_blocked)
		return false;
	if (amqp091_upload_is_full(s))
		return false;
	return s->session.sendq.bytes + amqp091_held_back(s) < 2 * w->limits->output_bytes_max &&
	       s->unconfirmed_bytes < w->limits->unconfirmed_bytes_max;
}

void amqp091_refused(struct turn *t, uint16_t channel, enum err e, uint16_t class_id,
		     uint16_t method_id)
{
	struct amqp091 *s = t->s;
	must(e != ERR_OK);
	if (s->phase < PHASE_RUNNING) {
		amqp091_refuse_handshake(t, e, class_id, method_id);
		return;
	}
	if (s->phase > PHASE_RUNNING)
		return; /* what was being stored when the end came: nobody is told of more */
	struct channel *c = channel ? amqp091_channel(s, channel) : NULL;
	if (c && !amqp091_closes_connection(e))
		amqp091_channel_fail(t, c, e, class_id, method_id);
	else
		amqp091_fail(t, e, class_id, method_id);
}

static void refuse_fault(struct turn *t, uint16_t channel, const struct amqp091_fault *f)
{
	must(f->kind <= AMQP091_FAULT_PROPERTIES);
	enum err e = amqp091_refuse_fault(t, f);
	amqp091_refused(t, channel, e, f->class_id, f->method_id);
}

/* ---- frames by kind ----------------------------------------------------------------------- */

static enum err method_frame(struct turn *t, const struct amqp091_frame *f)
{
	struct channel *c = f->channel ? amqp091_channel(t->s, f->channel) : NULL;
	struct amqp091_method m;
	must(f->payload.n >= 4);
	uint16_t class_id = load_be16(f->payload.p), method_id = load_be16(f->payload.p + 2);
	if (c && c->assembly) {
		struct amqp091_fault fault = amqp091_assembly_fault(c);
		refuse_fault(t, f->channel, &fault);
		return ERR_OK;
	}
	if (amqp091_method_decode(f->payload, &m) != ERR_OK) {
		if (c && c->is_closing)
			return ERR_OK;
		struct amqp091_fault fault = amqp091_fault_of_method(f->payload);
		refuse_fault(t, f->channel, &fault);
		return ERR_OK;
	}
	enum err e = amqp091_dispatch(t, f->channel, &m);
	if (e == ERR_BUSY)
		return e;
	if (e != ERR_OK)
		amqp091_refused(t, f->channel, e, class_id, method_id);
	return ERR_OK;
}

static enum step content_frame(struct turn *t, const struct amqp091_frame *f)
{
	struct channel *c = amqp091_channel(t->s, f->channel);
	must(f->channel > 0);
	if (c && c->is_closing)
		return STEP_ON;
	if (!c || !c->assembly) {
		struct amqp091_fault fault = { .kind = AMQP091_FAULT_NOT_METHOD };
		refuse_fault(t, f->channel, &fault);
		return STEP_ON;
	}
	const bool is_header = f->type == AMQP091_FRAME_HEADER;
	if (amqp091_hold(t) || (is_header && !amqp091_store_ready(t, c, f->payload)))
		return STEP_WAIT;
	enum err e = is_header ? amqp091_assembly_header(t, c, f->payload)
			       : amqp091_assembly_body(t, c, f->payload);
	if (e != ERR_OK)
		amqp091_refused(t, f->channel, e, 60, 40);
	return STEP_ON;
}

/* Frames above channel 0 have no meaning before connection.open-ok. */
static bool is_too_early(const struct turn *t, const struct amqp091_frame *f)
{
	must(f->payload.n == 0 || f->payload.p);
	return f->channel != 0 && t->s->phase < PHASE_RUNNING;
}

static enum step frame_step(struct turn *t, const struct amqp091_frame *f)
{
	if (amqp091_frame_check(f) != ERR_OK || is_too_early(t, f)) {
		struct amqp091_fault fault = amqp091_fault_of_check(f);
		if (is_too_early(t, f))
			fault.kind = AMQP091_FAULT_WRONG_CHANNEL;
		refuse_fault(t, 0, &fault);
		return STEP_ON;
	}
	must(f->total >= AMQP091_FRAME_OVERHEAD);
	if (f->type == AMQP091_FRAME_HEARTBEAT)
		return STEP_ON;
	if (f->type != AMQP091_FRAME_METHOD)
		return content_frame(t, f);
	if (method_frame(t, f) != ERR_BUSY)
		return STEP_ON;
	return t->move_to != t->w->post->loop ? STEP_MOVE : STEP_WAIT;
}

/* After our close only its answer counts; nonsense ends it at once. */
static void closing_frame(struct turn *t, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	must(t->s->phase == PHASE_CLOSING);
	if (f->type != AMQP091_FRAME_METHOD || f->channel != 0 || f->payload.n < 4 ||
	    amqp091_method_decode(f->payload, &m) != ERR_OK)
		return;
	if (m.kind == AMQP091_connection_close)
		amqp091_send_bare(t, 0, AMQP091_connection_close_ok);
	if (m.kind == AMQP091_connection_close_ok || m.kind == AMQP091_connection_close)
		t->s->phase = PHASE_CLOSED;
}

/* ---- one step ----------------------------------------------------------------------------- */

static enum step greeting_step(struct turn *t, struct slice in, size_t *used)
{
	enum amqp091_greeting g;
	enum err e = amqp091_greeting_read(in, &g);
	must(e == ERR_OK || e == ERR_MORE);
	if (e == ERR_MORE) {
		*used = AMQP091_GREETING_LEN;
		return STEP_MORE;
	}
	if (g != AMQP091_GREETING_AMQP_0_9_1 && g != AMQP091_GREETING_AMQP_0_9) {
		amqp091_wrong_greeting(t, in);
		return STEP_ON;
	}
	*used = AMQP091_GREETING_LEN;
	amqp091_send_start(t);
	return STEP_ON;
}

static bool is_publish(struct slice in)
{
	return in.n >= 11 && in.p[0] == AMQP091_FRAME_METHOD &&
	       load_be32(in.p + 7) == (60u << 16 | 40);
}

/* A publish in one piece. False: to be looked at frame by frame. */
static bool publish_step(struct turn *t, struct slice in, size_t *used, enum step *out)
{
	enum err e = ERR_OK;
	must(t->s->phase == PHASE_RUNNING);
	if (!is_publish(in))
		return false;
	uint16_t channel = load_be16(in.p + 1);
	enum publish_sight sight = amqp091_publish_fast(t, in, used, &e);
	if (sight == PUBLISH_SLOWLY)
		return false;
	*out = sight == PUBLISH_MORE ? STEP_MORE : STEP_ON;
	if (e == ERR_BUSY) {
		*out = t->move_to != t->w->post->loop ? STEP_MOVE : STEP_WAIT;
		*used = 0;
	} else if (e != ERR_OK) {
		amqp091_fan_send(t);
		amqp091_refused(t, channel, e, 60, 40);
	}
	return true;
}

/* What cannot be read as frames is dropped, but for the answer to our close at its end. */
static void deaf_step(struct turn *t, struct slice in)
{
	static const uint8_t close_ok[] = { 1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, AMQP091_FRAME_END };
	must(t->s->phase == PHASE_CLOSING);
	if (in.n >= sizeof close_ok &&
	    memcmp(in.p + in.n - sizeof close_ok, close_ok, sizeof close_ok) == 0)
		t->s->phase = PHASE_CLOSED;
}

/* *used: bytes consumed; with STEP_MORE: bytes wanted. */
static enum step step(struct turn *t, struct slice in, size_t *used)
{
	struct amqp091 *s = t->s;
	struct amqp091_frame f;
	enum step out;
	*used = 0;
	if (s->phase == PHASE_GREETING)
		return greeting_step(t, in, used);
	if (s->phase == PHASE_REFUSED || s->is_deaf) {
		if (s->phase == PHASE_CLOSING)
			deaf_step(t, in);
		*used = in.n;
		return STEP_ON;
	}
	if (s->phase == PHASE_RUNNING && publish_step(t, in, used, &out))
		return out;
	amqp091_fan_send(t);
	enum err e = amqp091_frame_read(in, s->frame_max, &f);
	if (e == ERR_MORE) {
		*used = amqp091_frame_need(in);
		return STEP_MORE;
	}
	if (e != ERR_OK) {
		s->is_deaf = true;
		if (s->phase == PHASE_CLOSING)
			return STEP_ON;
		struct amqp091_fault fault = amqp091_fault_of_frame(in, s->frame_max);
		refuse_fault(t, 0, &fault);
		return STEP_ON;
	}
	if (s->phase == PHASE_CLOSING) {
		closing_frame(t, &f);
		*used = f.total;
		return STEP_ON;
	}
	out = frame_step(t, &f);
	*used = out == STEP_ON ? f.total : 0;
	return out;
}

static enum feed feed(struct turn *t, uint32_t *io_off, uint32_t *out_need)
{
	const struct amqp091 *s = t->s;
	const struct block *b = t->block;
	for (;;) {
		if (s->phase == PHASE_CLOSED)
			return FEED_CLOSE;
		if (!amqp091_may_read(s, t->w))
			return FEED_WAIT;
		size_t used;
		struct slice in = slice_of((const uint8_t *)b + *io_off, b->fill - *io_off);
		must(*io_off <= b->fill);
		if (amqp091_publish_again(t, in, &used)) {
			*io_off += (uint32_t)used;
			continue;
		}
		t->again->channel = NULL;
		enum step st = in.n == 0 ? STEP_MORE : step(t, in, &used);
		if (st == STEP_ON) {
			*io_off += (uint32_t)used;
			t->why = text_of(t->w->words, sizeof t->w->words);
			continue;
		}
		if (st == STEP_WAIT)
			return FEED_WAIT;
		if (st == STEP_MOVE)
			return FEED_MOVE;
		*out_need = in.n == 0 ? 1 : (uint32_t)used;
		must(*out_need > in.n);
		return FEED_MORE;
	}
}

enum feed amqp091_feed(struct session *own, struct session_world *w, struct block *b,
		       uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop)
{
	struct turn t;
	struct again again = { .channel = NULL };
	amqp091_turn(&t, own, w);
	t.block = b;
	t.again = &again;
	t.move_to = w->post->loop;
	t.s->is_held = t.s->is_held && w->is_blocked;
	enum feed f = feed(&t, io_off, out_need);
	amqp091_fan_end(&t);
	if (f == FEED_MOVE)
		*out_loop = t.move_to;
	return f;
}
