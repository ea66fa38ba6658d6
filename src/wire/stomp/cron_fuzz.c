/* cron_fuzz -- any octets as five fields, from any minute on: what is read has values in each of
 * them, and the next moment is ahead, on a minute, and the first. */
#include "base/must.h"
#include "wire/stomp/cron.h"

#define MINUTE_MS 60000u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Clocks that change by an hour every half a year. */
static int32_t offset_s(const struct zone *z, int64_t utc_s)
{
	must(z != NULL);
	return utc_s / (182 * 86400) % 2 ? 7200 : 3600;
}

static void look(const struct stomp_cron *c, const struct zone *z, uint64_t after_ms)
{
	uint64_t next_ms = stomp_cron_next(c, z, after_ms);
	if (next_ms == 0)
		return;
	must(next_ms > after_ms && next_ms % MINUTE_MS == 0);
	must(stomp_cron_next(c, z, next_ms - 1) == next_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct zone zone = { offset_s };
	struct stomp_cron c;
	const char *wrong = NULL;
	if (n < 3)
		return 0;
	uint64_t after_ms = (uint64_t)(p[0] | p[1] << 8 | p[2] << 16) * MINUTE_MS + p[0];
	if (!stomp_cron_read(slice_of(p + 3, n - 3), &c, &wrong)) {
		must(wrong != NULL);
		return 0;
	}
	for (int i = 0; i < STOMP_CRON_FIELDS; i++)
		must(c.at[i] != 0 && c.at[i] >> 60 == 0);
	look(&c, NULL, after_ms);
	look(&c, &zone, after_ms);
	return 0;
}
