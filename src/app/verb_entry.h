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

/* verb_entries_print prints those entries that `members` chooses: a head, then a line each, with
 * tabs between. */
void verb_entries_print(const cJSON *section, const char *members, const char *columns,
			const struct verb_call *call);

/* verb_dump_list prints the queues of a virtual host, or all connections, with the columns that the
 * words name. Gives the exit code; 2: `why` says what is wrong with the words. */
enum verb_list { VERB_QUEUES, VERB_CONNECTIONS };
int verb_dump_list(enum verb_list what, const struct verb_call *call, struct text *why);

/* verb_connection_find finds the number of the connection that the first word names: by its number,
 * its client's address, or what its client calls itself. Gives the exit code; `why`, if it is not
 * empty, says what is wrong with that name. */
int verb_connection_find(const struct verb_call *call, char *to, size_t to_bytes, struct text *why);
#endif
