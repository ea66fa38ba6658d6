/* auth -- who may log in, and who may do what: data in, yes or no and a reason out.
 *
 * The node fills a table of users and permissions at start and every loop reads it; nothing here
 * changes while they run. Users are known by their number, which runs of commands carry.
 * Permissions are, for each user and virtual host, one pattern for each action; the patterns of
 * this version are "everything" and "nothing".
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/text.h"

enum auth_action {
#define ACTION(name, verb, prose) AUTH_##name,
#include "auth/action.def"
#undef ACTION
	AUTH_ACTION_N
};

enum auth_kind {
#define RESOURCE(name, noun, prose) AUTH_##name,
#include "auth/resource.def"
#undef RESOURCE
};

enum { AUTH_TAG_ADMINISTRATOR = 1, AUTH_TAG_MONITORING = 2, AUTH_TAG_IMPERSONATOR = 4 };

struct auth_user {
	struct slice name, password; /* borrowed for the life of the table */
	uint8_t tags;
	bool is_loopback_only;
};

/* What a user may do in one virtual host: bit 1 << action is set where the pattern is ".*". */
struct auth_permission {
	uint16_t user, vhost;
	uint8_t actions;
};

#define AUTH_EVERYTHING ((1u << AUTH_ACTION_N) - 1)

struct auth {
	struct auth_user users[LIMIT_AUTH_USERS_MAX];
	struct auth_permission permissions[LIMIT_AUTH_USERS_MAX];
	uint16_t users_n, permissions_n;
};

/* auth_init makes an empty table: nobody may log in. */
void auth_init(struct auth *a);

/* auth_add enters a user, whose strings are borrowed, and gives his number.
 * ERR_EXISTS: the name is taken. ERR_LIMIT: the table is full. */
MUST_USE enum err auth_add(struct auth *a, const struct auth_user *user, uint16_t *out_user);

/* auth_permit lets `user` do `actions` (bits) in `vhost`, instead of what he might before.
 * ERR_LIMIT: the table is full. */
MUST_USE enum err auth_permit(struct auth *a, uint16_t user, uint16_t vhost, uint8_t actions);

/* auth_login finds the user with that name and password, in the same time whatever is wrong.
 * ERR_ACCESS_REFUSED, with the reason in `why`: unknown, a wrong or an empty password, or a user
 * of this machine only who comes from another. What `why` says is for the log; only the rule of
 * the loopback may be told to the peer (*out_is_tellable). */
MUST_USE enum err auth_login(const struct auth *a, struct slice name, struct slice password,
			     bool is_loopback, uint16_t *out_user, bool *out_is_tellable,
			     struct text *why);

/* auth_enter: may he open this virtual host? ERR_ACCESS_REFUSED: he has no permission in it. */
MUST_USE enum err auth_enter(const struct auth *a, uint16_t user, uint16_t vhost);

/* auth_check is asked before every command: may `user` do `action` to the thing called `name`?
 * ERR_ACCESS_REFUSED: no; auth_refusal has the words. */
MUST_USE enum err auth_check(const struct auth *a, uint16_t user, uint16_t vhost,
			     enum auth_kind kind, struct slice name, enum auth_action action);

/* auth_refusal writes what the peer is told: "write access to exchange 'x' in vhost '/' refused
 * for user 'guest'". */
void auth_refusal(const struct auth *a, uint16_t user, struct slice vhost, enum auth_kind kind,
		  struct slice name, enum auth_action action, struct text *out);

/* auth_user_name and auth_has_tag look a user up by his number. */
struct slice auth_user_name(const struct auth *a, uint16_t user);
bool auth_has_tag(const struct auth *a, uint16_t user, uint8_t tag);
#endif
