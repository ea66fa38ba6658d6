#include "sim/oracle.h"

#include <stdlib.h>

#define HEAD_MAX 2048u /* of a stored message, before its body */

void oracle_grow(void *io_at, uint32_t n, uint32_t *io_cap, size_t bytes)
{
	void **at = io_at;
	if (n < *io_cap)
		return;
	*io_cap = *io_cap ? 2 * *io_cap : 4096;
	*at = realloc(*at, *io_cap * bytes);
	must(*at != NULL);
}

void oracle_init(struct oracle *o, struct story *story, const uint64_t *now_ms, struct prng *r)
{
	*o = (struct oracle){ .story = story,
			      .now_ms = now_ms,
			      .messages_n = 1,
			      .copies_n = 1,
			      .channels_n = 1,
			      .txs_n = 1 };
	places_init(&o->places, r);
	o->decree[0] = o->places.rule[PLACE_p0];
	o->decree[0].dead_to = 0; /* no policy says so yet */
	o->decrees_n = 1;
	for (uint32_t x = 0; x < PLACE_EXCHANGES; x++)
		o->exchange[x] = place_exchanges[x].is_fixed ? LIFE_THERE : LIFE_NONE;
}

void oracle_fini(struct oracle *o)
{
	free(o->messages);
	free(o->copies);
	free(o->settling);
	free(o->eithers);
	free(o->txs);
	free(o->tied);
	free(o->asked);
	free(o->stream);
}

/* ---- clients ---------------------------------------------------------------------------- */

void oracle_connected(struct oracle *o, uint32_t client)
{
	struct party *p = &o->party[client];
	must(p->unsure_first == 0);
	*p = (struct party){ .began = oracle_tick(o), .known = p->known };
}

uint32_t oracle_channel(struct oracle *o)
{
	oracle_grow(&o->asked, o->channels_n, &o->channels_cap, sizeof *o->asked);
	o->asked[o->channels_n] = (struct oracle_ask){ 0 };
	return o->channels_n++;
}

void oracle_asked(struct oracle *o, uint32_t channel, const struct oracle_ask *a)
{
	o->asked[channel] = *a;
}

void oracle_answered(struct oracle *o, uint32_t channel)
{
	o->asked[channel].is_asked = false;
	o->asked[channel].exchanges = 0;
}

static bool may_fail(const struct oracle *o, const struct oracle_ask *a)
{
	const struct oracle_queue *q = &o->queue[a->queue];
	return a->is_asked && (a->is_risky || q->life != LIFE_THERE || q->unsure_event >= a->event);
}

bool oracle_may_any_fail(const struct oracle *o)
{
	for (uint32_t i = 1; i < o->channels_n; i++)
		if (may_fail(o, &o->asked[i]))
			return true;
	return false;
}

/* With a channel of somebody else, an auto-delete queue may go. */
bool oracle_may_fail(const struct oracle *o, uint32_t channel)
{
	const struct oracle_ask *a = &o->asked[channel];
	if (!a->is_asked || may_fail(o, a))
		return a->is_asked;
	return place_queues[a->queue].is_auto_delete && oracle_may_any_fail(o);
}

bool oracle_is_doomed(const struct oracle *o, uint32_t channel, uint64_t event)
{
	return oracle_may_fail(o, channel) && event > o->asked[channel].event;
}

bool oracle_is_done(const struct oracle *o, uint32_t client, uint64_t event)
{
	const struct party *p = &o->party[client];
	return event < p->known || (event >= p->began && event < p->fenced);
}

bool oracle_is_past(const struct oracle *o, uint32_t client, uint64_t event)
{
	must(client < ORACLE_CLIENTS);
	return event < o->party[client].known;
}

bool oracle_is_sent_done(const struct oracle *o, const struct message *m)
{
	return m->is_sure || m->is_done ||
	       (!oracle_tx_is_open(o, m->tx) && oracle_is_done(o, m->client, m->sent) &&
		!oracle_is_doomed(o, m->publisher, m->sent));
}

void oracle_is_sure(struct oracle *o, struct message *m)
{
	if (m->is_sure)
		return;
	m->is_sure = true;
	m->sure = oracle_tick(o);
	m->sure_ms = *o->now_ms;
}

void oracle_fence(struct oracle *o, uint32_t client, uint64_t event)
{
	struct party *p = &o->party[client];
	if (event > p->fenced)
		p->fenced = event;
	while (p->unsure_first && o->messages[p->unsure_first].is_sure)
		p->unsure_first = o->messages[p->unsure_first].next_unsure;
}

/* It may have been settled, or be back. */
static void unsettle(struct oracle *o, struct copy *c)
{
	c->state = COPY_READY;
	c->is_must = c->is_tied = false;
	c->event = oracle_tick(o);
}

/* Whether the rest of what it sent was read, nobody will ever know. */
void oracle_lost(struct oracle *o, uint32_t client)
{
	struct party *p = &o->party[client];
	for (uint32_t id = p->unsure_first, next; id; id = next) {
		struct message *m = &o->messages[id];
		next = m->next_unsure;
		m->is_done = oracle_is_sent_done(o, m);
		const bool is_tied = oracle_tx_is_open(o, m->tx);
		for (uint32_t c = m->first_copy; !m->is_done && !is_tied && c;
		     c = o->copies[c].next_of_message)
			oracle_copy_maybe(&o->copies[c]);
		m->next_unsure = o->orphans;
		o->orphans = id;
	}
	for (uint32_t i = 0; i < o->settling_n; i++) {
		struct copy *c = &o->copies[o->settling[i]];
		if (c->state != COPY_SETTLING || c->by != client || c->is_done)
			continue;
		c->is_done = oracle_is_done(o, client, c->event);
		if (!c->is_done)
			unsettle(o, c);
	}
	p->unsure_first = p->unsure_last = 0;
}

/* ---- copies ----------------------------------------------------------------------------- */

uint32_t oracle_copy_add(struct oracle *o, uint32_t message, uint32_t queue, bool is_must)
{
	struct oracle_queue *q = &o->queue[queue];
	struct message *m = &o->messages[message];
	oracle_grow(&o->copies, o->copies_n, &o->copies_cap, sizeof *o->copies);
	uint32_t n = o->copies_n++;
	o->copies[n] = (struct copy){ .message = message,
				      .queue = (uint8_t)queue,
				      .is_must = is_must,
				      .next_of_message = m->first_copy,
				      .prev = q->last };
	oracle_timed(o, &o->copies[n]);
	o->copies[n].weight = oracle_weight(m) + (o->is_short ? HEAD_MAX : 0);
	m->first_copy = n;
	if (q->last)
		o->copies[q->last].next = n;
	else
		q->first = n;
	q->last = n;
	q->copies_n++;
	q->bytes += o->copies[n].weight;
	o->copied_bytes += m->bytes;
	oracle_crowded(o, queue);
	return n;
}

void oracle_copy_maybe(struct copy *c)
{
	must(c->message != 0);
	c->is_must = c->is_either = c->is_tied = false;
}

void oracle_copy_gone(struct oracle *o, uint32_t copy)
{
	struct copy *c = &o->copies[copy];
	struct oracle_queue *q = &o->queue[c->queue];
	must(c->state != COPY_GONE && q->copies_n > 0);
	c->state = COPY_GONE;
	q->copies_n--;
	q->bytes -= c->weight;
	o->copied_bytes -= o->messages[c->message].bytes;
	if (c->prev)
		o->copies[c->prev].next = c->next;
	else
		q->first = c->next;
	if (c->next)
		o->copies[c->next].prev = c->prev;
	else
		q->last = c->prev;
}

void oracle_release(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel)
{
	struct copy *c = &o->copies[copy];
	if (c->state != COPY_HELD || c->holder != channel)
		return;
	c->state = COPY_READY;
	c->event = oracle_tick(o);
	c->by = (uint8_t)client;
	if (c->is_dead)
		oracle_copy_gone(o, copy);
}

void oracle_settling(struct oracle *o, uint32_t copy, uint32_t client)
{
	struct copy *c = &o->copies[copy];
	must(c->state != COPY_SETTLING && c->state != COPY_GONE);
	c->state = COPY_SETTLING;
	c->event = oracle_tick(o);
	c->by = (uint8_t)client;
	oracle_grow(&o->settling, o->settling_n, &o->settling_cap, sizeof *o->settling);
	o->settling[o->settling_n++] = copy;
}

void oracle_settle(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel)
{
	struct copy *c = &o->copies[copy];
	if (c->state != COPY_HELD || c->holder != channel)
		return;
	if (c->is_dead) {
		oracle_copy_gone(o, copy);
		return;
	}
	c->is_either = false;
	oracle_settling(o, copy, client);
}

void oracle_ignored(struct oracle *o, uint32_t client, uint32_t channel)
{
	uint64_t from = o->asked[channel].event;
	for (uint32_t i = 0; i < o->settling_n; i++) {
		struct copy *c = &o->copies[o->settling[i]];
		if (c->state == COPY_SETTLING && c->holder == channel && !c->is_done &&
		    c->event > from)
			unsettle(o, c);
	}
	for (uint32_t id = o->party[client].unsure_first; id; id = o->messages[id].next_unsure) {
		const struct message *m = &o->messages[id];
		if (m->publisher != channel || m->sent < from)
			continue;
		for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message)
			oracle_copy_maybe(&o->copies[c]);
	}
}

/* ---- messages --------------------------------------------------------------------------- */

/* A key in its headers, where it has one. */
static struct slice further(const struct message *m, uint32_t key)
{
	if (!key)
		return SLICE_EMPTY;
	return m->exchange == PLACE_X_default ? slice_str(place_queues[key - 1].name)
					      : place_key(key - 1);
}

struct letter oracle_letter(const struct oracle *o, uint32_t id)
{
	const struct message *m = &o->messages[id];
	return (struct letter){ .id = id,
				.publisher = m->publisher,
				.bytes = m->bytes,
				.is_persistent = (m->flags & LETTER_PERSISTENT) != 0,
				.copy = further(m, m->copy),
				.blind = further(m, m->blind) };
}

static void confirmed_twice(struct oracle *o, uint32_t id)
{
	story_wrong(o->story, "m%u was confirmed twice", id);
}

/* What the publisher had settled on a queue before it published to it is in the log before the
 * message, and now the message is. */
static void settled_before(struct oracle *o, const struct message *m)
{
	uint32_t queues = 0, left = 0;
	for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message)
		if (o->copies[c].is_must && !o->copies[c].letter_of &&
		    place_queues[o->copies[c].queue].is_durable)
			queues |= 1u << o->copies[c].queue;
	for (uint32_t i = 0; i < o->settling_n; i++) {
		uint32_t n = o->settling[i];
		struct copy *c = &o->copies[n];
		if (c->state != COPY_SETTLING)
			continue;
		bool is_before = !c->is_rejected && !c->tx && c->by == m->client && !c->is_done &&
				 c->event < m->sent && c->event >= o->party[m->client].began &&
				 !oracle_is_doomed(o, c->holder, c->event) &&
				 (queues >> c->queue & 1);
		if (is_before)
			oracle_copy_gone(o, n);
		else
			o->settling[left++] = n;
	}
	o->settling_n = left;
}

void oracle_taken(struct oracle *o, uint32_t id)
{
	must(id > 0 && id < o->messages_n);
	if (o->held_from && id >= o->held_from)
		story_wrong(o->story, "m%u is taken, while publishers have to wait", id);
}

void oracle_confirmed(struct oracle *o, uint32_t id)
{
	struct message *m = &o->messages[id];
	oracle_taken(o, id);
	if (m->is_confirmed)
		confirmed_twice(o, id);
	m->is_confirmed = true;
	oracle_is_sure(o, m);
	if (m->flags & LETTER_MANDATORY && !m->is_returned && m->first_copy == 0)
		story_wrong(o->story, "m%u is mandatory, found no queue and was not returned", id);
	if (m->flags & LETTER_PERSISTENT && !m->is_returned)
		settled_before(o, m);
}

void oracle_returned(struct oracle *o, uint32_t id)
{
	struct message *m = &o->messages[id];
	oracle_taken(o, id);
	if (!(m->flags & LETTER_MANDATORY) || m->is_returned || m->is_confirmed)
		story_wrong(o->story, "m%u was returned, which nobody asked for", id);
	m->is_returned = true;
	for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message) {
		const struct place_queue *q = &place_queues[o->copies[c].queue];
		/* it may have gone with a channel whose client does not know of its end yet */
		bool may_be_gone = q->is_auto_delete && oracle_may_any_fail(o);
		if (o->copies[c].is_must && !may_be_gone)
			story_wrong(o->story, "m%u was returned, though %s was bound", id, q->name);
		oracle_copy_maybe(&o->copies[c]);
		if (o->copies[c].state != COPY_GONE)
			oracle_copy_gone(o, c);
	}
}

uint32_t oracle_number(struct oracle *o, uint32_t client, const struct message *like)
{
	oracle_grow(&o->messages, o->messages_n, &o->messages_cap, sizeof *o->messages);
	uint32_t id = o->messages_n++;
	struct message *m = &o->messages[id];
	*m = *like;
	m->client = (uint8_t)client;
	m->sent = oracle_tick(o);
	m->sent_ms = *o->now_ms;
	m->process = o->crashes_n;
	if (m->exchange == PLACE_X_default)
		m->generation = o->queue[m->key].generation;
	m->next_unsure = 0;
	return id;
}

uint32_t oracle_publish(struct oracle *o, uint32_t client, const struct message *like)
{
	struct party *p = &o->party[client];
	const uint32_t id = oracle_number(o, client, like);
	if (p->unsure_first)
		o->messages[p->unsure_last].next_unsure = id;
	else
		p->unsure_first = id;
	p->unsure_last = id;
	return id;
}
