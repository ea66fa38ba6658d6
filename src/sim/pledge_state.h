/* pledge state -- what the halves of the play share: who is on stage, and what was promised. */
#ifndef SIM_PLEDGE_STATE_H
#define SIM_PLEDGE_STATE_H
#include "base/list.h"
#include "sim/line.h"
#include "sim/stage.h"

#define PERSONS      3u
#define FLYING_MAX   16u /* messages that the publisher has under way */
#define IDS          24u /* packet ids that it uses: few, so that they come again soon */
#define TOPICS       3u
#define MESSAGES_MAX 4096u
#define WILLS_MAX    1024u
#define WILL_BIT     0x80000000u /* in the number of a will */

enum { PUBLISHER, EXACT, REPEATED }; /* subscribed with QoS 2, and with QoS 1 */

/* What the publisher has not seen the end of. */
struct flying {
	uint32_t number, bytes;
	uint16_t id;
	bool is_released; /* PUBREC has come */
};

struct message {
	uint8_t topic, qos;
	bool is_acknowledged;
};

/* OPEN: its connection is there. LOST: it was lost, and the broker may not know yet. OWED: it must
 * come. NEVER: its client has said goodbye, and was heard. MAYBE: nobody can know. */
enum will_state { WILL_OPEN, WILL_LOST, WILL_OWED, WILL_NEVER, WILL_MAYBE };

struct person {
	struct line line[2]; /* the one in use, and one that was taken over or is not there */
	uint32_t now;
	bool is_known;      /* a session was promised to be kept */
	bool is_subscribed; /* so were its subscriptions */
	bool is_haunted;    /* a CONNECT that was given up may still be heard, and take over */
	bool is_pinged;     /* the line that was taken over, behind the new one's CONNACK */
	uint32_t acks_n;    /* SUBACKs of this connection */
	struct flying flying[FLYING_MAX]; /* in the order of first sending */
	uint32_t flying_n;
	uint16_t last_id;
	uint32_t newest[3][TOPICS]; /* by QoS: the last message that came first */
	uint8_t came[MESSAGES_MAX];
	bool holds[65536]; /* ids of QoS 2 that came, until they are released */
};

struct pledge {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said or lost any more */
	struct person person[PERSONS];
	struct message message[MESSAGES_MAX];
	uint32_t wills_n;
	uint8_t will[WILLS_MAX], will_came[WILLS_MAX];
};

static inline struct pledge *pledge_of(struct stage *s)
{
	return containerof(s, struct pledge, stage);
}

static inline struct line *line_of(struct person *a)
{
	return &a->line[a->now];
}
static inline struct line *old_line_of(struct person *a)
{
	return &a->line[!a->now];
}

/* pledge_say_flying says a message under way, or that it is released. */
void pledge_say_flying(struct pledge *p, struct person *a, const struct flying *f, bool is_dup);
/* pledge_talk moves bytes on both lines of a person and takes what has come. */
bool pledge_talk(struct pledge *p, struct person *a);
/* pledge_lose: a line is no more; its will is due if the broker can know. */
void pledge_lose(struct pledge *p, struct line *l, bool is_hard, enum will_state will);
#endif
