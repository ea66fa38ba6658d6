/* relay state -- who is in the play of three protocols, and what was promised to whom. */
#ifndef SIM_RELAY_STATE_H
#define SIM_RELAY_STATE_H
#include "base/list.h"
#include "sim/line.h"
#include "sim/stage.h"
#include "sim/strand.h"

#define MESSAGES_MAX  1536u
#define HELD_MAX      256u
#define MENTION_BYTES 128u

enum who { AMQP, MQTT, STOMP, MEMBERS };

/* Of one message, for one member. */
enum state { NEVER, BACK, HELD, TAKEN, GONE }; /* gone: it must not come again */

struct holding {
	uint32_t number;
	uint64_t tag; /* AMQP's delivery tag, MQTT's packet id */
	char mention[MENTION_BYTES];
};

struct message {
	uint32_t bytes, life; /* life: which of its publisher's connections has sent it */
	uint8_t by, state[MEMBERS];
	bool is_safe;
	bool is_loose[MEMBERS]; /* it was taken, and nobody knows who has heard that */
};

struct member {
	uint32_t life;
	bool is_up, is_subscribed; /* subscribed: once, which stays */
	struct holding held[HELD_MAX];
	uint32_t held_n;
	uint32_t newest[MEMBERS]; /* of those of each one's last connection that came first */
};

struct relay {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said or lost any more */
	struct line line;
	struct strand strand;
	struct member member[MEMBERS];
	struct message message[MESSAGES_MAX];
};

static inline struct relay *relay_of(struct stage *s)
{
	return containerof(s, struct relay, stage);
}
#endif
