/* proof -- logging in by a method of several steps, whatever protocol carries them; proof.def has
 * the methods.
 *
 * A session has one struct proof while somebody logs in. What is said is octets that only the
 * method understands. Whose account a name is, the session decides.
 *
 *   hear --NAMED--> proof_named --MORE--> hear --RIGHT--> who it is is proved
 *     \--WRONG     (proof_words is what to say after MORE and RIGHT)
 *
 * Who is not there goes the same way as who is, up to its end.
 */
#ifndef SESSION_PROOF_H
#define SESSION_PROOF_H
#include "session/session.h"

enum proof_result { PROOF_WRONG, PROOF_NAMED, PROOF_MORE, PROOF_RIGHT };

struct proof_method;
struct proof;

/* proof_method is the method of that name; NULL: there is none. */
const struct proof_method *proof_method(struct slice name);
struct slice proof_method_name(const struct proof_method *m);

/* proof_new begins. NULL: no memory. proof_free forgets all; NULL is nothing. */
struct proof *proof_new(const struct proof_method *m, struct mem *mem);
void proof_free(struct proof *own_p, struct mem *mem);

/* proof_hear takes what the client says: PROOF_NAMED the first time, PROOF_RIGHT the second.
 * PROOF_WRONG: it is no such thing, or proves nothing; `why` says what is wrong, to the log. */
enum proof_result proof_hear(struct proof *p, struct session_world *w, struct slice in,
			     struct text *why);

/* proof_named says whose account it is to be: PROOF_MORE. */
enum proof_result proof_named(struct proof *p, struct session_world *w, struct slice account);

/* proof_user is the name that the client has said, proof_words what is to be said to it. */
struct slice proof_user(const struct proof *p);
struct slice proof_words(const struct proof *p);
#endif
