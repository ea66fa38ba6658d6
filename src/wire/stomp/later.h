/* stomp later -- what a SEND says of the time at which its message is to go, as ActiveMQ has it.
 *
 * Headers AMQ_SCHEDULED_...; a message that has a `scheduledJobId` has waited already. They stay
 * with a message while it waits, and are taken off when it goes. Pure; everything is borrowed.
 */
#ifndef WIRE_STOMP_LATER_H
#define WIRE_STOMP_LATER_H
#include "base/wr.h"
#include "wire/stomp/cron.h"
#include "wire/stomp/frame.h"

#define STOMP_LATER_JOB        "scheduledJobId"
#define STOMP_LATER_REPEAT_MAX 65535               /* one that is not for ever */
#define STOMP_LATER_MAX_MS     (UINT64_C(1) << 42) /* 139 years: more waits so long */

enum {
	STOMP_LATER_DELAY = 1,
	STOMP_LATER_PERIOD = 2,
	STOMP_LATER_REPEAT = 4,
	STOMP_LATER_CRON = 8,
	STOMP_LATER_DONE = 16 /* it has waited */
};

struct stomp_later {
	int64_t delay_ms, period_ms, repeat; /* repeat: below 0: for ever */
	struct slice cron;                   /* its fields; empty: none */
	uint8_t has;                         /* STOMP_LATER_... */
};

/* stomp_later_take looks at one header; of one that comes twice the first counts. False: it is to
 * be a number and is none. */
bool stomp_later_take(struct stomp_later *io, struct slice name, struct slice value);

/* stomp_later_is: the message is to wait. */
static inline bool stomp_later_is(const struct stomp_later *l)
{
	return l->has & (STOMP_LATER_DELAY | STOMP_LATER_PERIOD | STOMP_LATER_CRON) &&
	       !(l->has & STOMP_LATER_DONE);
}

/* stomp_later_first: until when it waits that comes at `now_ms`; 0: there is no such time, for its
 * fields never fit (or are none). With them its delay, or without one the period of what is
 * repeated, is counted from their next moment on. */
uint64_t stomp_later_first(const struct stomp_later *l, const struct zone *z, uint64_t now_ms);

/* stomp_later_again: until when the message with this block waits again that is due at `now_ms` and
 * was due `n` times before, and *out_n how often it was then; 0: this is the last time. What has
 * fields is repeated anew at each of their moments. */
uint64_t stomp_later_again(struct slice props, uint32_t n, const struct zone *z, uint64_t now_ms,
			   uint16_t *out_n);

/* stomp_later_go writes the block of a message that goes now, at `now_ms`: without these headers;
 * one that has `expires` lives as long from now on as it would have from its `timestamp`, and has a
 * new one. *out_expires_ms: that, or 0. At most STOMP_LATER_GROWS octets more than it had. */
#define STOMP_LATER_GROWS 64u
void stomp_later_go(struct wr *w, struct slice props, uint64_t now_ms, uint64_t *out_expires_ms);
#endif
