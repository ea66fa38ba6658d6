/* picking state -- what the halves of the play share: who is on stage, and what was sent. */
#ifndef SIM_PICKING_STATE_H
#define SIM_PICKING_STATE_H
#include "base/list.h"
#include "sim/stage.h"
#include "sim/strand.h"

#define GUESTS       5u
#define SUBS         2u /* of each taker */
#define PREFETCH_MAX 8u
#define MESSAGES_MAX 4096u
#define MENTION_MAX  128u

enum { SENDER, UNDERTAKER }; /* the second takes what has died; the others take what they want */

enum state { NONE, SENT, HELD, TAKEN };

struct message {
	uint8_t state, holder;
	bool is_persistent, is_safe, is_seen;
	bool is_unsure; /* it may be there, or gone */
	bool is_there;  /* it surely came to the queue */
	bool is_gone;   /* for good */
	uint32_t life;  /* of its sender's connections */
};

struct held {
	uint32_t number;
	char mention[MENTION_MAX];
};

/* ENDED: nothing comes any more; what came may still be acknowledged. */
enum sub_life { FREE, OPEN, CALLED_OFF, ENDED };
struct sub {
	enum sub_life life;
	uint32_t id, selector, prefetch, held_n;
	uint32_t last, last_life; /* of first deliveries */
	struct held held[PREFETCH_MAX];
};

struct guest {
	struct strand strand;
	uint32_t life, first, last_id; /* first: the first number said in this life */
	struct sub sub[SUBS];
};

struct picking {
	struct stage stage; /* first */
	bool is_last;       /* nothing is sent any more, and one taker takes all */
	uint32_t idle_percent;
	struct guest guest[GUESTS];
	struct message message[MESSAGES_MAX];
};

static inline struct picking *picking_of(struct stage *s)
{
	return containerof(s, struct picking, stage);
}

static inline uint8_t picking_index(const struct picking *p, const struct guest *g)
{
	must(g >= p->guest && g < p->guest + GUESTS);
	return (uint8_t)(g - p->guest);
}

/* What a selector says, and whether it is true of a message. */
#define PICKING_SELECTORS 8u
struct picking_selector {
	const char *text;
	bool (*wants)(const struct picking *p, uint32_t number);
};
extern const struct picking_selector picking_selectors[PICKING_SELECTORS];
/* picking_colour: NULL: the message has none. */
const char *picking_colour(uint32_t number);
bool picking_is_big(uint32_t number);

/* picking_acknowledge: one of those that the subscription has. */
void picking_acknowledge(struct picking *p, struct guest *g, struct sub *u, uint32_t at);
/* picking_talk moves everybody's bytes and takes what has come. True: some moved. */
bool picking_talk(struct stage *s);
#endif
