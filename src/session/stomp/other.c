#include "session/stomp/activemq.h"

#include "base/bits.h"
#include "base/must.h"

/* Which dialect a header belongs to, whether it is honoured in the other one or not: who says them
 * means that dialect's destinations, too, and cannot tell from any answer that these are others. */

#define BIT(name) (UINT64_C(1) << STOMP_H_##name)

static const uint64_t of_rabbitmq = BIT(PREFETCH_COUNT) | BIT(DURABLE) | BIT(AUTO_DELETE) |
				    BIT(EXCLUSIVE) | BIT(QUEUE_NAME) | BIT(X_PRIORITY) |
				    BIT(X_QUEUE_TYPE) | BIT(X_DLX) | BIT(X_DLK) | BIT(X_EXPIRES) |
				    BIT(X_MESSAGE_TTL) | BIT(X_MAX_LENGTH) |
				    BIT(X_MAX_LENGTH_BYTES) | BIT(X_OVERFLOW) |
				    BIT(X_MAX_PRIORITY) | BIT(X_MAX_AGE) | BIT(X_SEGMENT) |
				    BIT(X_STREAM_OFFSET) | BIT(X_FILTER_SIZE) | BIT(X_SINGLE);
static const uint64_t of_activemq = BIT(PREFETCH_SIZE) | BIT(SELECTOR) | BIT(SUB_NAME) |
				    BIT(SUB_NAME_OLD) | BIT(SUB_PRIORITY) | BIT(SUB_EXCLUSIVE) |
				    BIT(NO_LOCAL) | BIT(BROWSER) | BIT(TRANSFORMATION) |
				    BIT(MSG_TYPE);

void stomp_note_other(struct turn *t)
{
	const uint64_t theirs = t->head->has & (t->s->is_activemq ? of_rabbitmq : of_activemq);
	if (theirs == 0 || t->s->is_mixed || t->s->phase != PHASE_RUNNING)
		return;
	const unsigned which = bits_lowest(theirs);
	must(which < STOMP_H_N);
	t->s->is_mixed = true;
	stomp_note(t, &(struct session_note){ .event = SESSION_OTHER_DIALECT,
					      .text = slice_str(stomp_header_words[which]) });
}
