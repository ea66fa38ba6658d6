/* Streams: what is in one stays at its offset for ever; whoever reads gets what lies there, one
 * message behind the other. */
#include "sim/oracle.h"

static const char *wrong_place(const struct oracle *o, const struct copy *c, uint64_t at)
{
	if (at >= o->messages_n)
		return "lies where nothing can";
	if (at < o->stream_n && o->stream[at] && o->stream[at] != c->message)
		return "lies where another one did";
	if (c->place && c->place != at + 1)
		return "lies at two offsets";
	return c->state == COPY_READY ? NULL : "was not there before";
}

/* What cannot be read is left out, and that it was is told elsewhere. */
static const char *wrong_turn(const struct oracle *o, const struct oracle_reading *r)
{
	if (r->at < r->next)
		return "lies before the place where the reader is";
	return r->is_exact && r->at > r->next && !o->is_rotten ? "comes behind a gap" : NULL;
}

static void note(struct oracle *o, struct copy *c, uint64_t at)
{
	while (o->stream_n <= at) {
		oracle_grow(&o->stream, o->stream_n, &o->stream_cap, sizeof *o->stream);
		o->stream[o->stream_n++] = 0;
	}
	o->stream[at] = c->message;
	c->place = (uint32_t)at + 1;
	c->is_seen = true;
	o->streamed_n++;
	TELL(o->story, offset, c->message, at);
}

uint32_t oracle_read(struct oracle *o, const struct oracle_delivery *d, uint32_t id)
{
	struct oracle_reading *r = d->reading;
	const uint32_t n = oracle_copy_of(o, id, d->queue);
	struct copy *c = &o->copies[n];
	const char *wrong = n ? wrong_place(o, c, r->at) : "was not routed there";
	if (!wrong)
		wrong = wrong_turn(o, r);
	if (!wrong && d->is_redelivered)
		wrong = "says that it was given before";
	if (!wrong)
		wrong = oracle_wrong_order(o, d, c);
	if (wrong) {
		story_wrong(o->story, "m%u, read from %s at %lu, %s", id,
			    place_queues[d->queue].name, (unsigned long)r->at, wrong);
		return 0;
	}
	note(o, c, r->at);
	oracle_tx_seen(o, n);
	r->next = r->at + 1;
	r->is_exact = true;
	if (d->is_drain)
		o->stream_end = (uint32_t)r->next;
	return n;
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
		if (k->place ? k->place > o->stream_end : oracle_is_owed(o, k)) {
			first = first ? first : k->message;
			lost++;
		}
		if (k->place)
			continue;
		oracle_tx_missed(o, c);
		oracle_copy_gone(o, c);
	}
	TELL(o->story, gone, queue, n);
	if (lost > 0 && !o->is_rotten)
		story_wrong(o->story, "%lu messages of %s are lost, the first of them is m%u",
			    (unsigned long)lost, place_queues[queue].name, first);
	o->stream_end = 0;
}
