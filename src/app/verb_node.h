/* verb_node -- what an operator asks of the whole broker: does it run, has it alarms, which is it?
 *
 * Private to verb*.c.
 */
#ifndef APP_VERB_NODE_H
#define APP_VERB_NODE_H
#include "app/verb.h"

enum verb_node { VERB_PING, VERB_RUNNING, VERB_ALARMS, VERB_CHECK_ALARMS, VERB_VERSION };

/* verb_node asks a running broker and prints the answer, if it is to be printed. Gives the exit
 * code; 1 also if a check finds what it looks for. */
int verb_node(enum verb_node what, const struct verb_call *call);
#endif
