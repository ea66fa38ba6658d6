/* verb -- what an operator does to users, permissions, virtual hosts, limits, policies.
 *
 * The verbs are rabbitmqctl's (verb.def). A change is a definition of one entry, on the road that
 * `godwit definitions` takes; a list is a section of an export. Between the look at what is there
 * and the change of it somebody else may change it too: the last one is right.
 */
#ifndef APP_VERB_H
#define APP_VERB_H
#include <stdbool.h>
#include <stdio.h>

/* Whom to ask, and how: the options of a command line. NULL: not said. */
struct verb_call {
	const char *data_dir, *socket, *vhost, *priority, *apply_to;
	const char *description, *tags, *queue_type; /* of a virtual host */
	const char *formatter;                       /* of a list */
	bool is_headless;                            /* likewise: without a line of names */
	bool if_unused, if_empty;                    /* of a queue that is deleted */
	bool is_global;                              /* of all virtual hosts */
	const char *limit;                           /* how many at most */
	char *const *words;                          /* behind the verb; NULL-terminated */
};

/* verb_is: is there such a verb? verb_run does it and gives the exit code: 0; 1 with a sentence on
 * stderr; 2 for words that make no sense. verb_help prints a line or two for each. */
bool verb_is(const char *name);
int verb_run(const char *name, const struct verb_call *call);
void verb_help(FILE *to);
#endif
