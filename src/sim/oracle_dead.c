/* What dies in a queue, by its rules or because it is refused, comes to another as a letter: a copy
 * of its own, which says of which queue it is. Until the letter is seen nobody knows whether the
 * copy has died; but it must be there, or its letter must be. A crash may double a letter. */
#include "sim/oracle.h"

/* ---- one or the other ---------------------------------------------------------------------- */

void oracle_either(struct oracle *o, uint32_t copy)
{
	struct copy *c = &o->copies[copy];
	const struct oracle_queue *to = &o->queue[o->places.rule[c->queue].dead_to];
	if (!oracle_is_mortal(o, c->queue) || !c->is_must || c->is_either ||
	    (c->state != COPY_READY && c->state != COPY_HELD) || to->life != LIFE_THERE ||
	    to->doubt_event >= o->messages[c->message].sent || to->is_leaking)
		return;
	c->is_either = true;
	TELL(o->story, either, c->message, c->queue);
	oracle_grow(&o->eithers, o->eithers_n, &o->eithers_cap, sizeof *o->eithers);
	o->eithers[o->eithers_n++] = copy;
}

void oracle_neither(struct oracle *o, uint32_t queue)
{
	must(queue < PLACE_QUEUES);
	o->queue[queue].doubt_event = oracle_tick(o);
	for (uint32_t i = 0; i < o->eithers_n; i++) {
		struct copy *c = &o->copies[o->eithers[i]];
		if (c->queue == queue || o->places.rule[c->queue].dead_to == queue)
			c->is_either = false;
	}
}

void oracle_reject(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel)
{
	struct copy *c = &o->copies[copy];
	if (c->state == COPY_HELD && c->holder == channel && !c->is_dead &&
	    o->places.rule[c->queue].dead_to)
		c->is_rejected = true;
	const bool was_either = c->is_either;
	oracle_either(o, copy);
	const bool is_either = c->is_rejected && (was_either || c->is_either);
	oracle_settle(o, copy, client, channel);
	o->copies[copy].is_either = is_either;
}

void oracle_dead_crash(struct oracle *o)
{
	o->crashes_n++;
	for (uint32_t i = 0; i < o->eithers_n; i++) {
		struct copy *c = &o->copies[o->eithers[i]];
		const struct message *m = &o->messages[c->message];
		c->is_either &= m->is_sure && m->flags & LETTER_PERSISTENT;
	}
}

void oracle_all_drained(struct oracle *o)
{
	uint64_t lost = 0;
	uint32_t first = 0;
	for (uint32_t i = 0; i < o->eithers_n; i++) {
		struct copy *c = &o->copies[o->eithers[i]];
		if (c->is_either && !first)
			first = o->eithers[i];
		lost += c->is_either;
		c->is_either = false;
	}
	o->eithers_n = 0;
	if (lost > o->unreadable_n)
		story_wrong(o->story, "m%u is lost between %s and where its dead letters go",
			    o->copies[first].message, place_queues[o->copies[first].queue].name);
	else
		o->unreadable_n -= lost;
}

/* ---- letters ------------------------------------------------------------------------------- */

/* It comes as if it had been sent to this queue, and was not, or was to another one as well. */
bool oracle_is_letter(const struct oracle *o, const struct oracle_delivery *d, uint32_t id)
{
	const struct message *m = &o->messages[id];
	return o->places.rule[d->queue].is_cemetery && d->exchange.n == 0 &&
	       slice_eq(d->key, slice_str(place_queues[d->queue].name)) &&
	       !(m->exchange == PLACE_X_default && m->key == d->queue && !letter_is_dead(d->props));
}

/* The copy of the queue that the letter names, whose dead letters go to `queue`; 0: none. */
static uint32_t find_dead(const struct oracle *o, uint32_t id, uint32_t queue, struct slice name)
{
	for (uint32_t c = o->messages[id].first_copy; c; c = o->copies[c].next_of_message) {
		const struct copy *k = &o->copies[c];
		if (!k->letter_of && o->places.rule[k->queue].dead_to == queue &&
		    slice_eq(name, slice_str(place_queues[k->queue].name)))
			return c;
	}
	return 0;
}

static bool may_have_died(const struct oracle *o, const struct copy *c, struct slice reason)
{
	if (slice_eq(reason, slice_str("rejected")))
		return c->is_rejected;
	if (slice_eq(reason, slice_str("maxlen")))
		return c->is_crowded;
	return slice_eq(reason, slice_str("expired")) && oracle_may_be_due(o, c);
}

/* All letters of a copy are alike. One that may be given now, as far as can be told, before all one
 * that must be there: then it is known of fewer. Else any; 0: none. */
static uint32_t find_letter(const struct oracle *o, uint32_t of)
{
	uint32_t found = 0, best = 0;
	for (uint32_t c = o->messages[o->copies[of].message].first_copy; c;
	     c = o->copies[c].next_of_message) {
		const struct copy *k = &o->copies[c];
		uint32_t fits = k->state == COPY_READY ? 2 : 1;
		fits += k->is_must ? 2 : 0;
		fits += oracle_why_not(o, k) ? 0 : 4;
		if (k->letter_of != of || fits <= best)
			continue;
		best = fits;
		found = c;
	}
	return found;
}

/* What has died in this process does not come back in it. */
static void bury(struct oracle *o, uint32_t of, const struct oracle_delivery *d)
{
	struct copy *c = &o->copies[of];
	c->is_must = c->is_either = false;
	if (o->messages[c->message].process != o->crashes_n || c->state == COPY_GONE)
		return;
	if (c->state == COPY_HELD && oracle_why_not(o, c))
		story_wrong(o->story, "m%u came out of %s as a dead letter, and is held in %s",
			    c->message, place_queues[d->queue].name, place_queues[c->queue].name);
	if (c->state != COPY_SETTLING)
		oracle_settling(o, of, d->client);
	c->holder = d->channel;
	c->is_done = true;
	o->queue[c->queue].death_event = oracle_tick(o);
}

static uint32_t letter_new(struct oracle *o, uint32_t of, uint32_t queue)
{
	const struct oracle_queue *q = &o->queue[queue];
	const uint32_t id = o->copies[of].message;
	const bool is_must = q->life == LIFE_THERE && !q->is_leaking &&
			     q->doubt_event < o->messages[id].sent;
	const uint32_t n = oracle_copy_add(o, id, queue, is_must);
	o->copies[n].letter_of = of;
	o->copies[of].letters_n++;
	return n;
}

/* One that was given before, or a new one. To a channel that is over, which its client does not
 * know yet, it may have been given before somebody else had it. */
static uint32_t choose(struct oracle *o, uint32_t of, const struct oracle_delivery *d)
{
	const struct copy *c = &o->copies[of];
	const uint32_t most = 1 + o->crashes_n - o->messages[c->message].process;
	const bool may_be_late = d->is_late || oracle_may_fail(o, d->channel);
	const uint32_t n = find_letter(o, of);
	if (n && (may_be_late || (d->is_redelivered && !oracle_why_not(o, &o->copies[n]))))
		return n;
	return c->letters_n < most ? letter_new(o, of, d->queue) : n;
}

uint32_t oracle_letter_of(struct oracle *o, const struct oracle_delivery *d, uint32_t id)
{
	const struct letter l = oracle_letter(o, id);
	struct letter_end end;
	if (!letter_is(&l, d->body) || !letter_has_died(&l, d->props, &end)) {
		story_wrong(o->story, "m%u came out of %s, but not as it would have died", id,
			    place_queues[d->queue].name);
		return 0;
	}
	const uint32_t of = find_dead(o, id, d->queue, end.queue);
	if (!of || !may_have_died(o, &o->copies[of], end.reason)) {
		story_wrong(o->story, "m%u came out of %s as a dead letter (%.*s of %.*s)", id,
			    place_queues[d->queue].name, (int)end.reason.n,
			    (const char *)end.reason.p, (int)end.queue.n,
			    (const char *)end.queue.p);
		return 0;
	}
	const uint32_t n = choose(o, of, d);
	TELL(o->story, letter, id, d->queue, o->copies[of].queue);
	bury(o, of, d);
	return n;
}
