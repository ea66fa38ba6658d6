/* no_channels_for_tests -- what stories say only in AMQP 0-9-1, for the other protocols. Only for
 * tests.
 */
#ifndef SIM_NO_CHANNELS_FOR_TESTS_H
#define SIM_NO_CHANNELS_FOR_TESTS_H
#include "session/scenario_for_tests.h"

static inline void scenario_open(struct scenario *s, struct client *c, const char *options)
{
	(void)c;
	scenario_fail(s, "nothing is opened in this protocol", options, NULL);
}

static inline void scenario_confirmed(struct scenario *s, struct client *c, unsigned ch,
				      const char *range)
{
	(void)c;
	(void)ch;
	scenario_fail(s, "nothing is confirmed in this protocol", range, NULL);
}
#endif
