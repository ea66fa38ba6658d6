#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/mqtt/shared.h"

/* SUBSCRIBE and UNSUBSCRIBE in three steps: the queue is made, if there is none; bindings are made
 * (or, to unsubscribe, ended); bindings whose options are no longer right are ended. From the first
 * moment on deliveries are looked up with the new options. Then the client is answered. */

static struct call *call_new(struct turn *t, uint8_t type, uint32_t n, uint16_t id)
{
	const size_t size = sizeof(struct call) + n * sizeof(struct wish);
	struct call *call = mqtt_get(t, size, "call");
	must(!t->s->call && n > 0);
	memset(call, 0, size);
	call->n = n;
	call->id = id;
	call->type = type;
	t->s->call = call;
	return call;
}

void mqtt_call_free(struct turn *t)
{
	struct call *call = t->s->call;
	must(call != NULL);
	mqtt_put(t, call, sizeof *call + call->n * sizeof call->wish[0]);
	t->s->call = NULL;
}

static void answer(struct turn *t)
{
	struct mqtt *s = t->s;
	struct call *call = s->call;
	uint8_t *reasons = mqtt_get(t, call->n, "reasons");
	must(call->answers_n == 0);
	for (uint32_t i = 0; i < call->n; i++)
		reasons[i] = call->wish[i].reason;
	const struct mqtt_suback a = { .id = call->id, .reasons = slice_of(reasons, call->n) };
	const uint8_t type = call->type == MQTT_SUBSCRIBE ? MQTT_SUBACK : MQTT_UNSUBACK;
	const size_t n = mqtt_suback_size(s->version, type, &a);
	uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, (uint32_t)n);
	must(mqtt_suback_put(at, s->version, type, &a) == at + n);
	sendq_commit(&s->session.sendq, (uint32_t)n);
	mqtt_count_out(t, n);
	mqtt_put(t, reasons, call->n);
}

/* False: it is refused. */
static bool decode(struct turn *t, const struct mqtt_packet *p, struct mqtt_subscribe *out)
{
	const enum mqtt_fault f = mqtt_subscribe_decode(p, out);
	const bool is_good = f == MQTT_FAULT_NONE && out->filters_n <= LIMIT_MQTT_PACKET_FILTERS;
	must(t->s->phase == PHASE_RUNNING);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
	} else if (!is_good) {
		text_putf(&t->why, "more than %u filters", (unsigned)LIMIT_MQTT_PACKET_FILTERS);
		mqtt_refuse(t, MQTT_REASON_QUOTA);
	}
	return is_good;
}

/* ---- SUBSCRIBE ---------------------------------------------------------------------------- */

/* As in RabbitMQ: he may make the queue, bind it, and read from it, the exchange and the topic. */
static uint8_t may_subscribe(struct turn *t, const struct mqtt_subscription *m)
{
	struct mqtt *s = t->s;
	const struct access *a = &s->access;
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t key[LIMIT_SHORTSTR];
	struct slice queue = mqtt_queue_name(s, mqtt_queue_kind(s), buf), group, filter;
	const bool is_shared = mqtt_share_split(m->filter, &group, &filter);
	must(m->filter.n > 0);
	if (m->filter.n > LIMIT_SHORTSTR || mqtt_filter_is_deep(filter) ||
	    (is_shared && !mqtt_shared_fits(group, filter)))
		return MQTT_REASON_BAD_FILTER;
	if (is_shared)
		queue = mqtt_shared_name(group, filter, buf);
	const struct slice topic = slice_of(key, (size_t)(mqtt_key_put(key, filter) - key));
	if (access_allow(a, t->w, AUTH_QUEUE, AUTH_CONFIGURE, queue, &t->why) != ERR_OK ||
	    access_allow(a, t->w, AUTH_QUEUE, AUTH_WRITE, queue, &t->why) != ERR_OK ||
	    access_allow(a, t->w, AUTH_QUEUE, AUTH_READ, queue, &t->why) != ERR_OK ||
	    access_allow(a, t->w, AUTH_EXCHANGE, AUTH_READ, t->set->exchange, &t->why) != ERR_OK ||
	    access_allow_key(a, t->w, AUTH_READ, t->set->exchange, topic, &t->why) != ERR_OK)
		return MQTT_REASON_NOT_AUTHORIZED;
	return m->qos;
}

/* A filter that stands in a packet twice: the last one counts, and both are answered. */
static void replace(struct wish *before, struct wish *wish)
{
	must(before->sub == wish->sub);
	wish->is_new = before->is_new;
	wish->is_changed = !before->is_new;
	wish->old_options = before->old_options;
	wish->old_number = before->old_number;
	before->sub = NULL;
	before->is_changed = false;
}

static void wish_for(struct turn *t, struct call *call, uint32_t place,
		     const struct mqtt_subscription *m, uint32_t number)
{
	struct mqtt *s = t->s;
	struct wish *wish = &call->wish[place];
	uint8_t options = mqtt_subscription_options(m);
	t->why.n = 0;
	wish->reason = may_subscribe(t, m);
	if (wish->reason >= MQTT_REASON_FAILURE) {
		mqtt_note_refused(t, m->filter, wish->reason);
		return;
	}
	if (s->is_bridge)
		options |= SUB_NO_LOCAL | SUB_AS_PUBLISHED;
	wish->sub = subs_find(s->subs, m->filter);
	wish->is_new = !wish->sub;
	if (wish->sub) {
		wish->old_options = wish->sub->options;
		wish->old_number = wish->sub->number;
		wish->is_changed = options != wish->sub->options || number != wish->sub->number;
	} else {
		wish->sub = subs_add(mqtt_subs(t), t->w->mem, m->filter);
		must(wish->sub != NULL);
	}
	if (m->qos > 0 && !wish->sub->is_shared)
		mqtt_lossless(t);
	if (wish->sub->wished)
		replace(&call->wish[wish->sub->wished - 1], wish);
	wish->sub->wished = place + 1;
	wish->sub->options = options;
	wish->sub->number = number;
}

/* Of a shared one only who is kept has to be reminded. */
static bool has_binding(const struct turn *t, const struct sub *one)
{
	must(one != NULL);
	return !one->is_shared || t->s->is_durable;
}

static void bind_all(struct turn *t)
{
	struct call *call = t->s->call;
	must(call->type == MQTT_SUBSCRIBE);
	call->step = CALL_BINDINGS;
	call->next = 0;
	for (uint32_t i = 0; i < call->n; i++) {
		struct wish *wish = &call->wish[i];
		const struct sub *one = wish->sub;
		if (one && one->is_shared && !one->taker) {
			mqtt_shared_bind(t, one);
			call->answers_n += 1 + mqtt_shared_lengthen(t, one);
		}
		if (!one || !has_binding(t, one) || !(wish->is_new || wish->is_changed))
			continue;
		wish->ticket = mqtt_bind(t, CMD_BIND, sub_filter(one), one->options, one->number);
		call->answers_n++;
	}
}

static void unbind_old(struct turn *t)
{
	struct call *call = t->s->call;
	must(call->answers_n == 0);
	call->step = CALL_UNBINDINGS;
	call->next = 0;
	for (uint32_t i = 0; i < call->n; i++) {
		struct wish *wish = &call->wish[i];
		wish->ticket = TICKET_NONE;
		if (!wish->is_changed || !wish->sub || !has_binding(t, wish->sub))
			continue;
		wish->ticket = mqtt_bind(t, CMD_UNBIND, sub_filter(wish->sub), wish->old_options,
					 wish->old_number);
		call->answers_n++;
	}
}

static void take_back(struct turn *t, struct wish *wish, uint8_t reason)
{
	must(wish->sub != NULL && reason >= MQTT_REASON_FAILURE);
	wish->reason = reason;
	mqtt_note_refused(t, sub_filter(wish->sub), reason);
	if (wish->is_new) {
		subs_drop(t->s->subs, t->w->mem, wish->sub);
	} else {
		wish->sub->options = wish->old_options;
		wish->sub->number = wish->old_number;
	}
	wish->sub = NULL;
	wish->is_changed = false;
}

/* Retained messages go to who asks for them. */
static void search(struct turn *t)
{
	const struct call *call = t->s->call;
	bool is_sys = false, is_sys_due = false;
	for (uint32_t i = 0; i < call->n && call->type == MQTT_SUBSCRIBE; i++) {
		const struct wish *wish = &call->wish[i];
		if (!wish->sub || wish->sub->is_shared)
			continue;
		const bool is_due = mqtt_is_due(wish);
		is_sys |= wish->sub->is_sys;
		is_sys_due |= wish->sub->is_sys && is_due;
		wish->sub->is_sys_due |= wish->sub->is_sys && is_due;
		if (is_due)
			mqtt_search(t, wish->sub, wish->is_owed);
	}
	must(t->s->phase == PHASE_RUNNING);
	if (is_sys)
		mqtt_sys_subscribed(t, is_sys_due);
	mqtt_search_drain(t);
}

/* Groups are joined when their queues are bound. */
static void join(struct turn *t)
{
	struct call *call = t->s->call;
	must(call->answers_n == 0);
	for (uint32_t i = 0; i < call->n && call->type == MQTT_SUBSCRIBE; i++) {
		struct wish *wish = &call->wish[i];
		if (!wish->sub || !wish->sub->is_shared || wish->sub->taker ||
		    mqtt_shared_consume(t, wish->sub))
			continue;
		take_back(t, wish, call->is_limited ? MQTT_REASON_QUOTA : MQTT_REASON_UNSPECIFIED);
	}
}

/* The worst of what became of them. */
static uint8_t reason_of_all(const struct call *call)
{
	uint8_t reason = 0;
	must(call->n > 0);
	for (uint32_t i = 0; i < call->n; i++)
		if (call->wish[i].reason > reason)
			reason = call->wish[i].reason;
	return reason;
}

static void over(struct turn *t)
{
	struct mqtt *s = t->s;
	const uint8_t reason = reason_of_all(s->call);
	must(s->call->answers_n == 0);
	if (!s->is_end_wanted) {
		if (s->queue && !s->taker && !s->calling)
			mqtt_consume(t);
		join(t);
		if (s->call->id) /* else nobody has asked */
			answer(t);
		if (s->call->id)
			search(t);
	}
	if (s->calling && s->call->type == MQTT_SUBSCRIBE)
		mqtt_calling_owes(t);
	mqtt_call_free(t);
	if (s->is_end_wanted)
		mqtt_end(t);
	else if (s->calling)
		mqtt_calling_subscribed(t, reason);
}

void mqtt_call_on(struct turn *t)
{
	struct call *call = t->s->call;
	must(call != NULL);
	if (call->answers_n > 0)
		return;
	if (call->type == MQTT_SUBSCRIBE && call->step == CALL_QUEUE)
		bind_all(t);
	if (call->type == MQTT_SUBSCRIBE && call->step == CALL_BINDINGS && call->answers_n == 0)
		unbind_old(t);
	if (call->answers_n == 0 && !mqtt_owes(t))
		over(t);
}

static bool wants_queue(const struct call *call)
{
	bool wants = false;
	must(call->type == MQTT_SUBSCRIBE);
	for (uint32_t i = 0; i < call->n; i++)
		wants |= call->wish[i].sub && !call->wish[i].sub->is_shared;
	return wants;
}

/* Asks for all queues that are not there. */
static void declare_all(struct turn *t)
{
	struct mqtt *s = t->s;
	struct call *call = s->call;
	must(call->step == CALL_QUEUE && call->answers_n == 0);
	if (s->queue == 0 && wants_queue(call)) {
		call->ticket = mqtt_declare(t, mqtt_queue_kind(s));
		call->answers_n = 1;
	}
	for (uint32_t i = 0; i < call->n; i++) {
		const struct sub *one = call->wish[i].sub;
		if (one && one->is_shared && !one->taker)
			call->answers_n += mqtt_shared_declare(t, one);
	}
}

/* All of them are wished for: now they are asked for. */
static void begin(struct turn *t)
{
	struct call *call = t->s->call;
	must(call && call->type == MQTT_SUBSCRIBE);
	for (uint32_t i = 0; i < call->n; i++)
		if (call->wish[i].sub)
			call->wish[i].sub->wished = 0;
	declare_all(t);
	mqtt_call_on(t);
}

void mqtt_subscribe_here(struct turn *t)
{
	const struct mqtt_bridge *set = mqtt_calling_set(t->s);
	uint8_t buf[2 * LIMIT_SHORTSTR];
	uint32_t n = 0, at = 0;
	must(t->s->phase == PHASE_RUNNING);
	for (uint32_t i = 0; i < set->topics_n; i++)
		n += set->topics[i].is_out;
	if (n == 0) {
		mqtt_calling_subscribed(t, MQTT_REASON_SUCCESS);
		return;
	}
	struct call *call = call_new(t, MQTT_SUBSCRIBE, n, 0);
	for (uint32_t i = 0; i < set->topics_n; i++) {
		const struct mqtt_bridge_topic *topic = &set->topics[i];
		const struct mqtt_subscription one = {
			.filter = mqtt_bridge_filter(topic, false, buf), .qos = topic->qos
		};
		if (topic->is_out)
			wish_for(t, call, at++, &one, 0);
	}
	begin(t);
}

void mqtt_on_subscribe(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_subscribe m;
	struct mqtt_subscription one;
	if (!decode(t, p, &m))
		return;
	struct call *call = call_new(t, p->type, m.filters_n, m.id);
	struct rd r = rd_of(m.list);
	for (uint32_t i = 0; mqtt_subscribe_next(&r, &one); i++)
		wish_for(t, call, i, &one, m.props.subscription_id);
	t->why.n = 0; /* the log has it */
	begin(t);
}

void mqtt_resubscribe(struct turn *t)
{
	const struct subs *all = t->s->subs;
	uint32_t n = 0;
	size_t cursor = 0;
	must(t->s->phase == PHASE_RUNNING);
	for (struct sub *one = subs_next(all, &cursor, NULL); one;
	     one = subs_next(all, &cursor, one))
		n += one->is_shared;
	if (n == 0)
		return;
	struct call *call = call_new(t, MQTT_SUBSCRIBE, n, 0);
	cursor = n = 0;
	for (struct sub *one = subs_next(all, &cursor, NULL); one;
	     one = subs_next(all, &cursor, one))
		if (one->is_shared)
			call->wish[n++] = (struct wish){ .sub = one,
							 .old_options = one->options,
							 .old_number = one->number };
	declare_all(t);
	mqtt_call_on(t);
}

/* ---- UNSUBSCRIBE -------------------------------------------------------------------------- */

static void leave(struct turn *t, struct wish *wish, struct slice filter)
{
	struct mqtt *s = t->s;
	struct sub *sub = subs_find(s->subs, filter);
	must(s->call->type == MQTT_UNSUBSCRIBE);
	wish->reason = sub ? MQTT_REASON_SUCCESS : MQTT_REASON_NO_SUBSCRIPTION;
	if (!sub)
		return;
	if (has_binding(t, sub)) {
		wish->ticket = mqtt_bind(t, CMD_UNBIND, filter, sub->options, sub->number);
		s->call->answers_n++;
	}
	if (sub->is_shared)
		s->call->answers_n += mqtt_shared_leave(t, sub);
	mqtt_search_leave(s, filter);
	subs_drop(s->subs, t->w->mem, sub);
}

static bool goes_out(const struct mqtt_bridge *set, const struct sub *one)
{
	uint8_t buf[2 * LIMIT_SHORTSTR];
	must(one != NULL);
	for (uint32_t i = 0; i < set->topics_n; i++)
		if (set->topics[i].is_out &&
		    slice_eq(mqtt_bridge_filter(&set->topics[i], false, buf), sub_filter(one)))
			return true;
	return false;
}

/* A subscription of before, which is set no more. */
static struct sub *outdated(const struct mqtt *s)
{
	size_t cursor = 0;
	struct sub *one = NULL;
	must(s->calling != NULL);
	do
		one = subs_next(s->subs, &cursor, one);
	while (one && goes_out(mqtt_calling_set(s), one));
	return one;
}

bool mqtt_unsubscribe_here(struct turn *t)
{
	struct mqtt *s = t->s;
	uint8_t buf[LIMIT_SHORTSTR];
	const struct sub *one = outdated(s);
	must(s->phase == PHASE_RUNNING);
	if (!one)
		return false;
	struct call *call = call_new(t, MQTT_UNSUBSCRIBE, 1, 0);
	call->step = CALL_BINDINGS;
	memcpy(buf, one->filter, one->filter_n);
	leave(t, &call->wish[0], slice_of(buf, one->filter_n));
	mqtt_call_on(t);
	return true;
}

void mqtt_on_unsubscribe(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_subscribe m;
	struct slice filter;
	if (!decode(t, p, &m))
		return;
	struct call *call = call_new(t, p->type, m.filters_n, m.id);
	struct rd r = rd_of(m.list);
	call->step = CALL_BINDINGS;
	for (uint32_t i = 0; mqtt_unsubscribe_next(&r, &filter); i++)
		leave(t, &call->wish[i], filter);
	mqtt_call_on(t);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void declared(struct turn *t, const struct reply_row *r)
{
	struct call *call = t->s->call;
	const struct queue_record *q = mqtt_queue(t);
	must(call->step == CALL_QUEUE && call->answers_n > 0);
	call->answers_n--;
	if (r->err == ERR_OK && q) {
		t->s->queue = q->id;
		return;
	}
	for (uint32_t i = 0; i < call->n; i++) {
		if (!call->wish[i].sub || call->wish[i].sub->is_shared)
			continue;
		take_back(t, &call->wish[i], mqtt_declare_refusal(r, q, MQTT_REASON_UNSPECIFIED));
	}
}

/* Bindings are answered in the order in which they were asked for. Of a group's queue it is enough
 * that it is there in the end. */
static void bound(struct turn *t, const struct reply_row *r, uint32_t ticket)
{
	struct call *call = t->s->call;
	uint32_t at = call->next;
	while (at < call->n && call->wish[at].ticket != ticket)
		at++;
	must(call->answers_n > 0);
	call->answers_n--;
	if (at == call->n || call->step == CALL_QUEUE)
		return;
	struct wish *wish = &call->wish[at];
	call->next = at + 1;
	wish->is_owed = wish->is_owed && r->err == ERR_OK;
	if (r->err == ERR_OK || call->step != CALL_BINDINGS || call->type != MQTT_SUBSCRIBE)
		return;
	take_back(t, wish, MQTT_REASON_UNSPECIFIED);
}

void mqtt_subscribed(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct call *call = t->s->call;
	must(call != NULL);
	call->is_limited |= r->op == CMD_QUEUE_DECLARE && r->err == ERR_PRECONDITION_FAILED;
	if (call->step == CALL_QUEUE && fx->arg == call->ticket)
		declared(t, r);
	else
		bound(t, r, (uint32_t)fx->arg);
	mqtt_call_on(t);
}
