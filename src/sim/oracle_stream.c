/* Streams: what is in one stays at its offset until it goes with all before it; whoever reads gets
 * what lies there, one message behind the other. */
#include "sim/oracle.h"

#include "base/bits.h"

#define STORED_MAX 1024u /* what a message's stored form has beside its body, at most */
#define WHOLE_MAX  4096u /* bodies up to it count for their stream */

void oracle_renewed(struct oracle *o, uint32_t queue)
{
	must(o->places.rule[queue].kind == PLACE_STREAM);
	o->stream_edition++;
	o->stream_n = o->stream_first = o->stream_missed_n = 0;
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next)
		o->copies[c].place = 0;
}

/* ---- a delivery --------------------------------------------------------------------------- */

static const char *wrong_place(const struct oracle *o, const struct copy *c,
			       const struct oracle_reading *r)
{
	if (r->at >= o->messages_n)
		return "lies where nothing can";
	if (r->at < r->first)
		return "lies before what is gone";
	if (c->is_dead)
		return "is of a stream that was deleted";
	if (r->at < o->stream_n && o->stream[r->at] && o->stream[r->at] != c->message)
		return "lies where another one did";
	if (c->place && c->place != r->at + 1)
		return "lies at two offsets";
	return c->state == COPY_READY ? NULL : "was not there before";
}

/* All before `to` may have gone: there was too much, or it was too old. */
static bool may_be_trimmed(const struct oracle *o, uint32_t queue, uint64_t to)
{
	const struct place_rule *rule = &o->places.rule[queue];
	uint64_t bytes = 0;
	must(to > 0);
	for (uint32_t c = o->queue[queue].first; c; c = o->copies[c].next)
		bytes += o->messages[o->copies[c].message].bytes + STORED_MAX;
	if (rule->bytes_max && bytes > rule->bytes_max)
		return true;
	const uint32_t last = to <= o->stream_n ? o->stream[to - 1] : 0;
	return rule->age_s && (!last || o->jump_event ||
			       *o->now_ms >= o->messages[last].sent_ms + rule->age_s * 1000);
}

/* What cannot be read is left out, and that it was is told elsewhere. */
static const char *wrong_turn(const struct oracle *o, uint32_t queue,
			      const struct oracle_reading *r)
{
	if (r->at < r->next)
		return "lies before the place where the reader is";
	if (!r->is_exact || r->at == r->next || r->at <= o->stream_first || o->is_rotten)
		return NULL;
	return may_be_trimmed(o, queue, r->at) ? NULL : "comes behind a gap";
}

/* A gap says that nothing is left of what was before. */
static void note(struct oracle *o, struct copy *c, const struct oracle_delivery *d)
{
	const struct oracle_reading *r = d->reading;
	const bool is_gap = r->is_exact && r->at > r->next && !o->is_rotten;
	while (o->stream_n <= r->at) {
		oracle_grow(&o->stream, o->stream_n, &o->stream_cap, sizeof *o->stream);
		o->stream[o->stream_n++] = 0;
	}
	o->stream[r->at] = c->message;
	c->place = (uint32_t)r->at + 1;
	o->trimmed_n += is_gap;
	if (is_gap)
		o->stream_first = (uint32_t)max_u64(o->stream_first, r->at);
	if (d->is_drain && (r->next == 0 || is_gap))
		o->stream_begin = (uint32_t)r->at;
	if (d->is_drain)
		o->stream_end = (uint32_t)r->at + 1;
}

uint32_t oracle_read(struct oracle *o, const struct oracle_delivery *d, uint32_t id)
{
	struct oracle_reading *r = d->reading;
	const bool is_now = r->edition == o->stream_edition;
	const uint32_t n = oracle_copy_of(o, id, d->queue);
	struct copy *c = &o->copies[n];
	const char *wrong = n ? NULL : "was not routed there";
	if (!wrong && is_now)
		wrong = wrong_place(o, c, r);
	if (!wrong && is_now)
		wrong = wrong_turn(o, d->queue, r);
	if (!wrong && d->is_redelivered)
		wrong = "says that it was given before";
	if (!wrong)
		wrong = oracle_wrong_order(o, d, c);
	if (wrong) {
		story_wrong(o->story, "m%u, read from %s at %lu, %s", id,
			    place_queues[d->queue].name, (unsigned long)r->at, wrong);
		return 0;
	}
	if (is_now)
		note(o, c, d);
	c->is_seen = true;
	o->streamed_n++;
	TELL(o->story, offset, c->message, r->at);
	oracle_tx_seen(o, n);
	r->next = r->at + 1;
	r->is_exact = true;
	return n;
}

/* ---- all was read ------------------------------------------------------------------------- */

/* Something of its publisher that came before it is there: so it would have to be behind that. */
static bool is_behind_some(const struct oracle *o, const struct copy *c)
{
	const struct message *m = &o->messages[c->message];
	for (uint32_t k = o->queue[c->queue].first; k && k != (uint32_t)(c - o->copies);
	     k = o->copies[k].next)
		if (o->copies[k].place > o->stream_begin &&
		    o->messages[o->copies[k].message].publisher == m->publisher)
			return true;
	return false;
}

/* How many places before the first message are of nobody that was ever read. */
static uint32_t hidden(const struct oracle *o)
{
	uint32_t n = 0;
	must(o->stream_begin <= o->stream_end);
	for (uint32_t at = 0; at < o->stream_begin; at++)
		n += at >= o->stream_n || o->stream[at] == 0;
	return n;
}

/* Nobody has read it, and it must be there: it is lost, or went before anybody came to it. */
static bool is_lost(struct oracle *o, const struct copy *c)
{
	if (is_behind_some(o, c))
		return true;
	return ++o->stream_missed_n > hidden(o);
}

/* The newest page stays, and of the others no more than they may have. */
static void check_kept(const struct oracle *o, uint32_t queue)
{
	const struct place_rule *rule = &o->places.rule[queue];
	uint64_t bytes = 0;
	if (o->stream_count < o->stream_end - o->stream_begin)
		story_wrong(o->story, "%s begins at %u, before what the broker says",
			    place_queues[queue].name, o->stream_begin);
	for (uint32_t at = o->stream_begin; at + o->stream_page < o->stream_end; at++) {
		const uint32_t n = o->messages[o->stream[at]].bytes;
		bytes += n <= WHOLE_MAX ? n : 0;
	}
	if (rule->bytes_max && bytes > max_u64(rule->bytes_max, rule->segment_bytes))
		story_wrong(o->story, "%s keeps %lu bytes and more, and may keep %u",
			    place_queues[queue].name, (unsigned long)bytes, rule->bytes_max);
}

void oracle_read_all(struct oracle *o, uint32_t queue)
{
	const struct oracle_queue *q = &o->queue[queue];
	uint64_t lost = 0, n = 0;
	uint32_t first = 0;
	for (uint32_t c = q->first, next; c; c = next) {
		struct copy *k = &o->copies[c];
		next = k->next;
		n++;
		if (k->place ? k->place > o->stream_end : oracle_is_owed(o, k) && is_lost(o, k)) {
			first = first ? first : k->message;
			lost++;
		}
		if (k->place > o->stream_begin)
			continue;
		if (!k->place && o->stream_begin == 0)
			oracle_tx_missed(o, c);
		oracle_copy_gone(o, c);
	}
	TELL(o->story, gone, queue, n);
	if (lost > 0 && !o->is_rotten)
		story_wrong(o->story, "%lu messages of %s are lost, the first of them is m%u",
			    (unsigned long)lost, place_queues[queue].name, first);
	else if (!o->is_rotten)
		check_kept(o, queue);
	o->stream_begin = o->stream_end = 0;
}
