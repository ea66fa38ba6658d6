/* stomp cron -- the moments that five fields stand for, as ActiveMQ has them: minute, hour, day of
 * the month, month, day of the week (0 and 7: Sunday).
 *
 *	field = ("*" | "?" | item {"," item}) ["/" step]     item = "*" | number | number "-" number
 *
 * A step leaves those of all the items that it divides. Where both kinds of days are limited either
 * is enough. Clocks are those of a zone (port/zone.h): what falls into time that they leave out is
 * due once, when that is over; what they show twice is due twice. Pure.
 */
#ifndef WIRE_STOMP_CRON_H
#define WIRE_STOMP_CRON_H
#include "base/slice.h"
#include "port/zone.h"

#include <stdbool.h>

enum stomp_cron_field {
	STOMP_CRON_MINUTE,
	STOMP_CRON_HOUR,
	STOMP_CRON_DAY,
	STOMP_CRON_MONTH,
	STOMP_CRON_WEEKDAY,
	STOMP_CRON_FIELDS
};

struct stomp_cron {
	uint64_t at[STOMP_CRON_FIELDS]; /* a bit for each value */
};

/* stomp_cron_read reads the fields. False: *out_wrong is the one that makes no sense, in words;
 * STOMP_CRON_COUNT: there are not five of them. */
#define STOMP_CRON_COUNT "number of fields"
bool stomp_cron_read(struct slice in, struct stomp_cron *out, const char **out_wrong);

/* stomp_cron_next is the first such moment behind `after_ms`, since 1970; 0: none in the next nine
 * years. `z` NULL: UTC. */
uint64_t stomp_cron_next(const struct stomp_cron *c, const struct zone *z, uint64_t after_ms);
#endif
