#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/rules.h"
#include "wire/amqp091/table.h"

/* Shared subscriptions: $share/GROUP/FILTER is a queue of the group, mqtt-shared-GROUP/FILTER,
 * bound with the filter. Its members consume it side by side, each by a taker of its own; what one
 * of them has not acknowledged when it goes is given to another. A session that is kept remembers
 * that it is a member by a binding of its own queue, with a key that no message has.
 *
 * The queue lasts as the session does that has made it: it goes with its last consumer, or expires
 * when it has had none for as long as that session may live. */

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
	must(t->s->phase == PHASE_RUNNING);
	return q && q->owner == 0 ? q : NULL;
}

uint32_t mqtt_shared_declare(struct turn *t, const struct sub *one)
{
	struct mqtt *s = t->s;
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	uint8_t table[64], bytes[RULES_BYTES_MAX];
	struct wr w = wr_of(table, sizeof table);
	struct queue_rules rules = rules_none();
	must(!one->taker);
	if (find(t, one))
		return 0;
	struct declare_queue d = { .name = name_of(one, buf),
				   .vhost = s->asker.vhost,
				   .flags = s->is_durable ? QUEUE_DURABLE : QUEUE_AUTO_DELETE };
	d.shard = ask_place(t->w->post, d.name, d.flags);
	if (s->is_durable && s->expiry_s != MQTT_EXPIRY_NEVER) {
		rules.expires_ms = max_u64(s->expiry_s, 1) * 1000;
		amqp091_put_int(&w, "x-expires", (int64_t)rules.expires_ms);
	}
	rules.passing_bytes = mqtt_passing_bytes(t);
	must(wr_ok(&w));
	d.arguments = wr_done(&w);
	d.rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes));
	(void)ask_declare(&s->asker, t->w, &d);
	return 1;
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
	if (!q || q->flags & QUEUE_AUTO_DELETE || has_others(t, one))
		return 0;
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_DELETE, DELETE_IF_UNUSED, q,
		  ask_ticket(&s->asker));
	return 1;
}

void mqtt_shared_ended(struct taker *k)
{
	struct sub *one = k->of;
	if (!one)
		return;
	must(one->taker == k);
	one->taker = NULL;
}
