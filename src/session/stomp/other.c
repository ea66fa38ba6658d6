#include "session/stomp/activemq.h"

#include "base/must.h"

/* Which dialect a header belongs to, whether it is honoured in the other one or not: who says them
 * means that dialect's destinations, too, and cannot tell from any answer that these are others. */

#define OF(name) STOMP_H_##name

static const uint8_t of_rabbitmq[] = {
	OF(PREFETCH_COUNT), OF(DURABLE),        OF(AUTO_DELETE),        OF(EXCLUSIVE),
	OF(QUEUE_NAME),     OF(X_PRIORITY),     OF(X_QUEUE_TYPE),       OF(X_DLX),
	OF(X_DLK),          OF(X_EXPIRES),      OF(X_MESSAGE_TTL),      OF(X_MAX_LENGTH),
	OF(X_OVERFLOW),     OF(X_MAX_PRIORITY), OF(X_MAX_LENGTH_BYTES), OF(X_MAX_AGE),
	OF(X_SEGMENT),      OF(X_FILTER_SIZE),  OF(X_STREAM_OFFSET),    OF(X_SINGLE),
};
static const uint8_t of_activemq[] = {
	OF(PREFETCH_SIZE), OF(SELECTOR), OF(SUB_NAME), OF(SUB_NAME_OLD),   OF(SUB_PRIORITY),
	OF(SUB_EXCLUSIVE), OF(NO_LOCAL), OF(BROWSER),  OF(TRANSFORMATION), OF(MSG_TYPE),
};

/* The first of them that the frame says; STOMP_H_N: none. */
static enum stomp_header first_of(const struct stomp_head *h, const uint8_t *which, size_t n)
{
	size_t i = 0;
	must(n > 0);
	while (i < n && !stomp_has(h, (enum stomp_header)which[i]))
		i++;
	return i < n ? (enum stomp_header)which[i] : STOMP_H_N;
}

void stomp_note_other(struct turn *t)
{
	must(t->head != NULL);
	if (t->s->is_mixed || t->s->phase != PHASE_RUNNING)
		return;
	const enum stomp_header which = t->s->is_activemq
						? first_of(t->head, of_rabbitmq, sizeof of_rabbitmq)
						: first_of(t->head, of_activemq,
							   sizeof of_activemq);
	if (which == STOMP_H_N)
		return;
	t->s->is_mixed = true;
	stomp_note(t, &(struct session_note){ .event = SESSION_OTHER_DIALECT,
					      .text = slice_str(stomp_header_words[which]) });
}
