/* report -- what a run found, as text for people or as one JSON object.
 *
 * A report is a list of figures, each with a name, a value and a unit, added in the order in which
 * they are to be read; text and JSON come from the same list. Plain memory of the caller's.
 */
#ifndef APP_BENCH_REPORT_H
#define APP_BENCH_REPORT_H

#include "app/bench/histogram.h"
#include "app/bench/load.h"

#include <stdio.h>

#define REPORT_MAX 80

struct report_figure {
	const char *name; /* "broker_cpu_us": the JSON key; a literal */
	const char *unit; /* "us": what text shows behind it; a literal */
	double value;
	int decimals;
};

struct report {
	struct report_figure figures[REPORT_MAX];
	uint32_t n;
	char title[300];
};

/* report_add appends a figure; the report has room for REPORT_MAX. */
void report_add(struct report *r, const char *name, double value, int decimals, const char *unit);

/* report_add_latency appends quantiles in us: NAME_p50, NAME_p90, ... Nothing if it is empty.
 * `kind` 0 is delivery, 1 confirm. */
enum report_latency { REPORT_DELIVERY, REPORT_CONFIRM, REPORT_FIRST };
void report_add_latency(struct report *r, enum report_latency kind, const struct histogram *h);

/* report_add_meter appends the CPU in us for each of `n` units of work, and the memory. */
void report_add_meter(struct report *r, const struct meter *m, double n);

/* report_add_load appends everything about a run. */
void report_add_load(struct report *r, const struct options *o, const struct outcome *out);

/* report_write prints it. */
void report_write(const struct report *r, bool json, FILE *to);

#endif
