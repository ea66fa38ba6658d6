/* oracle -- what must, may and must not come out of the broker, by what clients sent and were told.
 *
 * It stands outside: simple lists, no part of the broker's code. Clients tell it every step; it
 * says what is wrong (story_wrong). It never knows the broker's order, so it keeps three answers:
 *
 *   a message *must* be in a queue (it was sent while a binding surely stood, and is confirmed, or
 *   known to be processed), *may* be there, or is *gone*.
 *
 * What was sent is known to be processed by an answer to something sent later on the same
 * connection (oracle_fence); known to be committed by a confirm, or when the whole broker is idle
 * (oracle_quiet). An acknowledgement that is known to be committed is for ever; one that is not may
 * be undone by a crash, and the message must then say that it is redelivered.
 *
 *              deliver              settle               committed
 *   READY ----------------> HELD -----------> SETTLING ------------> GONE
 *     ^  release, the channel ends |   crash, lost connection |
 *     +----------------------------+--------------------------+
 *
 * Events number what clients did; one thread.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H
#include "sim/letter.h"
#include "sim/places.h"
#include "sim/story.h"

#define ORACLE_CLIENTS  (PLACE_CLIENTS + 1) /* the last one drains */
#define ORACLE_CHANNELS 3

enum life { LIFE_NONE, LIFE_COMING, LIFE_THERE, LIFE_GOING, LIFE_MAYBE };
enum copy_state { COPY_READY, COPY_HELD, COPY_SETTLING, COPY_GONE };
enum { LETTER_MANDATORY = 1, LETTER_PERSISTENT = 2, LETTER_CONFIRM = 4 };

struct message {
	uint64_t sent, sure; /* events; sure: 0, or when it became so */
	uint64_t sent_ms, sure_ms;
	uint32_t first_copy;  /* 0: none */
	uint32_t next_unsure; /* of its client's list */
	uint32_t publisher, bytes;
	uint8_t client, slot, exchange, key, flags; /* slot: which of its client's channels */
	uint8_t copy, blind; /* further keys in CC and BCC, plus 1; 0: none */
	bool is_sure;        /* confirmed, or the broker was idle since */
	bool is_confirmed, is_returned;
	bool is_done;        /* processed, before its connection was lost */
	uint32_t process;    /* how many had crashed before */
	uint32_t tx;         /* 0: of none */
	uint32_t generation; /* of the name of the queue to which it is addressed, if it is */
};

struct copy {
	uint32_t message;
	uint32_t next_of_message, prev, next; /* prev, next: in its queue, as they were sent */
	uint32_t holder;                      /* HELD: channel */
	uint64_t event;                       /* of the last settle or release */
	uint64_t looked; /* of the last call that must find it ready (oracle_look) */
	uint8_t queue, state;
	uint8_t by;                     /* client of that */
	bool is_must, is_seen, is_done; /* done: settled by being given */
	bool is_purging, is_purged, is_dead;
	bool is_rejected;             /* it was refused once */
	bool is_crowded;              /* it may have been too much */
	bool is_refusable;            /* likewise, and so it may have been refused */
	bool is_either;               /* it is there, or its letter is where it died to */
	uint8_t letters_n;            /* that came of it: one for each process in which it died */
	uint32_t tx;                  /* 0, or in which it was last settled */
	bool is_tied;                 /* it must be there or not, as its transaction */
	uint32_t ttl_ms, ttl_most_ms; /* it may expire after that; after that it has. 0: never */
	uint32_t place;               /* in a stream: its offset and 1; 0: nobody has read it yet */
	uint64_t weight;              /* in a queue whose bytes are bounded, at most */
	uint32_t letter_of;           /* 0: none; the copy that has died in another queue */
};

struct oracle_queue {
	enum life life;
	uint32_t copies_n;     /* that are not gone: at least as many as there are */
	uint64_t bytes;        /* that these count */
	uint64_t drained;      /* bytes that the drain has got */
	uint32_t first, last;  /* copies that are not gone */
	uint32_t generation;   /* of an exclusive queue's name */
	uint32_t users_n;      /* consumers, and gets under way */
	uint64_t user_event;   /* when that last changed */
	uint64_t unsure_event; /* when it last was not surely there */
	uint64_t doubt_event;  /* until when dead letters may have been lost in it */
	uint64_t death_event;  /* when a letter showed last that something had died in it */
	uint64_t loss_event;   /* deliveries may have been lost until then */
	uint32_t losses_n;     /* somebody is just giving back what he may not have seen */
	bool loss_open;        /* he was lost, and the broker may not know it yet */
	bool is_leaking;       /* he may still take something out of it for ever */
	bool has_doubts, is_purging;
	bool may_park; /* a channel holds back, for its shared prefetch, what it was given of it */
	/* of a queue for one consumer: who was given something last, and since when he alone */
	const void *active;
	uint32_t active_channel;
	uint16_t active_number;
	uint64_t active_event;
	bool is_busy;  /* somebody changes it: only one at a time (oracle_is_taken) */
	bool is_limbo; /* somebody was lost; the broker may come to what he wanted all the same */
};

/* A call under way. One about a queue (is_asked) may find that the queue is gone; or (is_risky) be
 * refused for another reason that its client knows of. */
struct oracle_ask {
	uint64_t event;
	uint32_t exchanges; /* that it names, a bit for each */
	uint8_t queue;
	bool is_asked, is_risky;
};

/* A transaction whose end was asked for, in one breath with what is in it. */
enum tx_life { TX_OPEN, TX_DONE, TX_LOST }; /* LOST: it was done, or not */
struct oracle_tx {
	uint32_t first, end;         /* messages */
	uint32_t settled, settled_n; /* of oracle.tied */
	enum tx_life life;
	bool is_in, is_out; /* LOST: something shows that it was done, or was not */
};

/* One connection of a client. */
struct party {
	uint64_t began, fenced;
	uint64_t known; /* all before, also of earlier connections, is processed */
	uint32_t unsure_first, unsure_last;
};

/* What stands, a bit for each. SURE: whatever else happens. FIRM: even if somebody is gone, and
 * nobody knows it yet. MAYBE: for all that is known. */
enum oracle_how { ORACLE_SURE, ORACLE_MAYBE, ORACLE_FIRM, ORACLE_HOWS };
struct oracle_standing {
	uint64_t bindings;
	uint32_t exchanges, joints;
	uint16_t queues;
};

struct oracle {
	struct story *story;
	struct places places;
	const uint64_t *now_ms;
	uint64_t event, crash_event, jump_event; /* jump: of the wall clock */
	struct message *messages;                /* by id; 0 is none */
	uint32_t messages_n, messages_cap;
	struct copy *copies; /* likewise */
	uint32_t copies_n, copies_cap;
	uint64_t copied_bytes; /* of those that are not gone: two queues may hold a message twice */
	struct oracle_queue queue[PLACE_QUEUES];
	enum life exchange[PLACE_EXCHANGES], binding[PLACE_BINDINGS], joint[PLACE_JOINTS];
	bool joint_busy[PLACE_JOINTS]; /* somebody is changing it, or was when he broke off */
	uint64_t named[ORACLE_CLIENTS]
		      [PLACE_EXCHANGES];      /* event, when a client last said its name */
	bool exchange_limbo[PLACE_EXCHANGES]; /* who was deleting it is lost */
	struct party party[ORACLE_CLIENTS];
	uint32_t orphans; /* list by next_unsure: of connections that were lost */
	uint32_t *settling;
	uint32_t settling_n, settling_cap;
	uint32_t *eithers; /* copies that are, or were */
	uint32_t eithers_n, eithers_cap;
	struct oracle_tx *txs; /* by number; 0 is none */
	uint32_t txs_n, txs_cap;
	uint32_t *tied; /* copies that were settled in transactions */
	uint32_t tied_n, tied_cap;
	struct oracle_ask *asked; /* by channel */
	uint32_t channels_n, channels_cap;
	uint32_t crashes_n;
	uint64_t unreadable_n; /* messages that the broker said it cannot read */
	uint64_t redelivered_n;
	struct oracle_standing standing[ORACLE_HOWS];
	/* where messages with one key go, SURE or MAYBE, as far as it was asked for */
	uint16_t mask[2][2][PLACE_EXCHANGES][PLACE_KEYS];
	bool is_masked[2][PLACE_EXCHANGES][PLACE_KEYS];
	uint64_t copied_n, diverted_n; /* messages with further keys; that an alternate was for */
	/* what holds of the queue that has rules by policies: one, or what was before or comes */
	struct place_rule decree[2];
	uint32_t decrees_n;
	bool is_answered;      /* the operator: what comes holds when the broker has been idle */
	uint64_t decree_event; /* since when it is one */
	uint32_t *stream;      /* messages by offset, as they were read; 0: not yet */
	uint32_t stream_n, stream_cap;
	uint32_t stream_edition;           /* another one, since it may have been deleted */
	uint32_t stream_first;             /* what lay before it is gone, as somebody saw */
	uint32_t stream_begin, stream_end; /* what the drain has read; it found so many: */
	uint32_t stream_count;
	uint32_t stream_missed_n; /* that nobody has read before they went */
	uint32_t stream_page;     /* rows of a page: so many stay at least */
	uint64_t streamed_n, trimmed_n, renewed_n;
	uint64_t razed_n;   /* exchanges deleted */
	bool is_short;      /* memory is: what a queue counts of a body may be all of its message */
	uint32_t held_from; /* while publishers wait: no message from this on is taken */
	uint64_t refused_n, decreed_n; /* messages; of these, by a queue with policies alone */
	bool is_rotten;                /* the broker could not read something once */
	bool is_standing;              /* `standing` and `mask` are of now */
	bool may_be_cold; /* entries leave memory: what is too many goes once it is read back */
};

/* oracle_init: nothing was sent, and only the fixed exchanges are there; `r` chooses the bindings
 * that clients may make. `now_ms` is the clock of the machine. */
void oracle_init(struct oracle *o, struct story *story, const uint64_t *now_ms, struct prng *r);
void oracle_fini(struct oracle *o);

static inline uint64_t oracle_tick(struct oracle *o)
{
	return ++o->event;
}

/* ---- who speaks ---- */

/* oracle_connected: the client, which has no connection, begins one. */
void oracle_connected(struct oracle *o, uint32_t client);
/* oracle_channel gives a new channel a number for life. */
uint32_t oracle_channel(struct oracle *o);
/* oracle_asked: a call is under way; oracle_may_fail: the broker may close the channel for it. */
void oracle_asked(struct oracle *o, uint32_t channel, const struct oracle_ask *a);
void oracle_answered(struct oracle *o, uint32_t channel);
bool oracle_may_fail(const struct oracle *o, uint32_t channel);
/* oracle_may_any_fail: somebody's channel may be closed, and he does not know it yet. */
bool oracle_may_any_fail(const struct oracle *o);
/* oracle_is_doomed: what the channel did at `event` may be ignored, for the call before it. */
bool oracle_is_doomed(const struct oracle *o, uint32_t channel, uint64_t event);
/* oracle_fence: an answer shows that all the client sent before `event` has been processed. */
void oracle_fence(struct oracle *o, uint32_t client, uint64_t event);
/* oracle_lost: the client's connection is gone; what it held was released by the caller. */
void oracle_lost(struct oracle *o, uint32_t client);
/* oracle_quiet: the broker is idle, and has read everything from the clients of `clients`, knows of
 * all who are lost (is_known), and everything that it wrote was read (is_read). */
void oracle_quiet(struct oracle *o, uint32_t clients, bool is_known, bool is_read);
/* oracle_crash: the process has ended. is_clean: it had committed what it had processed. */
void oracle_crash(struct oracle *o, bool is_clean);

/* ---- what there is (oracle_route.c) ---- */

/* oracle_queue_set, oracle_exchange_set, oracle_binding_set: what is known of it has changed.
 * Messages on their way may be routed before or after. A queue that may be gone (LIFE_MAYBE) puts
 * all its messages in doubt; one that is gone takes its bindings with it. */
void oracle_queue_set(struct oracle *o, uint32_t queue, enum life life);
/* oracle_is_taken: nobody else may change the queue now. oracle_in_limbo: somebody was lost who
 * changed it, or was its consumer. */
bool oracle_is_taken(const struct oracle *o, uint32_t queue);
void oracle_in_limbo(struct oracle *o, uint32_t queue, bool is_his_change);
void oracle_exchange_set(struct oracle *o, uint32_t exchange, enum life life);
void oracle_binding_set(struct oracle *o, uint32_t binding, enum life life);
/* oracle_names: the client has just named these exchanges, a bit for each. oracle_is_unnamed: the
 * broker has done all that anybody has said about the exchange. oracle_exchange_deleted: it is
 * gone with all its bindings; or nobody will say whether it is. */
void oracle_names(struct oracle *o, uint32_t client, uint32_t exchanges);
bool oracle_is_unnamed(const struct oracle *o, uint32_t exchange);
void oracle_exchange_deleted(struct oracle *o, uint32_t exchange, bool is_sure);
void oracle_joint_set(struct oracle *o, uint32_t joint, enum life life);
/* oracle_queue_deleted: its messages are gone, but for what is still on its way. */
void oracle_queue_deleted(struct oracle *o, uint32_t queue);
void oracle_purge_sent(struct oracle *o, uint32_t queue, uint32_t client);
void oracle_purged(struct oracle *o, uint32_t queue, uint64_t event, uint32_t n);
/* oracle_users: a consumer or a get began (1) or ended (-1). */
void oracle_users(struct oracle *o, uint32_t queue, int change);
/* oracle_loss: messages of the queue may have been given to somebody who has not seen them: until
 * now, or (open) until the broker has noticed that he is lost. oracle_losing: from now (1) until
 * he is told that they were given back (-1). */
void oracle_loss(struct oracle *o, uint32_t queue, bool is_open);
void oracle_losing(struct oracle *o, uint32_t queue, int change);
/* oracle_leaking: somebody is lost who does not acknowledge, or who has purged: what the broker
 * gives him, or does for him, until it notices is gone. */
void oracle_leaking(struct oracle *o, uint32_t queue);
/* oracle_doubt: deliveries without acknowledgement may have been lost: nothing must be there. */
void oracle_doubt(struct oracle *o, uint32_t queue);
/* oracle_look notes what the client's call of `event` must find in the queue, if nobody else is at
 * it; the three that take the answer compare. */
void oracle_look(struct oracle *o, uint32_t queue, uint32_t client, uint64_t event);
/* oracle_count_is: the broker says how many are ready; it was asked at `event`. */
void oracle_count_is(struct oracle *o, uint32_t queue, uint64_t event, uint64_t n);

/* ---- what a queue may lose by its rules (oracle_rule.c) ---- */

/* oracle_is_owed: the copy must be there if nobody has it; it may have expired otherwise. */
bool oracle_is_owed(const struct oracle *o, const struct copy *c);
/* oracle_may_be_due: nobody knows whether its time is over. */
bool oracle_may_be_due(const struct oracle *o, const struct copy *c);
/* oracle_expire: the broker is idle, and nobody is about to be given anything of the queue: what is
 * surely due is gone, but for what a shared prefetch holds back, which is given already.
 * oracle_jump: the wall clock jumps: a broker goes on from where it was, and the next one may or
 * may not; nobody knows any more what expires when. */
void oracle_expire(struct oracle *o, uint32_t queue);
void oracle_jump(struct oracle *o);
/* oracle_crowded: a copy was added to a queue that may be full now. oracle_weight: what its message
 * counts in a queue whose bytes are bounded. oracle_weighed: the drain has got it. */
void oracle_crowded(struct oracle *o, uint32_t queue);
uint64_t oracle_weight(const struct message *m);
void oracle_weighed(struct oracle *o, const struct copy *c);
/* oracle_timed notes when a copy that is added may expire. oracle_length gives how many messages
 * the queue may have, as asked for at `event`; UINT32_MAX: nobody knows. oracle_is_mortal: what
 * dies in it goes to another queue, surely. */
void oracle_timed(const struct oracle *o, struct copy *c);
uint32_t oracle_length(const struct oracle *o, uint32_t queue, uint64_t event);
bool oracle_is_mortal(const struct oracle *o, uint32_t queue);
/* oracle_decree: an operator orders another rule for the queue, and from now on it may hold.
 * oracle_decreed: he was answered; the queue is being told, and may still be asked by somebody who
 * has sent something since. oracle_obeyed: it has been told, if he was. */
void oracle_decree(struct oracle *o, uint32_t queue, const struct place_rule *next);
void oracle_decreed(struct oracle *o, uint32_t queue);
void oracle_obeyed(struct oracle *o, uint32_t queue);
/* oracle_refused: the publisher is told that a queue was full. */
void oracle_refused(struct oracle *o, uint32_t id);

/* ---- messages ---- */

/* oracle_publish gives a message its number; oracle_routed says where it may go. */
uint32_t oracle_publish(struct oracle *o, uint32_t client, const struct message *m);
uint32_t oracle_routed(struct oracle *o, uint32_t id);
/* oracle_taken: something shows that the broker has taken the message. */
void oracle_taken(struct oracle *o, uint32_t id);
void oracle_confirmed(struct oracle *o, uint32_t id);
void oracle_returned(struct oracle *o, uint32_t id);
struct letter oracle_letter(const struct oracle *o, uint32_t id);

/* The highest message so far of each place where publishers are. */
struct oracle_order {
	uint32_t publisher[ORACLE_CLIENTS * ORACLE_CHANNELS][PLACE_PRIORITIES];
	uint32_t last[ORACLE_CLIENTS * ORACLE_CHANNELS][PLACE_PRIORITIES];
};

/* Where somebody is in a stream. */
struct oracle_reading {
	uint64_t at;   /* of the delivery */
	uint64_t next; /* where he goes on; or begins, there (is_exact) or behind it */
	bool is_exact;
	uint64_t first;   /* what was known to be gone when he began: all before it */
	uint32_t edition; /* of the stream, likewise */
};

struct oracle_delivery {
	uint32_t client, queue, channel;
	struct slice exchange, key, props, body;
	bool is_redelivered, is_no_ack, is_drain;
	bool is_late;                   /* its channel has given everything back already */
	struct oracle_order *order;     /* NULL: order does not count */
	struct oracle_reading *reading; /* NULL: of no stream */
};
/* oracle_deliver checks one delivery; 0: something was wrong. Else the copy; with is_late the
 * channel does not hold it. */
uint32_t oracle_deliver(struct oracle *o, struct oracle_delivery *d);
/* oracle_settle: acknowledged or refused. oracle_release: given back. If the channel holds it. */
void oracle_settle(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel);
void oracle_release(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel);
/* oracle_ignored: the broker has closed the client's channel for its call: what it sent behind that
 * was not done. */
void oracle_ignored(struct oracle *o, uint32_t client, uint32_t channel);
/* oracle_nothing: the get that was sent at `event` found nothing. */
void oracle_nothing(struct oracle *o, uint32_t queue, uint64_t event);
/* oracle_got: the get sent at `event` found this copy: nothing older must have been there. */
void oracle_got(struct oracle *o, uint32_t copy, uint64_t event);
/* oracle_drained: the queue is empty now. Says how many copies it had in doubt. */
void oracle_drained(struct oracle *o, uint32_t queue);

/* ---- what dies comes to another queue (oracle_dead.c) ---- */

/* oracle_reject is oracle_settle for what its holder refuses. */
void oracle_reject(struct oracle *o, uint32_t copy, uint32_t client, uint32_t channel);
/* oracle_is_letter: it was not addressed to the queue that gives it: it must have died. */
bool oracle_is_letter(const struct oracle *o, const struct oracle_delivery *d, uint32_t id);
/* oracle_letter_of is the copy that has died, and is given now; 0: none could have, which was told.
 */
uint32_t oracle_letter_of(struct oracle *o, const struct oracle_delivery *d, uint32_t id);
/* oracle_either: a copy that must be there need not any more, but then its letter must be where its
 * queue's dead letters go, if any do. oracle_neither: nobody knows any more what became of those
 * that were in the queue, or were to come to it. */
void oracle_either(struct oracle *o, uint32_t copy);
void oracle_neither(struct oracle *o, uint32_t queue);
/* oracle_all_drained: all queues were, those with dead letters last. What should have been in one
 * or in the other was in none? */
void oracle_all_drained(struct oracle *o);
/* oracle_dead_crash: the process has ended, and others may see again what has died in it. */
void oracle_dead_crash(struct oracle *o);

/* ---- streams (oracle_stream.c) ---- */

/* oracle_read is oracle_deliver for what a stream gives. */
uint32_t oracle_read(struct oracle *o, const struct oracle_delivery *d, uint32_t id);
/* oracle_read_all: the drain has read it from the first message to the last. */
void oracle_read_all(struct oracle *o, uint32_t queue);
/* oracle_renewed: the stream may be another one from now on, or none. Who has begun to read it
 * before reads what nobody can judge. */
void oracle_renewed(struct oracle *o, uint32_t queue);

/* ---- transactions (oracle_tx.c) ---- */

/* oracle_tx_begin gives the next one a number. What it publishes (oracle_tx_message, before it is
 * routed) and settles (oracle_tx_settled, behind oracle_settle) is done when it is. */
uint32_t oracle_tx_begin(struct oracle *o);
void oracle_tx_message(struct oracle *o, uint32_t tx, uint32_t id);
void oracle_tx_settled(struct oracle *o, uint32_t tx, uint32_t copy);
/* oracle_tx_done: its end was answered. oracle_tx_lost: it was asked for, and nobody will say. */
void oracle_tx_done(struct oracle *o, uint32_t tx);
void oracle_tx_lost(struct oracle *o, uint32_t tx);
/* oracle_tx_seen: the copy is given. oracle_tx_missed: it is not in its queue, which is empty. */
void oracle_tx_seen(struct oracle *o, uint32_t copy);
void oracle_tx_missed(struct oracle *o, uint32_t copy);
/* oracle_tx_is_open: what is in it may not have been done yet, whatever was answered since. */
bool oracle_tx_is_open(const struct oracle *o, uint32_t tx);

/* ---- inside (oracle.c) ---- */

/* oracle_copy_gone takes a copy out of its queue for ever. oracle_copy_add gives a message a copy
 * that is ready at the end of a queue. oracle_copy_maybe: whether it came to be nobody knows. */
void oracle_copy_gone(struct oracle *o, uint32_t copy);
void oracle_copy_maybe(struct copy *c);
/* oracle_number gives a message a number, and nothing else. */
uint32_t oracle_number(struct oracle *o, uint32_t client, const struct message *m);
/* oracle_settling: the copy is being settled, from now on. */
void oracle_settling(struct oracle *o, uint32_t copy, uint32_t client);
uint32_t oracle_copy_add(struct oracle *o, uint32_t message, uint32_t queue, bool is_must);
/* oracle_grow makes room for one more in a list of the run; 0 is none, so it begins at 1. */
void oracle_grow(void *io_at, uint32_t n, uint32_t *io_cap, size_t bytes);
/* oracle_copy_of is what a message has in a queue where it was sent; 0: nothing.
 * oracle_wrong_order: NULL: it does not come behind a later one. */
uint32_t oracle_copy_of(const struct oracle *o, uint32_t id, uint32_t queue);
const char *oracle_wrong_order(const struct oracle *o, const struct oracle_delivery *d,
			       const struct copy *c);
/* oracle_why_not says why the copy cannot be given now; NULL: it can. */
const char *oracle_why_not(const struct oracle *o, const struct copy *c);
/* oracle_is_done: the client's step `event` is known to have been read. What it asks of a queue may
 * still be on its way there, and what somebody else asks later may be there first. */
bool oracle_is_done(const struct oracle *o, uint32_t client, uint64_t event);
/* oracle_is_past: likewise, and it has come wherever it had to. */
bool oracle_is_past(const struct oracle *o, uint32_t client, uint64_t event);
bool oracle_is_sent_done(const struct oracle *o, const struct message *m);
/* oracle_is_kept: in a durable queue it survives a crash, by its message or by the queue's type. */
bool oracle_is_kept(const struct oracle *o, const struct copy *c);
/* oracle_is_sure: it is confirmed, or the broker was idle since. */
void oracle_is_sure(struct oracle *o, struct message *m);
#endif
