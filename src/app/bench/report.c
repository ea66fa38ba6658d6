#include "app/bench/report.h"

#include "base/must.h"
#include "base/text.h"

void report_add(struct report *r, const char *name, double value, int decimals, const char *unit)
{
	must(r->n < REPORT_MAX);
	r->figures[r->n++] = (struct report_figure){ name, unit, value, decimals };
}

void report_add_latency(struct report *r, enum report_latency kind, const struct histogram *h)
{
	static const struct {
		uint32_t per_10000;
		const char *names[3];
	} rows[] = {
		{ 5000, { "delivery_p50_us", "confirm_p50_us", "first_p50_us" } },
		{ 9000, { "delivery_p90_us", "confirm_p90_us", "first_p90_us" } },
		{ 9900, { "delivery_p99_us", "confirm_p99_us", "first_p99_us" } },
		{ 9990, { "delivery_p999_us", "confirm_p999_us", "first_p999_us" } },
		{ 10000, { "delivery_max_us", "confirm_max_us", "first_max_us" } },
	};
	for (size_t i = 0; h->n > 0 && i < sizeof rows / sizeof rows[0]; i++)
		report_add(r, rows[i].names[kind],
			   (double)histogram_quantile(h, rows[i].per_10000) / 1e3, 1, "us");
}

void report_add_meter(struct report *r, const struct meter *m, double n)
{
	must(n > 0);
	report_add(r, "broker_cpu_us", (double)m->cpu_ns / 1e3 / n, 4, "us each");
	report_add(r, "broker_user_us", (double)m->user_ns / 1e3 / n, 4, "us each");
	report_add(r, "broker_system_us", (double)m->system_ns / 1e3 / n, 4, "us each");
	report_add(r, "broker_sleeps", (double)m->sleeps / n, 4, "each");
	report_add(r, "broker_rss_kb", (double)m->resident_kb, 0, "KiB");
	report_add(r, "broker_peak_kb", (double)m->peak_kb, 0, "KiB");
}

static void add_checks(struct report *r, const struct outcome *out)
{
	report_add(r, "lost", (double)out->lost, 0, "");
	report_add(r, "duplicated", (double)out->duplicated, 0, "");
	report_add(r, "disordered", (double)out->disordered, 0, "");
	report_add(r, "strange", (double)out->strange, 0, "");
	report_add(r, "nacked", (double)out->nacked, 0, "");
	report_add(r, "returned", (double)out->returned, 0, "");
	report_add(r, "unknown_confirms", (double)out->unknown_confirms, 0, "");
	report_add(r, "redelivered", (double)out->redelivered, 0, "");
	report_add(r, "left", (double)out->left, 0, "");
}

void report_add_load(struct report *r, const struct options *o, const struct outcome *out)
{
	double seconds = (double)out->elapsed_ns / 1e9;
	/* What a message costs: a delivery in a fan-out, else a publish, or what was drained. */
	double n = (double)(o->fanout && o->consumers ? out->arrived : out->published);
	report_add(r, "published", (double)out->published, 0, "");
	report_add(r, "delivered", (double)out->arrived, 0, "");
	report_add(r, "confirmed", (double)out->confirmed, 0, "");
	report_add(r, "seconds", seconds, 3, "s");
	if (seconds > 0) {
		report_add(r, "published_per_s", (double)out->published / seconds, 0, "/s");
		report_add(r, "delivered_per_s", (double)out->arrived / seconds, 0, "/s");
	}
	if (out->has_broker && n > 0)
		report_add_meter(r, &out->broker, n);
	if (n > 0)
		report_add(r, "own_cpu_us", (double)out->own_cpu_ns / 1e3 / n, 4, "us each");
	report_add_latency(r, REPORT_DELIVERY, &out->delivery);
	report_add_latency(r, REPORT_CONFIRM, &out->confirm);
	add_checks(r, out);
	report_add(r, "failed", out->failed || out->gave_up, 0, "");
	report_add(r, "clean", load_is_clean(o, out), 0, "");
}

static void write_json(const struct report *r, FILE *to)
{
	char buf[700];
	struct text title = text_of(buf, sizeof buf);
	text_put_json_string(&title, slice_str(r->title));
	fprintf(to, "{\"title\": %s", buf);
	for (uint32_t i = 0; i < r->n; i++)
		fprintf(to, ", \"%s\": %.*f", r->figures[i].name, r->figures[i].decimals,
			r->figures[i].value);
	fprintf(to, "}\n");
}

void report_write(const struct report *r, bool json, FILE *to)
{
	if (json) {
		write_json(r, to);
		return;
	}
	fprintf(to, "%s\n", r->title);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct report_figure *f = &r->figures[i];
		fprintf(to, "  %-18s %14.*f %s\n", f->name, f->decimals, f->value, f->unit);
	}
}
