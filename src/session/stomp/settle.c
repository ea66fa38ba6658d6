#include "session/stomp/sending.h"

#include "base/must.h"
#include "core/policy.h"
#include "session/defaults.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/stored.h"

/* Holes are left until there are so many that closing them pays. */
#define HOLES_MIN 1024u

/* ---- what the client has ------------------------------------------------------------------ */

void stomp_unacked_add(struct turn *t, struct subscription *k, const struct unacked *u)
{
	must(u->tag > 0 && !u->is_gone);
	if (deque_push(&k->unacked, t->w->mem, u) != ERR_OK)
		must(!"no memory for what a client has");
}

/* The first row whose tag is not below `tag`; n: none. */
static size_t place_of(const struct subscription *k, uint64_t tag)
{
	size_t low = 0, high = k->unacked.n;
	must(tag > 0);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct unacked *u = deque_at(&k->unacked, mid);
		if (u->tag < tag)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Most clients settle the oldest first. */
static struct unacked *find(struct subscription *k, uint64_t tag)
{
	const struct unacked *front = deque_peek(&k->unacked);
	size_t at = front && front->tag == tag ? 0 : place_of(k, tag);
	struct unacked *u = at < k->unacked.n ? deque_at(&k->unacked, at) : NULL;
	must(k->unacked.row_bytes == sizeof *u);
	return u && u->tag == tag && !u->is_gone && !u->then ? u : NULL;
}

static struct settling settling_by(const struct subscription *k, const struct unacked *u)
{
	must(u->tag > 0);
	return (struct settling){ .queue = k->queue,
				  .pos = u->pos,
				  .taker = k->taker_id,
				  .bytes = u->bytes,
				  .shard = k->shard };
}

static void note_settled(struct turn *t, struct subscription *k, struct unacked *u, enum settle how)
{
	must(!u->is_gone);
	u->is_gone = true;
	k->gone_n++;
	t->s->acknowledged += how == SETTLE_ACCEPT;
}

static void settle_now(struct turn *t, struct subscription *k, struct unacked *u, enum settle how)
{
	const struct settling what = settling_by(k, u);
	must(!u->then);
	receiver_settle(&t->s->receiver, t->w, &what, how);
	note_settled(t, k, u, how);
}

static void settle(struct turn *t, struct subscription *k, struct unacked *u, enum settle how)
{
	must(!u->is_gone && !u->then);
	if (!t->is_committing) {
		settle_now(t, k, u, how);
		return;
	}
	u->then = (uint8_t)(1 + how);
	k->then_n++;
}

static void close_holes(struct turn *t, struct subscription *k)
{
	struct unacked u, *front;
	while ((front = deque_peek(&k->unacked)) != NULL && front->is_gone) {
		deque_drop(&k->unacked);
		k->gone_n--;
	}
	must(k->gone_n <= k->unacked.n);
	if (k->gone_n < HOLES_MIN || k->gone_n < k->unacked.n / 2)
		return;
	for (size_t n = k->unacked.n; n > 0; n--) {
		(void)deque_pop(&k->unacked, &u);
		if (!u.is_gone && deque_push(&k->unacked, t->w->mem, &u) != ERR_OK)
			must(!"there was room for it");
	}
	k->gone_n = 0;
}

void stomp_unacked_release(struct turn *t)
{
	must(t->s->farewell.is_begun);
	stomp_unacked_keep(t);
	for (struct subscription *k = t->s->subscriptions; k; k = k->next) {
		for (size_t i = 0; i < k->unacked.n; i++) {
			struct unacked *u = deque_at(&k->unacked, i);
			if (!u->is_gone)
				settle_now(t, k, u, SETTLE_FAIL);
		}
	}
}

/* ---- ACK and NACK ------------------------------------------------------------------------- */

static const char *name_of(const struct turn *t)
{
	must(t->frame->command == STOMP_ACK || t->frame->command == STOMP_NACK);
	return t->s->version == STOMP_1_2 ? "id" : "message-id";
}

static enum done refuse_id(struct turn *t, const char *message, const char *before,
			   const char *after)
{
	char room[120];
	struct text body = text_of(room, sizeof room);
	must(message[0] != '\0');
	text_putf(&body, "\"%s\" must include %s\"%s\" header%s",
		  stomp_command_words[t->frame->command], before, name_of(t), after);
	return stomp_refuse(t, message, text_slice(&body));
}

static enum done refuse_missing(struct turn *t)
{
	static const char *const words[2][2] = {
		{ "NACK received without a message-id to acknowledge!",
		  "NACK received without an ack header to acknowledge!" },
		{ "ACK received without a message-id to acknowledge!",
		  "ACK received without a ack id for acknowledge!" },
	};
	const bool is_ack = t->frame->command == STOMP_ACK;
	must(is_ack || t->frame->command == STOMP_NACK);
	if (!t->s->is_activemq)
		return refuse_id(t, "Missing header", "the ", "\n");
	return stomp_amq_refuse(t, words[is_ack][t->s->version == STOMP_1_2], SLICE_EMPTY, "");
}

/* The parts of T_id@@session@@tag, or Q_destination@@session@@tag. */
struct reference {
	bool has_id;
	struct slice id, session;
	uint64_t tag;
};

static size_t find_last(struct slice s)
{
	must(s.p != NULL || s.n == 0);
	for (size_t i = s.n; i-- > 1;)
		if (s.p[i] == '@' && s.p[i - 1] == '@')
			return i - 1;
	return s.n;
}

static bool read_reference(struct slice in, struct reference *out)
{
	int64_t tag;
	must(out != NULL);
	bool has_id = slice_starts_with(in, slice_str("T_"));
	if (!has_id && !slice_starts_with(in, slice_str("Q_")))
		return false;
	size_t last = find_last(in);
	if (last == in.n || !stomp_number(slice_from(in, last + 2), &tag) || tag <= 0)
		return false;
	struct slice front = slice_sub(in, 2, last - 2);
	size_t first = find_last(front);
	if (first == front.n)
		return false;
	*out = (struct reference){ has_id, slice_sub(front, 0, first), slice_from(front, first + 2),
				   (uint64_t)tag };
	return true;
}

/* An ended subscription may still hold what a new one with its id does not. */
static struct subscription *holder(struct stomp *s, const struct reference *r, bool *out_is_known)
{
	*out_is_known = false;
	must(r->tag > 0);
	for (struct subscription *k = s->subscriptions; k; k = k->next) {
		if (k->has_id != r->has_id || !slice_eq(stomp_sub_id(k), r->id))
			continue;
		*out_is_known = true;
		if (find(k, r->tag))
			return k;
	}
	return NULL;
}

static enum done refuse_tag(struct turn *t, const struct reference *r, bool is_known,
			    struct slice id)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	must(t->why.n == 0);
	if (is_known) {
		text_putf(&t->why, "unknown delivery tag %llu", (unsigned long long)r->tag);
		return stomp_fail_err(t, ERR_PRECONDITION_FAILED);
	}
	text_puts(&body, "Message with id \"");
	text_put_slice(&body, id);
	text_puts(&body, "\" has no subscription");
	return stomp_refuse(t, "Subscription not found", text_slice(&body));
}

/* False: refused. */
static bool settle_of(struct turn *t, enum settle *out)
{
	bool requeues = t->w->limits->stomp->requeues && !t->s->is_activemq;
	must(out != NULL);
	*out = SETTLE_ACCEPT;
	if (t->frame->command == STOMP_ACK)
		return true;
	if (!stomp_flag(t, STOMP_H_REQUEUE, requeues, &requeues)) {
		(void)stomp_refuse_value(t);
		return false;
	}
	*out = requeues ? SETTLE_RELEASE : SETTLE_REJECT;
	return true;
}

static void after_settling(struct turn *t, struct subscription *k)
{
	close_holes(t, k);
	must(k->gone_n <= k->unacked.n);
	if (k->unacked.n == 0 && !k->taker)
		stomp_subscription_free(t, k);
}

static void settle_up_to(struct turn *t, struct subscription *k, uint64_t tag, enum settle how)
{
	must(tag > 0);
	for (size_t i = 0; i < k->unacked.n; i++) {
		struct unacked *u = deque_at(&k->unacked, i);
		if (u->tag > tag)
			break;
		if (!u->is_gone && !u->then)
			settle(t, k, u, how);
	}
	after_settling(t, k);
}

void stomp_unacked_commit(struct turn *t)
{
	struct stomp *s = t->s;
	struct tx_parts *parts = publisher_parts(&s->publisher);
	for (struct subscription *next, *k = s->subscriptions; k; k = next) {
		next = k->next;
		for (size_t i = 0; k->then_n > 0; i++) {
			struct unacked *u = deque_at(&k->unacked, i);
			const struct settling what = settling_by(k, u);
			const enum settle how = (enum settle)(u->then - 1);
			if (!u->then)
				continue;
			receiver_settle_in(&s->receiver, t->w, parts, &what, how);
			u->then = 0;
			k->then_n--;
			note_settled(t, k, u, how);
		}
		after_settling(t, k);
	}
}

void stomp_unacked_keep(struct turn *t)
{
	must(t->s != NULL);
	for (struct subscription *k = t->s->subscriptions; k; k = k->next)
		for (size_t i = 0; k->then_n > 0; i++) {
			struct unacked *u = deque_at(&k->unacked, i);
			k->then_n -= u->then > 0;
			u->then = 0;
		}
}

/* A subscription to several queues is one: its messages were told in the order of their tags. */
static void settle_all(struct turn *t, struct subscription *k, uint64_t tag, enum settle how)
{
	must(tag > 0);
	bool is_one = t->s->is_activemq && t->frame->command == STOMP_NACK;
	if (k->ack == ACK_EACH || is_one) {
		settle(t, k, find(k, tag), how);
		after_settling(t, k);
		return;
	}
	const uint64_t made = k->made;
	for (struct subscription *next, *at = t->s->subscriptions; at; at = next) {
		next = at->next;
		if (at->made == made)
			settle_up_to(t, at, tag, how);
	}
}

/* Has the queue a place of its own for dead letters? */
static bool has_place(const struct turn *t, const struct subscription *k)
{
	const struct queue_record *q = catalog_queue_by_id(t->w->view, k->queue);
	uint8_t room[RULES_BYTES_MAX];
	struct queue_rules rules;
	if (!q)
		return false;
	uint32_t n = policy_rules(t->w->view, t->w->patterns, q, room);
	if (rules_get(slice_of(room, n), &rules) != ERR_OK)
		must(!"rules that the catalog has checked");
	return rules.has_dead_letter_exchange;
}

/* What becomes of what is rejected. ActiveMQ's queue of dead letters is declared first, if nobody
 * has done it. Whose user may not do that, or not write there, gets it back: nothing is lost. */
static enum done bury(struct turn *t, const struct subscription *k, enum settle *out)
{
	const struct wanted want = { .name = slice_str(DEFAULTS_DEAD_LETTERS),
				     .flags = QUEUE_DURABLE };
	const struct queue_record *dead;
	must(t->s->is_activemq && t->frame->command == STOMP_NACK);
	enum err e = stomp_allow(t, AUTH_EXCHANGE, SLICE_EMPTY, AUTH_WRITE);
	if (e == ERR_OK)
		e = stomp_queue(t, &want, &dead);
	if (e == ERR_BUSY)
		return WAIT;
	t->why = text_of(t->w->words, sizeof t->w->words);
	*out = e == ERR_OK ? SETTLE_BURY : has_place(t, k) ? SETTLE_REJECT : SETTLE_RELEASE;
	return DONE;
}

static enum done settle_amq(struct turn *t, struct slice id)
{
	struct reference r;
	enum settle how;
	bool is_known, is_good = read_reference(id, &r);
	must(t->s->is_activemq);
	is_good = is_good && slice_eq(r.session, stomp_name(t->s));
	if (is_good && stomp_browse_settles(t, r.has_id, r.id))
		return DONE;
	struct subscription *k = is_good ? holder(t->s, &r, &is_known) : NULL;
	if (!k)
		return stomp_amq_refuse(t,
					t->frame->command == STOMP_ACK
						? "Unexpected ACK received for message-id ["
						: "Unexpected NACK received for message-id [",
					id, "]");
	if (!settle_of(t, &how))
		return DONE;
	if (how == SETTLE_REJECT && bury(t, k, &how) == WAIT)
		return WAIT;
	settle_all(t, k, r.tag, how);
	return DONE;
}

enum done stomp_settle(struct turn *t)
{
	enum stomp_header h = t->s->version == STOMP_1_2 ? STOMP_H_ID : STOMP_H_MESSAGE_ID;
	struct slice id = t->head->at[h];
	struct reference r;
	enum settle how;
	bool is_known;
	must(stomp_has(t->head, h));
	if (t->s->is_activemq)
		return settle_amq(t, id);
	if (!read_reference(id, &r))
		return refuse_id(t, "Invalid header", "a valid ", "\n");
	struct subscription *k = holder(t->s, &r, &is_known);
	if (k && !slice_eq(r.session, stomp_name(t->s)))
		k = NULL;
	if (!k)
		return refuse_tag(t, &r, is_known, id);
	if (!settle_of(t, &how))
		return DONE;
	if (t->again && how == SETTLE_ACCEPT)
		stomp_again_acked(t, k, slice_from(id, find_last(id) + 2));
	settle_all(t, k, r.tag, how);
	return DONE;
}

bool stomp_settle_again(struct turn *t, struct subscription *k, uint64_t tag)
{
	struct unacked *u = find(k, tag);
	must(k->taker && !t->s->is_activemq);
	if (!u)
		return false;
	if (k->ack == ACK_EACH) {
		settle(t, k, u, SETTLE_ACCEPT);
		after_settling(t, k);
	} else {
		settle_up_to(t, k, tag, SETTLE_ACCEPT);
	}
	return true;
}

enum done stomp_on_ack(struct turn *t)
{
	struct stomp *s = t->s;
	enum stomp_header h = s->version == STOMP_1_2 ? STOMP_H_ID : STOMP_H_MESSAGE_ID;
	must(s->phase == PHASE_RUNNING);
	if (s->is_activemq && s->version == STOMP_1_0 && t->frame->command == STOMP_NACK)
		return stomp_amq_refuse(t, "NACK received but connection is in v1.0 mode.",
					SLICE_EMPTY, "");
	if (!stomp_has(t->head, h))
		return refuse_missing(t);
	if (stomp_has(t->head, STOMP_H_TRANSACTION))
		return stomp_put_off(t);
	const uint64_t errors_n = s->errors_n;
	if (stomp_settle(t) == WAIT)
		return WAIT;
	if (s->errors_n == errors_n)
		stomp_receipt(t);
	return DONE;
}
