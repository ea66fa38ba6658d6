/* auth -- who may do what: data in, yes or no and the words of the refusal out.
 *
 * What is known of users lies in the catalog; who asks looks it up and hands it in (session/access
 * does for all protocols). Regular expressions are the world's (port/pattern.h). Nothing here has
 * a state.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H
#include "auth/grant.h"
#include "base/limits.h"
#include "base/text.h"
#include "port/pattern.h"

enum auth_kind {
#define RESOURCE(name, noun, prose) AUTH_##name,
#include "auth/resource.def"
#undef RESOURCE
};

/* An expression with variables in it, longer than this, fits nothing: names must have room. */
#define AUTH_EXPRESSION_MAX 12000u

/* What somebody wants to do, and where. */
struct auth_wish {
	enum auth_kind kind;
	enum auth_action action;
	struct slice user, vhost, name;
	struct slice key;    /* of a message or binding, where a topic permission is asked */
	struct slice client; /* what the client calls itself, in protocols where that is his
				identity; p NULL: in his it is not */
};

/* auth_may: does the permission allow it? As in RabbitMQ an expression fits anywhere in the name
 * unless it is anchored, and an empty one is ^$. The default exchange is called amq.default. */
bool auth_may(struct patterns *p, const struct grant *g, const struct auth_wish *w);

/* auth_may_key: does the topic permission allow that key? {username} and {vhost} in its
 * expressions are the user's, {client_id} is his client's, to the letter: clients choose their ids,
 * so nothing in one means anything in an expression. */
bool auth_may_key(struct patterns *p, const struct grant *g, const struct auth_wish *w);

/* auth_refusal writes what the peer is told: "write access to exchange 'x' in vhost '/' refused
 * for user 'guest'"; auth_refusal_key: "write access to topic 'k' in exchange 'x' in vhost '/'
 * refused for user 'guest'". */
void auth_refusal(const struct auth_wish *w, struct text *out);
void auth_refusal_key(const struct auth_wish *w, struct text *out);
#endif
