#include "session/mqtt/shared.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/rules.h"
#include "wire/amqp091/table.h"

/* Shared subscriptions: $share/GROUP/FILTER is a queue of the group, mqtt-shared-GROUP/FILTER,
 * bound with the filter. Its members consume it side by side, each by a taker of its own; what one
 * of them has not acknowledged when it goes is given to another. A session that is kept remembers
 * that it is a member by a binding of its own queue, with a key that no message has.
 *
 * The queue is durable, and lives without a consumer as long as the longest-lived of its members
 * ever may: who comes, or says that its session is to live longer, lengthens that. A member whose
 * session ends with its connection deletes it, if it was the last one. */

/* What a queue lives whose members have all gone without having said so, as in a crash; also from
 * its declaration until its first member consumes it. */
#define PASSING_MS 10000u

static void parts_of(const struct sub *one, struct slice *out_group, struct slice *out_filter)
{
	bool is_shared = mqtt_share_split(sub_filter(one), out_group, out_filter);
	must(is_shared && one->is_shared);
}

struct slice mqtt_shared_name(struct slice group, struct slice filter, char *buf)
{
	struct text t = text_of(buf, MQTT_QUEUE_NAME_MAX + 1);
	must(group.n > 0 && filter.n > 0);
	text_puts(&t, OWNED_MQTT_SHARED);
	text_put_slice(&t, group);
	text_putc(&t, '/'); /* a group may have a - in its name, but no / */
	text_put_slice(&t, filter);
	return text_slice(&t);
}

bool mqtt_shared_fits(struct slice group, struct slice filter)
{
	must(group.n > 0);
	return sizeof OWNED_MQTT_SHARED + group.n + filter.n <= LIMIT_SHORTSTR;
}

static struct slice name_of(const struct sub *one, char *buf)
{
	struct slice group, filter;
	must(one->is_shared);
	parts_of(one, &group, &filter);
	return mqtt_shared_name(group, filter, buf);
}

static const struct queue_record *find(const struct turn *t, const struct sub *one)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	const struct queue_record *q = catalog_queue(t->w->view, t->s->asker.vhost,
						     name_of(one, buf));
	must(t->s->phase >= PHASE_OPENING);
	return q && q->owner == 0 ? q : NULL;
}

/* How long it is to live without a consumer, for this member; RULE_NONE: for ever. */
static uint64_t life_ms(const struct mqtt *s)
{
	must(s->phase >= PHASE_OPENING);
	if (s->expiry_s == 0)
		return PASSING_MS;
	return s->expiry_s == MQTT_EXPIRY_NEVER ? RULE_NONE : (uint64_t)s->expiry_s * 1000;
}

/* What is declared of one, with the room that it needs. */
struct declaration {
	struct declare_queue d;
	char name[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t table[64], rules[RULES_BYTES_MAX];
};

static void describe(const struct turn *t, const struct sub *one, struct declaration *out)
{
	struct wr w = wr_of(out->table, sizeof out->table);
	struct queue_rules rules = rules_none();
	rules.expires_ms = life_ms(t->s);
	rules.passing_bytes = mqtt_passing_bytes(t);
	if (rules.expires_ms != RULE_NONE)
		amqp091_put_int(&w, "x-expires", (int64_t)rules.expires_ms);
	must(wr_ok(&w));
	out->d = (struct declare_queue){
		.name = name_of(one, out->name),
		.vhost = t->s->asker.vhost,
		.flags = QUEUE_DURABLE,
		.arguments = wr_done(&w),
		.rules = slice_of(out->rules, rules_put(&rules, out->rules, sizeof out->rules)),
	};
	out->d.shard = ask_place(t->w->post, out->d.name, out->d.flags);
}

uint32_t mqtt_shared_declare(struct turn *t, const struct sub *one)
{
	struct declaration of;
	must(!one->taker);
	if (find(t, one))
		return 0;
	describe(t, one, &of);
	(void)ask_declare(&t->s->asker, t->w, &of.d);
	return 1;
}

uint32_t mqtt_shared_lengthen(struct turn *t, const struct sub *one)
{
	const struct queue_record *q = find(t, one);
	struct queue_rules rules;
	struct declaration of;
	must(one->is_shared);
	if (!q || !(q->flags & QUEUE_DURABLE) ||
	    rules_get(queue_record_rules(q), &rules) != ERR_OK || rules.expires_ms >= life_ms(t->s))
		return 0;
	describe(t, one, &of);
	(void)ask_lengthen(&t->s->asker, t->w, &of.d);
	return 1;
}

uint32_t mqtt_shared_lengthen_all(struct turn *t)
{
	uint32_t n = 0;
	size_t cursor = 0;
	must(t->s->is_durable && t->s->expiry_s > 0);
	for (struct sub *one = subs_next(t->s->subs, &cursor, NULL); one;
	     one = subs_next(t->s->subs, &cursor, one))
		if (one->is_shared)
			n += mqtt_shared_lengthen(t, one);
	return n;
}

void mqtt_shared_bind(struct turn *t, const struct sub *one)
{
	char name[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t key[LIMIT_SHORTSTR];
	struct slice group, filter;
	parts_of(one, &group, &filter);
	must(filter.n <= sizeof key);
	const struct bind b = {
		.exchange = t->set->exchange,
		.queue = mqtt_shared_name(group, filter, name),
		.key = slice_of(key, (size_t)(mqtt_binding_put(key, filter) - key)),
		.vhost = t->s->asker.vhost,
	};
	(void)ask_bind(&t->s->asker, t->w, CMD_BIND, &b);
}

bool mqtt_shared_consume(struct turn *t, struct sub *one)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = find(t, one);
	must(!one->taker);
	if (!q)
		return false;
	one->taker = receiver_subscribe(
		&s->receiver, t->w,
		&(struct taking){ .queue = q, .of = one, .prefetch = s->window });
	return true;
}

/* Another session that is kept is a member, whether it is connected or not. */
static bool has_others(struct turn *t, const struct sub *one)
{
	const struct mqtt *s = t->s;
	uint8_t key[LIMIT_SHORTSTR];
	const struct slice filter = sub_filter(one);
	const struct exchange *x = catalog_exchange(t->w->view, s->asker.vhost, t->set->exchange);
	struct route r;
	bool is_found = false;
	must(one->is_shared && filter.n <= sizeof key);
	if (!x)
		return false;
	route_init(&r, t->w->mem);
	const size_t n = (size_t)(mqtt_binding_put(key, filter) - key);
	if (route_find(t->w->view, x, slice_of(key, n), &r) != ERR_OK)
		is_found = true; /* nobody knows */
	for (uint32_t i = 0; i < r.n && !is_found; i++)
		is_found = r.to[i].queue != s->queue &&
			   mqtt_is_subscribed(t, r.to[i].queue, filter);
	route_fini(&r);
	return is_found;
}

/* It goes with its last member. */
static uint32_t drop(struct turn *t, const struct sub *one, const struct queue_record *q)
{
	struct asker *a = &t->s->asker;
	must(one->is_shared);
	if (!q || has_others(t, one))
		return 0;
	ask_queue(a, t->w->post, CMD_QUEUE_DELETE, DELETE_IF_UNUSED, q, ask_ticket(a));
	return 1;
}

uint32_t mqtt_shared_leave(struct turn *t, struct sub *one)
{
	struct mqtt *s = t->s;
	struct taker *k = one->taker;
	must(one->is_shared);
	if (!k)
		return 0;
	const struct queue_record *q = catalog_queue_by_id(t->w->view, k->queue);
	k->of = NULL;
	one->taker = NULL;
	receiver_unsubscribe(&s->receiver, t->w, k);
	return drop(t, one, q);
}

uint32_t mqtt_shared_end_all(struct turn *t)
{
	uint32_t n = 0;
	size_t cursor = 0;
	must(t->s->phase == PHASE_ENDING && t->s->expiry_s == 0);
	for (struct sub *one = subs_next(t->s->subs, &cursor, NULL); one;
	     one = subs_next(t->s->subs, &cursor, one))
		if (one->is_shared)
			n += drop(t, one, find(t, one));
	return n;
}

void mqtt_shared_ended(struct taker *k)
{
	struct sub *one = k->of;
	if (!one)
		return;
	must(one->taker == k);
	one->taker = NULL;
}
