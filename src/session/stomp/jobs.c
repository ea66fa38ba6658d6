#include "session/stomp/jobs.h"

#include "base/must.h"
#include "core/delay_store.h"
#include "msg/block.h"
#include "session/stomp/activemq.h"
#include "session/stomp/sending.h"
#include "session/upload.h"
#include "session/views.h"
#include "wire/stomp/later.h"
#include "wire/stomp/stored.h"

#define PLACE "ActiveMQ.Scheduler.Management" /* and what goes on behind it, in any case */

/* Of a call: what was asked for last. */
enum { STEP_NEW, STEP_SAFE, STEP_LOOKING, STEP_SHOWING, STEP_CANCELLING };

/* What the frame says; p NULL: nothing. */
struct order {
	struct slice action, job, from, to;
};

#define ROUTE_MAX (2u * (LIMIT_SHORTSTR + 1))

/* What a look to be shown all has of its call's text: when they are due, and where copies go. */
struct showing {
	uint64_t from_ms, to_ms;
	uint16_t route_n; /* exchange and key as two short strings */
	uint8_t route[CALL_TEXT_MAX - 24];
};
_Static_assert(sizeof(struct showing) <= CALL_TEXT_MAX, "a call has room for it");

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool stomp_is_job_order(const struct turn *t)
{
	static const char *const prefixes[] = { "/topic/", "/queue/" };
	const struct slice place = slice_str(PLACE);
	struct slice to = t->head->at[STOMP_H_DESTINATION];
	must(t->frame->command == STOMP_SEND);
	if (!t->s->is_activemq || to.n < place.n)
		return false;
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (slice_starts_with(to, slice_str(prefixes[i]))) {
			to = slice_from(to, slice_str(prefixes[i]).n);
			break;
		}
	if (to.n < place.n)
		return false;
	for (size_t i = 0; i < place.n; i++)
		if (lower(to.p[i]) != lower(place.p[i]))
			return false;
	return true;
}

static struct order read_order(const struct turn *t)
{
	static const struct {
		const char *name;
		size_t at;
	} words[] = {
		{ "AMQ_SCHEDULER_ACTION", offsetof(struct order, action) },
		{ STOMP_LATER_JOB, offsetof(struct order, job) },
		{ "ACTION_START_TIME", offsetof(struct order, from) },
		{ "ACTION_END_TIME", offsetof(struct order, to) },
	};
	struct slice head = t->frame->head, name, value;
	struct order o = { .action = SLICE_EMPTY };
	must(t->s->is_activemq);
	while (stomp_line(&head, &name, &value))
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			struct slice *one = (struct slice *)(void *)((char *)&o + words[i].at);
			if (!one->p && slice_eq(name, slice_str(words[i].name)))
				*one = stomp_trim(value, (enum stomp_version)t->s->version);
		}
	return o;
}

static struct publication publication_to(struct slice route, struct slice props)
{
	struct rd r = rd_of(route);
	struct publication what = { .route = route, .headers = &stomp_header_ops, .props = props };
	what.exchange = rd_str8(&r);
	what.key = rd_str8(&r);
	must(rd_done(&r));
	return what;
}

static struct slice route_of(const struct destination *to, uint8_t *room)
{
	struct wr w = wr_of(room, ROUTE_MAX);
	wr_str8(&w, to->exchange);
	wr_str8(&w, to->key);
	must(wr_ok(&w));
	return wr_done(&w);
}

/* Whoever may publish there. False: refused. */
static bool may_order(struct turn *t)
{
	uint8_t names[DESTINATION_MAX], bytes[ROUTE_MAX];
	struct destination to;
	struct route_hit *hit;
	if (!stomp_destination(t, t->head->at[STOMP_H_DESTINATION], names, &to))
		return false;
	const struct publication what = publication_to(route_of(&to, bytes), SLICE_EMPTY);
	must(what.key.n > 0);
	const enum err e = publisher_route(&t->s->publisher, t->w, &t->s->access, &what, &hit,
					   &t->why);
	if (e != ERR_OK)
		(void)stomp_fail_err(t, e);
	return e == ERR_OK;
}

/* ---- all of them -------------------------------------------------------------------------- */

static bool number(struct turn *t, struct slice in, uint64_t *out)
{
	int64_t n;
	must(in.p != NULL);
	if (!stomp_number(in, &n)) {
		(void)stomp_amq_refuse(t, "Not a number: ", in, "");
		return false;
	}
	*out = n > 0 ? (uint64_t)n : 0;
	return true;
}

/* When they are due: between two times, both included, or whenever. False: refused. */
static bool times_of(struct turn *t, const struct order *o, uint64_t *out_from_ms,
		     uint64_t *out_to_ms)
{
	*out_from_ms = 0;
	*out_to_ms = UINT64_MAX;
	must(t->s->is_activemq);
	return !o->from.p || !o->to.p ||
	       (number(t, o->from, out_from_ms) && number(t, o->to, out_to_ms));
}

static void ask_cancel(struct turn *t, const struct queue_record *store, const uint64_t *words,
		       uint32_t n)
{
	struct stomp *s = t->s;
	struct post *p = t->w->post;
	const struct run head = {
		.kind = CMD_CANCEL,
		.channel = s->asker.channel,
		.session = s->asker.session,
		.shard = store->shard,
		.vhost = s->asker.vhost,
		.queue = store->id,
		.arg = ask_ticket(&s->asker),
	};
	must(s->call != NULL);
	s->call->step = STEP_CANCELLING;
	s->call->ticket = (uint32_t)head.arg;
	(void)post_run(p, p->loop_of_shard[store->shard], &head, NULL, 0, 0,
		       slice_of(words, n * sizeof *words));
}

static enum done remove_all(struct turn *t, const struct queue_record *store, const struct order *o)
{
	uint64_t words[CANCEL_WORDS_MAX] = { 0 };
	must(t->s->call != NULL);
	if (!times_of(t, o, &words[2], &words[3]))
		return DONE;
	ask_cancel(t, store, words, CANCEL_WORDS_MAX);
	return WAIT;
}

/* ---- one of them -------------------------------------------------------------------------- */

/* Goes over all that wait. The frame waits for an answer to nothing, until the look is over or has
 * found what it was for. */
static enum done look(struct turn *t, const struct queue_record *store, uint16_t step)
{
	struct stomp *s = t->s;
	struct call *c = s->call;
	must(c->ticket == TICKET_NONE && !c->look);
	c->step = step;
	c->ticket = ask_ticket(&s->asker);
	c->look = browser_begin(&s->browser, t->w, store, SLICE_EMPTY, NULL);
	browser_drain(&s->browser, t->w);
	return WAIT;
}

/* Its name is in its message, so all that wait are looked at until it is found. */
static enum done look_for(struct turn *t, const struct queue_record *store, struct slice job)
{
	struct stomp *s = t->s;
	struct call *c = s->call;
	struct slice id;
	must(c && c->ticket == TICKET_NONE);
	struct wr scratch = wr_of(c->text, CALL_TEXT_MAX);
	if (job.n > CALL_TEXT_MAX ||
	    !stomp_unescape(job, (enum stomp_version)s->version, &scratch, &id))
		return DONE; /* nobody is called so */
	memmove(c->text, id.p, id.n);
	c->text_n = (uint16_t)id.n;
	return look(t, store, STEP_LOOKING);
}

static void look_at(struct turn *t, const struct queue_record *store, const struct msg *m,
		    const struct deliver_row *row)
{
	const struct call *c = t->s->call;
	struct header h;
	must(c->step == STEP_LOOKING && row->pos > 0);
	if (header_find(views_of(m), msg_props(m), slice_str(STOMP_LATER_JOB), &h) &&
	    h.class == HEADER_TEXT && slice_eq(h.octets, slice_of(c->text, c->text_n)))
		ask_cancel(t, store, (uint64_t[]){ 0, row->pos }, 2);
}

/* ---- a copy of each ----------------------------------------------------------------------- */

#define COPY_GROWS 700u /* octets of headers that it has not had */

/* As it waits, and where it would go. */
static void put_props(const struct turn *t, const struct msg *m, struct wr *w)
{
	char room[2 * LIMIT_SHORTSTR];
	struct text to = text_of(room, sizeof room);
	struct rd props = rd_of(msg_props(m)), route = rd_of(msg_route(m));
	struct slice name, value;
	const bool is_topic = rd_str8(&route).n > 0;
	stomp_amq_address(t->s, is_topic, rd_str8(&route), &to);
	must(rd_done(&route));
	stomp_stored_put_one(w, slice_str("original-destination"), text_slice(&to));
	stomp_stored_put_one(w, slice_str(stomp_header_words[STOMP_H_TYPE]), slice_str("Advisory"));
	while (stomp_stored_next(&props, &name, &value))
		if (!slice_eq(name, slice_str(stomp_header_words[STOMP_H_TYPE])) &&
		    !slice_eq(name, slice_str("original-destination")))
			stomp_stored_put_one(w, name, value);
}

static struct block *own_block(struct turn *t, size_t bytes)
{
	struct stomp *s = t->s;
	const uint32_t need = (uint32_t)bytes + BLOCK_HEADER_ROOM;
	must(bytes < UINT32_MAX / 2);
	if (s->block && (block_is_large(s->block) || block_room(s->block) < need))
		stomp_block_close(s);
	if (!s->block)
		s->block = block_take(t->w->home, need);
	return s->block;
}

/* What is too large for one record comes without its body. NULL: no memory. */
static const struct msg *copy_of(struct turn *t, const struct msg *m, struct slice route)
{
	const size_t props_max = msg_props(m).n + COPY_GROWS;
	const bool has_body = !upload_is_needed(route.n, props_max, m->body_bytes);
	const size_t need = route.n + props_max + (has_body ? m->body_bytes : 0);
	struct block *b = own_block(t, need);
	if (!b)
		return NULL;
	const uint32_t at = b->fill;
	struct wr w = wr_of((uint8_t *)b + at, need);
	wr_slice(&w, route);
	put_props(t, m, &w);
	const uint32_t body_off = at + (uint32_t)w.n;
	for (uint32_t i = 0, n = has_body ? msg_piece_n(m) : 0; i < n; i++)
		wr_slice(&w, msg_piece(m, i));
	must(wr_ok(&w));
	b->fill += (uint32_t)w.n;
	const struct msg *copy = msg_new(
		b, &(struct msg){ .route_off = at,
				  .route_len = (uint16_t)route.n,
				  .props_off = at + (uint32_t)route.n,
				  .props_len = body_off - at - (uint32_t)route.n,
				  .body_off = body_off,
				  .body_bytes = has_body ? m->body_bytes : 0,
				  .proto = MSG_STOMP });
	must(copy != NULL);
	return copy;
}

static void send_copy(struct turn *t, const struct browse *b, const struct msg *m)
{
	struct stomp *s = t->s;
	struct showing to;
	struct route_hit *hit;
	memcpy(&to, s->call->text, sizeof to);
	must(s->call->step == STEP_SHOWING);
	if (b->due_ms < to.from_ms || b->due_ms > to.to_ms || msg_encoding(m) != MSG_STOMP)
		return;
	const struct msg *copy = copy_of(t, m, slice_of(to.route, to.route_n));
	if (!copy)
		return;
	const struct publication what = publication_to(msg_route(copy), msg_props(copy));
	if (publisher_route(&s->publisher, t->w, &s->access, &what, &hit, &t->why) == ERR_OK)
		publisher_send(&s->publisher, t->w, &s->asker, &what, hit, copy, PUBLISHER_NOBODY);
}

/* Without somewhere to go nothing is shown to anybody. */
static enum done show_all(struct turn *t, const struct queue_record *store, const struct order *o)
{
	uint8_t names[DESTINATION_MAX], bytes[ROUTE_MAX];
	struct stomp *s = t->s;
	struct destination to;
	struct showing what = { .route_n = 0 };
	must(s->call != NULL);
	if (!stomp_has(t->head, STOMP_H_REPLY_TO) || !times_of(t, o, &what.from_ms, &what.to_ms))
		return DONE;
	if (!stomp_destination(t, t->head->at[STOMP_H_REPLY_TO], names, &to))
		return DONE;
	const struct slice route = route_of(&to, bytes);
	if (route.n > sizeof what.route)
		return stomp_amq_refuse(t, "Too long: ", t->head->at[STOMP_H_REPLY_TO], "");
	what.route_n = (uint16_t)route.n;
	memcpy(what.route, route.p, route.n);
	memcpy(s->call->text, &what, sizeof what);
	return look(t, store, STEP_SHOWING);
}

/* ---- looks -------------------------------------------------------------------------------- */

void stomp_job_show(struct turn *t, const struct browse *b, const struct deliver_row *row)
{
	const struct call *c = t->s->call;
	const struct queue_record *store = catalog_queue_by_id(t->w->view, b->queue);
	must(t->s->is_activemq);
	if (!c || c->look != b || t->s->phase != PHASE_RUNNING)
		return;
	if (store && c->step == STEP_LOOKING)
		look_at(t, store, msg_of(row->mem), row);
	else if (c->step == STEP_SHOWING)
		send_copy(t, b, msg_of(row->mem));
}

bool stomp_jobs_are_full(const struct session *own, const struct session_world *w,
			 const struct browse *b)
{
	const struct stomp *s = (const struct stomp *)own;
	must(s->session.handle != 0);
	return !b->of && (w->is_blocked || publisher_is_full(&s->publisher, w));
}

void stomp_jobs_over(struct turn *t, const struct browse *b)
{
	struct call *c = t->s->call;
	must(t->s->is_activemq);
	if (!c || c->look != b)
		return;
	c->look = NULL;
	if (c->step != STEP_CANCELLING)
		c->ticket = TICKET_NONE;
}

/* ---- orders ------------------------------------------------------------------------------- */

static bool is_browse(const struct order *o)
{
	return slice_eq(o->action, slice_str("BROWSE"));
}

static enum done obey(struct turn *t, const struct queue_record *store, const struct order *o)
{
	must(store != NULL);
	if (is_browse(o))
		return show_all(t, store, o);
	if (slice_eq(o->action, slice_str("REMOVEALL")))
		return remove_all(t, store, o);
	if (slice_eq(o->action, slice_str("REMOVE")) && o->job.p)
		return look_for(t, store, o->job);
	return DONE;
}

/* Where copies go is there before anything is done. DONE, not refused: it is. */
static enum done prepare(struct turn *t, const struct order *o, bool *out_is_refused)
{
	uint8_t names[DESTINATION_MAX];
	struct sending m = { .reply_to = SLICE_EMPTY };
	*out_is_refused = false;
	must(t->frame != NULL);
	if (!is_browse(o) || !stomp_has(t->head, STOMP_H_REPLY_TO))
		return DONE;
	*out_is_refused = !stomp_destination(t, t->head->at[STOMP_H_REPLY_TO], names, &m.to);
	return *out_is_refused ? DONE : stomp_need_queue(t, &m, out_is_refused);
}

/* Who asks hears of what he has sent before, too: the store has it by then. */
static enum done settle_first(struct turn *t, const struct queue_record *store)
{
	struct stomp *s = t->s;
	const uint32_t ticket = ask_ticket(&s->asker);
	must(store != NULL);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, store, ticket);
	stomp_call(t)->step = STEP_SAFE;
	return stomp_ask(t, ticket);
}

enum done stomp_job_order(struct turn *t)
{
	struct stomp *s = t->s;
	const struct order o = read_order(t);
	const struct queue_record *store = delay_store(t->w->view, s->access.number);
	const uint32_t step = s->call ? s->call->step : STEP_NEW;
	const uint64_t errors_n = s->errors_n;
	bool is_refused = false;
	enum done d = DONE;
	must(s->phase == PHASE_RUNNING);
	if (step == STEP_NEW) {
		if (!may_order(t))
			return DONE;
		d = prepare(t, &o, &is_refused);
		if (d == WAIT || is_refused)
			return d;
		if (store && o.action.n > 0)
			return settle_first(t, store);
	}
	if (step == STEP_SAFE && store && s->call->reply.err == ERR_OK)
		d = obey(t, store, &o);
	if (d == WAIT)
		return WAIT;
	if (s->call && s->call->look) /* it was found before the end */
		browser_end(&s->browser, t->w, s->call->look);
	if (s->errors_n == errors_n && s->phase == PHASE_RUNNING)
		stomp_receipt(t);
	return DONE;
}
