/* stomp -- one STOMP conversation: its structs, and what its parts offer each other.
 *
 * Private to this room; the door is ops.h. One loop owns a conversation and everything in it.
 *
 *   LOGIN --CONNECT--> [CHECKING] --right--> RUNNING --DISCONNECT--> ENDING --> CLOSED
 *     |                    |--right, with a client-id--> CLAIMING --it is its own--> RUNNING
 *     |                    +--wrong--> REFUSED --(a while)--> ERROR, CLOSED
 *     +--anything else: ERROR
 *
 * What a frame needs of the catalog or of a queue is asked for step by step: the frame stays where
 * it is, and is looked at again when the answer has come (struct call). Until then nothing is read,
 * so one call is all that is ever kept, and frames take effect in their order.
 */
#ifndef SESSION_STOMP_STOMP_H
#define SESSION_STOMP_STOMP_H
#include "base/text.h"
#include "session/browser.h"
#include "session/large.h"
#include "session/moves.h"
#include "session/owned.h"
#include "session/publisher.h"
#include "session/queue_args.h"
#include "session/receiver.h"
#include "session/stream_filter.h"
#include "session/stomp/ops.h"
#include "wire/stomp/head.h"

enum phase {
	PHASE_LOGIN,
	PHASE_CHECKING, /* a password is looked at elsewhere */
	PHASE_CLAIMING, /* its client-id is asked for */
	PHASE_REFUSED,  /* not let in, and told so only after a while */
	PHASE_RUNNING,
	PHASE_ENDING, /* everything is being given back, before the last word */
	PHASE_CLOSED
};

enum ack_mode { ACK_AUTO, ACK_CLIENT, ACK_EACH };

/* A delivery that the client has and has not settled, ordered by tag. */
struct unacked {
	uint64_t tag, pos;
	uint32_t bytes;
	bool is_gone; /* settled, but not the oldest: a hole */
	uint8_t then; /* what the COMMIT in hand makes of it: 1 + enum settle; 0: nothing */
};

/* Made by SUBSCRIBE, or by a reply-to. It outlives its taker while the client holds something. */
struct subscription {
	struct subscription *next;
	struct taker *taker; /* NULL: it has ended */
	struct deque unacked;
	struct front *front; /* of what it was told last; NULL: nothing yet */
	uint64_t queue;
	uint64_t made;             /* by which SUBSCRIBE: ActiveMQ's may name several queues */
	uint32_t taker_id, gone_n; /* gone_n: holes */
	uint32_t then_n;           /* what the COMMIT in hand settles */
	uint16_t shard;
	uint8_t ack;                 /* enum ack_mode */
	bool has_id;                 /* else it goes by its destination */
	bool is_no_local;            /* ActiveMQ's: nothing that the same connection sends */
	bool is_browser;             /* ActiveMQ's: it is shown messages and has no taker */
	bool is_stream;              /* what it reads stays, and has numbers */
	bool is_of_wild, is_joining; /* joining: its shard is asked */
	uint8_t id_n, name_n, wish_n;
	struct wild *wild;     /* whose it is; NULL: nobody's, or that one has ended */
	struct browse *browse; /* of a browser: NULL: it has seen everything */
	char words[];          /* id or destination; name of the queue; ActiveMQ's transformation */
};

/* What is the same of all that one SUBSCRIBE makes. */
struct subscribing {
	struct slice id, wish; /* wish: its transformation */
	uint64_t made;
	uint8_t ack; /* enum ack_mode */
	bool has_id, is_no_local, is_browser;
};

/* A RECEIPT that is owed: when all that was followed up to `after` is safe. What a full queue has
 * refused of it, from `first` on, makes it an ERROR. */
struct receipt {
	struct receipt *next;
	uint64_t first, after;
	uint32_t n;
	bool is_refused;
	char id[];
};

enum { CALL_NAME_MAX = NAME_MADE_MAX, CALL_TEXT_MAX = 400 };

/* What the frame in hand has asked for so far. */
struct call {
	uint32_t ticket; /* of the last question; TICKET_NONE: it is answered */
	uint16_t step;
	uint8_t tries, name_n;
	bool is_dead_asked, has_dead; /* of ActiveMQ's queue of dead letters */
	struct reply_row reply;
	struct subscription *sub; /* being made, not in the list yet; or ending */
	struct browse *look;      /* at what waits (jobs.h) */
	uint32_t at;        /* how many are done: of COMMIT actions, of SUBSCRIBE destinations */
	uint64_t made;      /* of SUBSCRIBE: its number; 0: nothing is taken yet */
	uint64_t looked_at; /* the queue that its shard was asked for */
	uint64_t declared;  /* which queue was declared last */
	uint16_t text_n;
	char text[CALL_TEXT_MAX]; /* of a refusal */
	char name[CALL_NAME_MAX]; /* of a queue that is being made */
};

struct transaction;
struct again;
struct front;

struct stomp {
	struct session session; /* first */
	struct access access;
	struct asker asker;
	struct publisher publisher;
	struct receiver receiver;
	struct browser browser;
	struct farewell farewell;
	struct stomp_scan scan; /* of the frame in hand */
	struct subscription *subscriptions;
	struct receipt *owed, **owed_end; /* oldest first */
	uint64_t owed_bytes;              /* that they take */
	struct receipt *greeting; /* of CONNECT, until it is answered; NULL: it wants none */
	struct receipt *last;     /* of DISCONNECT; NULL: it wants none */
	struct call *call;        /* NULL: nothing is asked */
	struct large *large;      /* what the frame in hand publishes; NULL: not that */
	struct transaction *transactions;
	struct block *block;   /* being filled with messages that do not fit where they came */
	uint64_t large_due_ms; /* until when that waits (later.h); 0: it does not */
	uint64_t deadline_ms, asked_ms;
	struct moves moves;
	uint64_t beat_in_ms, beat_out_ms; /* next looks; UINT64_MAX: none */
	uint64_t beat_in, beat_out;       /* octets at the last */
	uint64_t last_tag, last_made;
	struct wild *wilds;    /* wildcards of queues */
	uint64_t wild_version; /* of the catalog, that they have seen */
	uint64_t wild_ms;      /* when to look again whatever that is */
	uint64_t *told_to; /* by loop: of queues with ids up to it their shards know; NULL: none */
	uint32_t wants_ms, sends_ms; /* heart-beats, as agreed */
	uint32_t subscriptions_n, transactions_n, larges_n;
	uint32_t wilds_n;
	uint32_t no_local_n; /* of the subscriptions */
	uint8_t phase;       /* enum phase */
	uint8_t version;     /* enum stomp_version */
	uint8_t silent_n, name_n;
	uint8_t large_state; /* enum upload_state */
	bool owns_queues, is_gone;
	bool is_activemq; /* its dialect */
	bool has_claim;   /* to its client-id, or waits for it */
	bool is_held;     /* a SEND waits for room, or for the end of an alarm */
	bool has_login;   /* a refusal says of whom */
	bool is_mixed;    /* it has said a header of the other dialect */
	uint8_t client_id_n;
	char name[NAME_MADE_MAX]; /* of the conversation */
	char *client_id;          /* ActiveMQ's; NULL: none */
	uint64_t published, delivered, acknowledged;
	uint64_t errors_n; /* ERRORs about frames in hand */
	/* publishes, and COMMITs, that a receipt waits for; of them, safe or refused */
	uint64_t followed_n, safe_n;
};

/* One call into a conversation. */
struct turn {
	struct stomp *s;
	struct session_world *w;
	struct block *block;             /* that the frame lies in; NULL: not fed */
	const struct stomp_frame *frame; /* in hand; NULL: none */
	const struct stomp_head *head;
	uint32_t move_to;    /* the loop to go to first */
	bool may_move;       /* the frame in hand is a SEND, and nothing but that */
	bool is_moving;      /* there: nothing of this frame was done */
	bool is_committing;  /* the frame in hand is of a COMMIT, and joins what that will do */
	struct again *again; /* being fed: the frames before (sending.h), else NULL */
	struct text why;
};

/* What came of a frame. */
enum done {
	DONE, /* it is consumed; perhaps by a refusal */
	WAIT  /* look at it again when stomp_may_read */
};

static inline struct slice stomp_sub_id(const struct subscription *k)
{
	return slice_of(k->words, k->id_n);
}
static inline struct slice stomp_sub_queue(const struct subscription *k)
{
	return slice_of(k->words + k->id_n, k->name_n);
}
static inline struct slice stomp_sub_wish(const struct subscription *k)
{
	return slice_of(k->words + k->id_n + k->name_n, k->wish_n);
}
static inline struct slice stomp_name(const struct stomp *s)
{
	return slice_of(s->name, s->name_n);
}

/* ---- session.c ---- */
void stomp_turn(struct turn *t, struct session *s, struct session_world *w);
/* stomp_note has the node log something. */
void stomp_note(struct turn *t, const struct session_note *what);

/* ---- say.c: what is told ---- */
/* stomp_say_end ends a frame whose head and body are written. */
void stomp_say_end(struct turn *t);
/* stomp_receipt tells the frame in hand's receipt now, if it asks for one. stomp_receipt_new makes
 * one for later: NULL if it asks for none; stomp_receipt_for one with this id. stomp_receipt_say
 * tells and frees it. */
void stomp_receipt(struct turn *t);
struct receipt *stomp_receipt_new(struct turn *t);
struct receipt *stomp_receipt_for(struct turn *t, struct slice id);
void stomp_receipt_say(struct turn *t, struct receipt *own_r);
/* stomp_receipt_owe owes a receipt until what was followed from `first` on is safe; is_owed false:
 * it comes to nothing. stomp_receipts_say tells those that are due. */
void stomp_receipt_owe(struct turn *t, struct receipt *own_r, bool is_owed, uint64_t first);
void stomp_receipts_say(struct turn *t);
void stomp_receipts_free(struct turn *t);
/* stomp_greeted forgets the receipt of CONNECT. */
void stomp_greeted(struct turn *t);
/* stomp_refuse tells an ERROR about the frame in hand; the conversation goes on. stomp_fail ends it
 * behind that, stomp_fail_quietly without a word in the log, stomp_fail_err in RabbitMQ's words for
 * `e`, with the reason that is in t->why. */
enum done stomp_refuse(struct turn *t, const char *message, struct slice body);
enum done stomp_fail(struct turn *t, const char *message, struct slice body);
enum done stomp_fail_quietly(struct turn *t, const char *message, struct slice body);
enum done stomp_fail_err(struct turn *t, enum err e);
/* stomp_refuse_most is stomp_refuse with the body "WHAT at most MOST"; WHAT has up to 60 octets. */
enum done stomp_refuse_most(struct turn *t, const char *message, const char *what, uint32_t most);
/* stomp_refuse_missing: '"COMMAND" must include a 'HEADER' header'. */
enum done stomp_refuse_missing(struct turn *t, const char *message, const char *header);
/* stomp_refuse_value: a header with a value that makes no sense. */
enum done stomp_refuse_value(struct turn *t);
/* stomp_error writes an ERROR that no frame has caused. */
void stomp_error(struct turn *t, const char *message, const struct slice *subscription,
		 struct slice body);

/* ---- frames.c: octets to frames, frames to handlers ---- */
enum feed stomp_feed(struct session *own, struct session_world *w, struct block *b,
		     uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop);
bool stomp_may_read(const struct stomp *s, const struct session_world *w);
/* stomp_escapes: how the head of the frame in hand is spelt. */
enum stomp_escapes stomp_escapes(const struct stomp *s);
/* stomp_body_max: what may come in one frame. */
uint64_t stomp_body_max(const struct turn *t);
size_t stomp_print(const struct session *own, struct slice in, struct text *out);

/* ---- connect.c ---- */
enum done stomp_on_connect(struct turn *t);
void stomp_checked(struct session *own, struct session_world *w, bool is_right);
/* stomp_refused_over: the silence is over. */
void stomp_refused_over(struct turn *t);
/* stomp_welcome says CONNECTED: nothing is in the way any more. */
void stomp_welcome(struct turn *t);

/* ---- client.c: one connection for each client-id ---- */
/* stomp_claim asks for the client-id; stomp_claimed: this has come of it, or nothing for too long.
 * stomp_yield lets go of it, if it has it or waits for it: when all that it held is back. */
void stomp_claim(struct turn *t);
void stomp_claimed(struct turn *t, enum err e);
void stomp_yield(struct turn *t);

/* ---- beat.c ---- */
/* stomp_beat_read reads a heart-beat header and agrees. False: it is none. */
bool stomp_beat_read(struct stomp *s, struct slice value);
void stomp_beat_start(struct turn *t);
/* stomp_beat looks at the heart-beats if it is time. False: the peer is dead. */
bool stomp_beat(struct turn *t);

/* ---- call.c: what a frame asks for ---- */
/* stomp_call is the call of the frame in hand, made if there is none. stomp_call_free ends it, if
 * there is one. */
struct call *stomp_call(struct turn *t);
void stomp_call_free(struct turn *t);
/* stomp_ask notes that `ticket` is to be answered before the frame is looked at again. */
enum done stomp_ask(struct turn *t, uint32_t ticket);
void stomp_replied(struct turn *t, struct run *fx); /* FX_REPLY */
/* stomp_call_failed is a refusal that has come: DONE, the conversation ends. */
enum done stomp_call_failed(struct turn *t);

/* ---- queue.c, arguments.c: queues ---- */
/* What a frame wants of a queue. */
struct wanted {
	struct slice name;
	uint8_t flags;   /* QUEUE_... */
	bool is_passive; /* it must be there, and is taken as it is */
};
/* stomp_queue sees to it that there is such a queue. ERR_OK: *out_queue is it. ERR_BUSY: it was
 * asked for, WAIT. Other errors: refused, the words are in t->why. */
MUST_USE enum err stomp_queue(struct turn *t, const struct wanted *want,
			      const struct queue_record **out_queue);
/* stomp_queue_ours is stomp_queue for one that only the broker itself uses: nobody's permission is
 * asked. */
MUST_USE enum err stomp_queue_ours(struct turn *t, const struct declare_queue *d,
				   const struct queue_record **out_queue);
/* stomp_queue_may: may a SEND use the queue of that name, or declare it? It does neither. */
MUST_USE enum err stomp_queue_may(struct turn *t, struct slice name);
MUST_USE enum err stomp_allow(struct turn *t, enum auth_kind kind, struct slice name,
			      enum auth_action action);

/* stomp_queues_free forgets what is known of queues. */
void stomp_queues_free(struct turn *t);

struct queue_rules;
#define ARGUMENTS_MAX 2048u
/* stomp_says_arguments: the frame in hand says something of a queue. stomp_is_plain: the queue has
 * none but its type. stomp_arguments writes what the frame says into `table` as AMQP 0-9-1 has it,
 * for io_d, and gives what it means; `q` is the queue that there is, or NULL. Errors as
 * queue_args_rules. stomp_queue_args is for session/queue_args.h. */
bool stomp_says_arguments(const struct turn *t);
bool stomp_is_plain(const struct queue_record *q);
MUST_USE enum err stomp_arguments(struct turn *t, const struct queue_record *q,
				  struct declare_queue *io_d, struct wr *table,
				  struct queue_rules *rules);
struct queue_args stomp_queue_args(struct turn *t);
/* stomp_flag reads a header that is true or false. False: it is neither. */
bool stomp_flag(struct turn *t, enum stomp_header which, bool if_none, bool *out);

/* ---- destination.c ---- */
/* Where a frame goes to, or wants to hear from. */
struct destination {
	uint8_t place; /* enum stomp_place */
	bool has_key;
	bool is_wild;               /* ActiveMQ's: all queues that the key fits */
	struct slice exchange, key; /* a queue: its name is the key, the exchange is empty */
};
/* stomp_destination reads the frame's, or a part of it, `in`; its words lie in `room` of
 * DESTINATION_MAX bytes, or in the frame. False: refused. */
#define DESTINATION_MAX 1600u
bool stomp_destination(struct turn *t, struct slice in, uint8_t *room, struct destination *out);

/* ---- send.c ---- */
enum done stomp_on_send(struct turn *t);
/* stomp_is_there: an answer goes only to a queue that is there. False: refused. */
bool stomp_is_there(struct turn *t, const struct destination *to);
/* stomp_send publishes the frame in hand, whatever transaction it names; is_followed: a receipt is
 * to wait for it. */
enum done stomp_send(struct turn *t, bool is_followed);
/* stomp_has_room: may something be sent now? A COMMIT that has begun may. */
bool stomp_has_room(struct turn *t);
/* stomp_confirmed looks at what has become safe, and what waits for it. */
void stomp_confirmed(struct turn *t);
/* stomp_block_close ends the filling of the conversation's own block. */
void stomp_block_close(struct stomp *s);

/* ---- move.c ---- */
struct route;
/* stomp_wants_move: the frame in hand goes to one other loop only, and nothing holds the
 * conversation here: WAIT, with nothing done. */
bool stomp_wants_move(struct turn *t, const struct route *r);

/* ---- large.c: what is too large for one record ---- */
/* stomp_large publishes the frame in hand, which is. WAIT: it is being stored. */
enum done stomp_large(struct turn *t, const struct publication *what, const struct route_hit *hit,
		      uint8_t flags, uint64_t word);
bool stomp_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		  uint32_t bytes);
/* stomp_large_unsent forgets a message that was stored when its frame had been refused, or was too
 * old, on a later look. */
void stomp_large_unsent(struct turn *t);
/* stomp_large_left: the client is gone, and what he has published is stored and on its way. */
bool stomp_large_left(struct turn *t);

/* ---- stream.c ---- */
/* stomp_stream_from reads where a subscriber of a stream begins, and what it wants of it.
 * ERR_PRECONDITION_FAILED, ERR_NOT_IMPLEMENTED: not so, and t->why says why. */
MUST_USE enum err stomp_stream_from(struct turn *t, const struct queue_record *q, uint32_t prefetch,
				    enum ack_mode ack, struct stream_filter *out);

/* ---- subscribe.c, deliver.c ---- */
enum done stomp_on_subscribe(struct turn *t);
enum done stomp_on_unsubscribe(struct turn *t);
/* stomp_reply_to sees to a temporary queue that answers come to. WAIT: it is asked for. DONE with
 * *out_sub NULL: refused. */
enum done stomp_reply_to(struct turn *t, struct slice name, const struct subscription **out_sub);
struct subscription *stomp_subscription(struct stomp *s, bool has_id, struct slice id);
/* stomp_subscription_new makes one (words of 255 octets at most) and puts it into the list. */
struct subscription *stomp_subscription_new(struct turn *t, const struct subscribing *what,
					    const struct queue_record *q);
void stomp_subscription_free(struct turn *t, struct subscription *own_k);
extern const struct receiver_ops stomp_receiver_ops;
/* stomp_message writes a MESSAGE of a subscription. */
void stomp_message(struct turn *t, struct subscription *k, const struct msg *m,
		   const struct deliver_row *row, uint64_t tag);

/* ---- front.c: what a MESSAGE begins with ---- */
/* stomp_front is what messages of that route begin with for a subscription, valid until the next
 * call. stomp_front_copy writes it with `tag`, which takes no more than stomp_front_bytes. */
const struct front *stomp_front(struct turn *t, struct subscription *k, struct slice route,
				bool is_redelivered);
size_t stomp_front_bytes(const struct front *f, struct slice tag);
size_t stomp_front_copy(uint8_t *at, const struct front *f, struct slice tag);
void stomp_front_free(struct turn *t, struct subscription *k);

/* ---- settle.c ---- */
enum done stomp_on_ack(struct turn *t);
/* stomp_settle does what the ACK or NACK in hand says. */
enum done stomp_settle(struct turn *t);
/* stomp_settle_again accepts `tag` of a subscription, or all up to it, as the ACK before did.
 * False: the client does not have it of this one. */
bool stomp_settle_again(struct turn *t, struct subscription *k, uint64_t tag);
void stomp_unacked_add(struct turn *t, struct subscription *k, const struct unacked *u);
/* stomp_unacked_commit settles what the COMMIT in hand has settled, within it; stomp_unacked_keep
 * forgets that. */
void stomp_unacked_commit(struct turn *t);
void stomp_unacked_keep(struct turn *t);
/* stomp_unacked_release gives everything back that the client has. */
void stomp_unacked_release(struct turn *t);

/* ---- transaction.c ---- */
enum done stomp_on_begin(struct turn *t);
enum done stomp_on_commit(struct turn *t);
enum done stomp_on_abort(struct turn *t);
/* stomp_put_off keeps the frame in hand for its transaction. */
enum done stomp_put_off(struct turn *t);
/* stomp_refuse_transaction: what is put off is too much. */
enum done stomp_refuse_transaction(struct turn *t);
void stomp_transactions_free(struct turn *t);

/* ---- end.c ---- */
enum done stomp_on_disconnect(struct turn *t);
/* stomp_end begins to give everything back. stomp_ended is called when all has been. */
void stomp_end(struct turn *t);
void stomp_ended(struct turn *t);
bool stomp_end_quietly(struct turn *t);
#endif
