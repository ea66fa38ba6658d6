/* stories_for_tests -- each story of a folder against the whole broker on a simulated machine, with
 * as many seeds as make every number of loops likely. Who includes it has said which folder
 * (STORIES_FOLDER), and how scenarios are read in its protocol. Only for tests.
 */
#ifndef SIM_STORIES_FOR_TESTS_H
#define SIM_STORIES_FOR_TESTS_H
#include "session/stories_for_tests.h"
#include "sim/orders_for_tests.h"
#include "sim/world_for_tests.h"

/* What clients speak; NULL: AMQP 0-9-1. A story in the other dialect of that says so in front. */
static const struct session_ops *stories_ops;

static inline const struct session_ops *story_ops(const char *name)
{
	const bool is_other = strncmp(name, "activemq-", 9) == 0;
	must_if(is_other, stories_ops && stories_ops->other);
	return is_other ? stories_ops->other : stories_ops;
}

static inline void story_plays(void **state)
{
	const char *name = *state;
	char *text = story_read(name);
	const bool is_for_session = strstr(text, "# only: session\n") != NULL;
	for (uint64_t seed = 0; seed < 2 * HOST_LOOPS_MAX && !is_for_session; seed++) {
		struct scenario *s = scenario_of(world_new(seed, story_ops(name)), name);
		scenario_play(s, text);
		scenario_end(s);
	}
	free(text);
	if (is_for_session)
		skip();
}

static inline int stories_play(int argc, char **argv, const struct session_ops *ops)
{
	stories_ops = ops;
	return stories_main(argc, argv, story_plays);
}
#endif
