/* modes -- the measurements of `godwit bench`, one function each, beside the usual run.
 *
 * Each takes settled options, adds its figures to the report and returns true when all was well;
 * otherwise it has said why on stderr.
 */
#ifndef APP_BENCH_MODES_H
#define APP_BENCH_MODES_H

#include "app/bench/report.h"

/* modes_floor: a relay process that only copies (floor.c). Prints a report for each case. */
bool modes_floor(const struct options *o, struct report *r);

/* modes_idle: connections that only stand there. modes_churn: connections that come and go. */
bool modes_idle(const struct options *o, struct report *r);
bool modes_churn(const struct options *o, struct report *r);

/* modes_backlog: fill a durable queue, and drain it again if asked to. */
bool modes_backlog(const struct options *o, struct report *r);

/* modes_drain: consume what an earlier --backlog --keep has left. */
bool modes_drain(const struct options *o, struct report *r);

/* modes_start: run a broker, until its first message and a while longer. */
bool modes_start(const struct options *o, struct report *r);

#endif
