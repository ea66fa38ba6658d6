/* verb_entry -- the entry of a definitions file that a verb's words make, and a list of such.
 *
 * Private to verb*.c. JSON trees are the caller's to delete.
 */
#ifndef APP_VERB_ENTRY_H
#define APP_VERB_ENTRY_H
#include "app/verb.h"
#include "base/text.h"

#include <cjson/cJSON.h>

/* verb_entry_fill puts what the words say into `entry`. False: `why` says what is wrong. */
bool verb_entry_fill(cJSON *entry, const char *members, const struct verb_call *call,
		     struct text *why);

/* verb_entry_metadata puts what the options say of a virtual host into `entry`. False: likewise. */
bool verb_entry_metadata(cJSON *entry, const struct verb_call *call, struct text *why);

/* verb_entry_find gives the entry of that name, or NULL. */
cJSON *verb_entry_find(const cJSON *section, const char *name);

/* verb_section_ask asks for a section of the definitions; its list is in *out_list. The caller
 * deletes the file that it gives. NULL: *io_code, the exit code, says why. */
cJSON *verb_section_ask(const char *section, const struct verb_call *call, cJSON **out_list,
			int *io_code);

/* verb_vhost_ask: is there the virtual host of the call? Gives the exit code: 0; 1, with a sentence
 * on stderr, if not. */
int verb_vhost_ask(const struct verb_call *call);

/* verb_password_read gives a line of the standard input, without its end, in the room; NULL: there
 * is none. */
const char *verb_password_read(char *room, int cap);

/* verb_member_next takes the next of words with blanks between; 0: there is none left. */
size_t verb_member_next(const char **at, char *name, size_t cap);

/* verb_section_list prints those entries of a section that `members` chooses, with the `columns`
 * that the words name from `words` on (verb.def). Gives the exit code; 2: `why` says what is wrong
 * with the words. */
int verb_section_list(const char *section, const char *members, const char *columns,
		      char *const *words, const struct verb_call *call, struct text *why);

/* verb_dump_list prints the queues of a virtual host, all connections or all channels, with the
 * columns that the words name. Exit codes likewise. */
enum verb_list { VERB_QUEUES, VERB_CONNECTIONS, VERB_CHANNELS };
int verb_dump_list(enum verb_list what, const struct verb_call *call, struct text *why);
#endif
