#include "base/hash.h"
#include "base/must.h"
#include "core/catalog_list.h"
#include "session/mqtt/mqtt.h"

/* $SYS: what the broker says of itself, by Mosquitto's names. Nothing is published: a conversation
 * with subscriptions to $SYS topics reads the meter when it subscribes, and then every interval,
 * and tells its own client. So nobody wakes up for it but who looks. Sessions and subscriptions are
 * counted in the catalog, a portion at a time. */

#define ROOT            "$SYS/broker/"
#define COUNTED_AT_ONCE 4096u /* queues */
#define COUNT_PAUSE_MS  1u
#define TOPIC_ROOM      96u
#define VALUE_ROOM      320u

static const char *const numbers[] = {
#define SYS(topic, value, prose) topic,
#define LOAD(topic, kind, prose)
#include "session/mqtt/sys.def"
#undef SYS
#undef LOAD
};
static const struct {
	const char *topic;
	enum meter_kind kind;
} loads[] = {
#define SYS(topic, value, prose)
#define LOAD(topic, kind, prose) { topic, METER_##kind },
#include "session/mqtt/sys.def"
#undef SYS
#undef LOAD
};
static const char *const spans[METER_SPANS] = { "1min", "5min", "15min" };

enum {
	ROW_VERSION,
	ROW_UPTIME,
	ROW_NUMBERS,
	ROW_LOADS = ROW_NUMBERS + sizeof numbers / sizeof numbers[0],
	ROWS = ROW_LOADS + METER_SPANS * (sizeof loads / sizeof loads[0])
};

/* What the catalog says. */
struct census {
	uint64_t version; /* of the catalog, when it began */
	uint64_t at;      /* the queue that was looked at last */
	uint64_t made;    /* sessions, when it began */
	uint64_t kept_n, subscriptions_n, groups_n;
	bool is_over;
};

struct sys {
	uint64_t due_ms; /* when to tell what has changed */
	uint64_t expired_n;
	struct census census;
	bool is_due;         /* a subscription is */
	bool is_known;       /* `told` says something */
	uint64_t told[ROWS]; /* a hash of each value */
};

/* ---- what there is ------------------------------------------------------------------------ */

static bool is_kept(struct slice name)
{
	const struct slice end = slice_str("qos1");
	return name.n > end.n && slice_starts_with(name, slice_str(OWNED_MQTT_SESSION)) &&
	       slice_eq(slice_from(name, name.n - end.n), end);
}

static void count(const struct catalog_view *view, const struct queue_record *q, struct census *c)
{
	const struct slice name = queue_record_name(q);
	must(q->id > c->at);
	c->at = q->id;
	c->kept_n += is_kept(name);
	c->groups_n += slice_starts_with(name, slice_str(OWNED_MQTT_SHARED));
	if (slice_starts_with(name, slice_str(OWNED_MQTT_SESSION)))
		c->subscriptions_n += catalog_bindings_of(view, q->id);
}

uint64_t mqtt_sessions_kept(const struct catalog_view *v)
{
	struct census c = { .version = 0 };
	must(v != NULL);
	for (const struct queue_record *q; (q = catalog_queue_after(v, c.at)) != NULL;)
		count(v, q, &c);
	return c.kept_n;
}

/* Sessions that were made, and are neither there nor ended by clients, have expired. What changes
 * while they are counted makes that less, never more. */
static void note_expired(const struct turn *t, struct sys *y)
{
	const struct census *c = &y->census;
	const uint64_t left = c->kept_n + meter_sum(t->w->meter, METER_sessions_dropped);
	must(c->is_over);
	if (c->made > left && c->made - left > y->expired_n)
		y->expired_n = c->made - left;
}

/* Goes on counting, if something may have changed; false: it is not over yet. */
static bool take_census(const struct turn *t, struct sys *y)
{
	const struct catalog_view *view = t->w->view;
	struct census *c = &y->census;
	const struct queue_record *q;
	if (c->is_over && c->version == catalog_version(view))
		return true;
	if (c->is_over || c->version == 0)
		*c = (struct census){ .version = catalog_version(view),
				      .made = meter_sum(t->w->meter, METER_sessions_made) };
	for (uint32_t n = 0; (q = catalog_queue_after(view, c->at)) != NULL; n++) {
		if (n == COUNTED_AT_ONCE)
			return false;
		count(view, q, c);
	}
	c->is_over = true;
	must(c->version > 0);
	note_expired(t, y);
	return true;
}

static void read_numbers(const struct turn *t, const struct sys *y, uint64_t *out)
{
	struct meter *m = t->w->meter;
	const struct census *c = &y->census;
	const uint64_t kept_here = meter_sum(m, METER_clients_kept);
	const struct {
		uint64_t clients, away, expired, stored, subscriptions, groups;
	} now = { .clients = meter_sum(m, METER_clients),
		  .away = c->kept_n > kept_here ? c->kept_n - kept_here : 0,
		  .expired = y->expired_n,
		  .stored = meter_sum(m, METER_queued) + meter_sum(m, METER_retained),
		  .subscriptions = c->subscriptions_n,
		  .groups = c->groups_n },
	  *v = &now;
	const uint64_t all[] = {
#define SYS(topic, value, prose) value,
#define LOAD(topic, kind, prose)
#include "session/mqtt/sys.def"
#undef SYS
#undef LOAD
	};
	must(sizeof all == (ROW_LOADS - ROW_NUMBERS) * sizeof *out);
	memcpy(out, all, sizeof all);
}

/* ---- as text ------------------------------------------------------------------------------ */

static void put_topic(unsigned row, struct text *out)
{
	must(row < ROWS);
	if (row == ROW_VERSION)
		text_puts(out, ROOT "version");
	else if (row == ROW_UPTIME)
		text_puts(out, ROOT "uptime");
	else if (row < ROW_LOADS)
		text_putf(out, ROOT "%s", numbers[row - ROW_NUMBERS]);
	else
		text_putf(out, ROOT "load/%s/%s", loads[(row - ROW_LOADS) / METER_SPANS].topic,
			  spans[(row - ROW_LOADS) % METER_SPANS]);
}

static void put_average(const struct turn *t, unsigned row, struct text *out)
{
	uint64_t average[METER_SPANS];
	must(row < ROWS - ROW_LOADS);
	meter_average(t->w->meter, loads[row / METER_SPANS].kind, average);
	const unsigned long long hundredths = (average[row % METER_SPANS] + 5) / 10;
	text_putf(out, "%llu.%02llu", hundredths / 100, hundredths % 100);
}

static void put_value(const struct turn *t, const uint64_t *number, unsigned row, struct text *out)
{
	const struct session_limits *l = t->w->limits;
	must(row < ROWS);
	if (row == ROW_VERSION) {
		text_put_slice(out, l->product);
		text_puts(out, " version ");
		text_put_slice(out, l->server_version);
	} else if (row == ROW_UPTIME) {
		text_putf(out, "%llu seconds",
			  (unsigned long long)(t->w->now_ms - t->w->meter->began_ms) / 1000);
	} else if (row < ROW_LOADS) {
		text_putf(out, "%llu", (unsigned long long)number[row - ROW_NUMBERS]);
	} else {
		put_average(t, row - ROW_LOADS, out);
	}
}

/* ---- to the client ------------------------------------------------------------------------ */

/* What is there now, as if it were retained: to each subscription that is to get it. */
static void tell_due(struct turn *t, struct slice topic, struct slice value)
{
	size_t cursor = 0;
	struct sub_match match;
	must(value.n > 0);
	for (struct sub *one = subs_next(t->s->subs, &cursor, NULL); one;
	     one = subs_next(t->s->subs, &cursor, one)) {
		if (!one->is_sys_due || !mqtt_filter_match(sub_filter(one), topic))
			continue;
		match = (struct sub_match){ .n = 1,
					    .is_as_published = true,
					    .numbers = { one->number },
					    .numbers_n = one->number > 0 };
		mqtt_deliver_made(t, topic, value, &match, true);
	}
}

/* What has changed, to all. */
static void tell_all(struct turn *t, struct slice topic, struct slice value)
{
	struct sub_match match;
	subs_match(t->s->subs, topic, &match);
	must(value.n > 0);
	if (match.n > 0)
		mqtt_deliver_made(t, topic, value, &match, true);
}

/* is_due: only to who is to get what is there now. */
static void tell(struct turn *t, struct sys *y, bool is_due)
{
	static const struct hash_key key = { 0x676f64776974, 0x73797374 };
	uint64_t number[ROW_LOADS - ROW_NUMBERS];
	char name[TOPIC_ROOM], buf[VALUE_ROOM];
	must(y->census.is_over);
	meter_look(t->w->meter, t->w->now_ms);
	read_numbers(t, y, number);
	for (unsigned row = 0; row < ROWS; row++) {
		struct text topic = text_of(name, sizeof name), value = text_of(buf, sizeof buf);
		put_topic(row, &topic);
		put_value(t, number, row, &value);
		const uint64_t hash = hash_slice(key, text_slice(&value));
		if (is_due)
			tell_due(t, text_slice(&topic), text_slice(&value));
		else if (hash != y->told[row])
			tell_all(t, text_slice(&topic), text_slice(&value));
		if (!is_due || !y->is_known)
			y->told[row] = hash;
	}
	y->is_known = true;
}

static void forget_due(const struct turn *t)
{
	size_t cursor = 0;
	must(t->s->sys != NULL);
	t->s->sys->is_due = false;
	for (struct sub *one = subs_next(t->s->subs, &cursor, NULL); one;
	     one = subs_next(t->s->subs, &cursor, one))
		one->is_sys_due = false;
}

/* Who does not read is told later. */
static void step(struct turn *t)
{
	struct mqtt *s = t->s;
	struct sys *y = s->sys;
	const uint64_t now_ms = t->w->now_ms;
	must(s->phase == PHASE_RUNNING);
	if (!take_census(t, y)) {
		s->sys_ms = now_ms + COUNT_PAUSE_MS;
		return;
	}
	if (y->is_due || !y->is_known) {
		tell(t, y, true);
		forget_due(t);
	}
	if (now_ms >= y->due_ms) {
		if (s->session.sendq.bytes < t->w->limits->output_bytes_max)
			tell(t, y, false);
		y->due_ms = now_ms + UINT64_C(1000) * t->set->sys_interval_s;
	}
	s->sys_ms = y->due_ms;
}

/* ---- when --------------------------------------------------------------------------------- */

void mqtt_sys_subscribed(struct turn *t, bool is_due)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	if (t->set->sys_interval_s == 0 || s->subs->sys_n == 0)
		return;
	if (!s->sys) {
		s->sys = mqtt_get(t, sizeof *s->sys, "what $SYS has told");
		*s->sys = (struct sys){ .due_ms = t->w->now_ms +
						  UINT64_C(1000) * t->set->sys_interval_s };
	}
	s->sys->is_due |= is_due;
	step(t);
}

void mqtt_sys_tick(struct turn *t)
{
	struct mqtt *s = t->s;
	if (t->w->now_ms < s->sys_ms)
		return;
	s->sys_ms = UINT64_MAX;
	must(s->sys != NULL);
	if (s->phase != PHASE_RUNNING || s->subs->sys_n == 0)
		mqtt_sys_fini(t);
	else
		step(t);
}

void mqtt_sys_fini(struct turn *t)
{
	struct mqtt *s = t->s;
	must(t->w->mem != NULL);
	if (s->sys)
		mqtt_put(t, s->sys, sizeof *s->sys);
	s->sys = NULL;
	s->sys_ms = UINT64_MAX;
}

/* ---- clients ------------------------------------------------------------------------------ */

void mqtt_count_in(struct turn *t)
{
	struct mqtt *s = t->s;
	must(!s->is_counted);
	s->is_counted = true;
	meter_add(t->w->lane, METER_clients, 1);
	if (s->is_durable)
		meter_add(t->w->lane, METER_clients_kept, 1);
	meter_rise(t->w->meter, METER_clients);
}

void mqtt_count_gone(struct turn *t)
{
	struct mqtt *s = t->s;
	must_if(s->is_counted, s->phase >= PHASE_RUNNING);
	if (!s->is_counted)
		return;
	s->is_counted = false;
	meter_take(t->w->lane, METER_clients, 1);
	if (s->is_durable)
		meter_take(t->w->lane, METER_clients_kept, 1);
}
