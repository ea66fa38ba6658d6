/* definitions_entry -- one entry of a definitions file while it is read, and what becomes of it.
 *
 * Private to io/. Errors of all: ERR_MALFORMED, with the place and the reason in e->why;
 * ERR_RESOURCE_ERROR, ERR_LIMIT.
 */
#ifndef IO_DEFINITIONS_ENTRY_H
#define IO_DEFINITIONS_ENTRY_H
#include "core/fact.h"
#include "core/rules.h"
#include "io/definitions.h"
#include "io/definitions_json.h"

struct entry {
	struct definitions *d;
	const char *section;
	int at;
	const cJSON *in;
	struct text *why;
};

/* definitions_add adds an item (session/manage/item.h), definitions_fact one that is a fact;
 * definitions_end says that there are no more. */
MUST_USE enum err definitions_end(struct definitions *d);
MUST_USE enum err definitions_add(struct definitions *d, uint8_t kind, struct slice vhost,
				  struct slice body);
MUST_USE enum err definitions_fact(const struct entry *e, const struct fact *f);

/* definitions_note notes what is not as it should be; definitions_leave_out notes why the entry
 * makes no item, and goes on; definitions_refuse ends with it. */
MUST_USE enum err definitions_note(const struct entry *e, const char *what, const char *name);
MUST_USE enum err definitions_leave_out(const struct entry *e, const char *reason);
MUST_USE enum err definitions_refuse(const struct entry *e, const char *what, const char *name);

/* definitions_keep keeps the entry, which no broker of this version understands, for an export, as
 * that name in its virtual host, and notes why; definitions_is_kept: has this file such a one? */
MUST_USE enum err definitions_keep(const struct entry *e, struct slice vhost, struct slice name,
				   const char *reason);
bool definitions_is_kept(const struct definitions *d, const char *section, struct slice vhost,
			 struct slice name);

/* Members: a name, which must be there and short; any string, empty if it is not there; a flag.
 * entry_note_others notes those that are not in `known`, which ends with NULL. */
MUST_USE enum err entry_name(const struct entry *e, const char *member, struct slice *out);
struct slice entry_string(const struct entry *e, const char *member);
bool entry_is_true(const struct entry *e, const char *member);
MUST_USE enum err entry_note_others(const struct entry *e, const char *const *known);

/* entry_is_pattern: is the text in that member a regular expression? False: `why` says why not. */
bool entry_is_pattern(const char *member, struct slice expr, struct text *why);

/* definitions_policy.c: a policy, without its members in `apart` (ends with NULL), as that fact. */
MUST_USE enum err definitions_add_policy(const struct entry *e, struct fact *f, const cJSON *in,
					 const char *const *apart);

/* definitions_vhost.c: a virtual host without its limits; *out_is_taken: it is no entry that was
 * left out. */
MUST_USE enum err definitions_read_vhost(const struct entry *e, struct slice *out_name,
					 bool *out_is_taken);

/* definitions_meaning.c: the type that a virtual host names for its queues, NULL: none (older
 * exports have it beside the metadata, not in them); which that is, false: there is no such type.
 * Items of what the virtual host in hand, or a global parameter, means. */
const cJSON *definitions_type_of(const cJSON *vhost);
bool definitions_type_get(const cJSON *type, enum queue_type *out);
MUST_USE enum err definitions_vhost_type(const struct entry *e, struct slice name);
MUST_USE enum err definitions_mapping(const struct entry *e, struct slice parameter,
				      const cJSON *value);

/* definitions_topology.c: queues, exchanges, bindings. */
MUST_USE enum err definitions_read_queue(const struct entry *e);
MUST_USE enum err definitions_read_exchange(const struct entry *e);
MUST_USE enum err definitions_read_binding(const struct entry *e);
#endif
