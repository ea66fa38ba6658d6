#include "wire/stomp/later.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/text.h"
#include "wire/stomp/stored.h"

#define PREFIX "AMQ_SCHEDULED_"

/* Which of them a header is; 0: none. */
static uint8_t which_is(struct slice name)
{
	static const struct {
		const char *word;
		uint8_t bit;
	} words[] = {
		{ PREFIX "DELAY", STOMP_LATER_DELAY },   { PREFIX "PERIOD", STOMP_LATER_PERIOD },
		{ PREFIX "REPEAT", STOMP_LATER_REPEAT }, { PREFIX "CRON", STOMP_LATER_CRON },
		{ STOMP_LATER_JOB, STOMP_LATER_DONE },
	};
	must(name.p != NULL || name.n == 0);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_eq(name, slice_str(words[i].word)))
			return words[i].bit;
	return 0;
}

bool stomp_later_take(struct stomp_later *io, struct slice name, struct slice value)
{
	const uint8_t bit = which_is(name);
	if (!bit || io->has & bit)
		return true;
	must(name.n > 0);
	io->has |= bit;
	switch (bit) {
	case STOMP_LATER_DELAY: return stomp_number(value, &io->delay_ms);
	case STOMP_LATER_PERIOD: return stomp_number(value, &io->period_ms);
	case STOMP_LATER_REPEAT: return stomp_number(value, &io->repeat);
	case STOMP_LATER_CRON: io->cron = value; return true;
	default: return true;
	}
}

/* The first header of that name as a number; false: it has none. */
static bool number_of(struct slice props, enum stomp_header which, int64_t *out)
{
	struct rd r = rd_of(props);
	struct slice name, value;
	must(which < STOMP_H_N);
	while (stomp_stored_next(&r, &name, &value))
		if (slice_eq(name, slice_str(stomp_header_words[which])))
			return stomp_number(value, out);
	return false;
}

/* Until when it lives if it goes now; 0: for ever. One that was over already stays so. */
static uint64_t expires_of(struct slice props, uint64_t now_ms)
{
	int64_t expires, timestamp;
	must(now_ms <= INT64_MAX / 2);
	if (!number_of(props, STOMP_H_EXPIRES, &expires) || expires <= 0)
		return 0;
	if (!number_of(props, STOMP_H_TIMESTAMP, &timestamp) || timestamp <= 0 ||
	    timestamp >= expires || (int64_t)now_ms < timestamp)
		return (uint64_t)expires;
	return now_ms + (uint64_t)(expires - timestamp);
}

static void put_number(struct wr *w, enum stomp_header which, uint64_t n)
{
	char room[24];
	struct text t = text_of(room, sizeof room);
	text_put_u64(&t, n);
	must(!text_is_full(&t));
	stomp_stored_put_one(w, slice_str(stomp_header_words[which]), text_slice(&t));
}

/* What the headers of a message say, all of which were right when it came. */
static struct stomp_later read(struct slice props)
{
	struct rd r = rd_of(props);
	struct stomp_later l = { .has = 0 };
	struct slice name, value;
	must(props.p != NULL || props.n == 0);
	while (stomp_stored_next(&r, &name, &value))
		if (!stomp_later_take(&l, name, value))
			return (struct stomp_later){ .has = 0 };
	return l;
}

static uint64_t bounded(int64_t ms)
{
	return ms > 0 ? min_u64((uint64_t)ms, STOMP_LATER_MAX_MS) : 0;
}

/* Without a delay a message waits for a period, as in ActiveMQ. */
static uint64_t first_wait(const struct stomp_later *l)
{
	const bool is_by_period = l->cron.n == 0 || l->repeat != 0;
	must(l->cron.n == 0 || l->repeat >= 0);
	return l->delay_ms > 0 ? bounded(l->delay_ms) : is_by_period ? bounded(l->period_ms) : 0;
}

/* The first moment of its fields behind `after_ms`, and what it waits from then on; 0: none. */
static uint64_t moment(const struct stomp_later *l, const struct zone *z, uint64_t after_ms)
{
	struct stomp_cron c;
	const char *wrong;
	must(l->cron.n > 0);
	const uint64_t at_ms = stomp_cron_read(l->cron, &c, &wrong)
				       ? stomp_cron_next(&c, z, after_ms)
				       : 0;
	return at_ms ? at_ms + first_wait(l) : 0;
}

uint64_t stomp_later_first(const struct stomp_later *l, const struct zone *z, uint64_t now_ms)
{
	must(now_ms <= INT64_MAX / 2);
	return l->cron.n ? moment(l, z, now_ms) : now_ms + first_wait(l);
}

uint64_t stomp_later_again(struct slice props, uint32_t n, const struct zone *z, uint64_t now_ms,
			   uint16_t *out_n)
{
	const struct stomp_later l = read(props);
	must(now_ms <= INT64_MAX / 2);
	*out_n = (uint16_t)min_u64(n + UINT64_C(1), UINT16_MAX);
	if (l.repeat < 0 || n < (uint64_t)l.repeat)
		return now_ms + (l.period_ms > 0 ? bounded(l.period_ms) : 1);
	*out_n = 0;
	if (l.cron.n == 0)
		return 0;
	return moment(&l, z, now_ms - min_u64(now_ms, first_wait(&l)));
}

void stomp_later_go(struct wr *w, struct slice props, uint64_t now_ms, uint64_t *out_expires_ms)
{
	const struct slice expires = slice_str(stomp_header_words[STOMP_H_EXPIRES]);
	const struct slice timestamp = slice_str(stomp_header_words[STOMP_H_TIMESTAMP]);
	const uint64_t until_ms = expires_of(props, now_ms);
	struct rd r = rd_of(props);
	struct slice name, value;
	must(out_expires_ms != NULL);
	while (stomp_stored_next(&r, &name, &value)) {
		const uint8_t bit = which_is(name);
		const bool is_time = until_ms &&
				     (slice_eq(name, expires) || slice_eq(name, timestamp));
		if (!is_time && (!bit || bit == STOMP_LATER_DONE))
			stomp_stored_put_one(w, name, value);
	}
	if (until_ms) {
		put_number(w, STOMP_H_EXPIRES, until_ms);
		put_number(w, STOMP_H_TIMESTAMP, now_ms);
	}
	*out_expires_ms = until_ms;
}
