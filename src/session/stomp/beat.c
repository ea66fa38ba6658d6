#include "session/stomp/stomp.h"

#include "base/bits.h"
#include "base/must.h"

/* The shortest interval that is agreed: what is shorter costs more than it tells. */
#define BEAT_MIN_MS 100u
/* Looks for signs of life come twice in each of the client's intervals; it is dead after two
 * intervals, which is four looks, without an octet. */
#define SILENT_MAX  4

static bool number(struct slice s, uint32_t *out)
{
	uint64_t n = 0;
	must(out != NULL);
	if (s.n == 0 || s.n > 9)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = 10 * n + (uint64_t)(s.p[i] - '0');
	}
	*out = (uint32_t)n;
	return true;
}

static uint32_t at_least(uint32_t ms)
{
	must(ms < 1000000000);
	return ms == 0 ? 0 : ms < BEAT_MIN_MS ? BEAT_MIN_MS : ms;
}

/* "cx,cy": the client can send every cx ms, and wants to hear every cy. We do as it likes. */
bool stomp_beat_read(struct stomp *s, struct slice value)
{
	size_t comma = slice_find(value, ',');
	uint32_t cx, cy;
	must(s->phase == PHASE_LOGIN);
	if (comma == value.n || !number(slice_sub(value, 0, comma), &cx) ||
	    !number(slice_from(value, comma + 1), &cy))
		return false;
	s->sends_ms = at_least(cy);
	s->wants_ms = at_least(cx);
	return true;
}

void stomp_beat_start(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase == PHASE_RUNNING && s->beat_in_ms == UINT64_MAX);
	if (s->wants_ms)
		s->beat_in_ms = t->w->now_ms + s->wants_ms / 2;
	if (s->sends_ms)
		s->beat_out_ms = t->w->now_ms + s->sends_ms / 2;
	s->beat_in = s->session.in_bytes;
	s->beat_out = s->session.sendq.total_bytes;
}

static void look_out(struct turn *t)
{
	struct stomp *s = t->s;
	struct sendq *q = &s->session.sendq;
	must(s->sends_ms > 0);
	s->beat_out_ms = t->w->now_ms + s->sends_ms / 2;
	if (q->total_bytes == s->beat_out && s->phase == PHASE_RUNNING)
		sendq_copy(q, t->w->mem, slice_str("\n"));
	s->beat_out = q->total_bytes;
}

/* Who is not being read cannot be heard. */
static bool look_in(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->wants_ms > 0);
	s->beat_in_ms = t->w->now_ms + s->wants_ms / 2;
	bool is_heard = s->session.in_bytes != s->beat_in || !stomp_may_read(s, t->w);
	s->beat_in = s->session.in_bytes;
	s->silent_n = (uint8_t)(is_heard ? 0 : s->silent_n + 1);
	return s->silent_n < SILENT_MAX;
}

bool stomp_beat(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase != PHASE_CLOSED);
	if (t->w->now_ms >= s->beat_out_ms)
		look_out(t);
	return t->w->now_ms < s->beat_in_ms || look_in(t);
}
