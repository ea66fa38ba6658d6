/* verb_close -- connections that an operator ends.
 *
 * Private to verb*.c.
 */
#ifndef APP_VERB_CLOSE_H
#define APP_VERB_CLOSE_H
#include "app/verb.h"
#include "base/text.h"

/* verb_close ends the connection that the first word names: by its number, its client's address, or
 * what its client calls itself; the other words are the reason. Gives the exit code; 2: `why` says
 * what is wrong with the words. */
int verb_close(const struct verb_call *call, struct text *why);

/* verb_close_all ends all connections to a virtual host, or of the user that the first word names,
 * and says how many; the other words are the reason. Exit codes likewise. */
int verb_close_all(const struct verb_call *call, bool is_of_user, struct text *why);
#endif
