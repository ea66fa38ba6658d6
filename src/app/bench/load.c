#include "app/bench/load.h"

#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "app/bench/packets.h"
#include "app/bench/talk.h"
#include "base/must.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The run that a signal stops. */
static _Atomic(struct load *) current;

void load_interrupt(void)
{
	struct load *load = current;
	if (load)
		load->stop = true;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * OPTIONS_SECOND + (uint64_t)t.tv_nsec;
}

static void init(struct load *load, const struct options *o)
{
	uint32_t publishers_n = (uint32_t)(o->publishers ? o->publishers : 1);
	uint32_t consumers_n = (uint32_t)(o->consumers ? o->consumers : 1);
	*load = (struct load){ .o = o, .workers_n = o->threads, .origin_ns = clock_ns() };
	load->last_ns = load->origin_ns;
	load->publishers_left = o->publishers;
	ledger_init(&load->ledger, (uint32_t)o->run, publishers_n, (uint32_t)o->queues, consumers_n,
		    o->fanout);
	if (o->publishers == 0) {
		/* Somebody has published them before. */
		load->published = o->messages;
		load->ledger.sent[0] = o->messages;
	}
	if (o->queue_prefix)
		snprintf(load->prefix, sizeof load->prefix, "%.150s", o->queue_prefix);
	else
		snprintf(load->prefix, sizeof load->prefix, "godwit.bench.%ld", (long)getpid());
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;
	const struct options *o = w->load->o;
	cpu_set_t cpus;
	if (o->cpu != OPTIONS_AUTO) {
		CPU_ZERO(&cpus);
		CPU_SET((o->cpu + w->index) % CPU_SETSIZE, &cpus);
		if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
			fprintf(stderr, "godwit bench: --cpu: cannot run there\n");
	}
	worker_run(w);
	return NULL;
}

/* run_workers runs the first worker on this thread and the others on theirs. */
static void run_workers(struct worker *workers, size_t n)
{
	pthread_t *threads = heap_array(n, sizeof *threads);
	for (size_t i = 1; i < n; i++) {
		int no = pthread_create(&threads[i], NULL, thread_main, &workers[i]);
		must(no == 0);
	}
	thread_main(&workers[0]);
	for (size_t i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	heap_free(threads);
}

static void take_worker(struct outcome *out, const struct worker *w)
{
	out->nacked += w->nacked;
	out->returned += w->returned;
	out->redelivered += w->redelivered;
	out->unknown_confirms += w->unknown_confirms;
	if (w->delivery)
		histogram_merge(&out->delivery, w->delivery);
	if (w->confirm)
		histogram_merge(&out->confirm, w->confirm);
	if (w->why.n > 0 && out->why[0] == '\0')
		snprintf(out->why, sizeof out->why, "%s", w->why.p);
}

static void take_load(struct outcome *out, const struct load *load)
{
	const struct options *o = load->o;
	struct ledger_counts c = ledger_total(&load->ledger);
	uint64_t from_ns = o->publishers ? load->publish_from_ns : load->origin_ns;
	out->failed = load->failed;
	out->gave_up = load->gave_up;
	out->published = load->published;
	out->arrived = c.first;
	out->confirmed = load->confirmed;
	out->copies = ledger_copies(&load->ledger);
	out->duplicated = c.duplicated;
	out->disordered = c.disordered;
	out->strange = c.strange;
	out->lost = o->consumers > 0 ? ledger_lost(&load->ledger) : 0;
	if (from_ns > 0 && load->last_ns > from_ns)
		out->elapsed_ns = load->last_ns - from_ns;
}

/* measured runs the workers between two looks at the broker. */
static void measured(struct load *load, struct worker *workers, struct outcome *out)
{
	pid_t pid = (pid_t)load->o->broker_pid;
	struct meter after;
	uint64_t cpu_ns = own_cpu_ns();
	out->has_broker = pid > 0 && meter_read(pid, &out->broker_before) == ERR_OK;
	load->origin_ns = clock_ns();
	load->last_ns = load->origin_ns;
	run_workers(workers, (size_t)load->workers_n);
	out->own_cpu_ns = own_cpu_ns() - cpu_ns;
	out->has_broker = out->has_broker && meter_read(pid, &after) == ERR_OK;
	if (out->has_broker) {
		out->broker = meter_since(&out->broker_before, &after);
		meter_split(&out->broker);
	}
	take_load(out, load);
}

static const struct talk *const talks[URI_SCHEMES_N] = {
	[URI_AMQP] = &talk_amqp,
	[URI_MQTT] = &talk_mqtt,
	[URI_STOMP] = &talk_stomp,
};

static enum err set_up(struct load *load, struct worker *workers, struct text *why)
{
	TRY(client_target_of(load->o->uri, &load->target, why));
	load->talk = talks[load->target.uri.scheme];
	load->target.keeps_session = load->o->durable;
	if (load->o->publishers > 0 && load->talk == &talk_amqp)
		TRY(topology_make(load, why));
	for (uint32_t i = 0; i < load->workers_n; i++) {
		if (worker_open(&workers[i], load, i) == ERR_OK)
			continue;
		text_puts(why, workers[i].why.p);
		return ERR_CLOSED;
	}
	return ERR_OK;
}

/* clear_away looks at what is left, which tells a loss when nobody consumed. */
static void clear_away(const struct load *load, struct outcome *out, struct text *why)
{
	if (load->talk != &talk_amqp)
		return; /* sessions and queues have ended with their connections, or by forget */
	if (topology_clear(load, &out->left, why) != ERR_OK) {
		out->failed = true;
		return;
	}
	uint64_t owed = out->published * out->copies;
	bool stays = load->o->consumers == 0 && !load->o->exchange_type && !load->o->ttl &&
		     !load->o->delay;
	if (stays && out->left < owed)
		out->lost = owed - out->left;
}

/* forget ends the sessions that would outlive their connections. */
static void forget(const struct load *load, const struct worker *w, struct text *why)
{
	if (load->talk != &talk_mqtt || !load->target.keeps_session)
		return;
	for (uint32_t i = 0; i < w->links_n; i++)
		if (w->links[i].client.session > 0 &&
		    packets_forget(&w->links[i].client, &load->target, why) != ERR_OK)
			return;
}

void load_run(const struct options *o, struct outcome *out)
{
	struct load load;
	char why_buf[LOAD_WHY_MAX];
	struct text why = text_of(why_buf, sizeof why_buf);
	struct worker *workers = heap_array((size_t)o->threads, sizeof *workers);
	*out = (struct outcome){ 0 };
	init(&load, o);
	current = &load;
	bool ready = set_up(&load, workers, &why) == ERR_OK;
	if (ready)
		measured(&load, workers, out);
	out->failed |= !ready;
	for (uint32_t i = 0; i < o->threads; i++) {
		if (workers[i].load)
			take_worker(out, &workers[i]);
		if (workers[i].load)
			forget(&load, &workers[i], &why);
		worker_fini(&workers[i]);
	}
	if (ready)
		clear_away(&load, out, &why);
	if (out->why[0] == '\0')
		snprintf(out->why, sizeof out->why, "%s", why.p);
	current = NULL;
	ledger_fini(&load.ledger);
	heap_free(workers);
}

bool load_is_clean(const struct options *o, const struct outcome *r)
{
	bool settled = r->nacked + r->returned + r->unknown_confirms == 0;
	bool confirmed = o->confirms == 0 || o->publishers == 0 || r->confirmed == r->published;
	bool empty = o->consumers == 0 || r->left == 0;
	bool ordered = r->disordered == 0 || o->priorities > 0;
	return !r->failed && !r->gave_up && settled && confirmed && empty && ordered &&
	       r->lost + r->duplicated + r->strange == 0;
}
