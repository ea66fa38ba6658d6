/* backlog -- a full queue: what it costs to fill, to hold and to drain. */
#include "app/bench/heap.h"
#include "app/bench/modes.h"
#include "base/must.h"

#include <string.h>

#define BACKLOG_CONFIRMS 1000
#define BACKLOG_PREFETCH 1000

static bool complain(const struct outcome *out)
{
	fprintf(stderr, "godwit bench: %s\n", out->why[0] ? out->why : "not all came");
	return false;
}

static double each_us(const struct outcome *out, uint64_t n)
{
	return (double)out->broker.cpu_ns / 1e3 / (double)n;
}

/* fill publishes with confirms and leaves the queue. */
static bool fill(const struct options *o, struct outcome *out, struct report *r)
{
	struct options with = *o;
	with.messages = o->backlog;
	with.time_ns = 0;
	with.durable = true;
	with.keep = true;
	with.consumers = 0;
	with.window = 0;
	with.confirms = o->confirms ? o->confirms : BACKLOG_CONFIRMS;
	load_run(&with, out);
	if (out->failed || out->lost > 0 || out->confirmed != o->backlog)
		return complain(out);
	double n = (double)o->backlog;
	report_add(r, "messages", n, 0, "");
	report_add(r, "fill_per_s", n / ((double)out->elapsed_ns / 1e9), 0, "/s");
	report_add(r, "left", (double)out->left, 0, "");
	if (!out->has_broker)
		return true;
	report_add(r, "fill_cpu_us", each_us(out, o->backlog), 4, "us each");
	report_add(r, "rss_before_kb", (double)out->broker_before.resident_kb, 0, "KiB");
	report_add(r, "rss_queued_kb", (double)out->broker.resident_kb, 0, "KiB");
	report_add(r, "peak_queued_kb", (double)out->broker.peak_kb, 0, "KiB");
	return true;
}

/* drain consumes `n` messages that somebody has left, with single acks. */
static bool drain(const struct options *o, uint64_t n, struct outcome *out, struct report *r)
{
	struct options with = *o;
	with.messages = n;
	with.time_ns = 0;
	with.durable = true;
	with.publishers = 0;
	with.confirms = 0;
	with.window = 0;
	with.manual_ack = true;
	with.prefetch = o->prefetch ? o->prefetch : BACKLOG_PREFETCH;
	load_run(&with, out);
	report_add(r, "drained", (double)out->arrived, 0, "");
	report_add(r, "lost", (double)out->lost, 0, "");
	report_add(r, "duplicated", (double)out->duplicated, 0, "");
	report_add(r, "disordered", (double)out->disordered, 0, "");
	report_add(r, "strange", (double)out->strange, 0, "");
	report_add(r, "redelivered", (double)out->redelivered, 0, "");
	if (out->elapsed_ns > 0)
		report_add(r, "drain_per_s", (double)out->arrived / ((double)out->elapsed_ns / 1e9),
			   0, "/s");
	if (out->has_broker && out->arrived > 0) {
		report_add(r, "drain_cpu_us", each_us(out, out->arrived), 4, "us each");
		report_add(r, "rss_drained_kb", (double)out->broker.resident_kb, 0, "KiB");
	}
	return load_is_clean(&with, out) || complain(out);
}

bool modes_backlog(const struct options *o, struct report *r)
{
	struct outcome *out = heap_array(1, sizeof *out);
	snprintf(r->title, sizeof r->title, "backlog: %lu durable messages of %lu B", o->backlog,
		 o->size);
	bool ok = fill(o, out, r);
	if (ok && o->drain)
		ok = drain(o, o->backlog, out, r);
	heap_free(out);
	return ok;
}

bool modes_drain(const struct options *o, struct report *r)
{
	struct outcome *out = heap_array(1, sizeof *out);
	snprintf(r->title, sizeof r->title, "drain: %lu messages of %lu B", o->messages, o->size);
	bool ok = drain(o, o->messages, out, r);
	heap_free(out);
	return ok;
}
