/* stage -- what every side play stands on: a broker on a disk of its own, and a few clients.
 *
 * A play has a matter of its own (deal.h, passage.h, ...) and a plot: who is on stage, what they
 * say when they have come, what they make of what they hear. The stage does the rest: lives of the
 * broker that end in the middle, turns of its threads, a slow disk, a full one and little memory
 * (plight.h), contents put together, confirms told by number. Every message has a number, which its
 * body begins with.
 *
 *     stage_play: [ stage_begin -> play -> stage_end ]* -> stage_begin -> stage_rest -> stage_close
 *
 * Deterministic by its seed; one thread. A play embeds its stage as its first member.
 */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H
#include "sim/errand.h"
#include "sim/plight.h"
#include "sim/talk.h"

#define STAGE_ACTORS   3u
#define STAGE_TAGS_MAX 4096u            /* publishes of one connection */
#define STAGE_BODY_MAX 140000u          /* more than a chunk */
#define STAGE_FETCHED  (UINT32_MAX - 1) /* for a consumer's number: basic.get has brought it */
#define STAGE_REST_MAX 400000           /* steps until everything has come to rest */
#define STAGE_REPLY_TO 64u

struct stage;

/* A message as it has come, whole. */
struct arrival {
	uint32_t number;
	uint32_t consumer; /* its number, or STAGE_FETCHED */
	uint64_t tag, bytes;
	uint32_t returned; /* how often it came back and had not failed, as its headers say */
	bool is_redelivered;
	char reply_to[STAGE_REPLY_TO]; /* "": none */
};

/* A client with one connection and channel 1. What a play knows of it stands in the play. */
struct actor {
	struct talk talk;
	uint32_t index;
	const char *user;      /* guest, unless the play says otherwise */
	bool is_absent;        /* the play wants it so: stage_begin does not let it in */
	bool is_in;            /* it has a connection */
	bool is_blocked;       /* it was told to publish no more */
	struct arrival coming; /* number 0: its body has not begun */
	uint64_t body_left;
	uint32_t said_n; /* publishes of this connection, in the order of their tags */
	uint64_t answered_to;
	uint32_t said[STAGE_TAGS_MAX + 1];
};

/* What is a play's own. */
struct plot {
	const char *about; /* what is played, for sentences: "dead letters" */
	uint32_t actors_n;
	/* enter: a connection has begun; all that comes first is said now, in one breath. */
	void (*enter)(struct stage *s, struct actor *a);
	/* heard: a method, but basic.ack and nack, and what begins a message. */
	void (*heard)(struct stage *s, struct actor *a, const struct amqp091_method *m);
	/* came: a message that somebody has sent. */
	void (*came)(struct stage *s, struct actor *a, const struct arrival *x);
	/* answered: a message was confirmed, or refused. NULL: nobody asks for confirms. */
	void (*answered)(struct stage *s, uint32_t number, bool is_refused);
	/* closed: the broker closes the channel or the connection. False: it must not. NULL: never.
	 * A channel is open again then, and nothing that was said on it will be answered. */
	bool (*closed)(struct stage *s, struct actor *a, const struct amqp091_method *m);
};

struct stage {
	const struct plot *plot;
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct plight plight;
	uint32_t rotten_n;  /* starts that were compared with one on a disk with a flipped bit */
	uint32_t held_from; /* while publishers wait: no number from this on is taken */
	struct actor actor[STAGE_ACTORS];
	uint32_t actors_n;    /* in this life */
	uint32_t sent_n;      /* numbers given, in all lives; they begin with 1 */
	struct errand errand; /* of the operator */
	uint8_t body[STAGE_BODY_MAX];
};

/* stage_begin starts the broker on the disk as it is, and connects everybody. False: wrong. */
bool stage_begin(struct stage *s);
/* stage_end: the power goes, between two turns or in a call of the disk, or the broker's process is
 * killed, or a call of the disk fails. */
void stage_end(struct stage *s);
/* stage_close: everybody goes, and the broker stops in good order and leaves nothing behind. */
void stage_close(struct stage *s);

/* stage_enter connects an actor (again); stage_leave drops it without a word. */
void stage_enter(struct stage *s, struct actor *a);
void stage_leave(struct stage *s, struct actor *a, bool is_hard);

/* stage_errand begins one of the operator's; only one at a time. */
struct errand *stage_errand(struct stage *s);

/* stage_publish says a message with the next number, in `bytes` of which 4 hold it. False: no room
 * for it now, or all numbers of this connection are given. */
bool stage_publish(struct stage *s, struct actor *a, const char *exchange, const char *key,
		   const struct amqp091_props *props, uint32_t bytes);
/* stage_copy says a message with a number that is given already; there must be room. */
void stage_copy(struct stage *s, struct actor *a, const char *exchange, const char *key,
		const struct amqp091_props *props, uint32_t number, uint32_t bytes);
/* actor_consume: the consumer is called by its number, in decimal. */
void actor_consume(struct actor *a, const char *queue, uint32_t number, bool is_no_ack,
		   struct slice arguments);
void actor_cancel(struct actor *a, uint32_t number);

/* stage_broker lets one of the broker's threads take a turn, stage_talk moves an actor's bytes both
 * ways and takes what has come. False: there was nothing to do. */
bool stage_broker(struct stage *s);
bool stage_talk(struct stage *s, struct actor *a);
/* stage_mix is `n` such turns, of whoever the dice say. */
void stage_mix(struct stage *s, uint64_t n);

/* A play that goes in steps; false: there was nothing to do. stage_steps takes them, in a life that
 * has begun, until there is nothing to do (false: wrong). */
typedef bool stage_step(struct stage *s);
bool stage_steps(struct stage *s, stage_step *step);
/* stage_rest: everything that has begun ends; no time passes. stage_rest_of likewise, where clients
 * of the play's own talk by `talk`. */
void stage_rest(struct stage *s);
void stage_rest_of(struct stage *s, stage_step *talk);

/* stage_taken: something shows that the broker has taken the message of this number. */
void stage_taken(struct stage *s, uint32_t number);

/* A play from its beginning to its end: lives of the broker that end in the middle, and a last one,
 * in which everything comes, is compared, and the broker stops. Whatever is NULL need not be. */
struct script {
	struct plot plot;
	size_t bytes;  /* of the play */
	uint64_t salt; /* of its dice: another one for each play */
	uint32_t lives_n;
	bool keeps_loops; /* else the broker has another number of them in each life */
	void (*prepare)(struct stage *s); /* the machine is there, the broker is down */
	void (*live)(struct stage *s);    /* begins a life, and ends it in the middle; NULL: */
	stage_step *step;                 /* it has so many of these at most */
	uint64_t steps_max;
	void (*forget)(struct stage *s); /* after each life: what clients of its own still have */
	void (*end)(struct stage *s);
};
/* stage_play plays it by the seed; what is wrong it tells `story`. */
void stage_play(const struct script *script, struct story *story, uint64_t seed);

/* stage_wrong says what is wrong, after what the play is about. */
void stage_wrong(struct stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline bool stage_is_wrong(const struct stage *s)
{
	return s->story->is_wrong;
}
#endif
