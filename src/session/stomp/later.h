/* later -- a SEND of ActiveMQ's dialect whose message is to go at another time.
 *
 * Private to this room. It waits in the virtual host's store (core/delay_store.h), which is
 * declared by who needs it first.
 */
#ifndef SESSION_STOMP_LATER_H
#define SESSION_STOMP_LATER_H
#include "core/route.h"
#include "session/stomp/sending.h"

/* Where it waits, instead of where it goes. */
struct later {
	struct route_hit hit;
	struct route route;
	struct route_to to;
};

/* stomp_later_read looks whether the frame in hand is to wait, and until when: m->due_ms, 0: not at
 * all. False: refused. */
bool stomp_later_read(struct turn *t, struct sending *m);

/* stomp_later_store sees to the store. */
enum done stomp_later_store(struct turn *t, bool *out_is_refused);

/* stomp_later_job says of a message that waits by what it is known. */
void stomp_later_job(const struct turn *t, struct wr *w);
#define LATER_JOB_MAX 160u

/* stomp_later_hit makes of where a message goes where it waits until `due_ms`: the store is there.
 * It is good as long as `l` is, which must not be moved. */
void stomp_later_hit(const struct turn *t, const struct route_hit *of, uint64_t due_ms,
		     struct later *l);
#endif
