/* play_for_tests -- plays with every rule, and without one that they need.
 *
 * A broker without a rule may break a must(), so each seed is a process of its own. What such a
 * process has found is its exit code, which is none that a sanitizer or a shell uses: a play that
 * fails without a rule must fail for the reason that the rule is there for.
 */
#ifndef SIM_PLAY_FOR_TESTS_H
#define SIM_PLAY_FOR_TESTS_H
#include "base/ablate.h"
#include "base/must.h"
#include "sim/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum play_verdict { PLAY_FINE = 50, PLAY_AS_SAID, PLAY_OTHERWISE };

struct play_fix {
	void (*play)(struct story *story, uint64_t seed);
	uint64_t first;
	const char *wrong; /* words of the sentence that is wanted; "": none */
};

/* play_once gives what one seed has found. */
static inline enum play_verdict play_once(const struct play_fix *p, uint64_t seed)
{
	struct story story;
	story_init(&story, false);
	p->play(&story, seed);
	if (!story.is_wrong)
		return PLAY_FINE;
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	return p->wrong[0] && strstr(story.wrong, p->wrong) ? PLAY_AS_SAID : PLAY_OTHERWISE;
}

/* play_twice plays the same seed twice. */
static inline enum play_verdict play_twice(const struct play_fix *p, uint64_t seed)
{
	struct story a, b;
	story_init(&a, false);
	story_init(&b, false);
	p->play(&a, seed);
	p->play(&b, seed);
	return a.hash == b.hash && !a.is_wrong ? PLAY_FINE : PLAY_OTHERWISE;
}

/* play_in_a_process gives what `look` finds, or how its process ended instead. */
static inline int play_in_a_process(enum play_verdict (*look)(const struct play_fix *, uint64_t),
				    const struct play_fix *p, uint64_t seed)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0);
	if (child == 0)
		_exit((int)look(p, seed));
	pid_t done = waitpid(child, &status, 0);
	must(done == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : PLAY_OTHERWISE;
}

/* play_all plays seeds until one is not fine, and gives what that was. */
static inline int play_all(const struct play_fix *p, uint64_t seeds_n)
{
	int found = PLAY_FINE;
	for (uint64_t i = 0; i < seeds_n && found == PLAY_FINE; i++)
		found = play_in_a_process(play_once, p, p->first + i);
	return found;
}

/* play_is_good: with every rule nothing is wrong, and the same seed is the same play. */
static inline void play_is_good(struct play_fix p, uint64_t seeds_n)
{
	p.wrong = "";
	assert_int_equal(play_all(&p, seeds_n), PLAY_FINE);
	assert_int_equal(play_in_a_process(play_twice, &p, p.first), PLAY_FINE);
}

/* play_misses: without `rule`, one of so many seeds must be wrong in these words. */
static inline void play_misses(struct play_fix p, enum ablate_rule rule, uint64_t seeds_n,
			       const char *wrong)
{
	p.wrong = wrong;
	ablated[rule] = true;
	int found = play_all(&p, seeds_n);
	ablated[rule] = false;
	assert_int_equal(found, PLAY_AS_SAID);
}
#endif
