#include "sim/score.h"

#include "base/bits.h"

#define TOLD(event)  w->story.told_n[STORY_##event]
#define LOGGED(line) w->host.logged[LOG_##line]
#define SOCKS(what)  w->host.socks.what
#define DISK(what)   sim_disk_count(w->host.disk)->what

const struct score_row score_rows[SCORE_N] = {
#define SCORE(name, least, from, prose) { #name, prose },
#include "sim/score.def"
#undef SCORE
};

static const uint64_t least[SCORE_N] = {
#define SCORE(name, least, from, prose) least,
#include "sim/score.def"
#undef SCORE
};

static uint64_t chunks_left(const struct world *w)
{
	uint64_t left, read;
	host_chunks(&w->host, &left, &read);
	return left;
}

static uint64_t chunks_read(const struct world *w)
{
	uint64_t left, read;
	host_chunks(&w->host, &left, &read);
	return read;
}

uint64_t score_disk_faults(const struct world *w)
{
	return DISK(failed_writes) + DISK(failed_syncs) + DISK(full) + LOGGED(disk_alarm_set) +
	       TOLD(stall) + TOLD(flip);
}

void score_of(const struct world *w, uint64_t out[SCORE_N])
{
	const uint64_t n[SCORE_N] = {
#define SCORE(name, least, from, prose) from,
#include "sim/score.def"
#undef SCORE
	};
	memcpy(out, n, sizeof n);
}

void score_check(struct world *w, uint64_t ops)
{
	uint64_t n[SCORE_N];
	score_of(w, n);
	for (int i = 0; i < SCORE_N; i++) {
		uint64_t want = i == SCORE_operation ? min_u64(least[i], ops) : least[i];
		if (n[i] < want)
			story_wrong(&w->story, "a run is to have %lu %s, and this had %lu",
				    (unsigned long)want, score_rows[i].prose, (unsigned long)n[i]);
	}
}
