#include "session/stomp/lasting.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/rules.h"
#include "core/sql.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/stored.h"

/* Steps of a SUBSCRIBE. */
enum { STEP_QUEUE, STEP_BIND, STEP_BOUND, STEP_TAKING };

/* What a SUBSCRIBE asks for. */
struct asked {
	struct destination to;
	struct slice id; /* or the destination, if it has none */
	bool has_id, is_durable, is_auto_delete, is_exclusive;
	enum ack_mode ack;
	uint32_t prefetch;
	int64_t priority;
};

/* ---- what is asked for -------------------------------------------------------------------- */

static bool read_ack(struct turn *t, struct asked *a)
{
	static const char *const modes[] = { "auto", "client", "client-individual" };
	must(a->ack == ACK_AUTO);
	if (!stomp_has(t->head, STOMP_H_ACK))
		return true;
	for (uint32_t i = ACK_AUTO; i <= ACK_EACH; i++) {
		if (slice_eq(t->head->at[STOMP_H_ACK], slice_str(modes[i]))) {
			a->ack = (enum ack_mode)i;
			return true;
		}
	}
	return false;
}

static bool read_numbers(const struct turn *t, struct asked *a)
{
	int64_t n = 0;
	enum stomp_header h = stomp_has(t->head, STOMP_H_PREFETCH_COUNT) ? STOMP_H_PREFETCH_COUNT
									 : STOMP_H_PREFETCH_SIZE;
	must(a->prefetch == 0);
	if (stomp_has(t->head, h) && (!stomp_number(t->head->at[h], &n) || n < 0))
		return false;
	a->prefetch = (uint32_t)min_u64((uint64_t)n, UINT16_MAX); /* as many as AMQP can say */
	return !stomp_has(t->head, STOMP_H_X_PRIORITY) ||
	       stomp_number(t->head->at[STOMP_H_X_PRIORITY], &a->priority);
}

static bool is_of_exchange(const struct asked *a)
{
	must(a->to.place <= STOMP_REPLY_QUEUE);
	return a->to.place == STOMP_TOPIC || a->to.place == STOMP_EXCHANGE;
}

/* RabbitMQ's defaults: a queue that is named lasts; one of a subscription goes with it. */
static bool read_flags(struct turn *t, struct asked *a)
{
	enum stomp_header durable = stomp_has(t->head, STOMP_H_DURABLE) ? STOMP_H_DURABLE
									: STOMP_H_PERSISTENT;
	struct slice sub;
	bool is_named = !is_of_exchange(a) || stomp_amq_sub_name(t, &sub);
	must(!a->is_durable);
	if (!stomp_flag(t, durable, is_named, &a->is_durable) ||
	    !stomp_flag(t, STOMP_H_AUTO_DELETE, !is_named, &a->is_auto_delete))
		return false;
	if (a->to.place == STOMP_TEMP_QUEUE) {
		a->is_durable = a->is_auto_delete = false;
		a->is_exclusive = true;
		return true;
	}
	bool is_shared = is_named || a->is_durable || stomp_has(t->head, STOMP_H_QUEUE_NAME);
	return stomp_flag(t, STOMP_H_EXCLUSIVE, !is_shared, &a->is_exclusive);
}

/* Reads everything but the destination. False: refused. */
static bool read_asked(struct turn *t, struct asked *a)
{
	uint32_t n;
	must(a->ack == ACK_AUTO);
	a->has_id = stomp_has(t->head, STOMP_H_ID);
	a->id = t->head->at[a->has_id ? STOMP_H_ID : STOMP_H_DESTINATION];
	if (a->id.n > LIMIT_SHORTSTR) {
		(void)stomp_refuse_most(t, "Invalid header", "An id has, in octets,",
					LIMIT_SHORTSTR);
		return false;
	}
	if (!read_ack(t, a) || !read_numbers(t, a) || !read_flags(t, a)) {
		(void)stomp_refuse_value(t);
		return false;
	}
	if (t->s->is_activemq && !stomp_amq_asked(t, is_of_exchange(a), &a->prefetch, &a->priority))
		return false;
	if (stomp_selector(t, NULL, &n) != ERR_OK) {
		(void)stomp_amq_refuse(t, "", t->head->at[STOMP_H_SELECTOR], "");
		return false;
	}
	return !is_of_exchange(a) || stomp_may_last(t, a->is_durable);
}

/* ---- which queue -------------------------------------------------------------------------- */

/* A name that was made stays the same while its frame waits. One of ActiveMQ's that lasts is made
 * in `durable`. */
static struct slice name_of(struct turn *t, const struct asked *a, char *durable)
{
	struct call *c = stomp_call(t);
	struct slice sub;
	if (!is_of_exchange(a))
		return a->to.key;
	if (stomp_has(t->head, STOMP_H_QUEUE_NAME))
		return t->head->at[STOMP_H_QUEUE_NAME];
	if (stomp_amq_sub_name(t, &sub)) {
		struct text out = text_of(durable, LIMIT_SHORTSTR);
		return stomp_amq_durable(t, sub, &out) ? text_slice(&out) : SLICE_EMPTY;
	}
	if (c->name_n == 0 && a->is_durable)
		c->name_n = (uint8_t)stomp_lasting_name(t, a->id, c->name).n;
	else if (c->name_n == 0)
		c->name_n = (uint8_t)ask_name(t->w, slice_str("stomp-subscription"), c->name).n;
	must(c->name_n > 0);
	return slice_of(c->name, c->name_n);
}

static enum err find_queue(struct turn *t, const struct asked *a, struct slice name,
			   const struct queue_record **out_queue)
{
	const struct wanted want = {
		.name = name,
		.flags = (uint8_t)((a->is_exclusive ? QUEUE_EXCLUSIVE
				    : a->is_durable ? QUEUE_DURABLE
						    : 0) |
				   (a->is_auto_delete ? QUEUE_AUTO_DELETE : 0)),
		.is_passive = a->to.place == STOMP_AMQ_QUEUE || a->to.place == STOMP_REPLY_QUEUE,
	};
	if (name.n == 0 || name.n > LIMIT_SHORTSTR) {
		must(t->why.n == 0);
		text_puts(&t->why, "a queue's name has 1 to 255 octets");
		return ERR_PRECONDITION_FAILED;
	}
	TRY(stomp_allow(t, AUTH_QUEUE, name, AUTH_READ));
	return stomp_queue(t, &want, out_queue);
}

/* ---- binding ------------------------------------------------------------------------------ */

static enum err bind(struct turn *t, const struct asked *a, const struct queue_record *q)
{
	struct stomp *s = t->s;
	const struct exchange *x = catalog_exchange(t->w->view, s->access.number, a->to.exchange);
	must(is_of_exchange(a));
	if (!x) {
		text_puts(&t->why, "no exchange '");
		text_put_slice(&t->why, a->to.exchange);
		text_puts(&t->why, "' in vhost '");
		text_put_slice(&t->why, access_vhost_name(&s->access));
		text_putc(&t->why, '\'');
		return ERR_NOT_FOUND;
	}
	TRY(stomp_allow(t, AUTH_QUEUE, queue_record_name(q), AUTH_WRITE));
	TRY(stomp_allow(t, AUTH_EXCHANGE, a->to.exchange, AUTH_READ));
	if (x->type == EXCHANGE_TOPIC)
		TRY(access_allow_key(&s->access, t->w, AUTH_READ, a->to.exchange, a->to.key,
				     &t->why));
	const struct bind b = { .exchange = a->to.exchange,
				.queue = queue_record_name(q),
				.key = a->to.key,
				.vhost = s->access.number };
	return stomp_ask(t, ask_bind(&s->asker, t->w, CMD_BIND, &b)) == WAIT ? ERR_OK
									     : ERR_INTERNAL_ERROR;
}

/* ---- consuming ---------------------------------------------------------------------------- */

static bool has_selector(const struct turn *t)
{
	must(t->frame->command == STOMP_SUBSCRIBE || t->frame->command == STOMP_SEND);
	return stomp_has(t->head, STOMP_H_SELECTOR) && t->head->at[STOMP_H_SELECTOR].n > 0 &&
	       t->frame->command == STOMP_SUBSCRIBE;
}

/* Its queue is not the subscription's own. */
static bool is_shared(const struct turn *t, const struct asked *a)
{
	must(t->frame != NULL);
	return !is_of_exchange(a) || stomp_has(t->head, STOMP_H_QUEUE_NAME);
}

static struct subscribing same_of(struct turn *t, const struct asked *a)
{
	struct stomp *s = t->s;
	must(s->call != NULL);
	if (s->call->made == 0)
		s->call->made = ++s->last_made;
	return (struct subscribing){ .id = a->id,
				     .wish = stomp_amq_wish(t),
				     .made = s->call->made,
				     .ack = (uint8_t)a->ack,
				     .has_id = a->has_id,
				     .is_no_local = stomp_amq_is_no_local(t) && !is_shared(t, a),
				     .is_browser = stomp_is_browser(t) && !is_of_exchange(a) };
}

static struct taking taking_of(const struct turn *t, const struct asked *a)
{
	const bool is_alone = stomp_amq_is_exclusive(t) && !is_of_exchange(a);
	const bool is_no_local = stomp_amq_is_no_local(t) && is_shared(t, a);
	must(t->frame != NULL);
	return (struct taking){ .priority = a->priority,
				.prefetch = a->prefetch,
				.is_no_ack = a->ack == ACK_AUTO,
				.flags = (uint8_t)((is_alone ? SUBSCRIBE_ALONE : 0) |
						   (is_no_local ? SUBSCRIBE_NO_LOCAL : 0)) };
}

/* The selector, in memory of SQL_CODE_MAX that is the caller's; NULL: there is none. */
static uint8_t *selector_of(struct turn *t, struct slice *out)
{
	uint32_t n = 0;
	if (!has_selector(t))
		return NULL;
	uint8_t *code = mem_get(t->w->mem, SQL_CODE_MAX, "selector");
	must(code != NULL);
	enum err e = stomp_selector(t, code, &n);
	must(e == ERR_OK); /* it was looked at before */
	*out = slice_of(code, n);
	return code;
}

/* Every queue that the wildcard fits, those that are to come too. */
static void take_all(struct turn *t, const struct asked *a)
{
	struct taking what = taking_of(t, a);
	const struct subscribing same = same_of(t, a);
	uint8_t *code = selector_of(t, &what.from);
	must(t->s->is_activemq);
	t->s->receiver.is_shut = true; /* its receipt comes first */
	stomp_wild_new(t, &same, &what, a->to.key);
	mem_put(t->w->mem, code, SQL_CODE_MAX);
	t->s->call->step = STEP_TAKING;
}

static enum err take(struct turn *t, const struct asked *a, const struct queue_record *q)
{
	struct stomp *s = t->s;
	UNSET struct stream_filter filter;
	struct slice sub;
	struct taking what = taking_of(t, a);
	const struct subscribing same = same_of(t, a);
	what.queue = q;
	if (q->flags & QUEUE_APPENDS) {
		if (what.flags) {
			text_puts(&t->why, "a stream has no exclusive consumers and no noLocal");
			return ERR_NOT_IMPLEMENTED;
		}
		TRY(stomp_stream_from(t, q, a->prefetch, a->ack, &filter));
		what.from = stream_filter_tail(&filter);
	}
	if (q->flags & QUEUE_APPENDS && has_selector(t)) {
		text_puts(&t->why, "a stream has no selectors");
		return ERR_NOT_IMPLEMENTED;
	}
	uint8_t *code = selector_of(t, &what.from);
	what.flags |= code && is_of_exchange(a) ? SUBSCRIBE_DISCARDS : 0;
	if ((t->s->is_activemq || stomp_amq_sub_name(t, &sub)) &&
	    stomp_amq_is_durable(queue_record_name(q)))
		what.flags |= SUBSCRIBE_EXCLUSIVE;
	struct subscription *k = stomp_subscription_new(t, &same, q);
	what.of = k;
	k->taker = receiver_subscribe(&s->receiver, t->w, &what);
	k->taker_id = k->taker->id;
	mem_put(t->w->mem, code, SQL_CODE_MAX);
	s->receiver.is_shut = true; /* its receipt comes first */
	s->call->sub = k;
	s->call->step = STEP_TAKING;
	(void)stomp_ask(t, k->taker_id);
	return ERR_OK;
}

/* Half of a list is nothing. */
static enum done refuse_limit(struct turn *t, const struct call *c)
{
	const bool is_wild = c->made > 0 && stomp_wild_refused(t, c->made);
	const char *message = is_wild ? "Too many queues for a wildcard" : "Too many selectors";
	char room[80];
	struct text most = text_of(room, sizeof room);
	text_putf(&most,
		  is_wild ? "One connection hears at most %u\n"
			  : "A queue's consumers have at most %u different ones\n",
		  is_wild ? LIMIT_STOMP_WILDCARD_QUEUES : LIMIT_SELECTORS);
	must(c->reply.err == ERR_LIMIT);
	return c->at > 0 ? stomp_fail(t, message, text_slice(&most))
			 : stomp_refuse(t, message, text_slice(&most));
}

/* There is nothing to wait for: it begins behind the receipt. */
static enum err show(struct turn *t, const struct asked *a, const struct queue_record *q)
{
	struct slice selector = SLICE_EMPTY;
	const struct subscribing same = same_of(t, a);
	uint8_t *code = selector_of(t, &selector);
	must(same.is_browser);
	const enum err e = stomp_browse(t, &same, q, selector);
	mem_put(t->w->mem, code, SQL_CODE_MAX);
	return e;
}

/* It has been answered. */
static enum done taken(struct turn *t, struct call *c)
{
	struct stomp *s = t->s;
	s->receiver.is_shut = false;
	must(c->step == STEP_TAKING);
	if (c->reply.err == ERR_OK)
		return DONE; /* it may be gone again, and that was told */
	struct subscription *k = c->sub;
	if (k) {
		if (c->reply.err == ERR_ACCESS_REFUSED && c->text_n == 0) {
			text_puts(&t->why, "queue '");
			text_put_slice(&t->why, stomp_sub_queue(k));
			text_puts(&t->why, "' in exclusive use");
		}
		receiver_forget(&s->receiver, t->w, k->taker);
		stomp_subscription_free(t, k);
	}
	return c->reply.err == ERR_LIMIT ? refuse_limit(t, c) : stomp_call_failed(t);
}

/* ---- SUBSCRIBE ---------------------------------------------------------------------------- */

static enum done subscribe(struct turn *t, const struct asked *a)
{
	struct call *c = stomp_call(t);
	const struct queue_record *q = NULL;
	must(c->ticket == TICKET_NONE && c->step <= STEP_BOUND);
	if (c->step == STEP_BOUND && c->reply.err != ERR_OK)
		return stomp_call_failed(t);
	const bool is_browser = stomp_is_browser(t) && !is_of_exchange(a);
	if (is_browser && !stomp_may_browse(t, &a->to))
		return DONE;
	if (a->to.is_wild) {
		take_all(t, a);
		return WAIT;
	}
	char durable[LIMIT_SHORTSTR + 1];
	enum err e = find_queue(t, a, name_of(t, a, durable), &q);
	if (e == ERR_OK && is_of_exchange(a) && c->step < STEP_BOUND) {
		e = bind(t, a, q);
		c->step = STEP_BOUND;
	} else if (e == ERR_OK && is_browser) {
		e = show(t, a, q);
		if (e == ERR_OK)
			return DONE;
	} else if (e == ERR_OK) {
		e = take(t, a, q);
	}
	return e == ERR_OK || e == ERR_BUSY ? WAIT : stomp_fail_err(t, e);
}

static enum done refuse_twice(struct turn *t, const struct asked *a)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	must(a->id.n <= LIMIT_SHORTSTR);
	text_puts(&body, "A subscription identified by '");
	text_puts(&body, a->has_id ? "T_" : "Q_");
	text_put_slice(&body, a->id);
	text_puts(&body, "' already exists.");
	return stomp_refuse(t, "Duplicated subscription identifier", text_slice(&body));
}

/* A wildcard counts as one, and each queue that it has joined as another. */
static bool has_most(const struct stomp *s)
{
	must(s->wilds_n == 0 || s->is_activemq);
	return s->subscriptions_n + s->wilds_n >= LIMIT_STOMP_SUBSCRIPTIONS;
}

static enum done refuse_one_more(struct turn *t)
{
	must(has_most(t->s));
	return stomp_refuse_most(t, "Too many subscriptions", "One connection has",
				 LIMIT_STOMP_SUBSCRIPTIONS);
}

/* The next destination of a list; the receipt is of all of them. False: there is none. */
static bool go_on(struct turn *t, struct call *c)
{
	bool has_more = false;
	must(c->step == STEP_TAKING && c->ticket == TICKET_NONE);
	if (c->reply.err == ERR_OK)
		(void)stomp_amq_part_at(t, c->at, &has_more);
	if (!has_more)
		return false;
	c->step = STEP_QUEUE;
	c->name_n = c->tries = 0;
	c->reply = (struct reply_row){ .err = ERR_OK };
	c->sub = NULL;
	c->at++;
	must(t->s->receiver.is_shut);
	return true;
}

/* One destination of the frame. */
static enum done subscribe_one(struct turn *t, struct slice to, uint8_t *names)
{
	struct stomp *s = t->s;
	struct asked a = { .ack = ACK_AUTO };
	if (!stomp_destination(t, to, names, &a.to) || !read_asked(t, &a))
		return DONE;
	const struct subscription *k = stomp_subscription(s, a.has_id, a.id);
	const uint64_t made = s->call ? s->call->made : 0;
	if ((k && (made == 0 || k->made != made)) || stomp_wild_has(s, a.has_id, a.id, made))
		return refuse_twice(t, &a);
	if (has_most(s))
		return refuse_one_more(t);
	must(s->phase == PHASE_RUNNING);
	return subscribe(t, &a);
}

static enum done subscribe_on(struct turn *t)
{
	struct stomp *s = t->s;
	UNSET uint8_t names[DESTINATION_MAX];
	bool has_more;
	must(s->phase == PHASE_RUNNING);
	if (s->call && s->call->step == STEP_TAKING && !go_on(t, s->call)) {
		const bool is_taken = s->call->reply.err == ERR_OK;
		enum done d = taken(t, s->call);
		if (is_taken)
			stomp_receipt(t);
		receiver_drain(&s->receiver, t->w);
		return d;
	}
	const uint32_t at = s->call ? s->call->at : 0;
	if (!s->call && stomp_amq_is_list(t) && !stomp_amq_may_hear_all(t, names))
		return DONE;
	enum done d = subscribe_one(t, stomp_amq_part_at(t, at, &has_more), names);
	if (d == DONE && at > 0 && s->phase == PHASE_RUNNING) /* half of a list is nothing */
		return stomp_fail(t, "Invalid subscription", slice_str("It was refused in part\n"));
	return d;
}

/* Are there answers to wait for? */
static bool is_waiting(const struct stomp *s)
{
	const struct call *c = s->call;
	must(c != NULL);
	return c->ticket != TICKET_NONE || (c->made > 0 && stomp_wild_is_joining(s, c->made));
}

enum done stomp_on_subscribe(struct turn *t)
{
	struct stomp *s = t->s;
	enum done d = WAIT;
	must(s->phase == PHASE_RUNNING);
	while (d == WAIT && (!s->call || !is_waiting(s)))
		d = subscribe_on(t);
	return d;
}

/* ---- answers to requests ------------------------------------------------------------------ */

enum done stomp_reply_to(struct turn *t, struct slice name, const struct subscription **out_sub)
{
	struct stomp *s = t->s;
	struct asked a = { .id = name,
			   .has_id = true,
			   .is_exclusive = true,
			   .ack = ACK_AUTO,
			   .to = { .place = STOMP_QUEUE } };
	must(s->phase == PHASE_RUNNING);
	if (s->call && s->call->step == STEP_TAKING && taken(t, s->call) == DONE &&
	    s->phase != PHASE_RUNNING)
		return DONE;
	*out_sub = stomp_subscription(s, true, name);
	if (*out_sub || name.n > LIMIT_SHORTSTR) {
		if (!*out_sub)
			(void)stomp_refuse(t, "Invalid header",
					   slice_str("reply-to is too long\n"));
		return DONE;
	}
	if (has_most(s))
		return refuse_one_more(t);
	struct call *c = stomp_call(t);
	if (c->name_n == 0)
		c->name_n = (uint8_t)ask_name(t->w, slice_str("amq.gen"), c->name).n;
	a.to.key = slice_of(c->name, c->name_n);
	if (subscribe(t, &a) == WAIT)
		return WAIT;
	return DONE;
}
