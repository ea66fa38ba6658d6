#include "session/amqp091/amqp091.h"

#include "base/must.h"

/* Looks come twice in each interval. At each, a frame is sent if nothing else was since the last;
 * the peer is dead after two intervals, which is four looks, without a byte from it. */
#define SILENT_MAX 4

void amqp091_beat_start(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->beat_ms == UINT64_MAX);
	if (s->heartbeat_s == 0)
		return;
	s->beat_ms = t->w->now_ms + s->heartbeat_s * 500u;
	s->beat_in = s->session.in_bytes;
	s->beat_out = s->session.sendq.total_bytes;
}

/* Who is not being read cannot be heard; if that is so because he does not take what we write,
 * taking some of it is a sign of life. */
static bool is_excused(const struct amqp091 *s, const struct session_world *w)
{
	must(s->beat_taken <= s->session.sendq.total_bytes);
	if (amqp091_may_read(s, w))
		return false;
	return s->call || s->is_held || s->storing_n > 0 ||
	       s->session.sendq.total_bytes - s->session.sendq.bytes != s->beat_taken;
}

bool amqp091_beat(struct turn *t)
{
	struct amqp091 *s = t->s;
	if (t->w->now_ms < s->beat_ms)
		return true;
	must(s->heartbeat_s > 0);
	s->beat_ms = t->w->now_ms + s->heartbeat_s * 500u;
	struct sendq *q = &s->session.sendq;
	if (q->total_bytes == s->beat_out && s->phase <= PHASE_RUNNING)
		sendq_copy(q, t->w->mem,
			   slice_of(amqp091_heartbeat_octets, AMQP091_FRAME_OVERHEAD));
	s->beat_out = q->total_bytes;

	bool is_heard = s->session.in_bytes != s->beat_in || is_excused(s, t->w);
	s->beat_in = s->session.in_bytes;
	s->beat_taken = q->total_bytes - q->bytes;
	s->silent_n = is_heard ? 0 : s->silent_n + 1;
	if (s->phase == PHASE_RUNNING)
		amqp091_trim(t);
	return s->silent_n < SILENT_MAX;
}
