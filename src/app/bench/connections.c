/* connections -- what connections cost: those that only stand there, those that come and go. */
#include "app/bench/client.h"
#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "app/bench/modes.h"
#include "base/must.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static bool complain(const char *why)
{
	fprintf(stderr, "godwit bench: %s\n", why);
	return false;
}

static enum err open_with_channel(struct client *c, const struct client_target *t, struct text *why)
{
	TRY(client_open(c, t, why));
	frames_channel_open(&c->out, 1);
	return client_wait(c, 1, CHANNEL_OPEN_OK, NULL);
}

static bool look(const struct options *o, struct meter *out)
{
	if (o->broker_pid == 0 || meter_read((pid_t)o->broker_pid, out) != ERR_OK)
		return complain("--broker-pid is needed for this, and must be a process");
	return true;
}

static void pass_time(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / OPTIONS_SECOND), (long)(ns % OPTIONS_SECOND) };
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

/* rest reads what a broker uses while nothing happens. */
static bool rest(const struct options *o, struct meter *out_idle)
{
	struct meter before, after;
	pass_time(OPTIONS_SECOND / 2);
	if (!look(o, &before))
		return false;
	pass_time(o->observe_ns);
	if (!look(o, &after))
		return false;
	*out_idle = meter_since(&before, &after);
	return true;
}

static void add_rest(struct report *r, const struct options *o, const struct meter *idle)
{
	double seconds = (double)o->observe_ns / 1e9;
	report_add(r, "idle_wakeups_per_s", (double)idle->sleeps / seconds, 2, "/s");
	report_add(r, "idle_cpu_percent", (double)idle->cpu_ns / 1e7 / seconds, 4, "%");
	report_add(r, "broker_rss_kb", (double)idle->resident_kb, 0, "KiB");
	report_add(r, "broker_threads", (double)idle->threads_n, 0, "");
}

static bool open_all(const struct options *o, struct client *clients, struct text *why)
{
	struct client_target t;
	if (client_target_of(o->uri, &t, why) != ERR_OK)
		return complain(why->p);
	for (uint64_t i = 0; i < o->idle_connections; i++) {
		if (open_with_channel(&clients[i], &t, why) != ERR_OK)
			return complain(why->p);
		client_shed(&clients[i]);
	}
	return true;
}

static bool idle(const struct options *o, struct client *clients, struct report *r)
{
	char buf[LOAD_WHY_MAX];
	struct text why = text_of(buf, sizeof buf);
	struct meter before, opened, quiet;
	double n = (double)o->idle_connections;
	if (!look(o, &before))
		return false;
	uint64_t from_ns = clock_ns();
	if (!open_all(o, clients, &why))
		return false;
	double seconds = (double)(clock_ns() - from_ns) / 1e9;
	if (!look(o, &opened) || !rest(o, &quiet))
		return false;
	struct meter used = meter_since(&before, &opened);
	double grown = (double)quiet.resident_kb - (double)before.resident_kb;
	report_add(r, "connections", n, 0, "");
	report_add(r, "connects_per_s", n / seconds, 0, "/s");
	report_add(r, "connect_cpu_us", (double)used.cpu_ns / 1e3 / n, 1, "us each");
	report_add(r, "connection_rss_kb", grown / n, 3, "KiB each");
	add_rest(r, o, &quiet);
	return true;
}

bool modes_idle(const struct options *o, struct report *r)
{
	struct client *clients = heap_array((size_t)o->idle_connections, sizeof *clients);
	snprintf(r->title, sizeof r->title, "%lu idle connections with a channel each",
		 o->idle_connections);
	bool ok = idle(o, clients, r);
	for (uint64_t i = 0; i < o->idle_connections; i++)
		client_fini(&clients[i]);
	heap_free(clients);
	return ok;
}

/* come_and_go: one connection, politely. */
static enum err come_and_go(const struct client_target *t, struct text *why)
{
	struct client c = { 0 };
	enum err e = open_with_channel(&c, t, why);
	if (e == ERR_OK)
		client_close(&c);
	client_fini(&c);
	return e;
}

bool modes_churn(const struct options *o, struct report *r)
{
	char buf[LOAD_WHY_MAX];
	struct text why = text_of(buf, sizeof buf);
	struct client_target t;
	struct meter before, after;
	snprintf(r->title, sizeof r->title, "connect, open a channel, close, %lu times", o->churn);
	if (client_target_of(o->uri, &t, &why) != ERR_OK)
		return complain(buf);
	if (!look(o, &before))
		return false;
	uint64_t from_ns = clock_ns();
	for (uint64_t i = 0; i < o->churn; i++) {
		if (come_and_go(&t, &why) != ERR_OK)
			return complain(buf);
	}
	double seconds = (double)(clock_ns() - from_ns) / 1e9;
	if (!look(o, &after))
		return false;
	struct meter used = meter_since(&before, &after);
	meter_split(&used);
	report_add(r, "cycles_per_s", (double)o->churn / seconds, 0, "/s");
	report_add_meter(r, &used, (double)o->churn);
	return true;
}
