#include "base/prng.h"
#include "sim/journal_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What runs are about, for the line that a failure prints. */
struct run {
	uint64_t seed, n;
	const char *what;
};

static void must_be_well(const struct rig *r, const struct run *run)
{
	if (rig_failure(r)[0] == '\0')
		return;
	fprintf(stderr, "%s, seed %llu, n %llu: %s (%s)\n", run->what,
		(unsigned long long)run->seed, (unsigned long long)run->n, rig_failure(r),
		rig_why(r));
	abort();
}

static void must_open(struct rig *r, const struct run *run)
{
	bool is_open = rig_open(r);
	must_be_well(r, run);
	if (!is_open)
		fprintf(stderr, "%s, seed %llu, n %llu: did not open: %s\n", run->what,
			(unsigned long long)run->seed, (unsigned long long)run->n, rig_why(r));
	must(is_open);
}

/* After the fault: everything is as it must be, and goes on. */
static void must_come_back(struct rig *r, const struct run *run)
{
	must_open(r, run);
	rig_work(r, 100);
	if (run->n % 4 == 0)
		rig_settle(r);
	must_be_well(r, run);
	rig_close(r, run->n % 2 == 0);
	must_open(r, run);
	must_be_well(r, run);
}

static void work_without_faults_comes_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct run run = { seed, 0, "no fault" };
		struct rig *r = rig_new(seed);
		for (int life = 0; life < 5; life++) {
			must_open(r, &run);
			rig_work(r, 3000);
			rig_settle(r);
			rig_close(r, life % 2 == 0);
			must_be_well(r, &run);
		}
		must(rig_confirmed(r) > 1000 && rig_checkpoints(r) > 30);
		rig_free(r);
	}
}

/* crash_at runs until the n-th call that changes something; false: there were fewer. */
static bool crash_at(const struct run *run, uint64_t steps)
{
	struct rig *r = rig_new(run->seed);
	struct sim_disk *d = rig_disk(r);
	sim_disk_faults(d)->crash_in = run->n;
	bool is_open = rig_open(r);
	if (is_open)
		rig_work(r, steps);
	must_be_well(r, run);
	bool is_dead = sim_disk_is_dead(d);
	must(is_open || is_dead);
	rig_close(r, false);
	if (is_dead) {
		sim_disk_restart(d);
		must_come_back(r, run);
	}
	rig_free(r);
	return is_dead;
}

static void a_crash_in_any_call_loses_nothing_durable(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 101; seed++) {
		struct run run = { seed, 1, "crash" };
		while (crash_at(&run, 600))
			run.n++;
		must(run.n > 100);
	}
}

static void crashes_during_recovery_lose_nothing_durable(void **state)
{
	(void)state;
	struct prng prng = prng_of(7);
	for (uint64_t seed = 200; seed < 220; seed++) {
		struct run run = { seed, 0, "crash after crash" };
		struct rig *r = rig_new(seed);
		struct sim_disk *d = rig_disk(r);
		for (run.n = 0; run.n < 12; run.n++) {
			uint64_t calls = run.n % 3 == 0 ? 300 : 12;
			sim_disk_faults(d)->crash_in = prng_between(&prng, 1, calls);
			if (rig_open(r))
				rig_work(r, 2000);
			must_be_well(r, &run);
			rig_close(r, false);
			if (sim_disk_is_dead(d))
				sim_disk_restart(d);
		}
		must_come_back(r, &run);
		rig_free(r);
	}
}

/* A killed process leaves what it has written, unsynced; then the power goes. */
static void a_kill_and_then_a_crash_lose_nothing_that_was_seen(void **state)
{
	(void)state;
	struct prng prng = prng_of(8);
	for (uint64_t seed = 300; seed < 325; seed++) {
		struct run run = { seed, 0, "kill" };
		struct rig *r = rig_new(seed);
		struct sim_disk *d = rig_disk(r);
		for (run.n = 0; run.n < 8; run.n++) {
			must_open(r, &run);
			if (prng_chance(&prng, 1, 2))
				sim_disk_faults(d)->kill_in = prng_between(&prng, 1, 60);
			rig_work(r, prng_between(&prng, 1, 400));
			must_be_well(r, &run);
			if (!sim_disk_is_dead(d))
				sim_disk_crash(d);
			rig_close(r, false);
			sim_disk_restart(d);
		}
		must_come_back(r, &run);
		rig_free(r);
	}
}

enum fault { FAIL_WRITE, FAIL_READ, FAIL_SYNC };

static void set_fault(struct sim_disk *d, enum fault fault, uint64_t n)
{
	struct sim_disk_faults *f = sim_disk_faults(d);
	f->fail_write_in = fault == FAIL_WRITE ? n : 0;
	f->fail_read_in = fault == FAIL_READ ? n : 0;
	f->fail_sync_in = fault == FAIL_SYNC ? n : 0;
}

/* fail_at lets the n-th call of a kind fail, then ends the process as it must, with or without the
 * power. False: there were fewer calls. */
static bool fail_at(const struct run *run, enum fault fault)
{
	struct rig *r = rig_new(run->seed);
	struct sim_disk *d = rig_disk(r);
	set_fault(d, fault, run->n);
	if (rig_open(r))
		rig_work(r, 800);
	must_be_well(r, run);
	struct sim_disk_faults *f = sim_disk_faults(d);
	bool has_failed = f->fail_write_in + f->fail_read_in + f->fail_sync_in == 0;
	*f = (struct sim_disk_faults){ 0 };
	if (run->n % 2)
		sim_disk_crash(d);
	else
		sim_disk_kill(d);
	rig_close(r, false);
	sim_disk_restart(d);
	must_come_back(r, run);
	rig_free(r);
	return has_failed;
}

static void any_failing_call_stops_the_journal_and_loses_nothing_durable(void **state)
{
	(void)state;
	static const char *const names[] = { "failing write", "failing read", "failing sync" };
	for (enum fault fault = FAIL_WRITE; fault <= FAIL_SYNC; fault++) {
		struct run run = { 400 + (uint64_t)fault, 1, names[fault] };
		while (fail_at(&run, fault))
			run.n += run.n < 40 ? 1 : 9;
		must(run.n > 10);
	}
}

static void a_full_disk_loses_nothing_durable(void **state)
{
	(void)state;
	for (uint64_t budget = 1024; budget < 3 * 65536; budget += 3584) {
		struct run run = { budget, budget, "full disk" };
		struct rig *r = rig_new(run.seed);
		struct sim_disk *d = rig_disk(r);
		sim_disk_faults(d)->bytes_max = budget;
		if (rig_open(r))
			rig_work(r, 3000);
		must_be_well(r, &run);
		rig_close(r, false);
		sim_disk_faults(d)->bytes_max = 0;
		must_come_back(r, &run);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_without_faults_comes_back),
		cmocka_unit_test(a_crash_in_any_call_loses_nothing_durable),
		cmocka_unit_test(crashes_during_recovery_lose_nothing_durable),
		cmocka_unit_test(a_kill_and_then_a_crash_lose_nothing_that_was_seen),
		cmocka_unit_test(any_failing_call_stops_the_journal_and_loses_nothing_durable),
		cmocka_unit_test(a_full_disk_loses_nothing_durable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
