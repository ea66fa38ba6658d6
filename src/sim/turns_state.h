/* turns_state -- what the clients of turns.h know, for its two parts: what they do, and what they
 * make of what they hear.
 */
#ifndef SIM_TURNS_STATE_H
#define SIM_TURNS_STATE_H
#include "base/prng.h"
#include "sim/host.h"
#include "sim/talk.h"

#define MESSAGES_MAX 2048u
#define HELD_MAX     512u
#define CLIENTS      3u
#define RANK_MAX     4u /* the highest priority */

enum { ONE, RANK, QUEUES };

/* WAITS: it is there. TAKEN: it went, but the log may not know. MAYBE: since a crash. */
enum state { WAITS, HELD, TAKEN, GONE, MAYBE };

struct message {
	uint8_t queue, lane, state; /* state: of rank's */
	bool is_persistent, is_confirmed, is_seen;
};

struct held {
	uint64_t tag;
	uint32_t number, consumer; /* consumer 0: fetched */
};

struct side {
	struct talk talk;
	bool is_ready, is_closing; /* closing: what comes has gone back already */
	uint32_t consumer, came_n; /* consumer: its number, 0: none that lives */
	struct held held[HELD_MAX];
	uint32_t held_n;
	uint32_t came_to; /* of what comes: the consumer; 0: fetched */
	uint64_t came_tag, body_left;
	bool is_body_begun;
};

struct turns {
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct side side[CLIENTS]; /* the first one publishes and fetches */
	bool is_resting;           /* nothing is published, everything is taken */
	uint32_t consumers_n;      /* ever */
	uint32_t owed;             /* who is active next must begin with this or an older one */
	uint32_t sent_n;           /* messages in all lives; their numbers begin with 1 */
	uint32_t life_first, got_n;
	uint64_t acked_to;
	struct message message[MESSAGES_MAX];
};

/* turns_frame takes one frame that a client was sent, and tells the story if it must not be. */
void turns_frame(struct turns *t, struct side *s, const struct amqp091_frame *f);
#endif
