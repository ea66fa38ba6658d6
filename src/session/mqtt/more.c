#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/search.h"

/* Most connections are silent most of the time, and some for ever: they have neither. */
const struct mqtt_more mqtt_nothing;
static const struct subs no_subs;

void mqtt_more_init(struct mqtt *s)
{
	must(!s->more && !s->subs);
	s->more = (struct mqtt_more *)(uintptr_t)&mqtt_nothing;
	s->subs = (struct subs *)(uintptr_t)&no_subs;
}

struct mqtt_more *mqtt_more_make(const struct turn *t)
{
	const uint64_t seed = t->s->session.handle;
	struct mqtt_more *more = mem_get(t->w->mem, sizeof *more, "conversation under way");
	if (!more)
		must(!"no memory for a conversation");
	must(t->s->more == &mqtt_nothing);
	memset(more, 0, sizeof *more);
	deque_init(&more->txs, sizeof(struct tx), "transactions");
	deque_init(&more->released, sizeof(uint16_t), "packet ids");
	deque_init(&more->found, sizeof(struct found), "retained messages");
	map_init(&more->flights, NULL, 0, seed);
	map_init(&more->marks, NULL, 0, seed);
	map_init(&more->received, NULL, 0, seed);
	t->s->more = more;
	return more;
}

static bool is_untouched(const struct mqtt_more *m)
{
	uint64_t counted = m->found_first + m->requeued_n + m->tx_bytes + m->holding_n;
#define COUNT(name, prose) counted |= m->count.name;
#include "session/mqtt/count.def"
#undef COUNT
	must(m != &mqtt_nothing);
	return counted == 0 && !m->flights.slots && !m->received.slots && !m->marks.slots &&
	       !m->marks_taker && !m->is_marks_asked && m->marks_left == 0 && !m->txs.rows &&
	       !m->released.rows && !m->found.rows && !m->searches;
}

/* Whoever subscribes looks for retained messages, and mostly there are none. */
void mqtt_more_look(struct turn *t)
{
	struct mqtt *s = t->s;
	if (s->more == &mqtt_nothing || !is_untouched(s->more))
		return;
	mqtt_put(t, s->more, sizeof *s->more);
	s->more = (struct mqtt_more *)(uintptr_t)&mqtt_nothing;
}

struct subs *mqtt_subs(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->subs != NULL);
	if (s->subs != &no_subs)
		return s->subs;
	s->subs = mqtt_get(t, sizeof *s->subs, "subscriptions");
	memset(s->subs, 0, sizeof *s->subs);
	map_init(&s->subs->by_filter, NULL, 0, s->session.handle);
	return s->subs;
}

void mqtt_more_fini(struct turn *t)
{
	struct mqtt *s = t->s;
	struct mem *mem = t->w->mem;
	must(s->more && s->subs);
	if (s->subs != &no_subs) {
		subs_fini(s->subs, mem);
		mqtt_put(t, s->subs, sizeof *s->subs);
	}
	if (s->more != &mqtt_nothing) {
		mqtt_marks_fini(t);
		mqtt_searches_fini(t);
		mqtt_flights_fini(t);
		map_fini(&s->more->received, mem);
		deque_fini(&s->more->released, mem);
		deque_fini(&s->more->txs, mem);
		mqtt_put(t, s->more, sizeof *s->more);
	}
	s->more = NULL;
	s->subs = NULL;
}
