/* What the oracle says to a delivery, and at the moments when it knows more: the broker is idle,
 * has crashed, or a queue is empty. */
#include "sim/oracle.h"

/* ---- a delivery ------------------------------------------------------------------------- */

static uint32_t wrong_content(struct oracle *o, const struct oracle_delivery *d, uint32_t id)
{
	story_wrong(o->story, "m%u came out of %s, but not as it was sent (%zu bytes)", id,
		    place_queues[d->queue].name, d->body.n);
	return 0;
}

static bool is_addressed(const struct oracle_delivery *d, const struct message *m)
{
	char buf[PLACE_NAME_MAX];
	struct slice key = m->exchange == PLACE_X_default ? place_name(m->key, m->generation, buf)
							  : place_key(m->key);
	return slice_eq(d->exchange, slice_str(place_exchanges[m->exchange].name)) &&
	       slice_eq(d->key, key);
}

/* The message with exactly this body and these properties; 0: none. */
static uint32_t find_message(struct oracle *o, const struct oracle_delivery *d)
{
	uint32_t id = letter_id(d->body);
	uint8_t buf[LETTER_PROPS_MAX];
	if (id == 0 || id >= o->messages_n) {
		story_wrong(o->story, "%s gave a message that nobody has sent (%zu bytes)",
			    place_queues[d->queue].name, d->body.n);
		return 0;
	}
	struct letter l = oracle_letter(o, id);
	if (oracle_is_letter(o, d, id))
		return id; /* the rest is looked at there */
	bool may_differ = o->places.rule[d->queue].kind == PLACE_COUNTED && d->is_redelivered;
	bool is_same = d->reading ? letter_is_streamed(&l, d->props, &d->reading->at)
				  : may_differ || slice_eq(letter_props(&l, buf), d->props);
	if (!letter_is(&l, d->body) || !is_same || !is_addressed(d, &o->messages[id]))
		return wrong_content(o, d, id);
	return id;
}

uint32_t oracle_copy_of(const struct oracle *o, uint32_t id, uint32_t queue)
{
	for (uint32_t c = o->messages[id].first_copy; c; c = o->copies[c].next_of_message)
		if (o->copies[c].queue == queue && !o->copies[c].letter_of)
			return c;
	return 0;
}

const char *oracle_why_not(const struct oracle *o, const struct copy *c)
{
	switch ((enum copy_state)c->state) {
	case COPY_READY: return NULL;
	case COPY_HELD:
		return oracle_may_fail(o, c->holder) ? NULL
						     : "is held by somebody who has not settled it";
	case COPY_SETTLING:
		if (oracle_is_doomed(o, c->holder, c->event))
			return NULL;
		return "was settled by a connection that is still there";
	case COPY_GONE: break;
	}
	return "is gone: settled, deleted or purged for good";
}

static const char *wrong_mark(const struct oracle *o, const struct oracle_delivery *d,
			      const struct copy *c)
{
	const struct oracle_queue *q = &o->queue[d->queue];
	const struct message *m = &o->messages[c->message];
	if (c->is_seen && !d->is_redelivered)
		return "was given before, but does not say redelivered";
	if (!c->is_seen && !c->letter_of && d->is_redelivered && !q->loss_open && !q->losses_n &&
	    m->sent > q->loss_event && !oracle_may_any_fail(o))
		return "says redelivered, but was never given";
	return NULL;
}

/* Messages of one publisher and one priority come in order: all when the queue is drained, else
 * those that were not given before. */
const char *oracle_wrong_order(const struct oracle *o, const struct oracle_delivery *d,
			       const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	const uint32_t at = (uint32_t)m->client * ORACLE_CHANNELS + m->slot;
	const uint32_t rank = place_priority(o->places.rule[d->queue].kind, c->message);
	must(rank < PLACE_PRIORITIES);
	if (!d->order || c->letter_of || (d->is_redelivered && !d->is_drain) ||
	    m->publisher < d->order->publisher[at][rank])
		return NULL;
	if (d->order->publisher[at][rank] == m->publisher && d->order->last[at][rank] > c->message)
		return "came behind a later message of its publisher";
	d->order->publisher[at][rank] = m->publisher;
	d->order->last[at][rank] = c->message;
	return NULL;
}

uint32_t oracle_deliver(struct oracle *o, struct oracle_delivery *d)
{
	uint32_t id = find_message(o, d);
	if (!id)
		return 0;
	oracle_taken(o, id);
	if (d->reading)
		return oracle_read(o, d, id);
	uint32_t n = oracle_is_letter(o, d, id) ? oracle_letter_of(o, d, id)
						: oracle_copy_of(o, id, d->queue);
	if (o->story->is_wrong)
		return 0;
	struct copy *c = &o->copies[n];
	const char *wrong = n ? NULL : "was not routed there";
	bool is_stale = !wrong && (oracle_why_not(o, c) || (c->is_seen && !d->is_redelivered));
	if (is_stale && oracle_may_fail(o, d->channel))
		d->is_late = true; /* the channel is over, but its client does not know it yet */
	if (d->is_late && !wrong) {
		c->is_seen = true;
		return n;
	}
	if (!wrong)
		wrong = oracle_why_not(o, c);
	if (!wrong)
		wrong = wrong_mark(o, d, c);
	if (!wrong)
		wrong = oracle_wrong_order(o, d, c);
	if (wrong) {
		story_wrong(o->story, "m%u, given from %s, %s", id, place_queues[d->queue].name,
			    wrong);
		return 0;
	}
	oracle_tx_seen(o, n);
	if (d->is_drain)
		oracle_weighed(o, c);
	o->redelivered_n += d->is_redelivered;
	c->state = COPY_HELD;
	c->holder = d->channel;
	c->is_seen = true;
	c->is_purging = c->is_purged = false;
	if (d->is_no_ack) {
		oracle_settle(o, n, d->client, d->channel);
		c->is_done = true;
	}
	return n;
}

/* ---- the broker is idle ----------------------------------------------------------------- */

static void quiet_client(struct oracle *o, uint32_t client)
{
	struct party *p = &o->party[client];
	uint32_t left = 0, last = 0;
	for (uint32_t id = p->unsure_first, next; id; id = next) {
		struct message *m = &o->messages[id];
		next = m->next_unsure;
		if (!oracle_is_doomed(o, m->publisher, m->sent))
			oracle_is_sure(o, m);
		if (m->is_sure)
			continue;
		if (last)
			o->messages[last].next_unsure = id;
		else
			left = id;
		last = id;
		m->next_unsure = 0;
	}
	p->unsure_first = left;
	p->unsure_last = last;
	oracle_fence(o, client, oracle_tick(o));
}

static void quiet_settling(struct oracle *o)
{
	uint32_t left = 0;
	for (uint32_t i = 0; i < o->settling_n; i++) {
		uint32_t n = o->settling[i];
		const struct copy *c = &o->copies[n];
		if (c->state != COPY_SETTLING)
			continue;
		if (c->is_done || (oracle_is_done(o, c->by, c->event) &&
				   !oracle_is_doomed(o, c->holder, c->event)))
			oracle_copy_gone(o, n);
		else
			o->settling[left++] = n;
	}
	o->settling_n = left;
}

static void quiet_queue(struct oracle *o, uint32_t queue)
{
	struct oracle_queue *q = &o->queue[queue];
	q->has_doubts = false;
	for (uint32_t c = q->first, next; c; c = next) {
		struct copy *k = &o->copies[c];
		next = k->next;
		bool is_out = k->state == COPY_READY && (k->is_dead || k->is_purged);
		q->has_doubts |= k->state != COPY_READY && k->is_dead;
		if (is_out && !q->loss_open && !q->losses_n)
			oracle_copy_gone(o, c);
		else
			k->is_purged = false;
	}
}

void oracle_quiet(struct oracle *o, uint32_t clients, bool is_known, bool is_read)
{
	oracle_obeyed(o, PLACE_p0);
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++) {
		struct party *p = &o->party[i];
		if (clients >> i & 1)
			quiet_client(o, i);
		if (is_known)
			p->known = clients >> i & 1 ? oracle_tick(o) : p->began;
	}
	quiet_settling(o);
	for (uint32_t i = 0; i < PLACE_QUEUES; i++) {
		struct oracle_queue *q = &o->queue[i];
		if (q->has_doubts && is_known && is_read)
			quiet_queue(o, i);
		if (is_known && is_read && !q->loss_open && !q->losses_n)
			oracle_expire(o, i);
		if (!is_known)
			continue;
		if (q->loss_open)
			oracle_loss(o, i, false);
		if (q->is_leaking)
			oracle_doubt(o, i);
		if (q->is_limbo && q->life == LIFE_GOING)
			oracle_queue_deleted(o, i);
		q->loss_open = q->is_limbo = q->is_leaking = false;
	}
	for (uint32_t x = 0; is_known && x < PLACE_EXCHANGES; x++) {
		if (o->exchange_limbo[x])
			oracle_exchange_set(o, x, LIFE_MAYBE);
		o->exchange_limbo[x] = false;
	}
	for (; is_known && o->orphans; o->orphans = o->messages[o->orphans].next_unsure)
		oracle_is_sure(o, &o->messages[o->orphans]);
}

/* ---- the broker has crashed ------------------------------------------------------------- */

bool oracle_is_kept(const struct oracle *o, const struct copy *c)
{
	const enum place_queue_kind kind = o->places.rule[c->queue].kind;
	must(c->message > 0);
	return kind == PLACE_STREAM || kind == PLACE_COUNTED ||
	       o->messages[c->message].flags & LETTER_PERSISTENT;
}

static void crash_copy(struct oracle *o, uint32_t n, bool is_clean)
{
	struct copy *c = &o->copies[n];
	const struct message *m = &o->messages[c->message];
	const struct oracle_queue *q = &o->queue[c->queue];
	bool is_kept = q->life != LIFE_NONE && oracle_is_kept(o, c);
	bool is_done = c->is_done || oracle_is_done(o, c->by, c->event);
	if (c->state == COPY_SETTLING && is_clean && is_done && !c->is_rejected)
		is_kept = false;
	if (!is_kept || c->is_dead) {
		oracle_copy_gone(o, n);
		return;
	}
	if (!m->is_sure && !(is_clean && oracle_is_sent_done(o, m)))
		c->is_must = false;
	if (!(m->flags & LETTER_PERSISTENT) && oracle_is_mortal(o, c->queue))
		c->is_must = false; /* it may have died into a queue that does not keep it */
	if (c->state == COPY_SETTLING)
		c->is_must = c->is_tied = false;
	c->state = COPY_READY;
	c->event = 0;
	c->is_done = c->is_purging = c->is_purged = false;
}

static enum life after_crash(enum life l, bool is_durable)
{
	if (!is_durable || l == LIFE_NONE)
		return LIFE_NONE;
	return l == LIFE_THERE ? LIFE_THERE : LIFE_MAYBE;
}

static void crash_places(struct oracle *o)
{
	for (uint32_t b = 0; b < PLACE_BINDINGS; b++) {
		const struct place_queue *q = &place_queues[place_queue_of(b)];
		bool is_durable = q->is_durable && !q->is_exclusive &&
				  place_exchanges[o->places.binding[b].exchange].is_durable;
		o->binding[b] = after_crash(o->binding[b], is_durable);
	}
	for (uint32_t j = 0; j < PLACE_JOINTS; j++) {
		const struct place_joint *p = &o->places.joint[j];
		o->joint[j] = after_crash(o->joint[j],
					  place_exchanges[p->from.exchange].is_durable &&
						  place_exchanges[p->to].is_durable);
		o->joint_busy[j] = false;
	}
	for (uint32_t x = 0; x < PLACE_EXCHANGES; x++) {
		o->exchange[x] = after_crash(o->exchange[x], place_exchanges[x].is_durable);
		o->exchange_limbo[x] = false;
	}
	for (uint32_t i = 0; i < PLACE_QUEUES; i++) {
		struct oracle_queue *q = &o->queue[i];
		enum life l = after_crash(q->life, place_queues[i].is_durable &&
							   !place_queues[i].is_exclusive);
		if (q->is_purging)
			oracle_doubt(o, i);
		oracle_queue_set(o, i, l);
		q->users_n = q->losses_n = 0;
		q->is_busy = q->is_limbo = q->is_purging = q->has_doubts = q->may_park = false;
	}
}

void oracle_crash(struct oracle *o, bool is_clean)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		o->party[i].unsure_first = o->party[i].unsure_last = 0;
	o->orphans = 0;
	oracle_obeyed(o, PLACE_p0);
	oracle_dead_crash(o);
	crash_places(o);
	for (uint32_t i = 0; i < PLACE_QUEUES; i++) {
		for (uint32_t c = o->queue[i].first, next; c; c = next) {
			next = o->copies[c].next;
			crash_copy(o, c, is_clean);
		}
		oracle_loss(o, i, false);
		if (o->queue[i].is_leaking)
			oracle_doubt(o, i);
		o->queue[i].loss_open = o->queue[i].is_leaking = false;
	}
	o->settling_n = 0;
	o->crash_event = oracle_tick(o);
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		o->party[i] = (struct party){ .began = UINT64_MAX, .known = o->event };
	o->is_standing = false;
}

/* ---- a queue is empty ------------------------------------------------------------------- */

void oracle_drained(struct oracle *o, uint32_t queue)
{
	struct oracle_queue *q = &o->queue[queue];
	uint64_t lost = 0, n = 0;
	uint32_t first = 0;
	q->drained = 0;
	if (o->places.rule[queue].kind == PLACE_STREAM) {
		oracle_read_all(o, queue);
		return;
	}
	for (uint32_t c = q->first, next; c; c = next) {
		struct copy *k = &o->copies[c];
		next = k->next;
		n++;
		if (k->state == COPY_READY && oracle_is_owed(o, k)) {
			first = first ? first : k->message;
			lost++;
		} else if (k->state == COPY_READY) {
			oracle_either(o, c);
			oracle_tx_missed(o, c);
		}
		if (k->state == COPY_READY)
			oracle_copy_gone(o, c);
	}
	TELL(o->story, gone, queue, n);
	if (lost > o->unreadable_n)
		story_wrong(o->story, "%lu messages of %s are lost, the first of them is m%u",
			    (unsigned long)lost, place_queues[queue].name, first);
	else
		o->unreadable_n -= lost;
}
