#include "sim/faults.h"

#include "base/bits.h"
#include "base/text.h"
#include "node/inspect.h"
#include "sim/drain.h"
#include "sim/rot.h"
#include "sim/score.h"
#include "sim/shortage.h"
#include "sim/twin.h"

#define STEPS_MAX      200000
#define CALLS_MAX      60 /* of the disk, until the power goes in one */
#define DYING_MAX      200
#define RECOVERIES_MAX 4 /* power cuts during recovery, one behind the other */
#define STOP_STEPS_MAX 400000

static const struct {
	bool is_power, is_disk;
} kinds[FAULT_N] = {
#define FAULT(name, is_power, is_disk, prose) { is_power, is_disk },
#include "sim/fault.def"
#undef FAULT
};

/* ---- the plan --------------------------------------------------------------------------- */

static enum fault any_of(struct prng *r, bool is_power, bool is_disk)
{
	for (;;) {
		enum fault f = (enum fault)prng_below(r, FAULT_N);
		if ((!is_power || kinds[f].is_power) && (!is_disk || kinds[f].is_disk))
			return f;
	}
}

struct plan plan_make(struct prng *r, uint64_t ops)
{
	struct plan p = { 0 };
	p.row[p.n++].fault = FAULT_power_call; /* the cut that finds something to lose */
	p.row[p.n++].fault = any_of(r, true, false);
	p.row[p.n++].fault = any_of(r, false, true);
	for (uint64_t more = prng_below(r, 5); more > 0; more--)
		p.row[p.n++].fault = any_of(r, false, false);
	for (uint32_t i = 0; i < p.n; i++) {
		uint32_t other = (uint32_t)prng_below(r, p.n);
		enum fault f = p.row[i].fault;
		p.row[i].fault = p.row[other].fault;
		p.row[other].fault = f;
	}
	for (uint32_t i = 0; i < p.n; i++) {
		uint64_t span = ops / (p.n + 1);
		p.row[i].at = span * i + prng_between(r, span / 2, span);
	}
	return p;
}

/* ---- ends and beginnings ---------------------------------------------------------------- */

static void clients_die(struct world *w, bool is_clean)
{
	for (uint32_t i = 0; i < ORACLE_CLIENTS; i++)
		client_died(&w->client[i]);
	operator_died(&w->operator);
	oracle_crash(&w->oracle, is_clean);
}

void world_crash(struct world *w, bool is_power)
{
	struct host *h = &w->host;
	if (is_power)
		TELL(&w->story, power, sim_disk_count(h->disk)->calls);
	else
		TELL(&w->story, killed, 0);
	clients_die(w, false);
	host_forget(h);
	if (sim_disk_is_dead(h->disk))
		return;
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* The power may go again while the broker recovers. */
static enum err start(struct world *w, struct text *why)
{
	struct host *h = &w->host;
	for (int i = 0;; i++) {
		if (sim_disk_is_dead(h->disk))
			sim_disk_restart(h->disk);
		if (i < RECOVERIES_MAX && prng_chance(&w->prng, 1, 6))
			sim_disk_faults(h->disk)->crash_in = prng_between(&w->prng, 1, CALLS_MAX);
		*why = text_of(why->p, why->cap);
		struct sim_disk *before = sim_disk_clone(h->disk);
		enum err e = host_start(h, why);
		if (!sim_disk_is_dead(h->disk)) {
			sim_disk_faults(h->disk)->crash_in = 0;
			twin_compare(w, before);
			return e;
		}
		sim_disk_free(before);
		TELL(&w->story, power_again, sim_disk_count(h->disk)->calls);
		if (e == ERR_OK)
			host_forget(h);
	}
}

bool world_start(struct world *w)
{
	char room[512];
	struct text why = text_of(room, sizeof room);
	enum err e = start(w, &why);
	if (e == ERR_OK)
		return true;
	TELL(&w->story, refused, e);
	story_wrong(&w->story, "the broker does not start: %s (%s)", err_words[e].text, room);
	return false;
}

bool world_restart(struct world *w, bool is_power)
{
	world_crash(w, is_power);
	return world_start(w);
}

bool world_stop(struct world *w)
{
	struct host *h = &w->host;
	w->is_working = false;
	host_stop(h);
	for (uint64_t n = 0; !host_is_stopped(h); n++) {
		if (!world_step(w))
			return false;
		if (n > STOP_STEPS_MAX) {
			story_wrong(&w->story, "the broker does not stop");
			return false;
		}
	}
	clients_die(w, true);
	int64_t left = host_close(h);
	sim_disk_kill(h->disk);
	if (left != 0)
		story_wrong(&w->story, "%ld bytes of memory were never given back", (long)left);
	return !w->story.is_wrong;
}

/* ---- power ------------------------------------------------------------------------------ */

/* One of the journal's threads waits for the disk. */
static void stall(struct host *h, uint64_t worker, uint64_t ms)
{
	h->workers[worker].stalled_until_ms = h->now_ms + ms;
	TELL(h->story, stall, worker, ms);
}

/* Where the disk was slow before, much is to be written at once, and there is much to tear. */
static bool power_call(struct world *w)
{
	struct host *h = &w->host;
	bool is_slow = prng_chance(&w->prng, 1, 2);
	if (is_slow)
		stall(h, NET_WRITER, prng_between(&w->prng, 5, 40));
	sim_disk_faults(h->disk)->crash_in = prng_between(&w->prng, 1, is_slow ? 4 : CALLS_MAX);
	for (uint64_t n = 0; n < STEPS_MAX && world_step(w); n++)
		;
	return !w->story.is_wrong && world_restart(w, true);
}

/* Everything that clients hold is refused, or in transactions, and the power goes before all of it
 * has come to rest. */
static bool power_dying(struct world *w)
{
	for (uint32_t i = 0; i < PLACE_CLIENTS; i++)
		for (uint32_t n = 0; n < ORACLE_CHANNELS; n++) {
			const struct channel_state *ch = &w->client[i].channel[n];
			uint32_t last = ch->held_end;
			while (last > ch->held_first && ch->held[last - 1].is_settled)
				last--;
			if (ch->is_dealing)
				(void)workload_deal(&w->client[i], n, &w->temper);
			else if (last > ch->held_first)
				(void)client_settle(&w->client[i], n, last - 1, CLIENT_REJECT,
						    true);
		}
	w->is_working = false;
	for (uint64_t n = prng_between(&w->prng, 1, DYING_MAX); n > 0 && world_step(w); n--)
		;
	return !w->story.is_wrong && world_restart(w, true);
}

/* What is committed is all there is: it must be there afterwards, to the last bit. */
static bool power_quiet(struct world *w)
{
	if (!world_settle(w))
		return false;
	node_check(w->host.node);
	struct digest_sum before = host_digest(&w->host);
	TELL(&w->story, digest, before.hi, before.lo, 0);
	if (!world_restart(w, true))
		return false;
	struct digest_sum after = host_digest(&w->host);
	TELL(&w->story, digest, after.hi, after.lo, 1);
	if (!digest_eq(before, after))
		story_wrong(&w->story, "the recovered state is not what was committed");
	return !w->story.is_wrong;
}

/* ---- the disk --------------------------------------------------------------------------- */

/* The broker meets an error and must end itself, before it has said anything that is not true. */
static bool die(struct world *w)
{
	w->is_working = true;
	for (uint64_t n = 0; n < STEPS_MAX && world_step(w); n++)
		;
	if (w->story.is_wrong)
		return false;
	*sim_disk_faults(w->host.disk) = (struct sim_disk_faults){ 0 };
	if (w->host.died == ERR_OK) {
		story_wrong(&w->story, "an error of the disk went unnoticed");
		return false;
	}
	TELL(&w->story, died, w->host.died);
	return world_restart(w, prng_chance(&w->prng, 1, 2));
}

static bool fail_write(struct world *w)
{
	sim_disk_faults(w->host.disk)->fail_write_in = prng_between(&w->prng, 1, 20);
	return die(w);
}

static bool fail_sync(struct world *w)
{
	sim_disk_faults(w->host.disk)->fail_sync_in = prng_between(&w->prng, 1, 20);
	return die(w);
}

static bool slow(struct world *w)
{
	struct host *h = &w->host;
	w->is_working = w->is_patient = true;
	for (uint64_t until = w->ops_n + 300; w->ops_n < until;) {
		if (prng_chance(&w->prng, 1, 200)) {
			uint64_t worker = prng_below(&w->prng, 2);
			stall(h, worker, prng_between(&w->prng, 1, 300));
		}
		if (!world_step(w))
			return !w->story.is_wrong;
	}
	w->is_patient = false;
	return !w->story.is_wrong;
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool jump(struct world *w)
{
	uint64_t by = prng_between(&w->prng, 1, 100000);
	w->host.wall_ms = prng_chance(&w->prng, 1, 2) ? w->host.wall_ms + by : w->host.wall_ms - by;
	oracle_jump(&w->oracle);
	TELL(&w->story, jump, w->host.wall_ms);
	return true;
}

static bool happen(struct world *w, enum fault f)
{
	switch (f) {
	case FAULT_power: return world_restart(w, true);
	case FAULT_power_call: return power_call(w);
	case FAULT_power_dying: return power_dying(w);
	case FAULT_power_quiet: return power_quiet(w);
	case FAULT_kill: return world_restart(w, false);
	case FAULT_stop: return world_stop(w) && world_start(w);
	case FAULT_fail_write: return fail_write(w);
	case FAULT_fail_sync: return fail_sync(w);
	case FAULT_full: return shortage_of_disk(w, prng_between(&w->prng, 500000, 1200000));
	case FAULT_overfull: return shortage_of_disk(w, 0);
	case FAULT_memory: return shortage_of_memory(w);
	case FAULT_slow: return slow(w);
	case FAULT_rot: /* who is given a big body with a hole is hung up on, half way through */
		return w->temper.bytes_max > LIMIT_CHUNK_BYTES ? world_restart(w, true)
							       : rot_happen(w);
	case FAULT_clock: return jump(w);
	case FAULT_drain: return drain_all(w);
	case FAULT_N: break;
	}
	return false;
}

/* Where there is nothing to rot, nothing to fill or nothing to wait for, something else fails. */
bool fault_happen(struct world *w, enum fault f)
{
	uint64_t before = score_disk_faults(w);
	TELL(&w->story, fault, f, w->ops_n);
	if (!happen(w, f))
		return false;
	return !kinds[f].is_disk || score_disk_faults(w) > before || fail_sync(w);
}
