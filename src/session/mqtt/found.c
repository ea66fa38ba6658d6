#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "core/retain_store.h"
#include "session/mqtt/search.h"

/* Retained messages for new subscriptions: one after the other asks the store of its virtual
 * host, a window at a time: first for topics without a dot, whose levels are the words of their
 * keys, and then for the others, by a wider filter. What is found is read from the journal, and
 * goes out in its order, as far as the window of QoS 1 and 2 and the bound of the output allow. */

#define WINDOW_MESSAGES 32u
#define WINDOW_BYTES    262144u

static struct search *search_new(struct turn *t, struct slice filter)
{
	struct search *new = mqtt_get(t, sizeof *new + filter.n, "search");
	must(filter.n > 0 && filter.n <= LIMIT_SHORTSTR);
	*new = (struct search){ .whole.also = WHOLE_OTHER, .filter_n = (uint16_t)filter.n };
	memcpy(new->filter, filter.p, filter.n);
	struct mqtt_more *more = mqtt_more(t);
	if (more->searches)
		more->last_search->next = new;
	else
		more->searches = new;
	more->last_search = new;
	return new;
}

void mqtt_search(struct turn *t, const struct sub *one, bool is_owed)
{
	struct search *new = search_new(t, sub_filter(one));
	must(!is_owed || t->s->is_durable);
	new->options = one->options;
	new->number = one->number;
	new->is_owed = is_owed;
}

void mqtt_search_again(struct turn *t, struct slice filter, const struct search_place *at)
{
	uint8_t key[LIMIT_SHORTSTR], place[RETAIN_BEHIND_BYTES];
	struct search *new = search_new(t, filter);
	const struct slice topic = slice_of(at->topic, at->topic_n);
	must(t->s->is_durable || t->s->phase == PHASE_OPENING);
	new->is_owed = true;
	new->at = new->owed = *at;
	if (topic.n == 0)
		return;
	const struct slice words = slice_of(key, (size_t)(mqtt_key_put(key, topic) - key));
	new->from = mqtt_keep(
		t, slice_of(place, retain_store_behind(words, mqtt_topic_number(topic), place)),
		"place in a store");
}

static void search_free(struct turn *t, struct search *own_one)
{
	must(t->s->more->searches == own_one);
	t->s->more->searches = own_one->next;
	mqtt_unkeep(t, &own_one->from);
	if (own_one->whole.list)
		whole_drop(&own_one->whole);
	mqtt_put(t, own_one, sizeof *own_one + own_one->filter_n);
}

void mqtt_searches_fini(struct turn *t)
{
	struct found one;
	must(t->s->more->found.row_bytes == sizeof one);
	while (t->s->more->searches)
		search_free(t, t->s->more->searches);
	while (deque_pop(&t->s->more->found, &one))
		if (one.mem)
			msg_unref(one.mem, 1);
	deque_fini(&t->s->more->found, t->w->mem);
}

/* ---- asking ------------------------------------------------------------------------------- */

uint32_t mqtt_find(struct turn *t, const struct queue_record *store, struct slice filter,
		   struct slice from, bool is_dotted, const struct credit_row *want)
{
	struct mqtt *s = t->s;
	struct post *p = t->w->post;
	uint8_t tail[1 + LIMIT_SHORTSTR + RETAIN_PLACE_MAX];
	uint8_t *end = is_dotted ? mqtt_binding_put(tail + 1, filter)
				 : mqtt_key_put(tail + 1, filter);
	must(filter.n <= LIMIT_SHORTSTR && from.n <= RETAIN_PLACE_MAX);
	tail[0] = (uint8_t)(end - tail - 1);
	if (from.n)
		memcpy(end, from.p, from.n);
	const uint32_t ticket = ask_ticket(&s->asker);
	const struct run head = {
		.kind = CMD_FIND,
		.flags = is_dotted ? FIND_NUMBERED : 0,
		.channel = s->asker.channel,
		.session = s->session.handle,
		.shard = store->shard,
		.vhost = s->asker.vhost,
		.queue = store->id,
		.arg = ticket,
	};
	(void)post_run(p, p->loop_of_shard[store->shard], &head, want, sizeof *want, 1,
		       slice_of(tail, (size_t)(end - tail) + from.n));
	return ticket;
}

/* It is over, or nobody waits for it any more. */
static bool is_done(const struct search *one)
{
	must(one->filter_n > 0);
	return one->is_left || (one->is_end && one->at.is_dotted);
}

/* The topics that have a dot come last, from their beginning. */
static void turn_to_dotted(struct search *one)
{
	must(one->is_end && !one->at.is_dotted);
	one->at = (struct search_place){ .is_dotted = true };
	one->is_end = false;
}

/* Asks for more when all that was found is out. */
static void go_on(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	while (s->more->searches && s->more->found.n == 0 && s->search_ticket == TICKET_NONE &&
	       !s->is_end_wanted && mqtt_found_room(t)) {
		static const struct credit_row window = { WINDOW_MESSAGES, WINDOW_BYTES };
		const struct queue_record *store = retain_store(t->w->view, s->asker.vhost);
		struct search *one = s->more->searches;
		if (!store || is_done(one)) {
			if (mqtt_owed_pay(t))
				continue;
			search_free(t, one);
			if (!s->more->searches) {
				mqtt_more_look(t);
				mqtt_calling_searched(t);
			}
			continue;
		}
		if (one->is_end)
			turn_to_dotted(one);
		s->search_ticket = mqtt_find(t, store, search_filter(one), one->from,
					     one->at.is_dotted, &window);
	}
}

/* ---- out ---------------------------------------------------------------------------------- */

/* Sends what is at the front; false: it waits until it is put together. What is read for another
 * one finds nobody: each has its own serial. */
static bool send(struct turn *t, struct search *one, uint64_t mem)
{
	must(mem != 0 && !one->whole.list);
	if (one->is_left)
		return true;
	if (mqtt_deliver_found(t, msg_of(mem), search_filter(one), one->options, one->number))
		return true;
	one->whole.serial = (uint32_t)t->s->more->found_first;
	const bool is_begun = whole_begin(&one->whole, t->w, t->s->session.handle, msg_of(mem));
	must(is_begun == (one->whole.list != NULL)); /* without memory: the next time */
	return false;
}

void mqtt_search_drain(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	for (struct found *front;
	     (front = deque_peek(&s->more->found)) != NULL && front->is_read;) {
		struct search *one = s->more->searches;
		if (s->session.sendq.bytes >= t->w->limits->output_bytes_max ||
		    s->receiver.is_shut || one->whole.list)
			return;
		const uint64_t mem = front->mem;
		if (mem && !send(t, one, mem))
			return;
		deque_drop(&s->more->found);
		s->more->found_first++;
		if (mem)
			msg_unref(mem, 1);
	}
	go_on(t);
}

/* ---- what comes --------------------------------------------------------------------------- */

void mqtt_found(struct turn *t, const struct run *fx)
{
	struct mqtt *s = t->s;
	const struct deliver_row *row = (const struct deliver_row *)(const void *)(fx + 1);
	must(fx->flags & DELIVER_FOUND);
	if (s->is_end_wanted || fx->arg != s->search_ticket)
		return;
	for (uint32_t i = 0; i < fx->n; i++) {
		struct found *one = deque_add(&s->more->found, t->w->mem);
		must(one && row[i].mem == 0);
		*one = (struct found){ .mem = 0 };
		loads_put(t->w->loads,
			  (struct load){ .session = s->session.handle,
					 .ticket = FOUND_TICKET |
						   (s->more->found_first + s->more->found.n - 1),
					 .loc = row[i].loc,
					 .bytes = row[i].bytes,
					 .flags = row[i].flags });
	}
}

void mqtt_found_all(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	struct search *one = s->more->searches;
	const struct slice from = run_tail(fx);
	if (mqtt_probed(t, fx, r)) {
		mqtt_call_on(t);
		return;
	}
	if (fx->arg != s->search_ticket)
		return;
	must(one && from.n <= RETAIN_PLACE_MAX && s->phase == PHASE_RUNNING);
	s->search_ticket = TICKET_NONE;
	if (s->is_end_wanted) {
		mqtt_end(t);
		return;
	}
	one->is_end = r->err != ERR_OK || r->b || from.n == 0;
	mqtt_unkeep(t, &one->from);
	one->from = mqtt_keep(t, from, "place in a store");
	mqtt_search_drain(t);
}

/* A part of the front, whose list is here. */
static void part_loaded(struct turn *t, uint64_t ticket, uint64_t mem)
{
	struct search *one = t->s->more->searches;
	uint64_t whole = 0;
	if (!one) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	const enum whole_state state = whole_loaded(&one->whole, t->w, ticket, mem, &whole);
	if (state == WHOLE_STRANGE || state == WHOLE_MORE)
		return;
	struct found *front = deque_peek(&t->s->more->found);
	must(front && front->is_read && front->mem);
	msg_unref(front->mem, 1);
	front->mem = whole;
	if (t->s->phase == PHASE_RUNNING)
		mqtt_search_drain(t);
}

void mqtt_found_loaded(struct turn *t, uint64_t ticket, uint64_t mem)
{
	struct mqtt *s = t->s;
	if (ticket & WHOLE_TICKET) {
		part_loaded(t, ticket, mem);
		return;
	}
	const uint64_t at = (ticket & ~FOUND_TICKET) - s->more->found_first;
	must(ticket & FOUND_TICKET);
	if (s->phase != PHASE_RUNNING || at >= s->more->found.n) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	struct found *one = deque_at(&s->more->found, (size_t)at);
	*one = (struct found){ .mem = mem, .is_read = true };
	mqtt_search_drain(t);
}

/* ---- the store ---------------------------------------------------------------------------- */

bool mqtt_store_ready(struct turn *t)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct mqtt *s = t->s;
	must(s->open_ticket == TICKET_NONE);
	if (retain_store(t->w->view, s->asker.vhost))
		return true;
	s->open_ticket = ask_ticket(&s->asker);
	s->is_store_asked = true;
	ask_catalog(&s->asker, t->w->post, CMD_QUEUE_DECLARE, 0, s->open_ticket,
		    slice_of(buf, retain_store_declare(s->asker.vhost, buf, sizeof buf)));
	return false;
}

bool mqtt_store_declared(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->is_store_asked);
	s->open_ticket = TICKET_NONE;
	s->is_store_asked = false;
	if (s->is_end_wanted)
		mqtt_end(t);
	else if (retain_store(t->w->view, s->asker.vhost))
		return true;
	else
		mqtt_refuse(t, s->phase == PHASE_RUNNING ? MQTT_REASON_UNSPECIFIED
							 : MQTT_REASON_UNAVAILABLE);
	return false;
}
