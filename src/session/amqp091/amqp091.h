/* amqp091 -- one AMQP 0-9-1 conversation: its structs, and what its parts offer each other.
 *
 * Private to this room; the door is ops.h. One loop owns a conversation and everything
 * in it. Nothing here reads a clock or waits: time comes with struct session_world.
 *
 *   GREETING -> START -> TUNE -> OPEN -> RUNNING -> ENDING -> CLOSING -> CLOSED
 *                 |                         |         |  our close is out  ^
 *                 +-> REFUSED --------------|---------|-------------------+
 *                     (silent for a while)  |         +- client's close: close-ok is out
 *                                           +- everything held is being given back
 *
 * Only what is used costs memory: a channel that is merely open is one struct and one slot.
 */
#ifndef SESSION_AMQP091_AMQP091_H
#define SESSION_AMQP091_AMQP091_H
#include "base/deque.h"
#include "base/map.h"
#include "base/text.h"
#include "core/route.h"
#include "msg/refs.h"
#include "session/access.h"
#include "session/amqp091/ops.h"
#include "session/ask.h"
#include "session/moves.h"
#include "session/queue_args.h"
#include "session/credit.h"
#include "wire/amqp091/fault.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/spelling.h"

enum phase {
	PHASE_GREETING, /* the first eight octets */
	PHASE_START,    /* connection.start is out */
	PHASE_REFUSED,  /* not let in, and told so only after a while */
	PHASE_TUNE,
	PHASE_OPEN,
	PHASE_RUNNING,
	PHASE_ENDING,  /* everything is being given back, before the last word */
	PHASE_CLOSING, /* our connection.close is out: only its close-ok counts */
	PHASE_CLOSED
};

/* What the client can do (its capabilities). */
enum { CLIENT_AUTH_FAILURE_CLOSE = 1, CLIENT_CANCEL_NOTIFY = 2, CLIENT_BLOCKED = 4 };

/* Rows for which an empty deque keeps its memory while its connection is busy; quiet ones keep
 * none, as far as heartbeats tell. */
#define ROWS_KEPT 1024u

#define CONSUMER_GET 0u                /* who holds what basic.get has fetched */
#define TEXT_MAX     SESSION_WORDS_MAX /* a refusal's text before it is cut to a short string */

/* A command that is being answered: while it stands, nothing more is read from the client. The end
 * of a channel or of the connection is one too. */
struct call {
	enum amqp091_method_kind method; /* what the client asked for; *_close: an end */
	uint32_t ticket;                 /* of the command; of an end: answers count from this on */
	uint32_t answers_n;              /* of an end: still to come */
	uint32_t tail_n; /* bytes behind the name: the declaration, to be sent again */
	uint64_t queue;
	uint16_t shard, channel;
	uint16_t code, class_id, method_id; /* of an end: our close; 0: the client's */
	uint8_t flags;                      /* of the command */
	uint8_t step, tries;
	bool is_nowait;
	uint8_t name_n;
	char name[]; /* a queue's name, a reply text */
};

enum consumer_end { CONSUMER_LIVES, CONSUMER_ASKED, CONSUMER_ENDED };

struct consumer {
	struct channel *channel;
	struct consumer *next, **link; /* of its channel; what points to it (tags.c) */
	struct consumer *next_same;
	struct credit credit;
	uint64_t queue;
	uint64_t direct_bytes; /* of a direct one: they wait */
	uint32_t id;
	uint32_t waiting_n;       /* deliveries that came and are not written */
	uint16_t shard, prefetch; /* of its channel when it came: what it may hold, 0: any number */
	uint8_t end;              /* enum consumer_end */
	bool is_no_ack;
	bool is_shared;             /* its credit is the channel's shared prefetch */
	bool is_patient, is_stream; /* may not hold messages for ever (patience.h); of a stream */
	bool is_direct;             /* of no queue (direct.c): `queue` is its key */
	uint8_t tag_n;
	char tag[];
};

/* A delivery that came and is not written yet. */
struct waiting {
	struct deliver_row row; /* mem 0: not read yet, or unreadable */
	uint64_t queue;
	uint32_t consumer; /* its id, or the ticket of the basic.get */
	uint32_t ready_n;  /* basic.get: messages that are left */
	uint16_t shard, channel;
	uint8_t state;
	bool is_get : 1;
	bool is_return : 1; /* row.mem goes back, row.pos is the publish's sequence */
	uint16_t returned;  /* how often it came back and had not failed */
};
enum { WAITING_HERE, WAITING_LOADING, WAITING_UNASKED, WAITING_BROKEN, WAITING_VOID };

/* A delivery that the client has and has not settled, ordered by tag. */
struct unacked {
	uint64_t tag, pos, queue;
	uint32_t consumer, bytes;
	uint16_t shard;
	bool is_gone, is_stream; /* settled, but not the oldest: a hole; can only be accepted */
	uint8_t then; /* 1 + enum settle: what its transaction will make of it; 0: nothing */
};

/* A publish that is not confirmed yet; its place in the deque is its sequence. */
struct unconfirmed {
	uint32_t bytes;
	uint8_t left_n;  /* shards that have not answered */
	bool is_acked;   /* told, before older ones */
	bool is_refused; /* by a queue that is full */
};

/* Publisher confirms of one channel. */
struct confirm {
	struct channel *channel;
	struct confirm *next; /* of those with something to tell */
	struct deque window;
	uint64_t first;              /* sequence of the oldest in the window: a delivery tag */
	uint64_t news_from, news_to; /* sequences that became safe since the last flush */
	uint32_t epoch;              /* tells this channel from earlier ones of its number */
	bool is_listed;
};

/* A message that does not come in one piece. */
struct assembly;
/* Messages to several shards; one like the next; what a channel does when it commits. */
struct fan;
struct again;
struct tx;

struct channel {
	struct consumer *consumers;
	struct map *tags;        /* NULL: few consumers (tags.c) */
	struct consumer *direct; /* the one for replies; NULL: none */
	struct confirm *confirm; /* NULL: confirm.select was never called */
	struct route_cache *routes;
	struct assembly *assembly;
	struct tx *tx;        /* NULL: no transactions */
	struct deque *parked; /* deliveries beyond the shared prefetch */
	struct deque unacked;
	uint64_t published;          /* messages that came, also those that no queue took */
	uint64_t next_tag, late_tag; /* below late_tag some were taken back: held for too long */
	uint32_t holes_n;            /* in unacked */
	uint32_t held_n;             /* unacked by consumers: what the shared prefetch counts */
	uint32_t consumers_n, birth; /* birth: no other channel of this connection has had it */
	char *last_queue;            /* the name last declared */
	uint16_t number;
	uint16_t prefetch, prefetch_shared; /* 0: none */
	uint8_t last_queue_n;
	bool is_ending;  /* everything is being given back */
	bool is_closing; /* our channel.close is out */
};

/* For each shard a queue that a channel has given something back to while it ends: asked for its
 * state, the shard answers when it has done that. */
struct barriers {
	uint64_t queue[SHARDS_MAX];
};

/* A publish without confirms is followed now and then all the same, so that it cannot run ahead
 * of the log without bound. */
#define PACE_MARKS 4u
struct pace {
	uint64_t seq;
	uint32_t bytes;
	uint8_t left_n;
};

struct amqp091 {
	struct session session; /* first */
	struct access access;
	uint8_t phase;
	uint8_t client;   /* CLIENT_... */
	uint8_t silent_n; /* half heartbeats without a word from the peer */
	struct moves moves;
	bool is_checking;  /* a password is being looked at; nothing is read meanwhile */
	uint8_t mechanism; /* of the login under way */
	bool is_held;      /* a publish waits for the end of an alarm */
	bool is_deaf;      /* its bytes are frames no more */
	bool is_blocked_told, owns_queues, is_gone, is_ended;
	bool has_settled; /* nobody tells when its queue knows of that */
	uint16_t vhost;   /* the number that commands carry */
	uint16_t channel_max, heartbeat_s;
	uint32_t frame_max;
	uint32_t next_ticket, next_epoch, next_upload, next_stream;
	uint32_t storing_n;    /* chunks on their way to the journal (upload.c) */
	uint32_t whole_n;      /* channels with a big body that is complete and not stored */
	struct stream *stream; /* a big body on its way out; NULL: none */
	uint64_t deadline_ms, asked_ms; /* of the phase; when it wanted to log in */
	uint64_t beat_ms;               /* next look at the heartbeats */
	uint64_t patience_ms;           /* next look at consumers that hold messages */
	struct patience *patience;
	uint64_t beat_in, beat_out, beat_taken; /* bytes at the last one: read, queued, written */
	struct call *call;
	struct barriers *barriers; /* while a channel ends */
	struct map channels, consumers;
	struct channel *channel_last; /* the one found last */
	struct consumer *consumer_last;
	struct credit *owed;  /* of consumers: with credit to be given back */
	struct confirm *news; /* those with confirms to be written */
	struct deque waiting;
	uint64_t waiting_first; /* ticket of its front row */
	uint64_t waiting_asked; /* no row before this one is unasked */
	uint64_t loading_bytes, unconfirmed_bytes;
	uint32_t loading_n, held_n; /* held: unacked and waiting, all channels */
	uint32_t txs_n;             /* channels with transactions */
	uint32_t directed_n;        /* replies sent, of which it is not known whether they came */
	struct pace pace[PACE_MARKS];
	uint32_t pace_n, pace_bytes; /* bytes since the last mark */
	uint64_t pace_seq;
	char *client_name; /* what it calls itself */
	uint8_t client_name_n;
	struct {
#define COUNT(name, prose) uint64_t name;
#include "session/amqp091/count.def"
#undef COUNT
	} count;
};

/* What one call from the node works with. */
struct turn {
	struct amqp091 *s;
	struct session_world *w;
	struct block *block;     /* being fed, else NULL */
	struct fan *fan;         /* messages not posted yet (publish.h); NULL: none */
	struct again *again;     /* being fed: the publish before (publish.h), else NULL */
	struct refs gone;        /* of deliveries that are written; dropped where rows end */
	uint32_t move_to;        /* set with ERR_BUSY: the loop to go to first */
	struct channel *commits; /* its settlements are its transaction's; NULL: nobody's */
	struct text why;         /* text of a refusal, without the name of its code */
};

static inline struct amqp091 *amqp091_of(struct session *s)
{
	return (struct amqp091 *)(void *)s;
}

/* ---- session.c: memory and names for the others ---- */
/* amqp091_get is memory that must be there: the node stops reading long before its end. */
void *amqp091_get(struct turn *t, size_t n, const char *kind);
void amqp091_put(struct turn *t, void *own_p, size_t n);
struct slice amqp091_vhost_name(const struct turn *t);
/* amqp091_ticket gives a number that no command or consumer of this session has. */
uint32_t amqp091_ticket(struct amqp091 *s);
/* amqp091_note tells the node something to log. */
void amqp091_note(struct turn *t, const struct session_note *what);
void amqp091_turn(struct turn *t, struct session *s, struct session_world *w);
/* amqp091_trim gives memory back that a burst has left. */
void amqp091_trim(struct turn *t);
static inline void amqp091_trim_rows(struct turn *t, struct deque *d)
{
	if (d->n == 0 && d->cap > ROWS_KEPT)
		deque_trim(d, t->w->mem);
}

/* ---- reply.c: methods to the client ---- */
/* amqp091_send writes a method that has no content. */
void amqp091_send(struct turn *t, uint16_t channel, const struct amqp091_method *m);
/* amqp091_send_bare sends a method without fields. */
void amqp091_send_bare(struct turn *t, uint16_t channel, enum amqp091_method_kind kind);

/* ---- refuse.c: what went wrong, in RabbitMQ's words ---- */
/* Each writes t->why and returns `e`. amqp091_refuse_named: "BEFORE'NAME' in vhost 'V'AFTER". */
MUST_USE enum err amqp091_refuse(struct turn *t, enum err e, const char *text);
MUST_USE enum err amqp091_refuse_number(struct turn *t, enum err e, const char *before, uint64_t n,
					const char *after);
MUST_USE enum err amqp091_refuse_named(struct turn *t, enum err e, const char *before,
				       struct slice name, const char *after);
MUST_USE enum err amqp091_refuse_fault(struct turn *t, const struct amqp091_fault *f);
/* amqp091_refuse_size: a message that is larger than allowed. */
MUST_USE enum err amqp091_refuse_size(struct turn *t, uint64_t bytes);
/* amqp091_allow asks auth; on refusal the words are in t->why. */
MUST_USE enum err amqp091_allow(struct turn *t, enum auth_kind kind, struct slice name,
				enum auth_action action);
/* amqp091_allow_key asks the topic permissions, where `x` is a topic exchange (NULL: it is not). */
MUST_USE enum err amqp091_allow_key(struct turn *t, const struct exchange *x, struct slice key,
				    enum auth_action action);
/* amqp091_locked is the refusal of somebody else's exclusive queue. */
MUST_USE enum err amqp091_locked(struct turn *t, struct slice queue);
/* amqp091_reply_text makes "NAME - text" of t->why, cut to a short string, in buf. */
struct slice amqp091_reply_text(const struct turn *t, enum err e, char *buf, size_t cap);

/* ---- dispatch.c: which method is allowed when, and who does it ---- */
/* A handler does one method. A failure closes the channel or the connection, as its code says;
 * t->why has the text. ERR_BUSY with t->move_to: ask again on another loop; nothing was done. */
#define HANDLER(noun, verb, where, prose)                                      \
	enum err amqp091_on_##noun##_##verb(struct turn *t, struct channel *c, \
					    const struct amqp091_method *m);
#include "session/amqp091/handler.def"
#undef HANDLER
MUST_USE enum err amqp091_dispatch(struct turn *t, uint16_t channel,
				   const struct amqp091_method *m);

/* ---- frames.c ---- */
/* amqp091_feed is session_ops.feed. */
enum feed amqp091_feed(struct session *own, struct session_world *w, struct block *b,
		       uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop);
/* amqp091_refused: a refusal closes what its code says, the channel if it is open, else the
 * connection. */
void amqp091_refused(struct turn *t, uint16_t channel, enum err e, uint16_t class_id,
		     uint16_t method_id);
/* amqp091_may_read: nothing stands in the way of the next frame. */
bool amqp091_may_read(const struct amqp091 *s, const struct session_world *w);

/* ---- handshake.c, heartbeat.c ---- */
/* amqp091_send_start says who we are; then the client logs in. */
void amqp091_send_start(struct turn *t);
/* amqp091_wrong_greeting answers whoever speaks something else. */
void amqp091_wrong_greeting(struct turn *t, struct slice in);
/* amqp091_checked is session_ops.checked. */
void amqp091_checked(struct session *own, struct session_world *w, bool is_right);
/* amqp091_refuse_handshake ends a handshake that went wrong, as gently as its phase deserves. */
void amqp091_refuse_handshake(struct turn *t, enum err e, uint16_t class_id, uint16_t method_id);
void amqp091_refused_over(struct turn *t); /* the silence is over */
void amqp091_beat_start(struct turn *t);
/* amqp091_beat looks at the heartbeats if it is time. False: the peer is dead. */
bool amqp091_beat(struct turn *t);

/* ---- connection.c ---- */
/* amqp091_fail ends the connection with our close: everything is given back first. */
void amqp091_fail(struct turn *t, enum err e, uint16_t class_id, uint16_t method_id);
/* amqp091_send_close writes connection.close; from then on only its answer counts. */
void amqp091_send_close(struct turn *t, uint16_t code, struct slice text, uint16_t class_id,
			uint16_t method_id);
/* amqp091_end_quietly is the end when nobody listens any more. True: nothing is outstanding. */
bool amqp091_end_quietly(struct turn *t);
/* amqp091_access_look ends a connection whose user or virtual host is no more. */
void amqp091_access_look(struct turn *t);
/* amqp091_blocked_look tells the client of an alarm that has begun or ended. */
void amqp091_blocked_look(struct turn *t);
/* amqp091_is_quiet: nothing is under way between it and any shard. */
bool amqp091_is_quiet(const struct amqp091 *s);
/* amqp091_wants_move: should it go to the loop of `shard` before it does this? Then its caches are
 * gone and t->move_to is set. */
bool amqp091_wants_move(struct turn *t, uint16_t shard);

/* ---- end.c: giving everything back ---- */
/* amqp091_end_channel begins the end of one channel, amqp091_end_connection of all. The last word
 * is `text` with `code`, class and method, or close-ok if code is 0. */
void amqp091_end_channel(struct turn *t, struct channel *c, uint16_t code, struct slice text,
			 uint16_t class_id, uint16_t method_id);
void amqp091_end_connection(struct turn *t, uint16_t code, struct slice text, uint16_t class_id,
			    uint16_t method_id);
/* amqp091_end_answered counts one answer to the end that is under way. */
void amqp091_end_answered(struct turn *t);

/* ---- channel.c ---- */
/* amqp091_channel: the channel of that number, NULL if it is not open. */
struct channel *amqp091_channel(struct amqp091 *s, uint16_t number);
/* amqp091_channel_fail closes a channel with our channel.close; everything is given back first. */
void amqp091_channel_fail(struct turn *t, struct channel *c, enum err e, uint16_t class_id,
			  uint16_t method_id);
void amqp091_channel_free(struct turn *t, struct channel *own_c);
/* amqp091_last_queue: the name that an empty one stands for; empty: none was declared. */
struct slice amqp091_last_queue(const struct channel *c);
void amqp091_last_queue_set(struct turn *t, struct channel *c, struct slice name);

/* ---- call.c, answer.c: commands and their answers ---- */
/* amqp091_call begins to wait for the answer to `ticket`; name and tail are kept. */
struct call *amqp091_call(struct turn *t, enum amqp091_method_kind method, uint16_t channel,
			  uint32_t ticket, struct slice name, struct slice tail);
void amqp091_call_free(struct turn *t);
static inline struct slice amqp091_call_name(const struct call *c)
{
	return slice_of(c->name, c->name_n);
}
/* amqp091_command_queue posts a command without rows for a queue, amqp091_command_catalog one for
 * shard 0. */
void amqp091_command_queue(struct turn *t, enum cmd kind, uint8_t flags, uint16_t channel,
			   uint64_t queue, uint16_t shard, uint64_t arg);
void amqp091_command_catalog(struct turn *t, enum cmd kind, uint8_t flags, uint16_t channel,
			     uint64_t arg, struct slice tail);
void amqp091_reply(struct turn *t, struct run *fx); /* FX_REPLY */

/* ---- queue.c, names.c, args.c ---- */
/* amqp091_queue_name expands an empty name to the last declared one. ERR_NOT_FOUND: none was. */
MUST_USE enum err amqp091_queue_name(struct turn *t, struct channel *c, struct slice name,
				     struct slice *out_name);
/* amqp091_queue_find finds a queue that this connection may use.
 * ERR_NOT_FOUND, ERR_RESOURCE_LOCKED: refused. */
MUST_USE enum err amqp091_queue_find(struct turn *t, struct slice name,
				     const struct queue_record **out_queue);
/* amqp091_strip takes CR and LF out of a name; `buf` holds LIMIT_SHORTSTR bytes. */
struct slice amqp091_strip(struct slice name, char *buf);
/* amqp091_is_reserved: names that begin with "amq.". */
bool amqp091_is_reserved(struct slice name);
/* amqp091_queue_args is for session/queue_args.h. */
struct queue_args amqp091_queue_args(struct turn *t);
/* amqp091_args_... refuse arguments that make no sense, in RabbitMQ's words, and what means
 * something that is not done yet. */
MUST_USE enum err amqp091_args_of_exchange(struct turn *t, const struct declare_exchange *d);

/* ---- assembly.c; the rest of publishing is in publish.h ---- */
void amqp091_assembly_free(struct turn *t, struct channel *c);

/* ---- upload.c: big bodies in ---- */
/* amqp091_upload_is_full: enough is on its way to the journal, nothing more is read. */
bool amqp091_upload_is_full(const struct amqp091 *s);
bool amqp091_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		    uint32_t bytes);

/* ---- stream.c: big bodies out ---- */
#define STREAM_TICKET (UINT64_C(1) << 63)
/* amqp091_stream_begin begins to write the body of a message whose head is written. With
 * is_settled_last the entry is accepted behind its end. Not while there is one. */
void amqp091_stream_begin(struct turn *t, const struct waiting *own_w, bool is_settled_last);
/* amqp091_stream_work writes what is there, as far as the bound of the output allows. */
void amqp091_stream_work(struct turn *t);
void amqp091_stream_loaded(struct turn *t, uint64_t ticket, uint64_t mem);
/* amqp091_stream_release settles what a channel that ends still holds of it; it is written to its
 * end unless the connection ends. amqp091_stream_drop forgets it: all channels are gone. */
void amqp091_stream_release(struct turn *t, const struct channel *c);
void amqp091_stream_drop(struct turn *t);
/* amqp091_out is where frames of a channel go: held back while a body is on its way there.
 * amqp091_held_back: so many bytes. */
struct sendq *amqp091_out(struct turn *t, uint16_t channel);
uint64_t amqp091_held_back(const struct amqp091 *s);

/* ---- confirm.c ---- */
/* amqp091_confirm_new begins to wait for a publish, the next in sequence; left_n 0: it is safe. */
void amqp091_confirm_new(struct turn *t, struct channel *c, uint32_t bytes, uint32_t left_n);
/* amqp091_confirm_seq is the sequence that the next publish of the channel will have. */
uint64_t amqp091_confirm_seq(struct turn *t, const struct channel *c);
/* amqp091_pace counts a publish without confirm; true: follow this one. */
bool amqp091_pace(struct turn *t, uint32_t bytes, uint32_t left_n);
void amqp091_confirmed(struct turn *t, struct run *fx); /* FX_CONFIRM, FX_REFUSED */
/* amqp091_confirm_one: one publish is safe, `seq` as amqp091_confirm_seq gave it. */
void amqp091_confirm_one(struct turn *t, uint16_t channel, uint64_t seq);
void amqp091_confirm_flush(struct turn *t); /* writes what is safe */
void amqp091_confirm_free(struct turn *t, struct channel *c);

/* ---- waiting.c, deliver.c, deliver_rows.c: from FX_DELIVER to bytes ---- */
void amqp091_delivered(struct turn *t, struct run *fx); /* FX_DELIVER */
void amqp091_loaded(struct session *own, struct session_world *w, uint64_t ticket, uint64_t mem);
/* amqp091_returned sends a big message that no queue takes back, behind what waits. */
void amqp091_returned(struct turn *t, const struct waiting *own_w);
/* amqp091_drain writes what waits, as far as the bound of the output allows. */
void amqp091_drain(struct turn *t);
/* amqp091_waiting_void gives back what waits for a channel, or for one consumer of it (not 0). */
void amqp091_waiting_void(struct turn *t, struct channel *c, uint32_t consumer);
/* amqp091_waiting_drop forgets everything that waits: the shards know already. */
void amqp091_waiting_drop(struct turn *t);
/* amqp091_unpark writes what the shared prefetch of a channel has held back, as far as it may. */
void amqp091_unpark(struct turn *t, struct channel *c);
void amqp091_parked_free(struct turn *t, struct channel *c);
static inline void amqp091_row_unref(const struct deliver_row *row)
{
	if (row->mem)
		msg_unref(row->mem, 1);
}

/* ---- settle.c ---- */
/* amqp091_settle_row tells a shard what became of one delivery; in runs, where they follow. */
void amqp091_settle_row(struct turn *t, uint16_t channel, uint16_t shard, uint64_t queue,
			uint32_t consumer, uint64_t pos, enum settle how);
/* amqp091_unacked_add remembers what the client holds; tags only grow. */
void amqp091_unacked_add(struct turn *t, struct channel *c, const struct unacked *u);
/* amqp091_unacked_release gives back all that the client has and has not settled: by RELEASE, or
 * FAIL. */
void amqp091_unacked_release(struct turn *t, struct channel *c, enum settle how);
/* amqp091_unacked_back gives back what one consumer has. */
void amqp091_unacked_back(struct turn *t, struct channel *c, uint32_t consumer);

/* ---- consume.c, credit.c ---- */
/* amqp091_consumer: the consumer with that id, NULL if there is none. */
struct consumer *amqp091_consumer(struct amqp091 *s, uint32_t id);
void amqp091_consumer_free(struct turn *t, struct consumer *own_k);
void amqp091_cancelled(struct turn *t, struct run *fx); /* FX_CANCELLED */
/* amqp091_consumer_new makes one; NULL: no memory. */
struct consumer *amqp091_consumer_new(struct turn *t, struct channel *c, struct slice tag);
/* amqp091_subscribed answers basic.consume, amqp091_unsubscribed basic.cancel (perhaps later, when
 * what came before is written; amqp091_drained looks whether it is). */
void amqp091_subscribed(struct turn *t, const struct call *call);
void amqp091_unsubscribed(struct turn *t);
void amqp091_drained(struct turn *t, struct consumer *k);
/* amqp091_first_credit is what a new consumer may be given. */
struct credit_row amqp091_first_credit(const struct channel *c, struct consumer *k);
/* amqp091_written counts `n` deliveries that were written, amqp091_settled one that was settled;
 * amqp091_credit_flush gives credit back to the shards. */
void amqp091_written(struct turn *t, struct consumer *k, uint32_t n, uint32_t bytes);
void amqp091_settled(struct amqp091 *s, uint32_t consumer, uint32_t bytes);
void amqp091_credit_flush(struct turn *t);
/* amqp091_share sets the shared prefetch of a channel. */
void amqp091_share(struct turn *t, struct channel *c, uint16_t prefetch);

/* ---- dump.c ---- */
void amqp091_dump(const struct session *own, const struct session_world *w, struct text *out);
#endif
