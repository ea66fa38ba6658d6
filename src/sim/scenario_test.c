/* Plays every story of test/scenario/amqp091, or the one that is named, against the whole broker on
 * a simulated machine. */
#include "sim/world_for_tests.h"

#include "session/amqp091/scenario_for_tests.h"

#define STORIES_FOLDER "test/scenario/amqp091"
#include "session/stories_for_tests.h"

/* ---- the stories ------------------------------------------------------------------------- */

static void plays(void **state)
{
	const char *name = *state;
	char *text = story_read(name);
	bool is_for_session = strstr(text, "# only: session\n") != NULL;
	for (uint64_t seed = 0; seed < 2 * HOST_LOOPS_MAX && !is_for_session; seed++) {
		struct scenario *s = scenario_of(world_new(seed, NULL), name);
		scenario_play(s, text);
		scenario_end(s);
	}
	free(text);
	if (is_for_session)
		skip();
}

int main(int argc, char **argv)
{
	return stories_main(argc, argv, plays);
}
