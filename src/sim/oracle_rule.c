/* What queues lose by their rules: messages that have waited for too long, or are too many. */
#include "sim/oracle.h"

/* ---- time ---------------------------------------------------------------------------------- */

static uint32_t ttl_of(const struct oracle *o, const struct copy *c)
{
	must(c->queue < PLACE_QUEUES);
	return o->places.rule[c->queue].ttl_ms;
}

/* It came to the queue when it was sent, or later. */
bool oracle_may_be_due(const struct oracle *o, const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	const uint32_t ttl_ms = ttl_of(o, c);
	return ttl_ms && (o->jump_event || *o->now_ms >= m->sent_ms + ttl_ms);
}

/* It came when it was known to be there, or before. */
static bool is_due(const struct oracle *o, const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	const uint32_t ttl_ms = ttl_of(o, c);
	return ttl_ms && m->sure && !o->jump_event && *o->now_ms >= m->sure_ms + ttl_ms;
}

bool oracle_is_owed(const struct oracle *o, const struct copy *c)
{
	return c->is_must && !oracle_may_be_due(o, c);
}

void oracle_expire(struct oracle *o, uint32_t queue)
{
	struct oracle_queue *q = &o->queue[queue];
	must(queue < PLACE_QUEUES);
	q->may_park &= q->users_n > 0;
	if (q->may_park)
		return;
	for (uint32_t c = q->first, next; c; c = next) {
		next = o->copies[c].next;
		if (o->copies[c].state != COPY_READY || !is_due(o, &o->copies[c]))
			continue;
		oracle_either(o, c);
		oracle_copy_gone(o, c);
	}
}

void oracle_jump(struct oracle *o)
{
	o->jump_event = oracle_tick(o);
}

/* ---- room ---------------------------------------------------------------------------------- */

/* The oldest go, and nobody knows which these are; or what is on its way is refused. */
void oracle_crowded(struct oracle *o, uint32_t queue)
{
	const struct oracle_queue *q = &o->queue[queue];
	const struct place_rule *rule = &o->places.rule[queue];
	if (!rule->length_max || q->copies_n <= rule->length_max)
		return;
	for (uint32_t c = q->last; c; c = o->copies[c].prev) {
		struct message *m = &o->messages[o->copies[c].message];
		if (!rule->is_rejecting) {
			oracle_either(o, c);
			o->copies[c].is_must = o->copies[c].is_tied = false;
			o->copies[c].is_crowded = true;
		} else if (!oracle_is_sent_done(o, m)) {
			o->copies[c].is_must = o->copies[c].is_tied = false;
			m->may_refuse = true;
		}
	}
}

void oracle_refused(struct oracle *o, uint32_t id)
{
	struct message *m = &o->messages[id];
	uint32_t full = 0, full_n = 0;
	if (m->is_confirmed)
		story_wrong(o->story, "m%u was refused, and confirmed before", id);
	if (!m->may_refuse)
		story_wrong(o->story, "m%u was refused, though there was room", id);
	m->is_confirmed = true;
	oracle_is_sure(o, m);
	for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message) {
		oracle_copy_maybe(&o->copies[c]);
		if (!o->places.rule[o->copies[c].queue].is_rejecting)
			continue;
		full = c;
		full_n++;
	}
	if (full_n != 1 || o->copies[full].state == COPY_GONE)
		return;
	if (o->copies[full].is_seen)
		story_wrong(o->story, "m%u was refused, though %s has given it", id,
			    place_queues[o->copies[full].queue].name);
	oracle_copy_gone(o, full);
}
