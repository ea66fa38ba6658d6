/* Plays every story of test/scenario/amqp091, or the one that is named, against the session, the
 * catalog and the cores. */
#include "session/amqp091/harness_for_tests.h"
#include "session/amqp091/scenario_for_tests.h"

#define STORIES_FOLDER "test/scenario/amqp091"
#include "session/stories_for_tests.h"

static void plays(void **state)
{
	const char *name = *state;
	char *text = story_read(name);
	bool is_for_node = strstr(text, "# only: node") != NULL;
	for (int dripping = 0; dripping < 2 && !is_for_node; dripping++) {
		struct world *w = world_new();
		w->is_dripping = dripping;
		struct scenario *s = scenario_of(w, name);
		scenario_play(s, text);
		scenario_end(s);
	}
	free(text);
	if (is_for_node)
		skip();
}

int main(int argc, char **argv)
{
	return stories_main(argc, argv, plays);
}
