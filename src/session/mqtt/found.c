#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "core/retain_store.h"
#include "session/whole.h"

/* Retained messages for new subscriptions: one after the other asks the store of its virtual
 * host, a window at a time: first for topics without a dot, whose levels are the words of their
 * keys, and then for the others, by a wider filter. What is found is read from the journal, and
 * goes out in its order, as far as the window of QoS 1 and 2 and the bound of the output allow. */

#define WINDOW_MESSAGES 32u
#define WINDOW_BYTES    262144u

/* A subscription that is still to be served; what comes of it. */
struct search {
	struct search *next;
	uint32_t number; /* its subscription identifier */
	uint16_t filter_n;
	uint8_t options;
	bool is_dotted;     /* now among topics that have a dot */
	bool is_end;        /* behind what has come there is nothing */
	struct slice from;  /* where the store is to go on; own. Empty: at the beginning */
	struct whole whole; /* the front of what was found, if its body is in pieces */
	uint8_t filter[];
};

struct found {
	uint64_t mem; /* 0: not read yet, or unreadable */
	bool is_read;
};

void mqtt_search(struct turn *t, const struct sub *one)
{
	struct mqtt *s = t->s;
	struct search *new = mqtt_get(t, sizeof *new + one->filter_n, "search");
	must(one->filter_n > 0);
	*new = (struct search){ .whole.also = WHOLE_OTHER,
				.number = one->number,
				.filter_n = one->filter_n,
				.options = one->options };
	memcpy(new->filter, one->filter, one->filter_n);
	if (s->searches)
		s->last_search->next = new;
	else
		s->searches = new;
	s->last_search = new;
}

static void search_free(struct turn *t, struct search *own_one)
{
	must(t->s->searches == own_one);
	t->s->searches = own_one->next;
	mqtt_unkeep(t, &own_one->from);
	if (own_one->whole.list)
		whole_drop(&own_one->whole);
	mqtt_put(t, own_one, sizeof *own_one + own_one->filter_n);
}

void mqtt_searches_fini(struct turn *t)
{
	struct found one;
	must(t->s->found.row_bytes == sizeof one);
	while (t->s->searches)
		search_free(t, t->s->searches);
	while (deque_pop(&t->s->found, &one))
		if (one.mem)
			msg_unref(one.mem, 1);
	deque_fini(&t->s->found, t->w->mem);
}

/* ---- asking ------------------------------------------------------------------------------- */

static void ask(struct turn *t, const struct search *one, const struct queue_record *store)
{
	struct mqtt *s = t->s;
	struct post *p = t->w->post;
	const struct credit_row want = { WINDOW_MESSAGES, WINDOW_BYTES };
	uint8_t tail[1 + LIMIT_SHORTSTR + RETAIN_PLACE_MAX];
	const struct slice filter = slice_of(one->filter, one->filter_n);
	uint8_t *end = one->is_dotted ? mqtt_binding_put(tail + 1, filter)
				      : mqtt_key_put(tail + 1, filter);
	must(one->filter_n <= LIMIT_SHORTSTR);
	tail[0] = (uint8_t)(end - tail - 1);
	if (one->from.n)
		memcpy(end, one->from.p, one->from.n);
	s->search_ticket = ask_ticket(&s->asker);
	const struct run head = {
		.kind = CMD_FIND,
		.flags = one->is_dotted ? FIND_NUMBERED : 0,
		.channel = s->asker.channel,
		.session = s->session.handle,
		.shard = store->shard,
		.vhost = s->asker.vhost,
		.queue = store->id,
		.arg = s->search_ticket,
	};
	(void)post_run(p, p->loop_of_shard[store->shard], &head, &want, sizeof want, 1,
		       slice_of(tail, (size_t)(end - tail) + one->from.n));
}

/* Asks for more when all that was found is out. */
static void go_on(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	while (s->searches && s->found.n == 0 && s->search_ticket == TICKET_NONE &&
	       !s->is_end_wanted && mqtt_found_room(t)) {
		const struct queue_record *store = retain_store(t->w->view, s->asker.vhost);
		struct search *one = s->searches;
		if (!store || (one->is_end && one->is_dotted)) {
			search_free(t, one);
			if (!s->searches)
				mqtt_calling_searched(t);
			continue;
		}
		one->is_dotted |= one->is_end;
		one->is_end = false;
		ask(t, one, store);
	}
}

/* ---- out ---------------------------------------------------------------------------------- */

/* Sends what is at the front; false: it waits until it is put together. What is read for another
 * one finds nobody: each has its own serial. */
static bool send(struct turn *t, struct search *one, uint64_t mem)
{
	must(mem != 0 && !one->whole.list);
	if (mqtt_deliver_found(t, msg_of(mem), slice_of(one->filter, one->filter_n), one->options,
			       one->number))
		return true;
	one->whole.serial = (uint32_t)t->s->found_first;
	const bool is_begun = whole_begin(&one->whole, t->w, t->s->session.handle, msg_of(mem));
	must(is_begun == (one->whole.list != NULL)); /* without memory: the next time */
	return false;
}

void mqtt_search_drain(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	for (struct found *front; (front = deque_peek(&s->found)) != NULL && front->is_read;) {
		struct search *one = s->searches;
		if (s->session.sendq.bytes >= t->w->limits->output_bytes_max ||
		    s->receiver.is_shut || one->whole.list)
			return;
		const uint64_t mem = front->mem;
		if (mem && !send(t, one, mem))
			return;
		deque_drop(&s->found);
		s->found_first++;
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
		struct found *one = deque_add(&s->found, t->w->mem);
		must(one && row[i].mem == 0);
		*one = (struct found){ .mem = 0 };
		loads_put(t->w->loads,
			  (struct load){ .session = s->session.handle,
					 .ticket = FOUND_TICKET | (s->found_first + s->found.n - 1),
					 .loc = row[i].loc,
					 .bytes = row[i].bytes,
					 .flags = row[i].flags });
	}
}

void mqtt_found_all(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	struct search *one = s->searches;
	const struct slice from = run_tail(fx);
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
	struct search *one = t->s->searches;
	uint64_t whole = 0;
	if (!one) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	const enum whole_state state = whole_loaded(&one->whole, t->w, ticket, mem, &whole);
	if (state == WHOLE_STRANGE || state == WHOLE_MORE)
		return;
	struct found *front = deque_peek(&t->s->found);
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
	const uint64_t at = (ticket & ~FOUND_TICKET) - s->found_first;
	must(ticket & FOUND_TICKET);
	if (s->phase != PHASE_RUNNING || at >= s->found.n) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	struct found *one = deque_at(&s->found, (size_t)at);
	*one = (struct found){ .mem = mem, .is_read = true };
	mqtt_search_drain(t);
}

void mqtt_search_init(struct mqtt *s)
{
	must(!s->searches);
	deque_init(&s->found, sizeof(struct found), "retained messages");
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
