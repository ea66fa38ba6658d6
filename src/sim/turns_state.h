/* turns_state -- what the clients of turns.h know, for its two parts: what they do, and what they
 * make of what they hear.
 */
#ifndef SIM_TURNS_STATE_H
#define SIM_TURNS_STATE_H
#include "base/list.h"
#include "sim/stage.h"

#define MESSAGES_MAX 2048u
#define HELD_MAX     512u
#define CLIENTS      STAGE_ACTORS
#define RANKED_MAX   4u /* the highest priority */

enum { ONE, RANK, QUEUES };

/* WAITS: it is there. TAKEN: it went, but the log may not know. MAYBE: since a crash. */
enum state { WAITS, HELD, TAKEN, GONE, MAYBE };

struct message {
	uint8_t queue, lane, state; /* state: of rank's */
	bool is_persistent, is_confirmed, is_seen;
};

struct held {
	uint64_t tag;
	uint32_t number, consumer; /* consumer STAGE_FETCHED: fetched */
};

struct side {
	bool is_ready, is_closing; /* closing: what comes has gone back already */
	uint32_t consumer, came_n; /* consumer: its number, 0: none that lives */
	struct held held[HELD_MAX];
	uint32_t held_n;
};

struct turns {
	struct stage stage;        /* first */
	struct side side[CLIENTS]; /* the first one publishes and fetches */
	bool is_resting;           /* nothing is published, everything is taken */
	uint32_t consumers_n;      /* ever */
	uint32_t owed;             /* who is active next must begin with this or an older one */
	uint32_t got_n;
	struct message message[MESSAGES_MAX];
};

static inline struct turns *turns_of(struct stage *s)
{
	return containerof(s, struct turns, stage);
}

/* What the plot makes of what clients hear (stage.h). */
void turns_heard(struct stage *s, struct actor *a, const struct amqp091_method *m);
void turns_came(struct stage *s, struct actor *a, const struct arrival *x);
void turns_answered(struct stage *s, uint32_t number, bool is_refused);
#endif
