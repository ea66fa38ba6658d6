/* places -- the queues, exchanges, keys and bindings that simulated clients use, and which
 * binding takes which message: an own, slow and simple reading of the rules.
 *
 * Places are small numbers. Constant tables; the bindings of a run are chosen by its seed.
 */
#ifndef SIM_PLACES_H
#define SIM_PLACES_H
#include "base/prng.h"
#include "base/slice.h"

enum {
#define QUEUE(name, durable, exclusive, auto_delete, no_ack, kind, prose) PLACE_##name,
#include "sim/places.def"
#undef QUEUE
	PLACE_QUEUES
};
enum {
#define EXCHANGE(id, name, kind, durable, fixed, prose) PLACE_X_##id,
#include "sim/exchanges.def"
#undef EXCHANGE
	PLACE_EXCHANGES
};
#define PLACE_KEYS              8 /* of messages; bindings may also have the patterns behind them */
#define PLACE_PATTERNS          18
#define PLACE_BINDINGS_OF_QUEUE 4
#define PLACE_BINDINGS          (PLACE_QUEUES * PLACE_BINDINGS_OF_QUEUE)
#define PLACE_JOINTS            6 /* bindings from exchange to exchange */
#define PLACE_CLIENTS           3

enum place_kind { PLACE_DIRECT, PLACE_FANOUT, PLACE_TOPIC, PLACE_HEADERS, PLACE_JMS };

/* RANKED: the order is no more that of publishing. SINGLE: nothing can be fetched from it. COUNTED:
 * what comes again has one header more, and the order is by 32 priorities. STREAM: nothing leaves
 * it, and nothing can be fetched. */
enum place_queue_kind { PLACE_PLAIN, PLACE_RANKED, PLACE_SINGLE, PLACE_COUNTED, PLACE_STREAM };

struct place_queue {
	const char *name;
	bool is_durable, is_exclusive, is_auto_delete, may_no_ack;
	enum place_queue_kind kind;
};
struct place_exchange {
	const char *name;
	enum place_kind kind;
	bool is_durable, is_fixed;
};
extern const struct place_queue place_queues[PLACE_QUEUES];
extern const struct place_exchange place_exchanges[PLACE_EXCHANGES];
extern const char *const place_kind_names[];

/* A binding that a run may make: number / PLACE_BINDINGS_OF_QUEUE is its queue. */
struct place_binding {
	uint8_t exchange, pattern;
};
/* One from an exchange to another; circles come by themselves. */
struct place_joint {
	struct place_binding from;
	uint8_t to;
};
/* What a queue is told when it is declared: as its table says, or as the seed does. */
struct place_rule {
	enum place_queue_kind kind;
	bool is_rejecting;      /* when it is full: else the oldest go */
	bool is_passing_on;     /* what it rejects: that goes where its dead letters go */
	uint32_t ttl_ms;        /* 0: none */
	uint32_t length_max;    /* 0: none */
	uint32_t bytes_max;     /* of bodies; 0: none */
	uint32_t age_s;         /* of a stream: what is older goes; 0: none */
	uint32_t segment_bytes; /* likewise: so much of it together */
	uint8_t dead_to;        /* where its dead letters go, a queue without rules; 0: nowhere */
	bool is_cemetery;       /* some come here */
	bool is_decreed;        /* policies may say more, and whether its dead letters go there */
	bool is_strict;         /* they may make it reject */
};
struct places {
	struct place_rule rule[PLACE_QUEUES];
	struct place_binding binding[PLACE_BINDINGS];
	struct place_joint joint[PLACE_JOINTS];
	uint8_t alternate[PLACE_EXCHANGES]; /* who takes what no binding does; 0: nobody */
	/* by headers, exchange and key: a bit for each of them that takes such a message */
	uint64_t taken[2][PLACE_EXCHANGES][PLACE_KEYS];
	uint8_t joined[2][PLACE_EXCHANGES][PLACE_KEYS];
};
_Static_assert(PLACE_BINDINGS <= 64 && PLACE_JOINTS <= 8, "a bit for each");

/* What counts of a message where it is routed. */
struct place_address {
	uint8_t exchange;
	bool has_headers; /* those of a letter */
	uint16_t keys; /* a bit for each; where the exchange is the default one, for each queue */
};

/* places_init chooses the bindings and the rules of a run. */
void places_init(struct places *p, struct prng *r);
/* places_taken, places_joined: the bindings and joints of `exchange` that take such a message. */
uint64_t places_taken(const struct places *p, uint32_t exchange, const struct place_address *a);
uint32_t places_joined(const struct places *p, uint32_t exchange, const struct place_address *a);
/* place_exchange_arguments writes the arguments with which an exchange is declared. */
#define PLACE_EXCHANGE_MAX 64
struct slice place_exchange_arguments(const struct places *p, uint32_t exchange,
				      uint8_t buf[PLACE_EXCHANGE_MAX]);
static inline uint32_t place_queue_of(uint32_t binding)
{
	return binding / PLACE_BINDINGS_OF_QUEUE;
}
/* place_owner: the client of an exclusive queue. */
static inline uint32_t place_owner(uint32_t queue)
{
	return queue - PLACE_x0;
}

/* place_arguments writes what a binding wants of headers, empty unless its exchange looks at them.
 */
#define PLACE_ARGUMENTS_MAX 96
struct slice place_arguments(const struct place_binding *b, uint8_t buf[PLACE_ARGUMENTS_MAX]);

/* place_rules writes the arguments with which a queue is declared. */
#define PLACE_RULES_MAX 256
struct slice place_rules(const struct place_rule *rule, uint8_t buf[PLACE_RULES_MAX]);
/* place_priority: what a queue of that kind makes of a letter's; 0 where it makes nothing of it. */
uint32_t place_priority(enum place_queue_kind kind, uint32_t letter);
#define PLACE_PRIORITIES 10u
static inline bool place_is_ranked(enum place_queue_kind kind)
{
	return kind == PLACE_RANKED || kind == PLACE_COUNTED;
}

/* place_key gives a key or pattern as text. */
struct slice place_key(uint32_t pattern);
/* place_name writes the name of a queue as of a client's `generation`: exclusive queues have a new
 * one each time. */
#define PLACE_NAME_MAX 24
struct slice place_name(uint32_t queue, uint32_t generation, char buf[PLACE_NAME_MAX]);
#endif
