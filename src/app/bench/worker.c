#include "app/bench/worker.h"

#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "app/bench/talk.h"
#include "base/bits.h"
#include "base/must.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define WORKER_EVENTS    64
#define WORKER_LOOK_NS   (OPTIONS_SECOND / 4) /* so often, at least, patience is looked at */
#define WORKER_SHARED_NS 200000               /* ... and what other workers have done */

static enum err watch(struct worker *w, struct link *l)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = l };
	client_go(&l->client);
	l->readable = l->writable = true;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, l->client.fd, &e) == 0)
		return ERR_OK;
	text_putf(&w->why, "epoll: %s", strerror(errno));
	return ERR_CLOSED;
}

static enum err open_link(struct worker *w, struct link *l, uint64_t channels_n)
{
	TRY(client_open(&l->client, &w->load->target, &w->why));
	if (channels_n > l->client.channel_max) {
		text_putf(&w->why, "the broker allows %u channels", l->client.channel_max);
		return ERR_CLOSED;
	}
	l->slots_n = (uint16_t)channels_n;
	l->slots = heap_array(channels_n + 1, sizeof *l->slots);
	for (uint16_t i = 1; w->load->talk->open && i <= channels_n; i++)
		TRY(w->load->talk->open(&l->client, i));
	return ERR_OK;
}

/* mine: does this worker have publisher or queue `i`? */
static bool mine(const struct worker *w, uint64_t i)
{
	return i % w->load->workers_n == w->index;
}

static enum err open_publishers(struct worker *w)
{
	const struct options *o = w->load->o;
	struct link *l = NULL;
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->publishers; i++) {
		if (!mine(w, i))
			continue;
		uint16_t channel = (uint16_t)(n % o->channels + 1);
		if (channel == 1) {
			l = &w->links[w->links_n++];
			TRY(open_link(w, l, min_u64(o->channels, w->publishers_n - n)));
		}
		publisher_init(&w->publishers[n], w->load, l, i, channel);
		l->slots[channel].publisher = &w->publishers[n++];
		if (w->load->talk->open_publisher)
			TRY(w->load->talk->open_publisher(w->load, &l->client, channel));
	}
	must(n == w->publishers_n);
	return ERR_OK;
}

static enum err open_consumers(struct worker *w)
{
	const struct options *o = w->load->o;
	struct link *l = NULL;
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->consumers; i++) {
		uint32_t queue = i % (uint32_t)o->queues;
		if (!mine(w, queue))
			continue;
		uint16_t channel = (uint16_t)(n % o->channels + 1);
		if (channel == 1) {
			l = &w->links[w->links_n++];
			TRY(open_link(w, l, min_u64(o->channels, w->consumers_n - n)));
		}
		struct consumer *c = &w->consumers[n++];
		*c = (struct consumer){ .link = l, .id = i, .queue = queue, .channel = channel };
		l->slots[channel].consumer = c;
		if (w->load->talk->open_consumer)
			TRY(w->load->talk->open_consumer(w->load, &l->client, channel));
	}
	must(n == w->consumers_n);
	return ERR_OK;
}

/* attach leaves what asks for messages in the buffers: its answer and the first deliveries come in
 * the ATTACH phase. */
static void attach(struct worker *w)
{
	for (uint32_t i = 0; i < w->consumers_n; i++)
		w->load->talk->attach(w->load, &w->consumers[i]);
}

static void count_mine(struct worker *w)
{
	const struct options *o = w->load->o;
	for (uint64_t i = 0; i < o->publishers; i++)
		w->publishers_n += mine(w, i);
	for (uint64_t i = 0; i < o->consumers; i++)
		w->consumers_n += mine(w, i % o->queues);
}

enum err worker_open(struct worker *w, struct load *load, uint32_t index)
{
	*w = (struct worker){ .load = load, .index = index, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	w->why = text_of(w->why_buf, sizeof w->why_buf);
	must(w->epoll >= 0);
	count_mine(w);
	w->publishers = heap_array(w->publishers_n + 1u, sizeof *w->publishers);
	w->consumers = heap_array(w->consumers_n + 1u, sizeof *w->consumers);
	w->links = heap_array(w->publishers_n + w->consumers_n + 1u, sizeof *w->links);
	if (load->o->latency) {
		w->delivery = heap_array(1, sizeof *w->delivery);
		w->confirm = heap_array(1, sizeof *w->confirm);
	}
	TRY(open_consumers(w));
	TRY(open_publishers(w));
	attach(w);
	for (uint32_t i = 0; i < w->links_n; i++)
		TRY(watch(w, &w->links[i]));
	return ERR_OK;
}

void worker_fini(struct worker *w)
{
	for (uint32_t i = 0; i < w->publishers_n; i++)
		publisher_fini(&w->publishers[i]);
	for (uint32_t i = 0; i < w->links_n; i++) {
		client_fini(&w->links[i].client);
		heap_free(w->links[i].slots);
	}
	heap_free(w->publishers);
	heap_free(w->consumers);
	heap_free(w->links);
	heap_free(w->delivery);
	heap_free(w->confirm);
	if (w->load)
		close(w->epoll);
}

/* wait_until sleeps until an event or `next_ns`. */
static void wait_until(struct worker *w, uint64_t next_ns)
{
	struct epoll_event events[WORKER_EVENTS];
	uint64_t now_ns = next_ns == WORKER_NOW ? 0 : clock_ns(), wait_ns = 0;
	if (next_ns > now_ns)
		wait_ns = min_u64(next_ns - now_ns,
				  w->load->workers_n > 1 ? WORKER_SHARED_NS : WORKER_LOOK_NS);
	struct timespec t = { (time_t)(wait_ns / OPTIONS_SECOND),
			      (long)(wait_ns % OPTIONS_SECOND) };
	int n = epoll_pwait2(w->epoll, events, WORKER_EVENTS, &t, NULL);
	for (int i = 0; i < n; i++) {
		struct link *l = events[i].data.ptr;
		l->readable |= (events[i].events & ~(uint32_t)EPOLLOUT) != 0;
		l->writable |= (events[i].events & ~(uint32_t)EPOLLIN) != 0;
	}
	w->now_ns = clock_ns();
}

/* share adds what this turn has done to what all workers see. */
static void share(struct worker *w)
{
	struct load *load = w->load;
	if (w->arrived + w->confirmed + w->published + w->attached == 0)
		return;
	load->last_ns = w->now_ns;
	load->attached += w->attached;
	load->published += w->published;
	load->confirmed += w->confirmed;
	load->arrived += w->arrived;
	w->arrived = w->confirmed = w->published = w->attached = 0;
}

static bool all_published(const struct worker *w)
{
	for (uint32_t i = 0; i < w->publishers_n; i++) {
		if (!w->publishers[i].done || w->publishers[i].link->writing)
			return false;
	}
	return true;
}

static bool all_came(const struct load *load)
{
	const struct options *o = load->o;
	if (load->publishers_left > 0)
		return false;
	if (o->confirms > 0 && o->publishers > 0 && load->confirmed < load->published)
		return false;
	return o->consumers == 0 || load->arrived >= load->published * ledger_copies(&load->ledger);
}

/* leave asks every channel for a last answer, behind everything that the broker still sends. */
static void leave(struct worker *w)
{
	for (uint32_t i = 0; i < w->consumers_n; i++)
		w->load->talk->leave_consumer(&w->consumers[i]);
	for (uint32_t i = 0; i < w->publishers_n; i++)
		w->load->talk->leave_publisher(&w->publishers[i]);
	w->answers_due = w->consumers_n + w->publishers_n;
	w->left_ns = w->now_ns;
	w->phase = PHASE_LEAVE;
}

/* advance moves to the next phase when this one is over. */
static void advance(struct worker *w)
{
	struct load *load = w->load;
	uint64_t zero = 0;
	bool tired = w->now_ns - min_u64(load->last_ns, w->now_ns) > load->o->patience_ns;
	if (tired && w->phase < PHASE_LEAVE)
		load->gave_up = true;
	if (w->phase == PHASE_ATTACH && load->attached == load->o->consumers) {
		atomic_compare_exchange_strong(&load->publish_from_ns, &zero, w->now_ns);
		w->phase = PHASE_PUBLISH;
	}
	if (w->phase == PHASE_PUBLISH && all_published(w)) {
		load->publishers_left -= w->publishers_n;
		w->phase = PHASE_SETTLE;
	}
	bool over = load->gave_up || (w->phase == PHASE_SETTLE && all_came(load));
	if (over && w->phase < PHASE_LEAVE)
		leave(w);
	if (w->phase != PHASE_LEAVE)
		return;
	bool deaf = w->now_ns - w->left_ns > load->o->patience_ns;
	if (deaf)
		load->gave_up = true;
	if (deaf || w->answers_due == 0)
		w->phase = PHASE_DONE;
}

static void show_progress(struct worker *w)
{
	struct load *load = w->load;
	if (!load->o->progress || w->index != 0 || w->now_ns < w->progress_ns)
		return;
	uint64_t published = load->published, arrived = load->arrived;
	if (w->progress_ns > 0)
		fprintf(stderr, "%4.0f s  published %9lu/s  delivered %9lu/s  under way %lu\n",
			(double)(w->now_ns - load->origin_ns) / 1e9,
			published - w->progress_published, arrived - w->progress_arrived,
			published * ledger_copies(&load->ledger) - arrived);
	w->progress_published = published;
	w->progress_arrived = arrived;
	w->progress_ns = w->now_ns + OPTIONS_SECOND;
}

/* turn reads what came, publishes what may go, writes what is owed. */
static enum err turn(struct worker *w, uint64_t *out_next_ns)
{
	uint64_t next_ns = WORKER_NEVER, want_ns = WORKER_NEVER;
	bool all;
	for (uint32_t i = 0; i < w->links_n; i++) {
		if (w->links[i].readable)
			TRY(link_turn(w, &w->links[i]));
		if (w->links[i].readable)
			next_ns = WORKER_NOW;
	}
	for (uint32_t i = 0; w->phase == PHASE_PUBLISH && i < w->publishers_n; i++) {
		uint32_t at = (w->first_publisher + i) % w->publishers_n;
		TRY(publisher_turn(w, &w->publishers[at], &want_ns));
		next_ns = min_u64(next_ns, want_ns);
	}
	w->first_publisher++;
	share(w);
	advance(w);
	for (uint32_t i = 0; i < w->links_n; i++) {
		struct link *l = &w->links[i];
		if (l->client.out.n == 0 || l->writing)
			continue;
		TRY(client_flush(&l->client, &all));
		l->writable = all;
		l->readable |= all &&
			       l->client.in_at < l->client.in_n; /* frames that had no room */
	}
	*out_next_ns = next_ns;
	return ERR_OK;
}

void worker_run(struct worker *w)
{
	uint64_t next_ns = WORKER_NOW;
	must(w->load->workers_n > 0);
	while (w->phase != PHASE_DONE && !w->load->failed) {
		enum phase before = w->phase;
		wait_until(w, next_ns);
		if (turn(w, &next_ns) != ERR_OK)
			w->load->failed = true;
		if (w->phase != before)
			next_ns = WORKER_NOW;
		show_progress(w);
	}
}
