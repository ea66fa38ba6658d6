#include "sim/tally.h"

#include "base/bits.h"

#define TOLD(event)  w->story.told_n[STORY_##event]
#define LOGGED(line) w->host.logged[LOG_##line]
#define SOCKS(what)  w->host.socks.what
#define DISK(what)   sim_disk_count(w->host.disk)->what

const struct tally_row tally_rows[TALLY_N] = {
#define TALLY(name, least, from, prose) { #name, prose },
#include "sim/tally.def"
#undef TALLY
};

static const uint64_t least[TALLY_N] = {
#define TALLY(name, least, from, prose) least,
#include "sim/tally.def"
#undef TALLY
};

uint64_t tally_disk_faults(const struct world *w)
{
	return DISK(failed_writes) + DISK(failed_syncs) + DISK(full) + LOGGED(disk_alarm_set) +
	       TOLD(stall) + TOLD(flip);
}

void tally_of(const struct world *w, uint64_t out[TALLY_N])
{
	const uint64_t n[TALLY_N] = {
#define TALLY(name, least, from, prose) from,
#include "sim/tally.def"
#undef TALLY
	};
	memcpy(out, n, sizeof n);
}

void tally_check(struct world *w, uint64_t ops)
{
	uint64_t n[TALLY_N];
	tally_of(w, n);
	for (int i = 0; i < TALLY_N; i++) {
		uint64_t want = i == TALLY_operation ? min_u64(least[i], ops) : least[i];
		if (n[i] < want)
			story_wrong(&w->story, "a run is to have %lu %s, and this had %lu",
				    (unsigned long)want, tally_rows[i].prose, (unsigned long)n[i]);
	}
}
