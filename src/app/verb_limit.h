/* verb_limit -- bounds of memory and free disk, at which publishers wait.
 *
 * Private to verb*.c.
 */
#ifndef APP_VERB_LIMIT_H
#define APP_VERB_LIMIT_H
#include "app/verb.h"
#include "base/text.h"

enum verb_limit { VERB_MEMORY, VERB_DISK };

/* verb_limit has the running broker take the bound that the words say: of memory a fraction, or
 * `absolute` and a size; of free disk a size, or `mem_relative` and a fraction of the memory. Gives
 * the exit code; 2: `why` says what is wrong with the words. */
int verb_limit(enum verb_limit what, const struct verb_call *call, struct text *why);
#endif
