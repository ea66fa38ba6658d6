#include "base/ablate.h"
#include "base/prng.h"
#include "sim/journal_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A checker that cannot fail is no checker: with one rule of the journal switched off, the same
 * runs that pass with all rules must find something wrong, and soon. */

#define SEEDS 400u

/* One life of a store: work, then the end that `how` asks for. */
enum how { CRASH, KILL_OR_CRASH, FLIP };

static void flip_somewhere(struct sim_disk *d, struct prng *prng)
{
	char names[4096], path[64];
	size_t len = 0, n = 0;
	struct disk *port = sim_disk_port(d);
	enum err e = port->ops->list(port, "segment", names, sizeof names, &len);
	for (size_t at = 0; e == ERR_OK && at < len; at += strlen(names + at) + 1)
		if (prng_below(prng, ++n) == 0)
			snprintf(path, sizeof path, "segment/%s", names + at);
	if (n > 0)
		(void)sim_disk_flip(d, path, prng_below(prng, 65536),
				    (uint8_t)(1 << prng_below(prng, 8)));
}

/* live gives false when something was wrong, or the store does not open any more. A flipped bit
 * may be refused. */
static bool live(struct rig *r, struct prng *prng, enum how how, bool *out_goes_on)
{
	struct sim_disk *d = rig_disk(r);
	if (how == FLIP)
		flip_somewhere(d, prng);
	bool is_open = rig_open(r);
	*out_goes_on = is_open;
	if (!is_open)
		return rig_failure(r)[0] == '\0' && how == FLIP;
	/* Short lives, so that no checkpoint covers what the killed process has left. */
	if (how == KILL_OR_CRASH && prng_chance(prng, 1, 2))
		sim_disk_faults(d)->kill_in = prng_between(prng, 1, 50);
	rig_work(r, how == KILL_OR_CRASH ? prng_between(prng, 20, 400)
					 : prng_between(prng, 200, 2500));
	if (rig_failure(r)[0])
		return false;
	if (how == FLIP) {
		rig_close(r, false); /* sealed, with records to replay */
		return rig_failure(r)[0] == '\0';
	}
	if (!sim_disk_is_dead(d))
		sim_disk_crash(d);
	rig_close(r, false);
	sim_disk_restart(d);
	return rig_failure(r)[0] == '\0';
}

/* passes: so many stores live so many lives with nothing wrong. */
static bool passes(enum how how, uint64_t seeds)
{
	bool is_well = true;
	for (uint64_t seed = 0; seed < seeds && is_well; seed++) {
		struct rig *r = rig_new(5000 + seed);
		struct prng prng = prng_of(seed);
		bool goes_on = true;
		rig_believe_reads(r, how != FLIP);
		for (int life = 0; life < 8 && is_well && goes_on; life++)
			is_well = live(r, &prng, how, &goes_on);
		if (is_well)
			rig_free(r);
	}
	return is_well;
}

/* notices runs in a process of its own, because a must() inside the journal notices, too. */
static bool notices(enum ablate_rule rule, enum how how)
{
	pid_t child = fork();
	must(child >= 0);
	if (child == 0) {
		FILE *quiet = freopen("/dev/null", "w", stderr);
		ablated[rule] = true;
		_exit(quiet && passes(how, SEEDS) ? 0 : 1);
	}
	int status;
	pid_t done = waitpid(child, &status, 0);
	must(done == child);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void all_rules_together_pass(void **state)
{
	(void)state;
	must(passes(CRASH, 12) && passes(KILL_OR_CRASH, 12) && passes(FLIP, 12));
}

static void every_rule_of_the_journal_is_missed(void **state)
{
	static const struct {
		enum ablate_rule rule;
		enum how how;
	} rules[] = {
		{ ABLATE_sync, CRASH },
		{ ABLATE_tail_sync, KILL_OR_CRASH },
		{ ABLATE_generation, CRASH },
		{ ABLATE_crc, FLIP },
		{ ABLATE_chain, FLIP },
		{ ABLATE_recycle, CRASH },
		{ ABLATE_checkpoint_sync, CRASH },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		bool is_noticed = notices(rules[i].rule, rules[i].how);
		if (!is_noticed)
			fprintf(stderr, "nothing was wrong without %s\n",
				ablate_rows[rules[i].rule].name);
		must(is_noticed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_rules_together_pass),
		cmocka_unit_test(every_rule_of_the_journal_is_missed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
