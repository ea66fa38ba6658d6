#include "base/bits.h"
#include "base/must.h"
#include "core/rules.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/mqtt.h"

/* A will of QoS 1 or 2, or one that is retained or delayed, lies in a durable queue of its own,
 * amq.will.ID, from before CONNACK on. Its rules say when it is due: that long after the queue's
 * last consumer has gone what is in it goes on through the exchange (bequeaths), and the queue
 * ends. The session is that consumer, one that takes nothing. So the will is due likewise if the
 * broker dies.
 *
 *     goodbye                    the queue is deleted
 *     the end, and no delay      it expires (DELETE_EXPIRED), and the client id is not free before
 *     the end, and a delay       it is left alone
 *     the session goes on        whoever has its client id next deletes it, if it is not due yet
 *
 * What the client may do is asked at the end of the connection; after a crash, what he might at its
 * beginning has to do. One who may not publish it leaves nothing. */

#define PREFIX  "amq.will."
#define SOON_MS 1u /* a will without delay */

static uint64_t wait_ms(const struct mqtt *s)
{
	uint64_t ms = UINT64_C(1000) * min_u64(s->will->delay_s, s->expiry_s);
	must(s->will != NULL);
	return max_u64(ms, SOON_MS);
}

static struct slice name_of(const struct mqtt *s, char *buf)
{
	struct text t = text_of(buf, MQTT_QUEUE_NAME_MAX + 1);
	must(s->client_id.n > 0 && sizeof PREFIX + s->client_id.n <= LIMIT_SHORTSTR);
	text_puts(&t, PREFIX);
	text_put_slice(&t, s->client_id);
	return text_slice(&t);
}

static const struct queue_record *find(const struct turn *t)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	must(t->s->has_claim);
	return catalog_queue(t->w->view, t->s->asker.vhost, name_of(t->s, buf));
}

/* ---- the one before ----------------------------------------------------------------------- */

static bool is_delayed(const struct queue_record *q)
{
	struct queue_rules rules;
	if (rules_get(queue_record_rules(q), &rules) != ERR_OK)
		must(!"rules that the catalog has checked");
	return rules.expires_ms > SOON_MS;
}

bool mqtt_legacy_clear(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = find(t);
	must(s->phase == PHASE_OPENING && s->legacy.step == LEGACY_NONE);
	if (!q)
		return true;
	const bool is_in_time = s->queue != 0 && is_delayed(q);
	s->legacy.step = LEGACY_CLEARING;
	s->open_ticket = ask_ticket(&s->asker);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_DELETE, is_in_time ? 0 : DELETE_EXPIRED, q,
		  s->open_ticket);
	return false;
}

/* ---- a new one ---------------------------------------------------------------------------- */

/* What is declared of its queue, with the room that it needs. */
struct declaration {
	struct declare_queue d;
	char name[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t rules[RULES_BYTES_MAX];
};

static void describe(const struct turn *t, struct declaration *out)
{
	const struct mqtt *s = t->s;
	struct queue_rules rules = rules_none();
	must(s->will != NULL);
	rules.expires_ms = wait_ms(s);
	if (rules.expires_ms > SOON_MS)
		rules.logs_use = 1;
	rules.bequeaths = 1;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = t->set->exchange;
	out->d = (struct declare_queue){
		.name = name_of(s, out->name),
		.vhost = s->asker.vhost,
		.flags = QUEUE_KEEPER | QUEUE_DURABLE,
		.rules = slice_of(out->rules, rules_put(&rules, out->rules, sizeof out->rules)),
	};
	out->d.shard = ask_place(t->w->post, out->d.name, out->d.flags);
}

static void declare(struct turn *t)
{
	struct mqtt *s = t->s;
	struct declaration one;
	must(s->open_ticket == TICKET_NONE);
	describe(t, &one);
	s->legacy.step = LEGACY_DECLARING;
	s->open_ticket = ask_declare(&s->asker, t->w, &one.d);
}

/* DISCONNECT has said that the session ends sooner or later. */
static void wait_anew(struct turn *t)
{
	struct mqtt *s = t->s;
	struct declaration one;
	must(s->is_expiry_new);
	describe(t, &one);
	s->legacy.ticket = ask_alter(&s->asker, t->w, &one.d);
}

static bool is_durable(const struct will *w)
{
	must(w->qos <= 2);
	return w->qos > 0 || w->is_retained || w->delay_s > 0;
}

bool mqtt_legacy_ready(struct turn *t)
{
	const struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING);
	if (s->legacy.step != LEGACY_NONE)
		return s->legacy.step == LEGACY_READY;
	if (!s->will || !is_durable(s->will))
		return true;
	const bool is_allowed = mqtt_will_may(t);
	t->why.n = 0;
	if (is_allowed)
		declare(t);
	return !is_allowed;
}

/* From now on the queue is in use. */
static void begin_to_use(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct subscribe_row nothing = { .priority = 0 };
	const struct run head = {
		.kind = CMD_SUBSCRIBE,
		.channel = s->asker.channel,
		.session = s->session.handle,
		.shard = s->legacy.shard,
		.vhost = s->asker.vhost,
		.queue = s->legacy.queue,
		.arg = s->legacy.taker,
	};
	struct post *p = t->w->post;
	must(s->legacy.queue != 0 && s->legacy.taker != TICKET_NONE);
	(void)post_run(p, p->loop_of_shard[head.shard], &head, &nothing, sizeof nothing, 1,
		       SLICE_EMPTY);
}

static void post_will(struct turn *t, const struct queue_record *q)
{
	struct message m;
	struct route_to to = { .queue = q->id, .shard = q->shard, .flags = q->flags };
	const struct route r = { .to = &to, .n = 1 };
	mqtt_will_message(t, &m);
	m.has_expiry = false; /* that begins when it is published */
	const struct msg *msg = mqtt_message_copy(t, &m);
	if (!msg)
		must(!"no memory for a will");
	block_give(block_of(msg), 1);
	mqtt_tx(t, &(struct tx_wish){ .route = &r,
				      .message = { .mem = msg_mem(msg),
						   .bytes = msg_stored_bytes(msg),
						   .flags = MSG_PERSISTENT },
				      .kind = TX_LEGACY });
	block_filled(block_of(msg));
	mqtt_unkeep(t, &m.head);
}

bool mqtt_legacy_declared(struct turn *t, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = find(t);
	must(s->legacy.step == LEGACY_DECLARING);
	if (r->err != ERR_OK || !q) {
		mqtt_refuse(t, mqtt_declare_refusal(r, q, MQTT_REASON_UNAVAILABLE));
		return false;
	}
	s->legacy = (struct legacy){ .queue = q->id,
				     .shard = q->shard,
				     .taker = ask_ticket(&s->asker),
				     .step = LEGACY_POSTING };
	begin_to_use(t);
	post_will(t, q);
	return true;
}

bool mqtt_legacy_posted(struct turn *t, bool is_refused)
{
	must(t->s->legacy.step == LEGACY_POSTING && t->s->phase == PHASE_OPENING);
	t->s->legacy.step = LEGACY_READY;
	if (is_refused)
		mqtt_refuse(t, MQTT_REASON_UNAVAILABLE);
	return !is_refused;
}

void mqtt_legacy_moved(struct turn *t)
{
	struct mqtt *s = t->s;
	struct post *p = t->w->post;
	const struct run head = { .kind = CMD_SESSION_GONE,
				  .session = s->moved_from,
				  .shard = s->legacy.shard };
	if (s->legacy.queue == 0)
		return;
	begin_to_use(t);
	must(s->moved_from != s->session.handle);
	(void)post_run(p, p->loop_of_shard[head.shard], &head, NULL, 0, 0, SLICE_EMPTY);
}

/* ---- the end ------------------------------------------------------------------------------ */

void mqtt_legacy_end(struct turn *t, bool is_due)
{
	struct mqtt *s = t->s;
	const struct queue_record q = { .id = s->legacy.queue, .shard = s->legacy.shard };
	must(s->phase == PHASE_ENDING);
	if (q.id == 0)
		return;
	is_due = is_due && mqtt_will_may(t);
	if (!is_due || wait_ms(s) == SOON_MS) {
		s->legacy.ticket = ask_ticket(&s->asker);
		ask_queue(&s->asker, t->w->post, CMD_QUEUE_DELETE, is_due ? DELETE_EXPIRED : 0, &q,
			  s->legacy.ticket);
	} else if (s->is_expiry_new) {
		wait_anew(t);
	}
	ask_queue(&s->asker, t->w->post, CMD_UNSUBSCRIBE, 0, &q, s->legacy.taker);
	farewell_await(&s->farewell);
	s->legacy.queue = 0;
}
