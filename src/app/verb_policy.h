/* verb_policy -- what the policies of a list's queues say together.
 *
 * Private to verb*.c.
 */
#ifndef APP_VERB_POLICY_H
#define APP_VERB_POLICY_H
#include "app/verb.h"

#include <cjson/cJSON.h>

struct verb_policies {
	cJSON *policies, *parameters; /* sections of a definitions file, in it; NULL: not loaded */
	cJSON *policies_file, *parameters_file;
};

/* verb_policies_load asks for all policies and operator policies. Gives the exit code. */
int verb_policies_load(struct verb_policies *p, const struct verb_call *call);

/* verb_policies_effect merges the definitions of a policy and an operator policy, each of which may
 * be NULL or empty, as RabbitMQ does: of a limit the lesser, else the operator's; the caller's to
 * delete. */
cJSON *verb_policies_effect(const struct verb_policies *p, const char *vhost, const char *policy,
			    const char *operators);

void verb_policies_free(struct verb_policies *p);
#endif
