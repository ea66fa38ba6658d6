/* jobs -- orders about messages that wait, as ActiveMQ's clients send them.
 *
 * Private to this room. A SEND to ActiveMQ.Scheduler.Management is no message: it says what is to
 * be done with what waits in the virtual host's store (core/delay_store.h). Whoever may write to
 * that destination may do it with everybody's. It is answered when it is done, and until then
 * nothing is read.
 */
#ifndef SESSION_STOMP_JOBS_H
#define SESSION_STOMP_JOBS_H
#include "session/stomp/stomp.h"

/* stomp_is_job_order: the SEND in hand is one. stomp_job_order does it. */
bool stomp_is_job_order(const struct turn *t);
enum done stomp_job_order(struct turn *t);

/* A look at the store, of browser_ops: its browse is nobody's (of NULL). stomp_job_show is shown
 * one message, stomp_jobs_are_full: not now, stomp_jobs_over: that was all. */
void stomp_job_show(struct turn *t, const struct browse *b, const struct deliver_row *row);
bool stomp_jobs_are_full(const struct session *s, const struct session_world *w,
			 const struct browse *b);
void stomp_jobs_over(struct turn *t, const struct browse *b);
#endif
