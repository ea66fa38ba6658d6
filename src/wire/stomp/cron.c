#include "wire/stomp/cron.h"

#include "base/bits.h"
#include "base/must.h"
#include "wire/stomp/stored.h"

/* ---- fields ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t min, max;
} fields[STOMP_CRON_FIELDS] = {
	[STOMP_CRON_MINUTE] = { "minute", 0, 59 },      [STOMP_CRON_HOUR] = { "hour", 0, 23 },
	[STOMP_CRON_DAY] = { "day of month", 1, 31 },   [STOMP_CRON_MONTH] = { "month", 1, 12 },
	[STOMP_CRON_WEEKDAY] = { "day of week", 0, 7 },
};

static uint64_t between(int64_t from, int64_t to)
{
	must(0 <= from && from <= to && to < 63);
	return ((UINT64_C(1) << (to + 1)) - 1) & ~((UINT64_C(1) << from) - 1);
}

static uint64_t all_of(uint32_t field)
{
	must(field < STOMP_CRON_FIELDS);
	return between(fields[field].min, field == STOMP_CRON_WEEKDAY ? 6 : fields[field].max);
}

static bool is_all(struct slice in)
{
	must(in.p != NULL || in.n == 0);
	return slice_eq(in, slice_str("*")) || slice_eq(in, slice_str("?"));
}

/* What is before the first `mark`, and *io_rest what is behind it; without one all, and nothing. */
static struct slice part(struct slice *io_rest, uint8_t mark, bool *out_has_more)
{
	const size_t n = slice_find(*io_rest, mark);
	const struct slice front = slice_sub(*io_rest, 0, n);
	must(n <= io_rest->n);
	*out_has_more = n < io_rest->n;
	*io_rest = slice_from(*io_rest, *out_has_more ? n + 1 : n);
	return front;
}

static bool number(struct slice in, int64_t *out)
{
	must(out != NULL);
	return in.n > 0 && in.n <= 9 && in.p[0] != '-' && stomp_number(in, out);
}

/* The values of "7", "2-5" or "*"; 0: it is none of these. */
static uint64_t item(uint32_t field, struct slice in)
{
	int64_t from, to;
	bool is_range;
	must(field < STOMP_CRON_FIELDS);
	if (is_all(in))
		return all_of(field);
	const struct slice first = part(&in, '-', &is_range);
	if (!number(first, &from) || (is_range && !number(in, &to)))
		return 0;
	if (!is_range)
		to = from;
	if (from < fields[field].min || to > fields[field].max || from > to)
		return 0;
	const uint64_t at = between(from, to);
	const uint64_t sunday = UINT64_C(1) << 7; /* of a week from 1 to 7 */
	return field == STOMP_CRON_WEEKDAY && at & sunday ? (at & ~sunday) | 1 : at;
}

static uint64_t divided(uint64_t at, int64_t step)
{
	uint64_t left = 0;
	must(step > 0);
	for (int64_t i = 0; i < 60; i += step)
		left |= at & UINT64_C(1) << i;
	return left;
}

/* The values of one field; 0: it makes no sense, or there are none. */
static uint64_t read_field(uint32_t field, struct slice in)
{
	bool has_step, has_more;
	int64_t step = 1;
	uint64_t at = 0;
	struct slice items = part(&in, '/', &has_step);
	must(field < STOMP_CRON_FIELDS);
	if (has_step && (!number(in, &step) || step == 0))
		return 0;
	do {
		const uint64_t some = item(field, part(&items, ',', &has_more));
		if (!some)
			return 0;
		at |= some;
	} while (has_more);
	return divided(at, step);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next field of `in`; empty: there is none. */
static struct slice next_field(struct slice *io)
{
	size_t from = 0, to;
	must(io->p != NULL || io->n == 0);
	while (from < io->n && is_blank(io->p[from]))
		from++;
	for (to = from; to < io->n && !is_blank(io->p[to]);)
		to++;
	const struct slice field = slice_sub(*io, from, to - from);
	*io = slice_from(*io, to);
	return field;
}

bool stomp_cron_read(struct slice in, struct stomp_cron *out, const char **out_wrong)
{
	struct slice word[STOMP_CRON_FIELDS];
	*out_wrong = STOMP_CRON_COUNT;
	must(out != NULL);
	for (uint32_t i = 0; i < STOMP_CRON_FIELDS; i++)
		if ((word[i] = next_field(&in)).n == 0)
			return false;
	if (next_field(&in).n > 0)
		return false;
	for (uint32_t i = 0; i < STOMP_CRON_FIELDS; i++) {
		*out_wrong = fields[i].name;
		out->at[i] = read_field(i, word[i]);
		if (!out->at[i])
			return false;
	}
	return true;
}

/* ---- moments: minutes since 1970, of UTC or of clocks on the wall ------------------------- */

#define HOUR_MIN   60
#define DAY_MIN    1440
#define WEEKDAY_0  4                            /* the first of January 1970 was a Thursday */
#define SEARCH_MIN (INT64_C(9) * 366 * DAY_MIN) /* from one 29 February over 2100 to the next */

struct date {
	int64_t month, day; /* from 1 on */
};

/* Of the day with this number. Years are counted from March on here, so that a leap day is their
 * last; 400 of them have 146097 days. */
static struct date date_of(int64_t day)
{
	const int64_t since = day + 719468; /* from 1 March of the year 0 on */
	const int64_t in_era = since % 146097;
	const int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	const int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	const int64_t month = (5 * in_year + 2) / 153; /* 0: March */
	must(since >= 0 && month < 12);
	return (struct date){ month < 10 ? month + 3 : month - 9,
			      in_year - (153 * month + 2) / 5 + 1 };
}

static bool has(const struct stomp_cron *c, enum stomp_cron_field field, int64_t value)
{
	must(value >= 0 && value < 64);
	return c->at[field] >> value & 1;
}

static bool is_limited(const struct stomp_cron *c, enum stomp_cron_field field)
{
	must(c->at[field] != 0);
	return c->at[field] != all_of(field);
}

static bool is_day(const struct stomp_cron *c, int64_t day)
{
	const struct date d = date_of(day);
	const bool is_date = has(c, STOMP_CRON_DAY, d.day);
	const bool is_weekday = has(c, STOMP_CRON_WEEKDAY, (day + WEEKDAY_0) % 7);
	must(day >= 0);
	if (!has(c, STOMP_CRON_MONTH, d.month))
		return false;
	if (is_limited(c, STOMP_CRON_DAY) && is_limited(c, STOMP_CRON_WEEKDAY))
		return is_date || is_weekday;
	return is_date && is_weekday;
}

/* How long from `local` on certainly nothing is due; 0: it is. */
static int64_t until_next(const struct stomp_cron *c, int64_t local)
{
	const int64_t minute = local % HOUR_MIN;
	must(local >= 0);
	if (!is_day(c, local / DAY_MIN))
		return DAY_MIN - local % DAY_MIN;
	if (!has(c, STOMP_CRON_HOUR, local / HOUR_MIN % 24))
		return HOUR_MIN - minute;
	const uint64_t left = c->at[STOMP_CRON_MINUTE] >> minute;
	return left ? bits_lowest(left) : HOUR_MIN - minute;
}

/* Minutes that clocks are ahead. */
static int64_t ahead(const struct zone *z, int64_t at)
{
	const int64_t s = z ? z->offset_s(z, at * 60) : 0;
	must(s > -2 * DAY_MIN * 60 && s < 2 * DAY_MIN * 60);
	return (s + DAY_MIN * 60 * 2) / 60 - DAY_MIN * 2;
}

/* The first minute in (from, to] at which clocks are not ahead as at `from`. */
static int64_t change_in(const struct zone *z, int64_t from, int64_t to)
{
	const int64_t before = ahead(z, from);
	must(from < to);
	while (to - from > 1) {
		const int64_t middle = from + (to - from) / 2;
		if (ahead(z, middle) == before)
			from = middle;
		else
			to = middle;
	}
	return to;
}

/* Is anything due in the minutes [from, to) that clocks have left out? */
static bool is_in_gap(const struct stomp_cron *c, int64_t from, int64_t to)
{
	must(from >= 0);
	while (from < to) {
		const int64_t step = until_next(c, from);
		if (step == 0)
			return true;
		from += step;
	}
	return false;
}

uint64_t stomp_cron_next(const struct stomp_cron *c, const struct zone *z, uint64_t after_ms)
{
	int64_t at = (int64_t)(after_ms / 60000), now = ahead(z, at), step = 1;
	const int64_t end = at + SEARCH_MIN;
	must(after_ms < UINT64_C(1) << 50);
	if (z && at < 2 * DAY_MIN)
		return 0; /* clocks on the wall may show 1969 */
	while (at < end) {
		int64_t next = at + step, then = ahead(z, next);
		if (then != now) {
			next = change_in(z, at, next);
			then = ahead(z, next);
			if (is_in_gap(c, next + now, next + then))
				return (uint64_t)next * 60000;
		}
		at = next;
		now = then;
		step = until_next(c, at + now);
		if (step == 0)
			return (uint64_t)at * 60000;
	}
	return 0;
}
