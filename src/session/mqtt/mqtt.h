/* mqtt -- one MQTT conversation, 3.1, 3.1.1 or 5: its structs, and what its parts offer each other.
 *
 * Private to this room; the door is ops.h. One loop owns a conversation and everything in it.
 * Nothing here reads a clock or waits: time comes with struct session_world.
 *
 *   GREETING -> CHECKING -> CLAIMING -> OPENING -> RUNNING -> ENDING -> CLOSED
 *      |  PROVING -^            |          |          |  what is held goes back  ^
 *      +-----------+------------+----------+----------+--------------------------+
 *        a password    its client id   what is kept
 *        is looked at  may be in use   of the session
 */
#ifndef SESSION_MQTT_MQTT_H
#define SESSION_MQTT_MQTT_H
#include "base/text.h"
#include "session/access.h"
#include "session/farewell.h"
#include "session/large.h"
#include "session/mqtt/again.h"
#include "session/mqtt/alias.h"
#include "session/mqtt/bridge.h"
#include "session/mqtt/calling.h"
#include "session/mqtt/ops.h"
#include "session/mqtt/subs.h"
#include "session/mqtt/sys.h"
#include "session/moves.h"
#include "session/owned.h"
#include "session/publisher.h"
#include "session/receiver.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

/* A session's queue has a name of OWNED_MQTT_SESSION, the client's id and four more signs. */
#define CLIENT_ID_MAX       ((unsigned)(LIMIT_SHORTSTR - sizeof OWNED_MQTT_SESSION + 1 - 4))
#define MQTT_QUEUE_NAME_MAX LIMIT_SHORTSTR

#define MQTT_RECEIVE_MAX_UNSAID UINT16_MAX /* the Receive Maximum of who names none */
#define MQTT_REASON_WORDS       200u       /* room for why a login is refused */

enum phase {
	PHASE_GREETING, /* no CONNECT yet */
	PHASE_PROVING,  /* steps of an authentication (prove.c) */
	PHASE_CHECKING, /* a password is being looked at */
	PHASE_CLAIMING, /* another connection with this client id may have to end first */
	PHASE_OPENING,  /* what is kept of the session is dropped, or made */
	PHASE_RUNNING,
	PHASE_ENDING, /* everything is being given back */
	PHASE_CLOSED
};

/* What is published when the connection ends without a DISCONNECT; in one piece of memory. */
struct will {
	uint32_t size; /* of this struct */
	uint32_t topic_n, props_n, payload_n;
	uint32_t delay_s;
	uint8_t qos;
	bool is_retained;
	uint8_t bytes[]; /* topic, the block of its properties, payload */
};

/* One filter of a SUBSCRIBE or UNSUBSCRIBE that is being answered. */
struct wish {
	struct sub *sub; /* NULL: refused, or gone already */
	uint32_t ticket; /* of its binding; TICKET_NONE: it needs none */
	uint32_t old_number;
	uint8_t old_options;
	bool is_new;     /* there was no such subscription */
	bool is_changed; /* the old binding is to go */
	bool is_owed;    /* a binding says that retained messages are still to come (owed.c) */
	uint8_t reason;  /* of its answer */
};

struct search_place; /* search.h */
/* Commands that are being answered: while they stand, nothing more is read from the client. */
enum call_step { CALL_QUEUE, CALL_BINDINGS, CALL_UNBINDINGS, CALL_OWED };
struct call {
	uint32_t n, answers_n; /* wishes; answers still to come */
	uint32_t next;         /* the wish whose answer comes next */
	uint32_t ticket;       /* CALL_QUEUE, CALL_OWED */
	uint16_t id;           /* of the packet */
	uint8_t type;          /* MQTT_SUBSCRIBE, MQTT_UNSUBSCRIBE */
	uint8_t step;          /* enum call_step */
	bool is_dotted;        /* CALL_OWED: topics with a dot are asked for now */
	bool is_limited;       /* a queue was refused that may have been one too many */
	struct wish wish[];
};

/* What the client has and has not acknowledged. RELEASING: PUBREC has come, and PUBREL goes out
 * when that is durable; RELEASED: it is out. */
enum flight_state { FLIGHT_SENT, FLIGHT_RELEASING, FLIGHT_RELEASED };
struct flight {
	struct settling settling; /* pos 0: nothing to settle */
	uint16_t id;
	uint8_t qos, state; /* enum flight_state */
};

/* A will that is durable, in a queue of its own (legacy.c). */
enum legacy_step { LEGACY_NONE, LEGACY_CLEARING, LEGACY_DECLARING, LEGACY_POSTING, LEGACY_READY };
struct legacy {
	uint64_t queue;  /* its id; 0: there is none */
	uint32_t taker;  /* the consumer that keeps it */
	uint32_t ticket; /* of the end of the queue that is awaited; TICKET_NONE: of none */
	uint16_t shard;
	uint8_t step; /* enum legacy_step */
};

/* What a client does not need who says nothing and is told nothing. Where there is none yet, it is
 * one that is empty and everybody's, to read; whoever writes asks mqtt_more first (more.c). */
struct mqtt_more {
	struct map flights;  /* packet id -> struct flight */
	struct map received; /* ids of QoS 2 whose PUBREL is to come: 1, 2: the PUBREC is out */
	/* the same, of a session that is kept (mark.c) */
	struct taker *marks_taker; /* NULL: it has no such queue yet */
	struct map marks;          /* kind and id -> struct mark */
	struct deque txs;          /* struct tx */
	uint64_t tx_bytes;
	uint32_t holding_n;      /* messages of groups on their way into its queue */
	struct deque released;   /* packet ids, while it opens: those to say PUBREL again for */
	int64_t marks_left;      /* to come before the session is whole */
	bool is_marks_asked;     /* how many are to come is not known yet */
	struct search *searches; /* for retained messages; the first one is under way (found.c) */
	struct search *last_search; /* of them; none if there is none */
	struct deque found;         /* struct found, of the first */
	uint64_t found_first;       /* ticket of its front row */
	uint32_t requeued_n;        /* retained messages in its queue since that was looked at */
	uint64_t requeue_moved;     /* when it was too full: what had been delivered (requeue.c) */
	struct {
#define COUNT(name, prose) uint64_t name;
#include "session/mqtt/count.def"
#undef COUNT
	} count;
};

struct mqtt {
	struct session session; /* first */
	struct access access;
	struct asker asker;
	struct publisher publisher;
	struct receiver receiver;
	struct farewell farewell;
	uint8_t phase;
	uint8_t version;     /* 0: not known yet */
	bool is_clean_start; /* nothing is to be resumed */
	bool is_present;     /* something was */
	bool has_claim;      /* asked for, at least */
	bool is_durable;     /* its queue outlives the connection */
	bool owns_queue;     /* it is exclusive */
	bool is_lossless;    /* it has, or had, a subscription that is not of QoS 0 */
	bool is_shed;        /* messages for it were dropped: that was logged */
	bool is_end_wanted;  /* as soon as what is being asked is answered */
	bool is_held;        /* a publish waits for the end of an alarm */
	bool is_counted;     /* as a client (sys.c) */
	bool is_gone;        /* there is no connection any more */
	bool is_will_due;    /* the end is to publish it */
	bool is_terse;       /* no reasons in words to this client */
	bool is_capped;      /* the session's life is not as long as the client asked */
	bool is_named_by_us;
	bool is_expiry_new; /* DISCONNECT has said another */
	bool has_left;      /* its end was told to the groups it was in */
	struct moves moves;
	bool is_bridge;       /* another broker, which wants no messages of its own back */
	bool is_mark_awaited; /* what is to be read next waits until an id is forgotten (mark.c) */
	uint8_t refused_n;    /* filters whose refusal was told to the log */
	uint16_t keep_alive_s;
	uint16_t window;  /* messages of QoS 1 and 2 that may be under way to the client */
	uint16_t last_id; /* of a message to the client */
	uint16_t aliases_n;
	uint16_t told_max;   /* topics that the client takes an alias for, as far as we go along */
	uint16_t owed_n;     /* of version 5: PUBLISHes that wait for their last answer */
	uint32_t expiry_s;   /* how long the session outlives the connection */
	uint32_t packet_max; /* octets of a packet to the client; 0: any */
	uint32_t altering;   /* the last ticket before those of altering_n */
	uint32_t altering_n, altering_asked_n; /* answers: still to come, in all */
	uint32_t open_ticket;
	uint32_t larges_n;                   /* so far */
	uint64_t moved_from;                 /* its handle before, 0: all know */
	uint64_t deadline_ms;                /* of the login */
	uint64_t sys_ms;                     /* next look at the $SYS topics */
	uint64_t beat_ms, heard_ms, beat_in; /* next look at the keep alive; last word from him */
	struct calling *calling; /* the other broker has the client's place; NULL: no, a client */
	struct call *call;
	struct large *large; /* on its way to the journal; NULL: none. Nothing is read then */
	struct will *will;
	struct legacy legacy;
	struct slice client_id;
	struct slice vhost_wish;           /* until somebody is logged in */
	const struct proof_method *method; /* of enhanced authentication; NULL: of none */
	struct proof *proof;               /* what is being proved; NULL: nothing */
	struct slice *aliases;  /* topics by alias, from 1 on, of the client; NULL: none yet */
	struct aliases *told;   /* to the client; NULL: none yet */
	struct taker *taker;    /* of the session's queue; NULL: none */
	uint64_t queue;         /* its id; 0: there is none yet */
	struct subs *subs;      /* nobody's if there are none: mqtt_subs before one is added */
	struct mqtt_more *more; /* nobody's until mqtt_more */
	uint32_t search_ticket; /* of what the store, or the session's queue, is asked */
	struct sys *sys;        /* NULL: it has not subscribed to any $SYS topic */
	bool is_store_asked;    /* open_ticket is of the store's declaration */
};

/* What one call from the node works with. */
struct turn {
	struct mqtt *s;
	struct session_world *w;
	const struct mqtt_settings *set;
	struct block *block; /* being fed, else NULL */
	struct slice topic;  /* of the message before in this feed, whose route is at route_off */
	uint32_t route_off, route_n;
	struct route_hit *hit; /* where that goes; NULL: to be found anew */
	struct mqtt_again again;
	uint32_t move_to; /* the loop to go to first */
	bool is_moving;   /* there: nothing of this packet was done */
	struct text why;  /* words of a refusal */
};

/* mqtt_count_out counts a packet that was written, of `n` octets. */
static inline void mqtt_count_out(const struct turn *t, size_t n)
{
	meter_add(t->w->lane, METER_packets_out, 1);
	meter_add(t->w->lane, METER_bytes_out, n);
}

static inline struct mqtt *mqtt_of(struct session *s)
{
	return (struct mqtt *)(void *)s;
}

/* ---- session.c: memory and the log for the others ---- */
void mqtt_turn(struct turn *t, struct session *s, struct session_world *w);
/* mqtt_get is memory that must be there: the node stops reading long before its end. */
void *mqtt_get(struct turn *t, size_t n, const char *kind);
void mqtt_put(struct turn *t, void *own_p, size_t n);
/* mqtt_keep is a copy that stays, mqtt_unkeep its end. */
struct slice mqtt_keep(struct turn *t, struct slice s, const char *kind);
void mqtt_unkeep(struct turn *t, struct slice *own_s);
/* mqtt_note tells the node something to log; mqtt_note_refused that a filter was refused, in words
 * of t->why, else the reason's own; of one connection no more than eight. */
void mqtt_note(struct turn *t, const struct session_note *what);
void mqtt_note_refused(struct turn *t, struct slice filter, uint8_t reason);

/* ---- more.c: what is made when it is needed ---- */
extern const struct mqtt_more mqtt_nothing;
struct mqtt_more *mqtt_more_make(const struct turn *t);
static inline struct mqtt_more *mqtt_more(const struct turn *t)
{
	return t->s->more == &mqtt_nothing ? mqtt_more_make(t) : t->s->more;
}
struct subs *mqtt_subs(struct turn *t);
void mqtt_more_look(struct turn *t); /* gives it back if nothing came of it */
void mqtt_more_init(struct mqtt *s);
void mqtt_more_fini(struct turn *t);

/* ---- reply.c: hands an answer of a core to who waits for it ---- */
void mqtt_replied(struct turn *t, struct run *fx);

/* ---- feed.c ---- */
enum feed mqtt_feed(struct session *own, struct session_world *w, struct block *b, uint32_t *io_off,
		    uint32_t *out_need, uint32_t *out_loop);
/* mqtt_may_read: nothing stands in the way of the next packet. */
bool mqtt_may_read(const struct mqtt *s, const struct session_world *w);

/* ---- answer.c: packets to the client ---- */
/* mqtt_send_ack writes PUBACK, PUBREC, PUBREL, PUBCOMP; with words of t->why. */
void mqtt_send_ack(struct turn *t, uint8_t type, uint16_t id, uint8_t reason);
/* mqtt_refuse ends the conversation with a reason, as the version and its phase allow. */
void mqtt_refuse(struct turn *t, uint8_t reason);
void mqtt_refuse_fault(struct turn *t, enum mqtt_fault f);
void mqtt_send_connack(struct turn *t, uint8_t reason, const struct mqtt_props *props);
void mqtt_send_disconnect(struct turn *t, uint8_t reason);
void mqtt_send_auth(struct turn *t, struct mqtt_ack *a);

/* ---- connect.c, open.c: from CONNECT to CONNACK ---- */
void mqtt_on_connect(struct turn *t, const struct mqtt_packet *p);
void mqtt_checked(struct session *own, struct session_world *w, bool is_right);
/* mqtt_trust goes on as if that user had logged in, mqtt_trust_named as if one of that name had,
 * mqtt_turned_away when nobody has. mqtt_vhost_of says where a name belongs, and takes it out. */
void mqtt_trust(struct turn *t, struct slice user, struct slice vhost);
void mqtt_trust_named(struct turn *t, struct slice user);
void mqtt_turned_away(struct turn *t, struct slice user, bool is_tellable,
		      const struct text *reason);
struct slice mqtt_vhost_of(const struct turn *t, struct slice *io_user);
/* mqtt_claim asks for the client id, mqtt_yield lets go of it, if it was asked for. */
void mqtt_claim(struct turn *t);
void mqtt_yield(struct turn *t);
/* mqtt_moved says that the client id is of another handle now. */
void mqtt_moved(struct turn *t);
/* mqtt_open goes on when the client id is ours; mqtt_opened takes its answers; mqtt_open_on looks
 * whether all that was kept has come. */
void mqtt_open(struct turn *t);
void mqtt_open_on(struct turn *t);
void mqtt_opened_altered(struct turn *t);
/* mqtt_accept says CONNACK when all that it promises is there. */
void mqtt_accept(struct turn *t);
/* mqtt_begin_flow: from now on messages go both ways. */
void mqtt_begin_flow(struct turn *t);
void mqtt_opened(struct turn *t, const struct reply_row *r);

/* ---- queue.c: the session's queues ---- */
/* One that goes with the connection, or one that stays and one for its marks. */
enum mqtt_queue { MQTT_QUEUE_PASSING, MQTT_QUEUE_KEPT, MQTT_QUEUE_MARKS };
static inline enum mqtt_queue mqtt_queue_kind(const struct mqtt *s)
{
	return s->is_durable ? MQTT_QUEUE_KEPT : MQTT_QUEUE_PASSING;
}
struct slice mqtt_queue_name(const struct mqtt *s, enum mqtt_queue kind, char *buf);
/* mqtt_declare asks for one and gives the ticket. */
uint32_t mqtt_declare(struct turn *t, enum mqtt_queue kind);
/* mqtt_declare_refusal is the reason to give for an answer that is no success: one that is not
 * there, and is refused all the same, is beyond a limit of queues. Others: `reason`. */
uint8_t mqtt_declare_refusal(const struct reply_row *r, const struct queue_record *q,
			     uint8_t reason);
/* mqtt_drop asks for the end of a queue that was kept; TICKET_NONE: there is none any more. */
uint32_t mqtt_drop(struct turn *t);
const struct queue_record *mqtt_queue(const struct turn *t);
/* mqtt_alter asks that the kept queues live as long as the session does now, and that the log has
 * that they are used; true: so it is. mqtt_is_altering: `ticket` is of an answer to that. */
MUST_USE bool mqtt_alter(struct turn *t);
bool mqtt_is_altering(const struct mqtt *s, uint64_t ticket);
/* mqtt_consume begins to take from it. */
void mqtt_consume(struct turn *t);
/* Of QoS 0 so much may wait; messages of other QoS come, too; some were dropped. */
uint64_t mqtt_passing_bytes(const struct turn *t);
void mqtt_lossless(struct turn *t);
void mqtt_shed(struct turn *t, const struct run *fx);
/* mqtt_may says whether the client may do that to the queue of a kept session of this id. */
bool mqtt_may(struct turn *t, enum auth_action action);
void mqtt_consumed(struct turn *t, const struct run *fx, const struct reply_row *r);
/* mqtt_is_subscribed: the queue of a kept session has this subscription; empty: any. */
bool mqtt_is_subscribed(const struct turn *t, uint64_t queue, struct slice to);
/* mqtt_restore reads the subscriptions from the queue's bindings. */
void mqtt_restore(struct turn *t);
/* mqtt_bind asks for the binding of a subscription, or its end, and gives the ticket. */
uint32_t mqtt_bind(struct turn *t, enum cmd bind_or_unbind, struct slice filter, uint8_t options,
		   uint32_t number);
/* mqtt_bind_owed does so with one that says that the subscription's retained messages are owed from
 * there on. */
uint32_t mqtt_bind_owed(struct turn *t, enum cmd bind_or_unbind, struct slice filter,
			const struct search_place *at);

/* ---- subscribe.c ---- */
/* mqtt_resubscribe makes a session that is resumed a member of its groups again. */
void mqtt_resubscribe(struct turn *t);
void mqtt_on_subscribe(struct turn *t, const struct mqtt_packet *p);
/* mqtt_subscribe_here subscribes to what a bridge takes out; mqtt_unsubscribe_here ends what it
 * does not take any more; false: there is nothing. */
void mqtt_subscribe_here(struct turn *t);
MUST_USE bool mqtt_unsubscribe_here(struct turn *t);
void mqtt_on_unsubscribe(struct turn *t, const struct mqtt_packet *p);
void mqtt_subscribed(struct turn *t, const struct run *fx, const struct reply_row *r);
void mqtt_call_free(struct turn *t);
/* mqtt_call_on goes on with what is asked for when nothing more is awaited. */
void mqtt_call_on(struct turn *t);

/* ---- publish.c: PUBLISH, and its acknowledgement ---- */
/* mqtt_on_publish takes one; false: it has to wait, nothing was done. */
MUST_USE bool mqtt_on_publish(struct turn *t, const struct mqtt_packet *p);
/* mqtt_acknowledge tells the client what is safe. */
void mqtt_acknowledge(struct turn *t);

/* ---- message.c: a message in, whoever has made it ---- */
struct message {
	struct slice head, payload; /* one behind the other if they are not to be copied */
	struct slice topic;
	uint32_t expiry_s;
	uint8_t qos, version;
	uint16_t mark_id; /* of QoS 2 in a session that is kept; 0: it is confirmed as others are */
	bool has_expiry;
	bool is_retained;
	bool is_here; /* in the block being fed */
};
/* Behind the head of a message that expires stands when it came: u64, milliseconds, big-endian. */
#define EXPIRY_TAIL 8u
/* Behind that of one that was retained and goes by way of a session's queue: the same, and the
 * identifier of the subscription: u32; 0: none (requeue.c). */
#define FOUND_TAIL  12u
/* mqtt_message_publish publishes a message as it lies in the block being fed, or a copy of it.
 * ERR_...: it is refused, with words in t->why. `word` is told when it is safe, and then says
 * MQTT_WORD_NOBODY if it went to no queue. mqtt_message_send publishes what was made of `of`. */
enum { MQTT_WORD_NOBODY = 1 << 20 };
MUST_USE enum err mqtt_message_publish(struct turn *t, const struct message *m, uint64_t word);
MUST_USE enum err mqtt_message_send(struct turn *t, const struct message *of, const struct msg *m,
				    uint64_t word);
/* mqtt_message_copy copies one that is not large into a block of its own, which the caller closes;
 * NULL: no memory. */
const struct msg *mqtt_message_copy(struct turn *t, const struct message *m);
/* mqtt_route_put writes its exchange and key, mqtt_route_bytes octets. */
uint32_t mqtt_route_bytes(const struct turn *t, const struct message *m);
void mqtt_route_put(const struct turn *t, const struct message *m, uint8_t *at);

/* ---- move.c ---- */
/* mqtt_wants_move: a message goes to one other loop only, and nothing holds the conversation here.
 */
bool mqtt_wants_move(struct turn *t, const struct route *r);

/* ---- large.c: what is too large for one record ---- */
bool mqtt_large_is(const struct turn *t, const struct message *m);
MUST_USE enum err mqtt_large_begin(struct turn *t, const struct message *m, uint64_t word);
bool mqtt_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		 uint32_t bytes);

/* ---- will.c ---- */
void mqtt_will_keep(struct turn *t, const struct mqtt_connect *c);
void mqtt_will_drop(struct turn *t);
void mqtt_will_publish(struct turn *t);
/* mqtt_will_message writes it as a message, whose head the caller puts back; mqtt_will_may: its
 * client may publish it. */
void mqtt_will_message(struct turn *t, struct message *out);
MUST_USE bool mqtt_will_may(struct turn *t);

/* ---- legacy.c: wills that survive ---- */
/* mqtt_legacy_clear ends the will of the connection before, mqtt_legacy_ready leaves that of this
 * one; false: it is asked for. mqtt_legacy_declared and _posted take the answers; false: there is
 * none, and this is the end. */
MUST_USE bool mqtt_legacy_clear(struct turn *t);
MUST_USE bool mqtt_legacy_ready(struct turn *t);
MUST_USE bool mqtt_legacy_declared(struct turn *t, const struct reply_row *r);
MUST_USE bool mqtt_legacy_posted(struct turn *t, bool is_refused);
/* mqtt_legacy_end is its part of a farewell: what becomes of the will. */
void mqtt_legacy_end(struct turn *t, bool is_due);
/* mqtt_legacy_moved: its consumer has another handle. */
void mqtt_legacy_moved(struct turn *t);

/* ---- deliver.c, flight.c: messages to the client ---- */
extern const struct receiver_ops mqtt_receiver_ops;
/* mqtt_deliver_made sends what is no message, with QoS 0, to the subscriptions in `match`. */
void mqtt_deliver_made(struct turn *t, struct slice topic, struct slice body,
		       const struct sub_match *match, bool is_retained);
/* mqtt_on_ack takes PUBACK, PUBREC, PUBCOMP; false: it has to wait, nothing was done. */
MUST_USE bool mqtt_on_ack(struct turn *t, const struct mqtt_packet *p);
struct flight *mqtt_flight(const struct mqtt *s, uint16_t id); /* NULL: there is none */
/* mqtt_flight_new begins one with that packet id, or another if it is 0 or taken. */
struct flight *mqtt_flight_new(struct turn *t, uint8_t qos, uint16_t id);
void mqtt_flight_done(struct turn *t, struct flight *own_f);
/* mqtt_flights_back gives all of it back, mqtt_flights_fini forgets it. */
void mqtt_flights_back(struct turn *t);
void mqtt_flights_fini(struct turn *t);
void mqtt_window_look(struct mqtt *s);

/* ---- found.c: retained messages ---- */
#define FOUND_TICKET     (UINT64_C(1) << 62)
#define RETAIN_PLACE_MAX 640u /* of a place in a store, as CMD_FIND gives it */
/* mqtt_search looks for what a new subscription is to get; mqtt_search_drain sends what is there.
 * mqtt_search_again goes on with what is owed from a connection before; mqtt_owed_restored says
 * that all subscriptions are known. */
void mqtt_search(struct turn *t, const struct sub *one, bool is_owed);
void mqtt_search_again(struct turn *t, struct slice filter, const struct search_place *at);
void mqtt_owed_restored(struct turn *t);
/* mqtt_find asks a store and gives the ticket; no `from`: from the beginning. */
uint32_t mqtt_find(struct turn *t, const struct queue_record *store, struct slice filter,
		   struct slice from, bool is_dotted, const struct credit_row *want);
void mqtt_search_drain(struct turn *t);
void mqtt_searches_fini(struct turn *t);
void mqtt_found(struct turn *t, const struct run *fx);
void mqtt_found_all(struct turn *t, const struct run *fx, const struct reply_row *r);
void mqtt_found_loaded(struct turn *t, uint64_t ticket, uint64_t mem);
/* mqtt_deliver_found sends one, if it matches; false: it must be put together first. */
MUST_USE bool mqtt_deliver_found(struct turn *t, const struct msg *m, struct slice filter,
				 uint8_t options, uint32_t number);
/* mqtt_found_queue puts one, as it is to go out, into the queue of a kept session; false: it goes
 * out at once. mqtt_found_room: the queue has room for more; false: it is asked, or waited for.
 * mqtt_found_stat takes the answer. */
MUST_USE bool mqtt_found_queue(struct turn *t, const struct msg *m,
			       const struct mqtt_publish_out *head, uint32_t number);
MUST_USE bool mqtt_found_room(struct turn *t);
void mqtt_found_stat(struct turn *t, const struct run *fx, const struct reply_row *r);

/* ---- owed.c: retained messages that a kept session is still to get */
/* mqtt_is_due: a subscription that was wished for is to get what is retained. mqtt_owes notes
 * durably what is owed before SUBSCRIBE is answered; false: all is. mqtt_probed takes an answer of
 * a store; false: it was another's. */
MUST_USE bool mqtt_is_due(const struct wish *wish);
MUST_USE bool mqtt_owes(struct turn *t);
MUST_USE bool mqtt_probed(struct turn *t, const struct run *fx, const struct reply_row *r);
/* mqtt_search_passed: the search under way is behind that topic. mqtt_search_leave: there is no
 * such subscription any more. */
void mqtt_search_passed(struct turn *t, struct slice topic);
void mqtt_search_leave(const struct mqtt *s, struct slice filter);
/* mqtt_owed_note writes at the end of a connection how far it has come, mqtt_owed_pay that the
 * search under way is over; true: it is asked for, and mqtt_owed_answered takes the answer. */
MUST_USE bool mqtt_owed_note(struct turn *t);
MUST_USE bool mqtt_owed_pay(struct turn *t);
void mqtt_owed_answered(struct turn *t);
/* mqtt_store_ready (found.c): has the virtual host a store? False: it is asked for.
 * mqtt_store_declared takes the answer; false: there is none, and this is the end. */
MUST_USE bool mqtt_store_ready(struct turn *t);
MUST_USE bool mqtt_store_declared(struct turn *t);

/* ---- end.c ---- */
/* mqtt_end begins the end, or notes that it is wanted; is_will_due says what of the will. */
void mqtt_end(struct turn *t);
void mqtt_end_answered(struct turn *t, const struct run *fx);

/* ---- beat.c ---- */
void mqtt_beat_start(struct turn *t);
void mqtt_beat(struct turn *t);

/* ---- dump.c, print.c ---- */
void mqtt_dump(const struct session *own, const struct session_world *w, struct text *out);
size_t mqtt_print(const struct session *own, struct slice in, struct text *out);
#endif
