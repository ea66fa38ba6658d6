/* receiver -- how a session consumes: its subscriptions to queues, what they bring in order, and
 * what became of it.
 *
 * A session owns its struct receiver, and each struct taker in it is one consumer. Deliveries are
 * handed to the session one by one, in the order in which the shards gave them, while there is room
 * in its send queue; those whose message must be read from the journal hold up what is behind them,
 * and those with big bodies are put together in memory first, one at a time.
 * The session says with receiver_settle what became of each.
 *
 *   FX_DELIVER -> receiver_delivered -> [waits] -> deliver() -> bytes ... receiver_settle
 */
#ifndef SESSION_RECEIVER_H
#define SESSION_RECEIVER_H
#include "base/deque.h"
#include "base/map.h"
#include "msg/refs.h"
#include "session/ask.h"
#include "session/farewell.h"
#include "session/whole.h"
#include "session/credit.h"

enum taker_end { TAKER_LIVES, TAKER_ASKED, TAKER_ENDED };

struct taker {
	struct credit credit;
	void *of; /* the session's own */
	uint64_t queue;
	uint32_t id, waiting_n;
	uint16_t shard;
	uint8_t end; /* enum taker_end */
	bool is_no_ack;
};

/* What the session does. */
struct receiver_ops {
	/* deliver gets one message, which is in memory and stays the receiver's. Without acks it
	 * is settled; else the session settles it sometime, with its queue, pos and bytes. */
	void (*deliver)(struct session *s, struct session_world *w, struct taker *k,
			const struct deliver_row *row);
	/* deliver_rows hands over rows as deliver would, and says how many of them, from the first
	 * on: only such as are in memory and that nobody settles. NULL: they come one by one. */
	uint32_t (*deliver_rows)(struct session *s, struct session_world *w, struct taker *k,
				 const struct deliver_row *row, uint32_t n);
	/* ended: the taker is no more: it was unsubscribed (and all that it still had to bring has
	 * been brought or given back) or cancelled, because its queue is gone. It is freed
	 * afterwards. */
	void (*ended)(struct session *s, struct session_world *w, struct taker *k,
		      bool is_cancelled);
};

struct receiver {
	const struct receiver_ops *ops;
	struct session *session;
	struct asker *asker;
	struct farewell *farewell; /* NULL: it does not end yet */
	struct map takers;
	struct taker *last;  /* the one found last */
	struct credit *owed; /* of takers: with credit to be given back */
	struct deque waiting;
	struct refs gone;
	struct whole whole;     /* the row at the front */
	uint64_t waiting_first; /* ticket of its front row */
	uint64_t waiting_asked; /* no row before this one is unasked */
	uint64_t loading_bytes;
	uint32_t loading_n;
	bool is_shut; /* by the session: nothing is handed over */
};

/* What to subscribe to. */
struct taking {
	const struct queue_record *queue;
	void *of;
	int64_t priority;
	uint32_t prefetch; /* messages that may be unsettled; 0: any number */
	bool is_no_ack;
	uint8_t flags;     /* SUBSCRIBE_EXCLUSIVE ... */
	struct slice from; /* of a stream: struct stream_from and its tags */
};

/* receiver_init makes one without takers. All that it is given outlives it. */
void receiver_init(struct receiver *r, const struct receiver_ops *ops, struct session *session,
		   struct asker *asker);
/* receiver_fini forgets everything: the shards know already, or the farewell is over. */
void receiver_fini(struct receiver *r, struct session_world *w);

/* receiver_subscribe begins to consume. It is answered by an FX_REPLY with the taker's id; what
 * comes then may come at once behind it. After a refusal the session calls receiver_forget. */
struct taker *receiver_subscribe(struct receiver *r, struct session_world *w,
				 const struct taking *what);
void receiver_forget(struct receiver *r, struct session_world *w, struct taker *own_k);

/* receiver_lossless: a taker that was subscribed as SUBSCRIBE_LOSSY is that no more. */
void receiver_lossless(struct receiver *r, struct session_world *w, const struct taker *k);

/* receiver_taker finds one by its id; NULL: there is none. */
struct taker *receiver_taker(struct receiver *r, uint32_t id);

/* receiver_unsubscribe asks a taker to end; receiver_unsubscribed takes the FX_REPLY, whose arg is
 * its id: then ops->ended comes, at once or later. What the client has stays with it. */
void receiver_unsubscribe(struct receiver *r, struct session_world *w, struct taker *k);
void receiver_unsubscribed(struct receiver *r, struct session_world *w, struct taker *k);

/* Effects: FX_DELIVER, FX_CANCELLED; and session_ops.loaded. */
void receiver_delivered(struct receiver *r, struct session_world *w, const struct run *fx);
void receiver_cancelled(struct receiver *r, struct session_world *w, const struct run *fx);
void receiver_loaded(struct receiver *r, struct session_world *w, uint64_t ticket, uint64_t mem);

/* receiver_drain hands over what waits, as far as the bound of the output allows, and gives credit
 * back: session_ops.pump. */
void receiver_drain(struct receiver *r, struct session_world *w);

/* receiver_settle tells the shard what became of a delivery. `k` NULL: its taker is no more. */
struct settling {
	uint64_t queue, pos;
	uint32_t taker, bytes;
	uint16_t shard;
};
void receiver_settle(struct receiver *r, struct session_world *w, const struct settling *what,
		     enum settle how);
/* receiver_settle_in does so within a transaction that is being committed. */
struct tx_parts;
void receiver_settle_in(struct receiver *r, struct session_world *w, struct tx_parts *x,
			const struct settling *what, enum settle how);
static inline struct settling settling_of(const struct taker *k, const struct deliver_row *row)
{
	return (struct settling){ k->queue, row->pos, k->id, row->bytes, k->shard };
}

/* receiver_end is the receiver's part of a farewell: takers are asked to end, what waits goes back.
 * What the client has the session settles itself, behind this. */
void receiver_end(struct receiver *r, struct session_world *w, struct farewell *f);

/* receiver_is_idle: nobody takes anything, and nothing waits. */
bool receiver_is_idle(const struct receiver *r);
#endif
