#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/catalog_list.h"
#include "core/rules.h"
#include "session/defaults.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/search.h"
#include "session/mqtt/shared.h"
#include "session/queue_args.h"
#include "wire/amqp091/table.h"

/* The session's queues, named as RabbitMQ names them: ...qos0 goes with the connection, ...qos1
 * stays, and ...qos2 beside it, if QoS 2 was spoken (mark.c). Bindings are the subscriptions; their
 * arguments say what the keys cannot. */

#define ARGUMENT_FILTER  "x-mqtt-filter"
#define ARGUMENT_OPTIONS "x-mqtt-subscription-opts"
#define ARGUMENT_OWED    "x-mqtt-retained-owed"
#define ARGUMENTS_ROOM   192u /* beside the filter, or two topics */

struct slice mqtt_queue_name(const struct mqtt *s, enum mqtt_queue kind, char *buf)
{
	static const char *const ends[] = { "qos0", "qos1", "qos2" };
	struct text t = text_of(buf, MQTT_QUEUE_NAME_MAX + 1);
	must(s->client_id.n > 0 && s->client_id.n <= CLIENT_ID_MAX);
	text_puts(&t, OWNED_MQTT_SESSION);
	text_put_slice(&t, s->client_id);
	text_puts(&t, ends[kind]);
	return text_slice(&t);
}

static const struct queue_record *find(const struct turn *t, enum mqtt_queue kind)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	const struct mqtt *s = t->s;
	must(s->phase >= PHASE_OPENING);
	return catalog_queue(t->w->view, s->asker.vhost, mqtt_queue_name(s, kind, buf));
}

const struct queue_record *mqtt_queue(const struct turn *t)
{
	const struct queue_record *q = find(t, mqtt_queue_kind(t->s));
	must(t->s->session.handle != 0);
	return q && (q->owner == 0 || q->owner == t->s->session.handle) ? q : NULL;
}

uint32_t mqtt_drop(struct turn *t)
{
	struct asker *a = &t->s->asker;
	const struct queue_record *q = find(t, MQTT_QUEUE_KEPT);
	if (q)
		meter_add(t->w->lane, METER_sessions_dropped, 1);
	else
		q = find(t, MQTT_QUEUE_MARKS);
	must(t->s->has_claim);
	if (!q)
		return TICKET_NONE;
	const uint32_t ticket = ask_ticket(a);
	ask_queue(a, t->w->post, CMD_QUEUE_DELETE, 0, q, ticket);
	return ticket;
}

/* How long one that is kept stays without a consumer; RULE_NONE: for ever. */
static uint64_t expires_ms(const struct mqtt *s)
{
	must(s->is_durable);
	return s->expiry_s == MQTT_EXPIRY_NEVER ? RULE_NONE : max_u64(s->expiry_s, 1) * 1000;
}

/* What is declared of one, with the room that it needs. */
struct declaration {
	struct declare_queue d;
	char name[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t table[64], rules[RULES_BYTES_MAX];
};

/* Of a new one; those are no streams, and what is kept of QoS 2 is nobody's to see. */
static enum queue_type type_of(const struct turn *t, enum mqtt_queue kind)
{
	enum queue_type type = QUEUE_CLASSIC;
	must(kind <= MQTT_QUEUE_MARKS);
	if (kind != MQTT_QUEUE_KEPT)
		return QUEUE_CLASSIC;
	if (t->set->is_quorum)
		return QUEUE_QUORUM;
	type = defaults_queue_type(t->w, access_vhost_name(&t->s->access), QUEUE_DURABLE);
	return type == QUEUE_STREAM ? QUEUE_CLASSIC : type;
}

uint64_t mqtt_passing_bytes(const struct turn *t)
{
	must(t->set != NULL);
	return t->set->passing_bytes ? t->set->passing_bytes : RULE_NONE;
}

static void describe(const struct turn *t, enum mqtt_queue kind, enum queue_type type,
		     struct declaration *out)
{
	const struct mqtt *s = t->s;
	const bool is_durable = kind != MQTT_QUEUE_PASSING;
	struct wr w = wr_of(out->table, sizeof out->table);
	struct queue_rules rules = rules_none();
	must(is_durable == s->is_durable);
	if (is_durable)
		rules.expires_ms = expires_ms(s);
	if (rules.expires_ms != RULE_NONE)
		rules.logs_use = 1;
	rules.passing_bytes = mqtt_passing_bytes(t);
	if (rules.expires_ms != RULE_NONE)
		amqp091_put_int(&w, "x-expires", (int64_t)rules.expires_ms);
	if (type != QUEUE_CLASSIC)
		defaults_type_put(&w, SLICE_EMPTY, type);
	queue_args_type(type, &rules);
	rules.ranks = RULE_NONE; /* its client is owed the order in which messages came */
	must(wr_ok(&w));
	out->d = (struct declare_queue){
		.name = mqtt_queue_name(s, kind, out->name),
		.vhost = s->asker.vhost,
		.flags = is_durable ? QUEUE_DURABLE : QUEUE_EXCLUSIVE,
		.owner = is_durable ? 0 : s->session.handle,
		.arguments = wr_done(&w),
		.rules = slice_of(out->rules, rules_put(&rules, out->rules, sizeof out->rules)),
	};
	out->d.shard = ask_place(t->w->post, out->d.name, out->d.flags);
}

uint32_t mqtt_declare(struct turn *t, enum mqtt_queue kind)
{
	struct mqtt *s = t->s;
	struct declaration one;
	describe(t, kind, type_of(t, kind), &one);
	must(one.d.flags != 0);
	s->owns_queue = !s->is_durable;
	return ask_declare(&s->asker, t->w, &one.d);
}

uint8_t mqtt_declare_refusal(const struct reply_row *r, const struct queue_record *q,
			     uint8_t reason)
{
	must(r->err != ERR_OK || !q);
	return r->err == ERR_PRECONDITION_FAILED && !q ? MQTT_REASON_QUOTA : reason;
}

static bool lives_as_wished(const struct turn *t, const struct queue_rules *rules)
{
	const uint64_t ms = expires_ms(t->s);
	must(rules != NULL);
	return rules->expires_ms == ms && rules->passing_bytes == mqtt_passing_bytes(t) &&
	       rules->logs_use == (ms == RULE_NONE ? RULE_NONE : 1);
}

bool mqtt_alter(struct turn *t)
{
	static const enum mqtt_queue kinds[] = { MQTT_QUEUE_KEPT, MQTT_QUEUE_MARKS };
	struct mqtt *s = t->s;
	must(s->is_durable && s->altering_n == 0);
	s->altering = s->asker.last_ticket;
	s->altering_asked_n = 0;
	for (int i = 0; i < 2; i++) {
		const struct queue_record *q = find(t, kinds[i]);
		struct declaration one;
		struct queue_rules rules;
		if (!q || q->owner != 0 || rules_get(queue_record_rules(q), &rules) != ERR_OK)
			continue;
		if (!lives_as_wished(t, &rules)) {
			describe(t, kinds[i],
				 rules.type == RULE_NONE ? QUEUE_CLASSIC
							 : (enum queue_type)rules.type,
				 &one);
			(void)ask_alter(&s->asker, t->w, &one.d);
		} else if (rules.logs_use == 1) {
			ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, q,
				  ask_ticket(&s->asker));
		} else {
			continue;
		}
		s->altering_asked_n++;
	}
	s->altering_asked_n += mqtt_shared_lengthen_all(t);
	s->altering_n = s->altering_asked_n;
	return s->altering_n == 0;
}

bool mqtt_is_altering(const struct mqtt *s, uint64_t ticket)
{
	must(s->altering_n <= s->altering_asked_n);
	return s->altering_n > 0 && (uint32_t)ticket - s->altering - 1 < s->altering_asked_n;
}

bool mqtt_may(struct turn *t, enum auth_action action)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	must(t->s->access.is_in);
	return access_allow(&t->s->access, t->w, AUTH_QUEUE, action,
			    mqtt_queue_name(t->s, MQTT_QUEUE_KEPT, buf), &t->why) == ERR_OK;
}

void mqtt_consume(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = catalog_queue_by_id(t->w->view, s->queue);
	must(s->queue != 0 && !s->taker);
	if (!q)
		return; /* it was deleted; the session is as good as new until it subscribes */
	if (s->is_durable && !mqtt_may(t, AUTH_READ)) {
		t->why.n = 0; /* it goes on for publishing */
		return;
	}
	const uint8_t flags = s->is_durable    ? SUBSCRIBE_NUMBERED
			      : s->is_lossless ? 0
					       : SUBSCRIBE_LOSSY;
	s->taker = receiver_subscribe(&s->receiver, t->w,
				      &(struct taking){ .queue = q,
							.prefetch = s->is_durable ? s->window : 0,
							.is_no_ack = !s->is_durable,
							.flags = flags });
}

void mqtt_lossless(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase >= PHASE_OPENING);
	if (!s->is_lossless && s->taker && !s->is_durable)
		receiver_lossless(&s->receiver, t->w, s->taker);
	s->is_lossless = true;
}

void mqtt_shed(struct turn *t, const struct run *fx)
{
	struct mqtt *s = t->s;
	must(fx->kind == FX_SHED);
	if (!s->is_shed && s->phase < PHASE_ENDING)
		mqtt_note(t, &(struct session_note){ .event = SESSION_SHED, .text = s->client_id });
	s->is_shed = true;
}

void mqtt_consumed(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	must(r->op == CMD_SUBSCRIBE);
	if (s->more->marks_taker && s->more->marks_taker->id == fx->arg) {
		mqtt_marks_consumed(t, r);
		return;
	}
	struct taker *k = receiver_taker(&s->receiver, (uint32_t)fx->arg);
	if (r->err == ERR_OK || !k)
		return;
	if (k != s->taker) {
		mqtt_shared_ended(k);
		receiver_forget(&s->receiver, t->w, k);
		return;
	}
	receiver_forget(&s->receiver, t->w, s->taker);
	s->taker = NULL;
	text_puts(&t->why, "the session's queue is gone");
	mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
}

/* ---- bindings ----------------------------------------------------------------------------- */

static struct slice arguments_put(struct wr *w, struct slice filter, uint8_t options,
				  uint32_t number)
{
	amqp091_put_str(w, ARGUMENT_FILTER, filter);
	size_t mark = amqp091_put_table(w, ARGUMENT_OPTIONS);
	if (number)
		amqp091_put_int(w, "id", number);
	amqp091_put_bool(w, "no-local", options & SUB_NO_LOCAL);
	amqp091_put_int(w, "qos", options & SUB_QOS);
	amqp091_put_bool(w, "retain-as-published", options & SUB_AS_PUBLISHED);
	amqp091_put_int(w, "retain-handling", options >> SUB_HANDLING_SHIFT & 3);
	amqp091_put_close(w, mark);
	must(wr_ok(w));
	return wr_done(w);
}

static uint32_t bind(struct turn *t, enum cmd bind_or_unbind, struct slice filter,
		     struct slice arguments)
{
	char name[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t key[LIMIT_SHORTSTR];
	must(filter.n > 0 && filter.n <= LIMIT_SHORTSTR);
	const struct bind b = {
		.exchange = t->set->exchange,
		.queue = mqtt_queue_name(t->s, mqtt_queue_kind(t->s), name),
		.key = slice_of(key, (size_t)(mqtt_binding_put(key, filter) - key)),
		.arguments = arguments,
		.vhost = t->s->asker.vhost,
	};
	return ask_bind(&t->s->asker, t->w, bind_or_unbind, &b);
}

uint32_t mqtt_bind(struct turn *t, enum cmd bind_or_unbind, struct slice filter, uint8_t options,
		   uint32_t number)
{
	const size_t room = ARGUMENTS_ROOM + filter.n;
	uint8_t *buf = mqtt_get(t, room, "arguments of a binding");
	struct wr w = wr_of(buf, room);
	const uint32_t ticket = bind(t, bind_or_unbind, filter,
				     arguments_put(&w, filter, options, number));
	must(wr_ok(&w));
	mqtt_put(t, buf, room);
	return ticket;
}

uint32_t mqtt_bind_owed(struct turn *t, enum cmd bind_or_unbind, struct slice filter,
			const struct search_place *at)
{
	uint8_t buf[ARGUMENTS_ROOM + 2 * LIMIT_SHORTSTR];
	struct wr w = wr_of(buf, sizeof buf);
	must(t->s->is_durable);
	const size_t mark = amqp091_put_table(&w, ARGUMENT_OWED);
	amqp091_put_str(&w, "filter", filter);
	amqp091_put_str(&w, "behind", slice_of(at->topic, at->topic_n));
	amqp091_put_bool(&w, "dotted", at->is_dotted);
	amqp091_put_close(&w, mark);
	must(wr_ok(&w));
	return bind(t, bind_or_unbind, filter, wr_done(&w));
}

static uint8_t options_of(struct slice table)
{
	int64_t qos = 0, handling = 0;
	bool no_local = false, as_published = false;
	uint8_t options = 0;
	(void)amqp091_table_int(table, "qos", &qos);
	(void)amqp091_table_int(table, "retain-handling", &handling);
	(void)amqp091_table_bool(table, "no-local", &no_local);
	(void)amqp091_table_bool(table, "retain-as-published", &as_published);
	if (qos >= 0 && qos <= 2)
		options |= (uint8_t)qos;
	if (handling >= 0 && handling <= 2)
		options |= (uint8_t)(handling << SUB_HANDLING_SHIFT);
	must((options & SUB_QOS) <= 2);
	return (uint8_t)(options | (no_local ? SUB_NO_LOCAL : 0) |
			 (as_published ? SUB_AS_PUBLISHED : 0));
}

/* As a client could have it: what another hand writes may be anything. */
static bool is_filter(struct slice filter)
{
	struct slice group, of;
	if (filter.n > LIMIT_SHORTSTR || !mqtt_filter_ok(filter))
		return false;
	must(filter.n > 0);
	const bool is_shared = mqtt_share_split(filter, &group, &of);
	return !mqtt_filter_is_deep(of) && (!is_shared || mqtt_shared_fits(group, of));
}

/* The filter that a binding stands for; false: another hand has made it. */
static bool filter_of(const struct turn *t, const struct bind *b, struct slice *out)
{
	must(!b->to_exchange);
	return slice_eq(b->exchange, t->set->exchange) &&
	       amqp091_table_str(b->arguments, ARGUMENT_FILTER, out) && is_filter(*out);
}

bool mqtt_is_subscribed(const struct turn *t, uint64_t queue, struct slice to)
{
	struct catalog_walk walk = { .end = queue };
	struct slice filter;
	struct bind b;
	must(queue != 0);
	while (catalog_binding_next(t->w->view, &walk, &b) && !b.to_exchange && walk.end == queue)
		if (filter_of(t, &b, &filter) && (to.n == 0 || slice_eq(filter, to)))
			return true;
	return false;
}

/* It says that retained messages are owed; another hand may have written anything. */
static bool restore_owed(struct turn *t, const struct bind *b)
{
	struct slice filter = SLICE_EMPTY, table = SLICE_EMPTY, topic = SLICE_EMPTY;
	struct search_place at = { .topic_n = 0 };
	must(t->s->queue != 0);
	if (!slice_eq(b->exchange, t->set->exchange) ||
	    !amqp091_table_table(b->arguments, ARGUMENT_OWED, &table) ||
	    !amqp091_table_str(table, "filter", &filter) || !is_filter(filter))
		return false;
	(void)amqp091_table_str(table, "behind", &topic);
	(void)amqp091_table_bool(table, "dotted", &at.is_dotted);
	if (topic.n > 0 && (topic.n > LIMIT_SHORTSTR || !mqtt_topic_ok(topic)))
		return true;
	at.topic_n = (uint8_t)topic.n;
	if (topic.n)
		memcpy(at.topic, topic.p, topic.n);
	mqtt_search_again(t, filter, &at);
	return true;
}

/* A binding that another hand has made says only what its key says. */
static void restore_one(struct turn *t, const struct bind *b)
{
	struct slice filter = SLICE_EMPTY, table = SLICE_EMPTY;
	int64_t number = 0;
	if (!filter_of(t, b, &filter) || subs_find(t->s->subs, filter))
		return;
	struct sub *one = subs_add(mqtt_subs(t), t->w->mem, filter);
	must(one != NULL);
	one->options = 1;
	if (!amqp091_table_table(b->arguments, ARGUMENT_OPTIONS, &table))
		return;
	one->options = options_of(table);
	if (amqp091_table_int(table, "id", &number) && number > 0 && number <= MQTT_LENGTH_MAX)
		one->number = (uint32_t)number;
}

void mqtt_restore(struct turn *t)
{
	const struct queue_record *q = catalog_queue_by_id(t->w->view, t->s->queue);
	struct catalog_walk walk = { .end = t->s->queue };
	struct bind b;
	must(q != NULL);
	while (catalog_binding_next(t->w->view, &walk, &b) && !b.to_exchange &&
	       walk.end == t->s->queue)
		if (!restore_owed(t, &b))
			restore_one(t, &b);
	mqtt_owed_restored(t);
}
