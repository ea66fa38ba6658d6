#include "base/bits.h"
#include "sim/oracle.h"

/* ---- where messages go ------------------------------------------------------------------ */

static bool stands(enum life l, enum oracle_how how)
{
	return how == ORACLE_MAYBE ? l != LIFE_NONE : l == LIFE_THERE;
}

static bool queue_stands(const struct oracle *o, uint32_t queue, enum oracle_how how)
{
	const struct place_queue *q = &place_queues[queue];
	return stands(o->queue[queue].life, how) &&
	       (how != ORACLE_FIRM || !(q->is_auto_delete || q->is_exclusive));
}

static struct oracle_standing standing_of(const struct oracle *o, enum oracle_how how)
{
	struct oracle_standing s = { 0 };
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		s.queues |= (uint16_t)(queue_stands(o, q, how) << q);
	for (uint32_t b = 0; b < PLACE_BINDINGS; b++)
		if (stands(o->binding[b], how) && s.queues >> place_queue_of(b) & 1)
			s.bindings |= UINT64_C(1) << b;
	for (uint32_t x = 0; x < PLACE_EXCHANGES; x++)
		s.exchanges |= (uint32_t)stands(o->exchange[x], how) << x;
	for (uint32_t j = 0; j < PLACE_JOINTS; j++)
		if (stands(o->joint[j], how) && stands(o->exchange[o->places.joint[j].to], how))
			s.joints |= 1u << j;
	return s;
}

/* The exchanges to which an exchange sends a message on. Its alternate is asked if nothing that may
 * stand takes it, surely; possibly, if nothing that stands firmly does. */
static uint32_t send_on(const struct oracle *o, enum oracle_how how, uint32_t exchange,
			const struct place_address *a)
{
	const struct places *p = &o->places;
	const struct oracle_standing *s = &o->standing[how];
	const struct oracle_standing *other =
		&o->standing[how == ORACLE_SURE ? ORACLE_MAYBE : ORACLE_FIRM];
	const uint64_t taken = places_taken(p, exchange, a);
	const uint32_t joined = places_joined(p, exchange, a), alternate = p->alternate[exchange];
	uint32_t to = 0;
	for (uint32_t left = joined & s->joints; left; left &= left - 1)
		to |= 1u << p->joint[bits_lowest(left)].to;
	if (alternate && !(taken & other->bindings) && !(joined & other->joints))
		to |= s->exchanges & 1u << alternate;
	return to;
}

/* The queues that a message comes to, through other exchanges too. */
static uint16_t reach(const struct oracle *o, enum oracle_how how, const struct place_address *a)
{
	const struct oracle_standing *s = &o->standing[how];
	uint64_t taken = 0;
	uint32_t met = s->exchanges & 1u << a->exchange, looked = 0;
	uint16_t to = 0;
	if (a->exchange == PLACE_X_default)
		return s->queues & a->keys;
	while (met != looked) {
		const uint32_t x = bits_lowest(met & ~looked);
		looked |= 1u << x;
		met |= send_on(o, how, x, a);
		taken |= places_taken(&o->places, x, a) & s->bindings;
	}
	for (; taken; taken &= taken - 1)
		to |= (uint16_t)(1u << place_queue_of(bits_lowest(taken)));
	return to;
}

static void stand(struct oracle *o)
{
	if (o->is_standing)
		return;
	for (int how = 0; how < ORACLE_HOWS; how++)
		o->standing[how] = standing_of(o, (enum oracle_how)how);
	memset(o->is_masked, 0, sizeof o->is_masked);
	o->is_standing = true;
}

static struct place_address address_of(uint32_t id, const struct message *m)
{
	struct place_address a = { .exchange = m->exchange,
				   .has_headers = letter_has_headers(id),
				   .keys = (uint16_t)(1u << m->key) };
	a.keys |= (uint16_t)(m->copy ? 1u << (m->copy - 1) : 0);
	a.keys |= (uint16_t)(m->blind ? 1u << (m->blind - 1) : 0);
	return a;
}

/* By queue, where a message surely goes, and where it may go. */
struct way {
	uint16_t sure, maybe;
};

static struct way way_of(struct oracle *o, uint32_t id)
{
	const struct message *m = &o->messages[id];
	const struct place_address a = address_of(id, m);
	stand(o);
	if (m->copy || m->blind || m->exchange == PLACE_X_default)
		return (struct way){ reach(o, ORACLE_SURE, &a), reach(o, ORACLE_MAYBE, &a) };
	bool *is_masked = &o->is_masked[a.has_headers][m->exchange][m->key];
	uint16_t *sure = &o->mask[ORACLE_SURE][a.has_headers][m->exchange][m->key];
	uint16_t *maybe = &o->mask[ORACLE_MAYBE][a.has_headers][m->exchange][m->key];
	if (!*is_masked) {
		*sure = reach(o, ORACLE_SURE, &a);
		*maybe = reach(o, ORACLE_MAYBE, &a);
		*is_masked = true;
	}
	return (struct way){ *sure, *maybe };
}

/* A message on its way may be routed before or after what is changing now. */
static void reroute(struct oracle *o, uint32_t id)
{
	struct message *m = &o->messages[id];
	if (oracle_is_sent_done(o, m) || m->is_returned)
		return;
	const struct way way = way_of(o, id);
	uint32_t maybe = way.maybe;
	for (uint32_t c = m->first_copy; c; c = o->copies[c].next_of_message) {
		uint32_t bit = 1u << o->copies[c].queue;
		if (o->copies[c].letter_of)
			continue;
		maybe &= ~bit;
		if (!(way.sure & bit))
			oracle_copy_maybe(&o->copies[c]);
	}
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		if (maybe >> q & 1)
			(void)oracle_copy_add(o, id, q, false);
}

static void reroute_all(struct oracle *o)
{
	o->is_standing = false;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		for (uint32_t id = o->party[i].unsure_first; id; id = o->messages[id].next_unsure)
			reroute(o, id);
	for (uint32_t id = o->orphans; id; id = o->messages[id].next_unsure)
		reroute(o, id);
}

/* oracle_routed makes the copies of a message that was just published. */
uint32_t oracle_routed(struct oracle *o, uint32_t id)
{
	const struct message *m = &o->messages[id];
	const struct place_address a = address_of(id, m);
	const struct way way = way_of(o, id);
	const uint32_t alternate = o->places.alternate[m->exchange];
	o->copied_n += m->copy || m->blind;
	o->diverted_n += alternate && send_on(o, ORACLE_SURE, m->exchange, &a) >> alternate & 1;
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		if (way.maybe >> q & 1)
			(void)oracle_copy_add(o, id, q, way.sure >> q & 1);
	return way.maybe;
}

/* ---- queues, exchanges, bindings -------------------------------------------------------- */

/* Somebody has it, and the broker has not taken it back from him already. */
static bool is_held(const struct oracle *o, const struct copy *c)
{
	return c->state != COPY_READY && !oracle_may_fail(o, c->holder);
}

void oracle_doubt(struct oracle *o, uint32_t queue)
{
	oracle_neither(o, queue);
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next)
		if (!is_held(o, &o->copies[c]))
			o->copies[c].is_must = o->copies[c].is_tied = false;
}

static void doubt_all(struct oracle *o, uint32_t queue)
{
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next)
		o->copies[c].is_must = o->copies[c].is_tied = false;
	for (uint32_t b = 0; b < PLACE_BINDINGS; b++)
		if (place_queue_of(b) == queue && o->binding[b] != LIFE_NONE)
			o->binding[b] = LIFE_MAYBE;
}

void oracle_queue_set(struct oracle *o, uint32_t queue, enum life life)
{
	struct oracle_queue *q = &o->queue[queue];
	if (q->life == life && life != LIFE_MAYBE)
		return;
	q->unsure_event = oracle_tick(o);
	q->life = life;
	oracle_neither(o, queue);
	TELL(o->story, life, queue, life);
	if (life == LIFE_MAYBE)
		doubt_all(o, queue);
	if (o->places.rule[queue].kind == PLACE_STREAM && (life == LIFE_MAYBE || life == LIFE_NONE))
		oracle_renewed(o, queue);
	for (uint32_t b = 0; life == LIFE_NONE && b < PLACE_BINDINGS; b++)
		if (place_queue_of(b) == queue)
			o->binding[b] = LIFE_NONE;
	reroute_all(o);
}

bool oracle_is_taken(const struct oracle *o, uint32_t queue)
{
	return o->queue[queue].is_busy || o->queue[queue].is_limbo;
}

void oracle_in_limbo(struct oracle *o, uint32_t queue, bool is_his_change)
{
	o->queue[queue].is_limbo = true;
	o->queue[queue].is_busy &= !is_his_change;
}

void oracle_exchange_set(struct oracle *o, uint32_t exchange, enum life life)
{
	if (o->exchange[exchange] == life)
		return;
	o->exchange[exchange] = life;
	reroute_all(o);
}

void oracle_names(struct oracle *o, uint32_t client, uint32_t exchanges)
{
	must(client < ORACLE_CLIENTS);
	for (uint32_t left = exchanges; left; left &= left - 1)
		o->named[client][bits_lowest(left)] = o->event;
}

bool oracle_is_unnamed(const struct oracle *o, uint32_t exchange)
{
	for (uint32_t i = 1; i < o->channels_n; i++)
		if (o->asked[i].exchanges >> exchange & 1)
			return false;
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		if (o->named[i][exchange] && !oracle_is_done(o, i, o->named[i][exchange]))
			return false;
	return true;
}

void oracle_exchange_deleted(struct oracle *o, uint32_t exchange, bool is_sure)
{
	const enum life life = is_sure ? LIFE_NONE : LIFE_MAYBE;
	for (uint32_t b = 0; b < PLACE_BINDINGS; b++)
		if (o->places.binding[b].exchange == exchange && o->binding[b] != LIFE_NONE)
			o->binding[b] = life;
	for (uint32_t j = 0; j < PLACE_JOINTS; j++)
		if ((o->places.joint[j].from.exchange == exchange ||
		     o->places.joint[j].to == exchange) &&
		    o->joint[j] != LIFE_NONE)
			o->joint[j] = life;
	o->exchange[exchange] = is_sure ? LIFE_NONE : LIFE_GOING; /* until that is known */
	o->exchange_limbo[exchange] = !is_sure;
	o->razed_n++;
	reroute_all(o);
}

void oracle_binding_set(struct oracle *o, uint32_t binding, enum life life)
{
	if (o->binding[binding] == life)
		return;
	o->binding[binding] = life;
	reroute_all(o);
}

void oracle_joint_set(struct oracle *o, uint32_t joint, enum life life)
{
	if (o->joint[joint] == life)
		return;
	o->joint[joint] = life;
	reroute_all(o);
}

void oracle_queue_deleted(struct oracle *o, uint32_t queue)
{
	struct oracle_queue *q = &o->queue[queue];
	for (uint32_t c = q->first; c; c = o->copies[c].next) {
		struct copy *k = &o->copies[c];
		k->is_must = k->is_tied = false;
		k->is_dead |= oracle_is_sent_done(o, &o->messages[k->message]);
	}
	q->has_doubts = true;
	o->renewed_n += o->places.rule[queue].kind == PLACE_STREAM;
	oracle_queue_set(o, queue, LIFE_NONE);
}

/* ---- purges ----------------------------------------------------------------------------- */

/* The copy came to the queue, and back to it, before whatever `client` says now comes there. */
static bool is_before(const struct oracle *o, const struct copy *c, uint32_t client)
{
	const struct message *m = &o->messages[c->message];
	const bool is_sent = m->is_sure ||
			     (m->client == client && oracle_is_done(o, client, m->sent) &&
			      !oracle_tx_is_open(o, m->tx) &&
			      !oracle_is_doomed(o, m->publisher, m->sent));
	const bool is_done = oracle_is_past(o, c->by, c->event) ||
			     (c->by == client && oracle_is_done(o, client, c->event));
	return is_sent && (!c->event || (is_done && !oracle_is_doomed(o, c->holder, c->event)));
}

void oracle_purge_sent(struct oracle *o, uint32_t queue, uint32_t client)
{
	o->queue[queue].is_purging = true;
	oracle_neither(o, queue);
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next) {
		struct copy *k = &o->copies[c];
		k->is_purging = k->state == COPY_READY && is_before(o, k, client);
	}
}

void oracle_purged(struct oracle *o, uint32_t queue, uint64_t event, uint32_t n)
{
	struct oracle_queue *q = &o->queue[queue];
	bool is_all = q->users_n == 0 && q->user_event < event && q->loss_event < event &&
		      !q->loss_open && !q->losses_n;
	uint32_t least = 0;
	for (uint32_t c = q->first; c; c = o->copies[c].next) {
		struct copy *k = &o->copies[c];
		if (is_held(o, k))
			continue;
		least += oracle_is_owed(o, k) && k->is_purging;
		k->is_must = k->is_tied = false;
		k->is_purged = k->is_purging && is_all; /* else it may be on its way to somebody */
	}
	q->has_doubts = true;
	q->is_purging = false;
	q->unsure_event = oracle_tick(o);
	oracle_neither(o, queue);
	if (is_all && n + o->unreadable_n < least)
		story_wrong(o->story, "%s had %u messages, but %u were purged",
			    place_queues[queue].name, least, n);
}

/* ---- who uses a queue, and how many there are --------------------------------------------- */

void oracle_users(struct oracle *o, uint32_t queue, int change)
{
	struct oracle_queue *q = &o->queue[queue];
	must(change > 0 || q->users_n > 0);
	q->users_n = (uint32_t)((int)q->users_n + change);
	q->user_event = oracle_tick(o);
}

void oracle_loss(struct oracle *o, uint32_t queue, bool is_open)
{
	o->queue[queue].loss_event = oracle_tick(o);
	o->queue[queue].loss_open |= is_open;
}

void oracle_leaking(struct oracle *o, uint32_t queue)
{
	oracle_doubt(o, queue);
	o->queue[queue].is_leaking = true;
}

void oracle_losing(struct oracle *o, uint32_t queue, int change)
{
	struct oracle_queue *q = &o->queue[queue];
	must(change > 0 || q->losses_n > 0);
	q->losses_n = (uint32_t)((int)q->losses_n + change);
	oracle_loss(o, queue, false);
}

/* The copy is in the queue, ready, when the broker came to what `client` sent at `event`: sent
 * and released before, by the same client or long ago. */
static bool is_ready(const struct oracle *o, const struct copy *c, uint32_t client, uint64_t event)
{
	const struct message *m = &o->messages[c->message];
	uint64_t began = o->party[client].began;
	bool is_sent = m->sent < event &&
		       (m->is_sure || (m->client == client && m->sent >= began &&
				       !oracle_is_doomed(o, m->publisher, m->sent)));
	bool is_done = (c->by == client && c->event >= began) || oracle_is_past(o, c->by, c->event);
	bool was_given = c->event || c->is_seen; /* seen: by a delivery that came late */
	was_given |= m->sent < o->queue[c->queue].loss_event; /* and perhaps not even seen */
	if (was_given && o->places.rule[c->queue].kind == PLACE_COUNTED)
		return false; /* the log must have its count first */
	bool is_back = !c->event ||
		       (c->event < event && is_done && !oracle_is_doomed(o, c->holder, c->event));
	return c->state == COPY_READY && c->is_must && is_sent && is_back;
}

void oracle_look(struct oracle *o, uint32_t queue, uint32_t client, uint64_t event)
{
	const struct oracle_queue *q = &o->queue[queue];
	if (q->life != LIFE_THERE || q->loss_open || q->losses_n || q->is_purging || q->is_leaking)
		return;
	for (uint32_t c = q->first; c; c = o->copies[c].next)
		if (is_ready(o, &o->copies[c], client, event))
			o->copies[c].looked = event;
}

static bool was_ready(const struct oracle *o, const struct copy *c, uint64_t event)
{
	return c->state == COPY_READY && oracle_is_owed(o, c) && c->looked == event;
}

static bool is_alone(const struct oracle_queue *q, uint64_t event)
{
	return q->user_event <= event && !q->loss_open && !q->losses_n && !q->is_purging &&
	       !q->is_leaking && q->unsure_event < event && q->life == LIFE_THERE;
}

void oracle_nothing(struct oracle *o, uint32_t queue, uint64_t event)
{
	const struct oracle_queue *q = &o->queue[queue];
	if (q->users_n != 1 || !is_alone(q, event) || o->unreadable_n)
		return;
	for (uint32_t c = q->first; c; c = o->copies[c].next)
		if (was_ready(o, &o->copies[c], event)) {
			story_wrong(o->story, "m%u is ready in %s, but a get finds nothing",
				    o->copies[c].message, place_queues[queue].name);
			return;
		}
}

/* Why `k` goes before `it`, as of `event`; NULL: it need not. What waits for the log is not there
 * yet, whatever its priority. */
static const char *why_first(const struct oracle *o, const struct copy *k, const struct copy *it,
			     uint64_t event)
{
	const struct message *m = &o->messages[k->message];
	if (k->letter_of || it->letter_of)
		return NULL;
	const enum place_queue_kind kind = o->places.rule[it->queue].kind;
	if (place_is_ranked(kind)) {
		const uint32_t mine = place_priority(kind, k->message);
		const uint32_t its = place_priority(kind, it->message);
		const bool is_there = m->sure && m->sure < event;
		if (mine != its)
			return mine > its && is_there ? "of a higher priority" : NULL;
	}
	if (m->publisher != o->messages[it->message].publisher)
		return NULL;
	return k->message < it->message ? "before it" : NULL;
}

void oracle_got(struct oracle *o, uint32_t copy, uint64_t event)
{
	const struct copy *it = &o->copies[copy];
	const struct oracle_queue *q = &o->queue[it->queue];
	if (q->users_n != 1 || !is_alone(q, event) || o->unreadable_n)
		return;
	const bool is_ranked = place_is_ranked(o->places.rule[it->queue].kind);
	for (uint32_t c = q->first; c && (is_ranked || c != copy); c = o->copies[c].next) {
		const struct copy *k = &o->copies[c];
		const char *why = c != copy && was_ready(o, k, event) ? why_first(o, k, it, event)
								      : NULL;
		if (!why)
			continue;
		story_wrong(o->story, "m%u was given from %s, though m%u %s is ready", it->message,
			    place_queues[it->queue].name, k->message, why);
		return;
	}
}

void oracle_count_is(struct oracle *o, uint32_t queue, uint64_t event, uint64_t n)
{
	const struct oracle_queue *q = &o->queue[queue];
	uint64_t least = 0, most = 0;
	if (q->users_n != 0 || !is_alone(q, event) || q->has_doubts)
		return;
	for (uint32_t c = q->first; c; c = o->copies[c].next) {
		least += was_ready(o, &o->copies[c], event);
		most++;
	}
	const struct place_rule *rule = &o->places.rule[queue];
	const uint32_t length = oracle_length(o, queue, event);
	if (!o->may_be_cold && n > length)
		story_wrong(o->story, "%s has %lu ready messages, more than %u",
			    place_queues[queue].name, (unsigned long)n, length);
	if (rule->kind == PLACE_STREAM)
		most += o->unreadable_n; /* no reader gets it, and it stays where it is */
	if (rule->kind == PLACE_STREAM && (rule->bytes_max || rule->age_s))
		least = 0;
	if (rule->is_cemetery || q->death_event > event)
		most = UINT64_MAX; /* who has died, and when, is not known before it comes */
	if (n + o->unreadable_n < least || n > most)
		story_wrong(o->story, "%s has %lu ready messages, but there must be %lu to %lu",
			    place_queues[queue].name, (unsigned long)n, (unsigned long)least,
			    (unsigned long)most);
}
