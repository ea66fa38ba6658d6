#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "app/bench/talk.h"
#include "base/bits.h"
#include "base/must.h"

#include <errno.h>
#include <string.h>

#define PUBLISHER_BURST    64    /* messages of a turn that are late at a low rate */
#define PUBLISHER_SPREAD   8     /* the oldest confirm may be so many windows behind the newest */
#define PUBLISHER_LOW_RATE 20000 /* up to here each message has a write of its own */

void publisher_init(struct publisher *p, const struct load *load, struct link *link, uint32_t id,
		    uint16_t channel)
{
	const struct options *o = load->o;
	must(id < o->publishers && channel > 0);
	*p = (struct publisher){ .link = link, .id = id, .channel = channel, .lowest_tag = 1 };
	p->quota = UINT64_MAX;
	if (o->messages > 0)
		p->quota = o->messages / o->publishers + (id < o->messages % o->publishers);
	load->talk->batch(p, load);
	if (o->confirms > 0) {
		p->asked_mask = pow2_up(o->confirms * PUBLISHER_SPREAD) - 1;
		p->asked_ns = heap_array((size_t)p->asked_mask + 1, sizeof *p->asked_ns);
	}
}

void publisher_batch(struct publisher *p, size_t stride)
{
	must(stride > 0 && !p->batch);
	p->stride = stride;
	p->batch_n = max_size(BATCH_BYTES / stride, 1);
	p->batch = heap_array(p->batch_n, stride);
}

void publisher_fini(struct publisher *p)
{
	heap_free(p->batch);
	heap_free(p->asked_ns);
	*p = (struct publisher){ 0 };
}

/* push writes on in the batch; *link->writing stays set when the socket took only a part. */
static enum err push(struct publisher *p)
{
	struct link *l = p->link;
	while (p->write_at < p->write_n) {
		ssize_t n = send(l->client.fd, p->batch + p->write_at, p->write_n - p->write_at,
				 MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			l->writable = false;
			l->writing = p;
			return ERR_OK;
		}
		if (n < 0) {
			text_putf(l->client.why, "publishing: %s", strerror(errno));
			return ERR_CLOSED;
		}
		p->write_at += (size_t)n;
	}
	l->writing = NULL;
	return ERR_OK;
}

/* publish stamps and writes the next `n` messages. */
static enum err publish(struct worker *w, struct publisher *p, size_t n, uint64_t now_ns)
{
	struct load *load = w->load;
	struct stamp s = { .seq = p->sent,
			   .sent_ns = now_ns - load->origin_ns,
			   .run = load->ledger.run,
			   .publisher = (uint16_t)p->id };
	must(n > 0 && n <= p->batch_n);
	uint8_t *at = p->batch + p->stamp_at;
	for (size_t i = 0; i < n; i++, at += p->stride, s.seq++) {
		stamp_write(at, s);
		if (p->id_at)
			load->talk->number(p->batch + i * p->stride + p->id_at, s.seq + 1);
	}
	for (uint64_t tag = p->sent + 1; p->asked_ns && tag <= p->sent + n; tag++)
		p->asked_ns[tag & p->asked_mask] = now_ns;
	if (p->asked_ns)
		p->unconfirmed += n;
	p->sent += n;
	w->published += n;
	atomic_store_explicit(&load->ledger.sent[p->id], p->sent, memory_order_relaxed);
	p->write_at = 0;
	p->write_n = n * p->stride;
	return push(p);
}

/* due_ns: when message `n` of this publisher is to go at the asked rate; all publishers take
 * turns. */
static uint64_t due_ns(const struct load *load, const struct publisher *p, uint64_t n)
{
	uint64_t k = n * load->o->publishers + p->id, rate = load->o->rate;
	return load->publish_from_ns + k / rate * OPTIONS_SECOND + k % rate * OPTIONS_SECOND / rate;
}

/* allowed is how many messages the windows leave room for. */
static uint64_t allowed(const struct worker *w, const struct publisher *p)
{
	const struct load *load = w->load;
	const struct options *o = load->o;
	uint64_t n = min_u64(p->batch_n, p->quota - p->sent);
	if (o->confirms > 0) {
		uint64_t spread = p->sent - (p->lowest_tag - 1);
		n = min_u64(n, o->confirms - p->unconfirmed);
		n = min_u64(n, p->asked_mask + 1 - spread);
	}
	if (o->window > 0) {
		uint64_t arrived = load->arrived / ledger_copies(&load->ledger);
		uint64_t under_way = load->published + w->published - arrived;
		uint64_t room = o->window - min_u64(under_way, o->window);
		/* This window is ours alone: it must not cut the stream into small writes. */
		n = room < min_u64(n, o->window / 4) ? 0 : min_u64(n, room);
	}
	return n;
}

/* publish_due publishes what is due at the asked rate, one message a write when it is low. */
static enum err publish_due(struct worker *w, struct publisher *p, uint64_t *out_next_ns)
{
	const struct load *load = w->load;
	uint64_t now_ns = clock_ns();
	for (int i = 0; i < PUBLISHER_BURST && !p->link->writing; i++) {
		uint64_t n = 0, most = allowed(w, p);
		if (load->o->rate <= PUBLISHER_LOW_RATE)
			most = min_u64(most, 1);
		while (n < most && due_ns(load, p, p->sent + n) <= now_ns)
			n++;
		if (n == 0)
			break;
		TRY(publish(w, p, n, now_ns));
		now_ns = clock_ns();
	}
	if (allowed(w, p) > 0 && !p->link->writing)
		*out_next_ns = due_ns(load, p, p->sent);
	return ERR_OK;
}

enum err publisher_turn(struct worker *w, struct publisher *p, uint64_t *out_next_ns)
{
	struct link *l = p->link;
	const struct options *o = w->load->o;
	*out_next_ns = WORKER_NEVER;
	if (p->done || !l->writable || (l->writing && l->writing != p))
		return ERR_OK;
	if (l->writing) {
		TRY(push(p));
		if (l->writing)
			return ERR_OK;
	}
	bool over = o->time_ns > 0 && w->now_ns - w->load->publish_from_ns >= o->time_ns;
	if (over || w->load->stop || p->sent == p->quota) {
		p->done = true;
		return ERR_OK;
	}
	if (l->blocked)
		return ERR_OK;
	if (o->rate > 0)
		return publish_due(w, p, out_next_ns);
	uint64_t n = allowed(w, p);
	if (n == 0)
		return ERR_OK;
	TRY(publish(w, p, n, w->now_ns));
	if (!l->writing)
		*out_next_ns = WORKER_NOW;
	return ERR_OK;
}

/* settle_one: the broker has answered for one tag; false when it was not outstanding. */
static bool settle_one(struct worker *w, struct publisher *p, uint64_t tag)
{
	uint64_t *asked = &p->asked_ns[tag & p->asked_mask];
	if (*asked == 0)
		return false;
	if (w->confirm)
		histogram_add(w->confirm, w->now_ns - min_u64(*asked, w->now_ns));
	*asked = 0;
	p->unconfirmed--;
	return true;
}

void publisher_answer(struct worker *w, struct publisher *p, uint64_t tag, bool multiple,
		      bool positive)
{
	uint64_t n = 0;
	if (multiple && tag == 0)
		tag = p->sent;
	if (!p->asked_ns || tag < p->lowest_tag || tag > p->sent) {
		w->unknown_confirms++;
		return;
	}
	for (uint64_t t = multiple ? p->lowest_tag : tag; t <= tag; t++)
		n += settle_one(w, p, t);
	while (p->lowest_tag <= p->sent && p->asked_ns[p->lowest_tag & p->asked_mask] == 0)
		p->lowest_tag++;
	must(p->sent - (p->lowest_tag - 1) <= p->asked_mask + 1);
	w->unknown_confirms += n == 0;
	w->confirmed += n;
	if (!positive)
		w->nacked += n;
}
