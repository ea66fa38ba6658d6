#include "session/stomp/jobs.h"
#include "session/stomp/later.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/must.h"
#include "msg/block.h"
#include "session/no_local.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/stored.h"

#define ROOM_USUAL 2048u /* of what is made of a head; a larger one takes memory for a moment */
#define ROUTE_MAX  (2u * (LIMIT_SHORTSTR + 1))
#define REPLY_MAX  (LIMIT_SHORTSTR + 32u)
#define EXTRA_MAX \
	(128u + LATER_JOB_MAX) /* what ActiveMQ's dialect adds, but for the list of destinations */

/* ---- what it says ------------------------------------------------------------------------- */

static enum done refuse_expiration(struct turn *t, struct slice value)
{
	must(t->why.n == 0);
	text_puts(&t->why, "invalid expiration '");
	text_put_slice(&t->why, value);
	text_puts(&t->why, "': no_integer");
	return stomp_fail_err(t, ERR_PRECONDITION_FAILED);
}

/* RabbitMQ's time to live, or ActiveMQ's moment. False: refused. */
static bool read_expiry(struct turn *t, struct sending *m)
{
	int64_t n;
	const uint64_t now = t->w->wall_ms;
	must(t->head != NULL);
	m->expiry_ms = 0;
	if (stomp_has(t->head, STOMP_H_EXPIRATION)) {
		struct slice value = t->head->at[STOMP_H_EXPIRATION];
		if (!stomp_number(value, &n) || n < 0) {
			(void)refuse_expiration(t, value);
			return false;
		}
		m->expiry_ms = n ? now + (uint64_t)n : EXPIRY_AT_ONCE;
	} else if (stomp_has(t->head, STOMP_H_EXPIRES) &&
		   stomp_number(t->head->at[STOMP_H_EXPIRES], &n) && n > 0) {
		m->expiry_ms = (uint64_t)n > now ? (uint64_t)n : EXPIRY_AT_ONCE;
	}
	return true;
}

/* RabbitMQ believes nobody who says that he is somebody else. */
static bool is_own_name(struct turn *t)
{
	if (!stomp_has(t->head, STOMP_H_USER_ID) ||
	    slice_eq(t->head->at[STOMP_H_USER_ID], access_name(&t->s->access)))
		return true;
	must(t->why.n == 0);
	text_puts(&t->why, "user_id property set to '");
	text_put_slice(&t->why, t->head->at[STOMP_H_USER_ID]);
	text_puts(&t->why, "' but authenticated user was '");
	text_put_slice(&t->why, access_name(&t->s->access));
	text_putc(&t->why, '\'');
	(void)stomp_fail_err(t, ERR_PRECONDITION_FAILED);
	return false;
}

static bool is_number(const struct turn *t, enum stomp_header which)
{
	int64_t n;
	must(which < STOMP_H_N);
	return !stomp_has(t->head, which) || (stomp_number(t->head->at[which], &n) && n >= 0);
}

static bool refuse_number(struct turn *t, enum stomp_header which)
{
	must(stomp_has(t->head, which));
	if (t->s->is_activemq) /* Java's words */
		(void)stomp_amq_fail(t, "For input string: \"", t->head->at[which], "\"");
	else
		(void)stomp_refuse_value(t);
	return false;
}

/* ActiveMQ takes any number, and knows 0 to 9. False: refused. */
static bool read_priority(struct turn *t, struct sending *m)
{
	const bool is_activemq = t->s->is_activemq;
	int64_t n = 0;
	must(t->frame->command == STOMP_SEND);
	if (!stomp_has(t->head, STOMP_H_PRIORITY))
		return true;
	if (!stomp_number(t->head->at[STOMP_H_PRIORITY], &n) ||
	    (!is_activemq && (n < 0 || n > UINT8_MAX)))
		return refuse_number(t, STOMP_H_PRIORITY);
	m->has_priority = true;
	m->priority = (uint8_t)(n < 0 ? 0 : is_activemq ? min_u64((uint64_t)n, 9) : (uint64_t)n);
	return true;
}

/* False: refused. */
static bool read_properties(struct turn *t, struct sending *m)
{
	must(t->frame->command == STOMP_SEND);
	if (!read_priority(t, m))
		return false;
	if (!is_number(t, STOMP_H_TIMESTAMP))
		return refuse_number(t, STOMP_H_TIMESTAMP);
	if (stomp_has(t->head, STOMP_H_PERSISTENT) &&
	    slice_eq(t->head->at[STOMP_H_PERSISTENT], slice_str("true")))
		m->flags |= MSG_PERSISTENT;
	return read_expiry(t, m) && is_own_name(t);
}

/* ---- where it goes ------------------------------------------------------------------------ */

/* A queue is declared by who uses it first. */
static enum done to_queue(struct turn *t, const struct sending *m, bool *out_is_refused)
{
	const struct queue_record *q;
	bool is_durable, is_auto_delete, is_exclusive;
	must(m->to.place == STOMP_QUEUE || m->to.place == STOMP_TEMP_QUEUE);
	*out_is_refused = true;
	if (!stomp_flag(t, STOMP_H_DURABLE, true, &is_durable) ||
	    !stomp_flag(t, STOMP_H_AUTO_DELETE, false, &is_auto_delete) ||
	    !stomp_flag(t, STOMP_H_EXCLUSIVE, false, &is_exclusive))
		return stomp_refuse_value(t);
	is_exclusive |= m->to.place == STOMP_TEMP_QUEUE;
	const struct wanted want = { .name = m->to.key,
				     .flags = (uint8_t)((is_exclusive ? QUEUE_EXCLUSIVE
							 : is_durable ? QUEUE_DURABLE
								      : 0) |
							(is_auto_delete ? QUEUE_AUTO_DELETE : 0)) };
	enum err e = stomp_queue(t, &want, &q);
	*out_is_refused = e != ERR_OK && e != ERR_BUSY;
	if (*out_is_refused)
		return stomp_fail_err(t, e);
	return e == ERR_BUSY ? WAIT : DONE;
}

bool stomp_is_there(struct turn *t, const struct destination *to)
{
	bool is_gone = t->s->is_activemq && to->place == STOMP_REPLY_QUEUE &&
		       !catalog_queue(t->w->view, t->s->access.number, to->key);
	must(to->place <= STOMP_REPLY_QUEUE);
	if (is_gone)
		(void)stomp_amq_refuse(t, "The destination ", to->key, " does not exist.");
	return !is_gone;
}

/* A queue is declared, but not one of somebody else's own. */
enum done stomp_need_queue(struct turn *t, const struct sending *m, bool *out_is_refused)
{
	*out_is_refused = false;
	if (m->to.place == STOMP_QUEUE || m->to.place == STOMP_TEMP_QUEUE)
		return to_queue(t, m, out_is_refused);
	must(m->to.place != STOMP_TEMP_QUEUE);
	*out_is_refused = !stomp_is_there(t, &m->to);
	return DONE;
}

/* Answers to /temp-queue/x come to a queue that is made for them, which the receiver of the request
 * knows under another name. */
static enum done reply_to(struct turn *t, struct sending *m, char *room, bool *out_is_refused)
{
	struct slice prefix = slice_str("/temp-queue/");
	struct slice in = t->head->at[STOMP_H_REPLY_TO];
	const struct subscription *k = NULL;
	*out_is_refused = false;
	if (t->s->is_activemq) {
		struct text to = text_of(room, REPLY_MAX);
		enum done d = stomp_amq_reply_to(t, &to, out_is_refused);
		if (to.n > 0)
			m->reply_to = text_slice(&to);
		return d;
	}
	if (!stomp_has(t->head, STOMP_H_REPLY_TO) || !slice_starts_with(in, prefix))
		return DONE;
	enum done d = stomp_reply_to(t, in, &k);
	if (d == WAIT)
		return WAIT;
	*out_is_refused = !k;
	if (!k)
		return DONE;
	struct text name = text_of(room, REPLY_MAX);
	text_puts(&name, "/reply-queue/");
	text_put_slice(&name, stomp_sub_queue(k));
	must(!text_is_full(&name));
	m->reply_to = text_slice(&name);
	return DONE;
}

/* ---- the message -------------------------------------------------------------------------- */

static void put_route(struct sending *m, struct wr *w)
{
	uint8_t *at = w->p + w->n;
	must(m->to.exchange.n <= LIMIT_SHORTSTR && m->to.key.n <= LIMIT_SHORTSTR);
	wr_str8(w, m->to.exchange);
	wr_str8(w, m->to.key);
	m->route = slice_of(at, m->to.exchange.n + m->to.key.n + 2);
}

static void put_props(struct turn *t, struct sending *m, struct wr *scratch, struct wr *w)
{
	struct slice name, value;
	const bool is_activemq = t->s->is_activemq;
	bool is_first = true; /* of a header that comes twice only that counts */
	struct wr *first = m->reply_to.p || is_activemq ? scratch : w;
	size_t at = first->n;
	/* what is unescaped and what is made of it lie one behind the other */
	uint8_t *words = wr_reserve(scratch, t->frame->head.n);
	struct wr unescaped = wr_of(words, t->frame->head.n);
	must(words != NULL);
	at = first->n;
	stomp_stored_put(t->frame->head, (enum stomp_version)t->s->version, &unescaped, first);
	m->props = slice_of(first->p + at, first->n - at);
	if (first == w)
		return;
	struct rd r = rd_of(m->props);
	at = w->n;
	if (is_activemq)
		stomp_amq_props(t, m->props, m->reply_to, m->is_one_of_many, m->priority, w);
	if (m->due_ms)
		stomp_later_job(t, w);
	while (!is_activemq && stomp_stored_next(&r, &name, &value)) {
		bool is_it = is_first &&
			     slice_eq(name, slice_str(stomp_header_words[STOMP_H_REPLY_TO]));
		stomp_stored_put_one(w, name, is_it ? m->reply_to : value);
		is_first = is_first && !is_it;
	}
	m->props = slice_of(w->p + at, w->n - at);
}

static enum done publish_to(struct turn *t, struct sending *m, const struct publication *what,
			    const struct route_hit *hit, bool is_followed)
{
	struct stomp *s = t->s;
	const uint64_t word = is_followed ? 0 : PUBLISHER_NOBODY;
	size_t route_n = m->is_one_of_many ? m->longest : m->route.n;
	const bool is_large = upload_is_needed(route_n, m->props.n, t->frame->body.n);
	if (is_large && m->is_one_of_many)
		return stomp_amq_refuse(t, "Too large for several destinations: ",
					t->head->at[STOMP_H_DESTINATION], "");
	if (t->is_committing && publisher_tx_bytes(&s->publisher) > LIMIT_TX_BYTES)
		return stomp_refuse_transaction(t);
	if (is_large) {
		enum done d = stomp_large(t, what, hit, m->flags, word);
		if (d == DONE && s->phase == PHASE_RUNNING)
			stomp_sent(t, is_followed);
		return d;
	}
	const struct msg *made = m->is_one_of_many ? NULL : stomp_in_place(t, m);
	m->made = made;
	if (!made)
		made = stomp_in_own_block(t, m);
	if (!made)
		return stomp_fail_err(t, ERR_RESOURCE_ERROR);
	publisher_send(&s->publisher, t->w, &s->asker, what, hit, made, word);
	stomp_sent(t, is_followed);
	return DONE;
}

static enum done publish(struct turn *t, struct sending *m, bool is_followed)
{
	struct stomp *s = t->s;
	struct route_hit *hit;
	uint64_t expiry_ms = m->expiry_ms;
	if (m->is_grouped && m->to.exchange.n == 0 && !stomp_amq_group(t, m->props, &expiry_ms))
		return DONE;
	const struct publication what = stomp_publication(s, m, expiry_ms);
	enum err e = publisher_route(&s->publisher, t->w, &s->access, &what, &hit, &t->why);
	if (e != ERR_OK)
		return stomp_fail_err(t, e);
	must(hit->route != NULL);
	if (m->due_ms) {
		struct later later;
		stomp_later_hit(t, hit, m->due_ms, &later);
		return publish_to(t, m, &what, &later.hit, is_followed);
	}
	if (!m->is_one_of_many && stomp_wants_move(t, hit->route))
		return WAIT;
	if (s->no_local_n == 0 || hit->route->n == 0)
		return publish_to(t, m, &what, hit, is_followed);
	struct no_local others;
	no_local_init(&others, hit, t->w->mem);
	for (const struct subscription *k = s->subscriptions; k; k = k->next)
		if (k->is_no_local)
			no_local_leave_out(&others, k->queue);
	const enum done d = publish_to(t, m, &what, &others.hit, is_followed);
	no_local_fini(&others, t->w->mem);
	return d;
}

/* Octets that are kept and that the client has not said. */
static size_t extra_of(const struct turn *t)
{
	must(t->head != NULL);
	return t->s->is_activemq ? EXTRA_MAX + t->head->at[STOMP_H_DESTINATION].n : 0;
}

/* What is made of the head lies in `room`: route, properties, and what it takes to make them. */
static enum done send_in(struct turn *t, struct sending *m, bool is_followed, uint8_t *room,
			 size_t n)
{
	size_t front = ROUTE_MAX + STOMP_STORED_MAX(t->frame->head.n) + REPLY_MAX + extra_of(t);
	struct wr w = wr_of(room, front);
	struct wr scratch = wr_of(room + front, n - front);
	must(n > front);
	put_route(m, &w);
	put_props(t, m, &scratch, &w);
	must(wr_ok(&w));
	return publish(t, m, is_followed);
}

bool stomp_has_room(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase == PHASE_RUNNING);
	s->is_held = !t->is_committing &&
		     (t->w->is_blocked || publisher_is_full(&s->publisher, t->w));
	return !s->is_held;
}

/* Sees to all that it goes to. False: not yet, or refused. */
static bool is_ready(struct turn *t, struct sending *m, uint8_t *names, char *reply, enum done *out)
{
	struct slice rest = t->head->at[STOMP_H_DESTINATION];
	bool is_refused = false;
	struct stomp *s = t->s;
	*out = DONE;
	m->is_one_of_many = stomp_amq_is_list(t);
	if (m->is_one_of_many && !stomp_amq_may_go_to_all(t, names, &m->longest))
		return false;
	do {
		struct slice part = m->is_one_of_many ? stomp_amq_part(&rest) : rest;
		if (!stomp_destination(t, part, names, &m->to) || !read_properties(t, m))
			return false;
		*out = stomp_has_room(t) ? stomp_need_queue(t, m, &is_refused) : WAIT;
		if (*out == WAIT || is_refused)
			return false;
	} while (m->is_one_of_many && rest.n > 0);
	*out = reply_to(t, m, reply, &is_refused);
	if (*out != WAIT && !is_refused && m->due_ms)
		*out = stomp_later_store(t, &is_refused);
	must(s->phase == PHASE_RUNNING || is_refused);
	return *out != WAIT && !is_refused;
}

/* One message for each destination of a list; what is too large for one is so for all. */
static enum done send_all(struct turn *t, struct sending *m, bool is_followed, uint8_t *names,
			  uint8_t *room, size_t n)
{
	struct slice rest = t->head->at[STOMP_H_DESTINATION];
	const uint64_t errors_n = t->s->errors_n;
	must(m->is_one_of_many);
	while (rest.n > 0 && t->s->errors_n == errors_n) {
		if (!stomp_destination(t, stomp_amq_part(&rest), names, &m->to))
			return DONE;
		(void)send_in(t, m, is_followed, room, n);
	}
	return DONE;
}

static enum done send_frame(struct turn *t, bool is_followed)
{
	UNSET uint8_t names[DESTINATION_MAX], usual[ROOM_USUAL];
	UNSET char reply[REPLY_MAX];
	struct sending m = { .reply_to = SLICE_EMPTY };
	enum done d = DONE;
	if (t->s->is_activemq &&
	    (!stomp_amq_may_send(t, &m.is_grouped) || !stomp_later_read(t, &m)))
		return DONE;
	if (!is_ready(t, &m, names, reply, &d))
		return d;
	if (t->s->is_activemq && m.expiry_ms == EXPIRY_AT_ONCE) {
		t->s->published++; /* it is over already, and that is no mistake */
		return DONE;
	}
	size_t n = ROUTE_MAX + REPLY_MAX + 2 * STOMP_STORED_MAX(t->frame->head.n) +
		   t->frame->head.n + 1 + extra_of(t);
	uint8_t *room = n <= sizeof usual ? usual : mem_get(t->w->mem, n, "head of a message");
	must(room != NULL);
	d = m.is_one_of_many ? send_all(t, &m, is_followed, names, room, n)
			     : send_in(t, &m, is_followed, room, n);
	if (room != usual)
		mem_put(t->w->mem, room, n);
	if (d == DONE && t->again)
		stomp_again_sent(t, &m);
	return d;
}

enum done stomp_send(struct turn *t, bool is_followed)
{
	enum done d = send_frame(t, is_followed);
	if (d == DONE)
		stomp_large_unsent(t);
	return d;
}

enum done stomp_on_send(struct turn *t)
{
	must(t->s->phase == PHASE_RUNNING);
	if (stomp_has(t->head, STOMP_H_MESSAGE_ID) && !t->s->is_activemq)
		return stomp_refuse(t, "Invalid header",
				    slice_str("'message-id' is not allowed on 'SEND'.\n"));
	if (stomp_is_job_order(t)) /* also in a transaction it holds at once, as in ActiveMQ */
		return stomp_job_order(t);
	if (stomp_has(t->head, STOMP_H_TRANSACTION) && !ABLATED(put_off)) {
		t->s->is_held = t->w->is_blocked;
		return t->s->is_held ? WAIT : stomp_put_off(t);
	}
	/* the head is not to be read behind it */
	struct receipt *own = stomp_receipt_new(t);
	uint64_t before = t->s->published, first = t->s->followed_n;
	t->may_move = true;
	if (t->again)
		stomp_again_sends(t);
	enum done d = stomp_send(t, own != NULL);
	t->may_move = false;
	if (own)
		stomp_receipt_owe(t, own, t->s->published != before, first);
	stomp_receipts_say(t);
	return d;
}

/* ---- what came of it ---------------------------------------------------------------------- */

void stomp_confirmed(struct turn *t)
{
	struct stomp *s = t->s;
	uint64_t word;
	bool is_refused;
	must(s->safe_n <= s->followed_n);
	while (publisher_next(&s->publisher, &word, &is_refused)) {
		s->safe_n++;
		for (struct receipt *r = s->owed; r && is_refused && r->first < s->safe_n;
		     r = r->next)
			r->is_refused |= s->safe_n <= r->after;
		if (!s->is_gone && s->phase <= PHASE_ENDING)
			stomp_receipts_say(t);
	}
	if (s->phase == PHASE_ENDING && !s->farewell.is_begun && s->publisher.window.n == 0) {
		stomp_end(t);
		if (s->farewell.is_over)
			stomp_ended(t);
	}
}
