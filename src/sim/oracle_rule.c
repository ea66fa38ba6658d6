/* What queues lose by their rules: messages that have waited for too long, or are too many. */
#include "base/limits.h"
#include "sim/oracle.h"

/* ---- time ---------------------------------------------------------------------------------- */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a && b ? (a < b ? a : b) : a + b;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
	return a && b ? (a > b ? a : b) : 0;
}

/* What may hold of a queue. */
static uint32_t rules_of(const struct oracle *o, uint32_t queue, const struct place_rule **out)
{
	const bool is_decreed = o->places.rule[queue].is_decreed;
	must(queue < PLACE_QUEUES);
	*out = is_decreed ? o->decree : &o->places.rule[queue];
	return is_decreed ? o->decrees_n : 1;
}

void oracle_timed(const struct oracle *o, struct copy *c)
{
	const struct place_rule *rule;
	const uint32_t n = rules_of(o, c->queue, &rule), other = rule[n - 1].ttl_ms;
	c->ttl_ms = lesser(rule->ttl_ms, other);
	c->ttl_most_ms = greater(rule->ttl_ms, other);
}

/* It came to the queue when it was sent, or later. */
bool oracle_may_be_due(const struct oracle *o, const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	return c->ttl_ms && (o->jump_event || *o->now_ms >= m->sent_ms + c->ttl_ms);
}

/* It came when it was known to be there, or before. */
static bool is_due(const struct oracle *o, const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	return c->ttl_most_ms && m->sure && !o->jump_event &&
	       *o->now_ms >= m->sure_ms + c->ttl_most_ms;
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

/* The oldest go, and nobody knows which these are. */
static void drop(struct oracle *o, uint32_t queue)
{
	for (uint32_t c = o->queue[queue].last; c; c = o->copies[c].prev) {
		oracle_either(o, c);
		o->copies[c].is_must = o->copies[c].is_tied = false;
		o->copies[c].is_crowded = true;
	}
}

/* What is on its way is refused; if the rule says so, it is as if it had died of that. */
static void refuse(struct oracle *o, uint32_t queue, bool is_passing_on)
{
	for (uint32_t c = o->queue[queue].last; c; c = o->copies[c].prev) {
		struct copy *k = &o->copies[c];
		if (o->messages[k->message].is_sure)
			continue;
		k->is_must = k->is_tied = k->is_either = false;
		k->is_refusable = true;
		k->is_crowded |= is_passing_on;
	}
}

/* A big body is counted by its chunks. */
uint64_t oracle_weight(const struct message *m)
{
	const uint64_t chunks = (m->bytes + LIMIT_CHUNK_BYTES - 1) / LIMIT_CHUNK_BYTES;
	return m->bytes <= LIMIT_CHUNK_BYTES ? m->bytes : chunks * LIMIT_CHUNK_BYTES;
}

void oracle_crowded(struct oracle *o, uint32_t queue)
{
	const struct oracle_queue *q = &o->queue[queue];
	const struct place_rule *rule;
	const uint32_t n = rules_of(o, queue, &rule);
	const uint32_t most = lesser(rule->length_max, rule[n - 1].length_max);
	const uint64_t most_bytes = lesser(rule->bytes_max, rule[n - 1].bytes_max);
	const bool is_full = (most && q->copies_n > most) || (most_bytes && q->bytes > most_bytes);
	if (!is_full || rule->kind == PLACE_STREAM)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (rule[i].is_rejecting)
			refuse(o, queue, rule[i].is_passing_on);
		else
			drop(o, queue);
}

void oracle_refused(struct oracle *o, uint32_t id)
{
	struct message *m = &o->messages[id];
	uint32_t full = 0, full_n = 0;
	oracle_taken(o, id);
	if (m->is_confirmed)
		story_wrong(o->story, "m%u was refused, and confirmed before", id);
	m->is_confirmed = true;
	oracle_is_sure(o, m);
	for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message) {
		oracle_copy_maybe(&o->copies[c]);
		if (!o->copies[c].is_refusable)
			continue;
		full = c;
		full_n++;
	}
	if (full_n == 0)
		story_wrong(o->story, "m%u was refused, though there was room", id);
	o->refused_n++;
	o->decreed_n += full_n == 1 && o->copies[full].queue == PLACE_p0;
	if (full_n != 1 || o->copies[full].state == COPY_GONE)
		return;
	if (o->copies[full].is_seen)
		story_wrong(o->story, "m%u was refused, though %s has given it", id,
			    place_queues[o->copies[full].queue].name);
	oracle_copy_gone(o, full);
}

/* All that the drain gets of a queue was ready in it when it began. */
void oracle_weighed(struct oracle *o, const struct copy *c)
{
	const struct place_rule *rule = &o->places.rule[c->queue];
	struct oracle_queue *q = &o->queue[c->queue];
	q->drained += oracle_weight(&o->messages[c->message]);
	if (rule->bytes_max && !rule->is_rejecting && !o->may_be_cold &&
	    q->drained > rule->bytes_max)
		story_wrong(o->story, "%s had %lu bytes, more than %u", place_queues[c->queue].name,
			    (unsigned long)q->drained, rule->bytes_max);
}

uint32_t oracle_length(const struct oracle *o, uint32_t queue, uint64_t event)
{
	const struct place_rule *rule;
	const uint32_t n = rules_of(o, queue, &rule);
	const bool is_known = n == 1 && (!rule->is_decreed || o->decree_event < event);
	return is_known && rule->length_max && !rule->is_rejecting ? rule->length_max : UINT32_MAX;
}

/* ---- policies ------------------------------------------------------------------------------ */

bool oracle_is_mortal(const struct oracle *o, uint32_t queue)
{
	const struct place_rule *rule;
	const uint32_t n = rules_of(o, queue, &rule);
	return rule->dead_to && rule[n - 1].dead_to;
}

/* How long something may wait was said when it came to the queue; where it goes when it dies, when
 * it dies; and what is too much, now. */
void oracle_decree(struct oracle *o, uint32_t queue, const struct place_rule *next)
{
	must(o->places.rule[queue].is_decreed);
	const bool was_mortal = oracle_is_mortal(o, queue);
	o->decree[1] = *next;
	o->decrees_n = 2;
	const bool is_mortal = oracle_is_mortal(o, queue);
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next) {
		struct copy *k = &o->copies[c];
		if (!o->messages[k->message].is_sure) {
			k->ttl_ms = lesser(k->ttl_ms, next->ttl_ms);
			k->ttl_most_ms = greater(k->ttl_most_ms, next->ttl_ms);
		}
		k->is_either &= is_mortal || !was_mortal;
	}
	oracle_crowded(o, queue);
}

/* What has died when that was its end has left no letter. */
static void bury(struct oracle *o, uint32_t queue)
{
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next)
		if (oracle_may_be_due(o, &o->copies[c]))
			o->copies[c].is_must = false;
}

void oracle_decreed(struct oracle *o, uint32_t queue)
{
	must(o->places.rule[queue].is_decreed && o->decrees_n == 2);
	o->is_answered = true;
}

void oracle_obeyed(struct oracle *o, uint32_t queue)
{
	must(o->places.rule[queue].is_decreed);
	if (!o->is_answered)
		return;
	o->is_answered = false;
	const bool was_mortal = oracle_is_mortal(o, queue);
	o->decree[0] = o->decree[1];
	o->decrees_n = 1;
	o->decree_event = oracle_tick(o);
	if (!was_mortal && oracle_is_mortal(o, queue))
		bury(o, queue);
}
