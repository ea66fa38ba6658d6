#include "session/stomp/activemq.h"

#include "base/must.h"
#include "msg/block.h"
#include "session/views.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/put.h"
#include "wire/stomp/stored.h"

#define ORIGINAL_ROOM (2u * STOMP_NAME_MAX(LIMIT_SHORTSTR) + 32u)
/* Properties for which there is more room than they need, so that they are looked at once. */
#define SMALL_PROPS   1024u

/* ---- MESSAGE ------------------------------------------------------------------------------ */

static void put_body(struct turn *t, const struct msg *m)
{
	struct sendq *q = &t->s->session.sendq;
	const uint32_t n = msg_piece_n(m);
	must(n == 0 || m->body_bytes > 0);
	for (uint32_t i = 0; i < n; i++) {
		struct slice piece = msg_piece(m, i);
		if (piece.n >= SENDQ_SLICE_MIN)
			sendq_slice(q, t->w->mem, block_of(m), piece);
		else
			sendq_copy(q, t->w->mem, piece);
	}
	stomp_say_end(t);
}

void stomp_message(struct turn *t, struct subscription *k, const struct msg *m,
		   const struct deliver_row *row, uint64_t tag)
{
	UNSET char digits[24], original[ORIGINAL_ROOM];
	struct text number = text_of(digits, sizeof digits);
	struct text from = text_of(original, sizeof original);
	struct sendq *q = &t->s->session.sendq;
	struct stomp_message say = {
		.version = (enum stomp_version)t->s->version,
		.is_persistent = m->flags & MSG_PERSISTENT,
		.body_bytes = m->body_bytes,
		.ops = header_ops_of(m->proto),
		.props = msg_props(m),
		.is_activemq = t->s->is_activemq,
		.now_ms = t->w->wall_ms,
		.is_first = row->flags & ENTRY_FIRST,
		.stream_pos = k->is_stream ? row->pos : 0,
		.transformation = stomp_sub_wish(k),
		.is_text = t->s->is_activemq && stomp_amq_is_text(m, header_ops_of(m->proto)),
	};
	if (t->s->is_activemq)
		stomp_amq_died(t, m, &from, &say);
	text_put_u64(&number, tag);
	const struct slice own = text_slice(&number);
	const struct front *front = stomp_front(t, k, msg_route(m), row->flags & ENTRY_REDELIVERED);
	bool is_small = say.ops == &stomp_header_ops && !say.is_dead && say.props.n < SMALL_PROPS;
	size_t max = stomp_front_bytes(front, own) +
		     (is_small ? stomp_rest_bound(&say) : stomp_rest_put(NULL, &say));
	must(max <= UINT32_MAX);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)max);
	size_t n = stomp_front_copy(at, front, own);
	n += stomp_rest_put(at + n, &say);
	sendq_commit(q, (uint32_t)n);
	put_body(t, m);
}

static void deliver(struct session *own, struct session_world *w, struct taker *taker,
		    const struct deliver_row *row)
{
	struct turn t;
	struct subscription *k = taker->of;
	const struct msg *m = msg_of(row->mem);
	stomp_turn(&t, own, w);
	must(k->taker == NULL || k->taker == taker);
	const uint64_t tag = ++t.s->last_tag;
	stomp_message(&t, k, m, row, tag);
	t.s->delivered++;
	if (k->ack != ACK_AUTO)
		stomp_unacked_add(
			&t, k,
			&(struct unacked){ .tag = tag, .pos = row->pos, .bytes = row->bytes });
}

/* ---- the end of a subscription ------------------------------------------------------------ */

static void say_cancelled(struct turn *t, const struct subscription *k)
{
	char room[LIMIT_SHORTSTR + 120];
	struct text body = text_of(room, sizeof room);
	const struct slice id = stomp_sub_id(k);
	must(k->has_id || id.n > 0);
	text_puts(&body, "The server has canceled a subscription.\n"
			 "No more messages will be delivered for '");
	text_put_slice(&body, id);
	text_puts(&body, "'.\n");
	stomp_error(t, "Server cancelled subscription", k->has_id ? &id : NULL, text_slice(&body));
}

/* What the client has it may still settle. */
static void ended(struct session *own, struct session_world *w, struct taker *taker,
		  bool is_cancelled)
{
	struct turn t;
	struct subscription *k = taker->of;
	stomp_turn(&t, own, w);
	struct call *c = t.s->call;
	must(k->taker == taker);
	k->taker = NULL;
	if (k->is_of_wild)
		stomp_wild_left(&t, k);
	if (is_cancelled && t.s->phase == PHASE_RUNNING && !k->is_of_wild)
		say_cancelled(&t, k);
	if (c && c->sub == k && taker->end != TAKER_LIVES)
		c->ticket = TICKET_NONE; /* an UNSUBSCRIBE waits for it */
	if (k->unacked.n == 0)
		stomp_subscription_free(&t, k);
}

const struct receiver_ops stomp_receiver_ops = { .deliver = deliver, .ended = ended };
