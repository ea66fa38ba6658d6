/* access -- who is at the other end of a session, and what he may do: the same for every protocol.
 *
 * A session has one struct access. Users, virtual hosts and permissions are looked up in the view
 * of the moment, so what the operator changes holds from the next command on; who remembers an
 * answer forgets it when catalog_facts_version is another. Texts are RabbitMQ's.
 *
 *   login --right--> enter a virtual host --> allow, allow_key, channel ... --> leave
 *     |  \--later--> checked --right--^              look: is he still wanted?
 *     +--wrong
 */
#ifndef SESSION_ACCESS_H
#define SESSION_ACCESS_H
#include "auth/auth.h"
#include "session/session.h"

struct access {
	uint64_t asked;       /* ticket of a password that is looked at; 0: none */
	uint64_t user, vhost; /* ids of the facts; 0: none (the first virtual host need be none) */
	uint64_t facts_version; /* looked at last */
	uint32_t channels_n;    /* counted */
	uint16_t number;        /* of the virtual host */
	uint8_t name_n, vhost_name_n;
	bool is_loopback, is_in; /* in: in a virtual host, and counted there */
	bool is_of_node;         /* counted as a connection of the node */
	bool is_trusted;         /* the operator: nothing is asked */
	char *name;              /* the user's */
	char *vhost_name;
	struct slice client; /* its id, where that is an identity; the session's. p NULL: none */
};

/* access_of_operator: what is declared without a client may do everything. The name is borrowed. */
static inline struct access access_of_operator(struct slice vhost)
{
	must(vhost.n <= UINT8_MAX);
	return (struct access){ .vhost_name = (char *)(uintptr_t)vhost.p,
				.vhost_name_n = (uint8_t)vhost.n,
				.is_trusted = true,
				.is_in = true };
}

struct access_login {
	struct slice user, password;
	uint64_t ticket; /* what session_ops.checked brings back */
};

/* access_leave counts the connection no more: who has been told that it is over may come again
 * at once, whenever its socket ends. Nothing is asked after it. */
void access_leave(struct access *a, struct session_world *w);

/* access_fini gives everything back; also after a failure anywhere. */
void access_fini(struct access *a, struct session_world *w);

/* access_login looks at a name and a password. SECRET_LATER: session_ops.checked will be called,
 * and access_checked says what came of it. SECRET_WRONG: *out_is_tellable says whether the peer may
 * know `why`; the log may. */
enum secret access_login(struct access *a, struct session_world *w,
			 const struct access_login *login, bool *out_is_tellable, struct text *why);
/* access_trust lets in a user whom somebody else has checked, such as TLS his certificate. */
enum secret access_trust(struct access *a, struct session_world *w, struct slice user,
			 bool *out_is_tellable, struct text *why);
enum secret access_checked(struct access *a, struct session_world *w, bool is_right,
			   bool *out_is_tellable, struct text *why);

/* access_enter opens a virtual host. ERR_NOT_ALLOWED: there is none of that name, or he has no
 * permission in it; ERR_LIMIT: a bound of connections is reached. */
MUST_USE enum err access_enter(struct access *a, struct session_world *w, struct slice vhost,
			       struct text *why);

/* access_allow: may he do that to the queue or exchange? access_allow_key: through that topic
 * exchange, with that key? ERR_ACCESS_REFUSED: no. */
MUST_USE enum err access_allow(const struct access *a, const struct session_world *w,
			       enum auth_kind kind, enum auth_action action, struct slice name,
			       struct text *why);
MUST_USE enum err access_allow_key(const struct access *a, const struct session_world *w,
				   enum auth_action action, struct slice exchange, struct slice key,
				   struct text *why);

/* access_allow_any: may he do anything at all there, and so know of it? ERR_ACCESS_REFUSED: no, in
 * the words of a refused configure. */
MUST_USE enum err access_allow_any(const struct access *a, const struct session_world *w,
				   enum auth_kind kind, struct slice name, struct text *why);

/* access_channel counts one more channel, access_channel_gone `n` less.
 * ERR_NOT_ALLOWED: the user has as many as he may, or the node. */
MUST_USE enum err access_channel(struct access *a, struct session_world *w, struct text *why);
void access_channel_gone(struct access *a, struct session_world *w, uint32_t n);

/* access_look: ERR_CONNECTION_FORCED: his user or his virtual host is no more. Costs nothing while
 * nobody's facts have changed. */
MUST_USE enum err access_look(struct access *a, const struct session_world *w, struct text *why);

/* access_name is the user's name, access_has_tag: has he the tag? */
static inline struct slice access_name(const struct access *a)
{
	return slice_of(a->name, a->name_n);
}
static inline struct slice access_vhost_name(const struct access *a)
{
	return slice_of(a->vhost_name, a->vhost_name_n);
}
bool access_has_tag(const struct access *a, const struct session_world *w, const char *tag);
#endif
