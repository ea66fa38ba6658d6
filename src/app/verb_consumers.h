/* verb_consumers -- a list of consumers, of two dumps: connections know their tags, queues who is
 * active.
 *
 * Private to verb*.c.
 */
#ifndef APP_VERB_CONSUMERS_H
#define APP_VERB_CONSUMERS_H
#include "app/verb.h"
#include "base/text.h"

/* verb_consumers_list prints the consumers of a virtual host's queues, with the columns that the
 * words name. What connections say of theirs is kept meanwhile: some hundred bytes each. Who comes
 * while it looks may be missing. Exit codes as verb_run; 2: `why` says what is wrong. */
int verb_consumers_list(const struct verb_call *call, struct text *why);
#endif
