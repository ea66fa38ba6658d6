/* backlog_state -- what the client of backlog.h knows, for its two parts: what it does, and what it
 * makes of what it hears.
 */
#ifndef SIM_BACKLOG_STATE_H
#define SIM_BACKLOG_STATE_H
#include "sim/plight.h"
#include "sim/talk.h"

#define MESSAGES_MAX 12000u

/* RANKED has priorities, of which nobody makes use; QUORUM its own 32 (backlog_level). */
enum { RANKED = 3, QUORUM = 4, QUEUES = 5 };

enum where { READY, HELD, ACKED, GONE }; /* acked: but a crash may bring it back */

struct message {
	uint8_t queue;
	uint8_t where; /* enum where */
	bool is_confirmed;
	bool is_unsure; /* it may be there, or not */
	bool has_come;  /* while everything is taken at the end */
};

struct held {
	uint64_t tag;
	uint32_t number;
};

struct backlog {
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct plight plight;
	struct talk talk;
	bool is_ready, is_ending;
	bool is_consuming[QUEUES], is_getting;
	bool is_no_ack; /* what is being got */
	uint32_t sent_n, life_first, life_sent_n;
	uint64_t acked_to;
	uint32_t counted; /* queue whose number is asked for; QUEUES: none */
	struct held held[MESSAGES_MAX];
	uint32_t held_n;
	uint32_t came_from, last[QUEUES];
	uint32_t on_its_way[QUEUES]; /* got without ack, and perhaps lost with a broker */
	uint64_t came_tag, body_left;
	bool is_got;
	struct message message[MESSAGES_MAX];
};

extern const char *const backlog_names[QUEUES];

/* backlog_level is the priority that a message has in QUORUM: mostly that of many before it; a
 * third of all have 4, which is that of what says none. */
uint8_t backlog_level(uint32_t number);

/* backlog_exchange moves bytes both ways, and hears what has come; true: something moved. */
bool backlog_exchange(struct backlog *b);
#endif
