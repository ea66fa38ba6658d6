/* Plays every story of test/scenario/amqp091, or the one that is named, against the whole broker on
 * a simulated machine. */
#include "sim/world_for_tests.h"

#include "session/amqp091/scenario_for_tests.h"

#define STORIES_FOLDER "test/scenario/amqp091"
#include "sim/stories_for_tests.h"

int main(int argc, char **argv)
{
	return stories_play(argc, argv, NULL);
}
