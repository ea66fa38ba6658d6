/* deadletter -- the internal publisher of dead letters of one loop, as a session.
 *
 * It has a handle, commands, confirms and reads like any session, but no client: nothing is fed to
 * it and it writes no bytes. The node makes one for each loop and says so to the loop's shards
 * (core_dead_to). One thread; all of it belongs to the loop.
 */
#ifndef SESSION_DEADLETTER_DEADLETTER_H
#define SESSION_DEADLETTER_DEADLETTER_H
#include "base/deque.h"
#include "core/route.h"
#include "core/rules.h"
#include "session/session.h"
#include "wire/amqp091/death.h"

#define LETTER_ROUTE_BYTES 512u              /* exchange and key as two short strings */
#define LETTER_OWN_FROM    (BLOCK_ALIGN / 4) /* what needs more gets a block of its own */

/* Why a letter is to be published, beside enum dead_reason: it is kept, and somebody was bound. */
#define LETTER_REPLAYED DEAD_REASONS_N

enum letter_state { LETTER_UNASKED, LETTER_LOADING, LETTER_HERE, LETTER_BROKEN };

/* An entry that has died; while it waits or is kept it owns the reference in row.mem. */
struct letter {
	struct deliver_row row;
	uint64_t queue; /* where it died; its entry is there until it is settled */
	uint16_t shard;
	uint8_t reason; /* enum dead_reason, LETTER_REPLAYED */
	uint8_t state;
	uint16_t again_n;  /* how often it was due, if it waits again */
	uint64_t again_ms; /* when it is safe it waits again until then; 0: it is gone */
};

/* What an exchange remembers goes to whom was bound to it; one after the other (replay.c). */
#define REPLAY_AHEAD 64u /* messages asked of the keeper at once */
struct replay {
	struct replay_for who;
	uint64_t queue; /* the keeper; its messages are held until all are published */
	uint16_t shard, vhost;
	uint32_t wanted_n; /* not asked for yet */
	uint32_t asked_n;
	uint32_t under_way_n; /* letters */
	bool to_exchange;
	uint8_t to_n;
	uint8_t to[LIMIT_SHORTSTR]; /* name of the queue or exchange */
};

/* One that is published. `letter` has its message only if it may have to be sent again. */
struct sent {
	struct letter letter;
	uint32_t bytes;  /* of the new message */
	uint32_t left_n; /* shards that have not confirmed it */
	bool is_refused; /* by one of its targets */
	bool is_to_keep; /* then it is tried again: at-least-once */
};

/* A queue in which something has died, with the rules that hold for it: its own and those of
 * policies. Found once for each version of the catalog. */
#define DEADLETTER_SOURCES 16u
struct deadletter_source {
	const struct queue_record *record; /* of version `version` of the catalog; NULL: gone */
	uint64_t version, queue;
	struct queue_rules rules; /* in `bytes` */
	uint8_t bytes[RULES_BYTES_MAX];
};

/* Headers that the letter before got, which had none of its own: others that died like it get the
 * same. */
#define LETTER_LIKE_BYTES 1024u
struct letter_like {
	uint64_t queue, time_s;
	uint8_t reason;
	uint16_t route_n, headers_n; /* of its exchange and key as it came; 0: nothing is known */
	uint8_t route[LETTER_ROUTE_BYTES], headers[LETTER_LIKE_BYTES];
};

/* What a letter becomes. */
struct letter_plan {
	const struct queue_record *from; /* where it died */
	const struct queue_rules *rules;
	struct slice exchange, key; /* of the new message */
	uint16_t vhost;
	uint64_t past; /* the exchange that has kept it; 0: none */
};
/* A new message, in a block that the session fills. */
struct letter_made {
	const struct msg *msg;
	struct amqp091_dead dead;
	struct block *block;
	uint32_t fill, floor;             /* of the block, before */
	bool is_own;                      /* the block is this message's alone */
	bool had_history;                 /* it has died before */
	bool is_cut;                      /* not all of its deaths had room in its headers */
	uint64_t expiry_ms;               /* of publish_row */
	const struct queue_record *store; /* it is kept there, too (retain_store.h); NULL: no */
	uint32_t store_number;
	struct slice copies[2]; /* further routing keys as they came: CC; BCC, if delayed */
};

/* The letter before. One that came with the same route and properties, and died like it, becomes
 * the same but for its body, goes to the same queues, and refers to the same bytes: both lie in the
 * block that is being filled. */
#define LETTER_AGAIN_BYTES 512u
struct letter_again {
	const struct route
		*route; /* where it went, as long as nothing else is routed; NULL: nothing
				    * is known */
	uint64_t queue, version, time_s; /* version: of the catalog */
	uint8_t reason, proto, flags;    /* proto, flags: of what died */
	uint16_t route_n, props_n;       /* in `bytes`: as they came */
	struct msg facts;                /* of what it became */
	struct letter_made made;
	uint8_t bytes[LETTER_AGAIN_BYTES];
};

struct deadletter {
	struct session session; /* first */
	struct route_cache *routes;
	struct deadletter_source sources[DEADLETTER_SOURCES]; /* by queue */
	const struct deadletter_source *source;               /* of the letter that is being sent */
	struct letter_like like;
	struct letter_again again;
	struct deque waiting;   /* struct letter */
	uint64_t waiting_first; /* the ticket of the first of them, if it is read */
	uint64_t waiting_asked; /* tickets below were looked at */
	uint32_t loading_n;
	uint64_t loading_bytes;
	struct deque sent;     /* struct sent, by sequence */
	uint64_t sent_first;   /* of the first of them */
	uint64_t sent_bytes;   /* not confirmed */
	struct deque kept;     /* struct letter: nobody takes them */
	uint64_t kept_version; /* of the catalog, when they were tried last */
	uint64_t retry_ms;     /* when to look at the catalog again */
	struct block *block;   /* being filled with new messages; NULL: none */
	struct deque replays;  /* struct replay; the first is being done */
	struct deque held;     /* uint64_t: positions of its messages */
	struct {
		uint64_t published, dropped, kept, refused, broken, cut, replayed;
	} count;
};

extern const struct session_ops deadletter_session_ops;

/* deadletter_is_idle: nothing is under way but what nobody takes. */
bool deadletter_is_idle(const struct session *s);
/* deadletter_waits: there is something that nobody takes; when the catalog changes it is tried
 * again (pump). */
bool deadletter_waits(const struct session *s);

/* ---- letter.c */

/* letter_make writes the new message; false: no memory. Whoever sends it counts the references;
 * letter_made_end follows in any case: was it sent? */
MUST_USE bool letter_make(struct deadletter *d, struct session_world *w, const struct letter *l,
			  const struct letter_plan *p, struct letter_made *out);
void letter_made_end(struct letter_made *own_m, bool is_sent);
/* letter_copy is letter_make for one that stays as it is; letter_kept for one that its exchange has
 * kept until now; is_delayed: because it was to wait. */
MUST_USE bool letter_copy(struct deadletter *d, struct session_world *w, const struct letter *l,
			  struct letter_made *out);
MUST_USE bool letter_kept(struct deadletter *d, struct session_world *w, const struct letter *l,
			  bool is_delayed, struct letter_made *out);
/* letter_stored likewise for one that has waited in a store (core/delay_store.h). */
MUST_USE bool letter_stored(struct deadletter *d, struct session_world *w, const struct letter *l,
			    struct letter_made *out);
/* letter_again_ms: until when it waits there again, and as due before so often; 0: it went for the
 * last time. */
uint64_t letter_again_ms(const struct session_world *w, const struct letter *l, uint16_t *out_n);
/* letter_put_body puts the body of what died behind the rest. */
static inline void letter_put_body(struct wr *w, const struct msg *m)
{
	must(m->body_bytes > 0 || msg_piece_n(m) == 0);
	for (uint32_t i = 0, n = msg_piece_n(m); i < n; i++)
		wr_slice(w, msg_piece(m, i));
}
/* letter_close ends the block that is being filled, when nothing is under way. */
void letter_close(struct deadletter *d);

/* ---- again.c */

/* letter_note remembers a letter that goes to `r`; letter_forget forgets it: something else is
 * routed, or its bytes go. */
void letter_note(struct deadletter *d, const struct session_world *w, const struct letter *l,
		 const struct letter_made *made, const struct route *r);
static inline void letter_forget(struct deadletter *d)
{
	d->again.route = NULL;
}
/* letter_again is letter_make for one like the letter before, which goes to d->again.route; NULL:
 * it is not like it, or there is no room beside it. */
struct letter_made *letter_again(struct deadletter *d, const struct session_world *w,
				 const struct letter *l);

/* ---- send.c */

/* send_letter publishes the letter, settles it, or keeps it. It must be LETTER_HERE or BROKEN. */
void send_letter(struct deadletter *d, struct session_world *w, struct letter *own_l);
/* send_confirmed takes FX_CONFIRM and FX_REFUSED. */
void send_confirmed(struct deadletter *d, struct session_world *w, const struct run *fx);
/* send_to publishes the message made of `l` to `n` queues; what is confirmed is told as above. */
void send_to(struct deadletter *d, struct session_world *w, struct letter *l,
	     const struct letter_made *made, const struct route_to *to, uint32_t n);

/* ---- replay.c */

/* replay_begin takes FX_REPLAY, replay_got FX_DELIVER, replay_answered FX_REPLY. */
void replay_begin(struct deadletter *d, struct session_world *w, const struct run *fx);
void replay_got(struct deadletter *d, struct session_world *w, const struct run *fx);
void replay_answered(struct deadletter *d, struct session_world *w, const struct run *fx);
/* replay_send publishes one of its letters to whom was bound; replay_done: it has it, or nobody
 * ever will. */
void replay_send(struct deadletter *d, struct session_world *w, struct letter *own_l);
void replay_done(struct deadletter *d, struct session_world *w);
#endif
