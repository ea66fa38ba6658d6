/* voucher state -- what the halves of the play share: who is on stage, and what was promised. */
#ifndef SIM_VOUCHER_STATE_H
#define SIM_VOUCHER_STATE_H
#include "base/list.h"
#include "sim/stage.h"
#include "sim/strand.h"

#define GUESTS        3u
#define WAYS          3u /* to acknowledge: each has a queue, and each taker a subscription to it */
#define PREFETCH      12u
#define HELD_MAX      (WAYS * PREFETCH + 64u)
#define RECEIPTS_MAX  4096u /* of one connection */
#define MESSAGES_MAX  4096u
#define BARGAINS_MAX  8192u
#define MENTION_BYTES 128u

enum { SENDER }; /* the others take */
enum way { AUTO, CLIENT, EACH };

/* ASIDE: within a transaction that is not committed. */
enum state { ASIDE, SENT, HELD, TAKEN };

struct message {
	uint8_t way, state, holder;
	bool is_safe, is_unsure; /* unsure: it may be gone, or there */
	bool is_seen, is_gone;   /* gone: taken for good */
	uint32_t life, order;    /* of its sender's connections; of what was sent in it */
	uint32_t taken_in;       /* the transaction that has taken it, and may not have; 0: none */
};

/* What a transaction has asked for that was to be committed, and what is known to have come of it:
 * messages that were sent and those of them that came, messages that were taken and those that came
 * again. What is acknowledged by itself may be gone unread, and is not counted. */
struct bargain {
	uint32_t sent_n, came_n, taken_n, again_n;
};

/* What a receipt is for: a message; a transaction (BARGAIN: its number); a frame that makes no
 * sense; something that only has to be answered, as DISCONNECT: what asked for no receipt of its
 * own is read then, and may still be lost. */
enum promise { NOTHING, ONE, BARGAIN, NONSENSE, ANSWER };

struct voucher {
	uint8_t promise;
	uint32_t number;
};

struct holding {
	uint32_t number;
	uint8_t way;
	bool is_covered; /* by an ACK within the transaction */
	bool is_taken;   /* by that: else given back */
	char mention[MENTION_BYTES];
};

struct guest {
	struct strand strand;
	uint32_t life;
	uint32_t bargain;                   /* the transaction that is open; 0: none */
	uint32_t first, vouchers_n, open_n; /* first: the first number said in this life */
	struct voucher voucher[RECEIPTS_MAX];
	struct holding held[HELD_MAX];
	uint32_t held_n, of_way_n[WAYS];
	uint32_t last_life[WAYS], last_order[WAYS]; /* of first deliveries */
};

struct market {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said or lost any more */
	struct guest guest[GUESTS];
	uint32_t bargains_n, order_n;
	struct message message[MESSAGES_MAX];
	uint32_t bargain_of[MESSAGES_MAX];
	struct bargain bargain[BARGAINS_MAX];
};

static inline struct market *market_of(struct stage *s)
{
	return containerof(s, struct market, stage);
}
static inline uint8_t guest_index(const struct market *m, const struct guest *g)
{
	must(g >= m->guest && g < m->guest + GUESTS);
	return (uint8_t)(g - m->guest);
}

/* market_settle: the guest no longer has it; taken, or given back. */
void market_settle(struct market *m, struct guest *g, uint32_t at, bool is_taken);
/* market_talk moves a guest's bytes and takes what has come. */
bool market_talk(struct market *m, struct guest *g);
/* market_lose: the connection is no more. */
void market_lose(struct market *m, struct guest *g, bool is_hard);
#endif
