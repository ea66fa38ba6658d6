#include "core/keeper.h"

#include "base/hash.h"
#include "base/must.h"
#include "base/text.h"
#include "core/catalog_view.h"
#include "core/route.h"

#define LENGTH   "x-recent-history-length"
#define NO_STORE "x-recent-history-no-store"
#define TYPE     "x-delayed-type"
#define DELAY    "x-delay"
#define MOMENT   "x-opt-delivery-time"
#define SIZE     "x-cache-size"
#define TTL      "x-cache-ttl"
#define PERSISTS "x-cache-persistence"

/* ---- arguments ---------------------------------------------------------------------------- */

static bool find(const struct catalog_view *v, struct slice arguments, const char *name,
		 struct header *out)
{
	must(arguments.p != NULL || arguments.n == 0);
	return v->arguments && header_find(v->arguments, arguments, slice_str(name), out);
}

uint8_t keeper_kind(const struct catalog_view *v, const struct declare_exchange *d)
{
	uint8_t type = exchange_type_of(d->type);
	struct header h;
	must(type != 0 && v != NULL);
	if (type == EXCHANGE_RECENT_HISTORY || type == EXCHANGE_DEDUPLICATION)
		return EXCHANGE_FANOUT;
	if (!exchange_keeps(type))
		return type;
	if (!find(v, d->arguments, TYPE, &h) || h.class != HEADER_TEXT)
		return 0;
	type = exchange_type_of(h.octets);
	return !exchange_keeps(type) ? type : 0;
}

/* How many messages a history has; 0: the argument is none. */
static uint64_t history_length(const struct catalog_view *v, struct slice arguments)
{
	struct header h;
	must(LIMIT_RECENT_HISTORY_DEFAULT <= LIMIT_RECENT_HISTORY_MAX);
	if (!find(v, arguments, LENGTH, &h))
		return LIMIT_RECENT_HISTORY_DEFAULT;
	if (h.class != HEADER_INT || (int64_t)h.number <= 0)
		return 0;
	return h.number < LIMIT_RECENT_HISTORY_MAX ? h.number : LIMIT_RECENT_HISTORY_MAX;
}

static void say_value(const struct header *h, struct text *why)
{
	must(why->cap > 0);
	switch (h->class) {
	case HEADER_INT: text_putf(why, "%lld", (long long)h->number); return;
	case HEADER_BOOL: text_puts(why, h->number ? "true" : "false"); return;
	case HEADER_TEXT:
		text_puts(why, "<<\"");
		text_put_printable(why, h->octets);
		text_puts(why, "\">>");
		return;
	default: text_puts(why, "of another type"); return;
	}
}

static enum err check_history(const struct catalog_view *v, const struct declare_exchange *d,
			      struct text *why)
{
	struct header h;
	if (history_length(v, d->arguments) > 0)
		return ERR_OK;
	must(find(v, d->arguments, LENGTH, &h));
	text_puts(why, "Invalid argument ");
	say_value(&h, why);
	text_puts(why, ", '" LENGTH "' must be a positive integer");
	return ERR_PRECONDITION_FAILED;
}

/* An argument that is a positive integer; 0: it is none. RULE_NONE: it is not there. */
static uint64_t positive(const struct catalog_view *v, struct slice arguments, const char *name)
{
	struct header h;
	must(name[0] != '\0');
	if (!find(v, arguments, name, &h))
		return RULE_NONE;
	return h.class == HEADER_INT && (int64_t)h.number > 0 ? h.number : 0;
}

static enum err check_cache(const struct catalog_view *v, const struct declare_exchange *d,
			    struct text *why)
{
	struct header h;
	uint64_t size = positive(v, d->arguments, SIZE);
	must(why->n == 0);
	if (size == 0 || size == RULE_NONE) {
		text_puts(why, "Missing or invalid argument, '" SIZE
			       "' must be an integer greater than 0");
		return ERR_PRECONDITION_FAILED;
	}
	if (positive(v, d->arguments, TTL) == 0) {
		text_puts(why, "Invalid argument, '" TTL "' must be an integer greater than 0");
		return ERR_PRECONDITION_FAILED;
	}
	if (!find(v, d->arguments, PERSISTS, &h) || slice_eq(h.octets, slice_str("memory")))
		return ERR_OK;
	if (slice_eq(h.octets, slice_str("disk"))) {
		text_puts(why, PERSISTS "=disk");
		return ERR_NOT_IMPLEMENTED;
	}
	text_puts(why, "Invalid argument, '" PERSISTS "' must be either 'memory' or 'disk'");
	return ERR_PRECONDITION_FAILED;
}

enum err keeper_check(const struct catalog_view *v, const struct declare_exchange *d,
		      struct text *why)
{
	uint8_t type = exchange_type_of(d->type);
	must(type != 0 && why->n == 0);
	if (!exchange_keeps(type))
		return ERR_OK;
	if (d->name.n > KEEPER_EXCHANGE_NAME_MAX) {
		text_putf(why, "the name of an exchange of this type has at most %d octets",
			  (int)KEEPER_EXCHANGE_NAME_MAX);
		return ERR_PRECONDITION_FAILED;
	}
	if (type == EXCHANGE_RECENT_HISTORY)
		return check_history(v, d, why);
	if (type == EXCHANGE_DEDUPLICATION)
		return check_cache(v, d, why);
	if (keeper_kind(v, d))
		return ERR_OK;
	text_puts(why, "Invalid argument, '" TYPE "' must be an existing exchange type");
	return ERR_PRECONDITION_FAILED;
}

/* ---- the queue ---------------------------------------------------------------------------- */

static const char *prefix_of(uint8_t type)
{
	must(exchange_keeps(type));
	switch (type) {
	case EXCHANGE_DELAYED: return "amq.delayed.";
	case EXCHANGE_DEDUPLICATION: return "amq.unique.";
	default: return "amq.history.";
	}
}

static struct slice name_of(uint8_t type, struct slice exchange, uint8_t *buf)
{
	const char *prefix = prefix_of(type);
	size_t n = strlen(prefix);
	must(n <= LIMIT_SHORTSTR - KEEPER_EXCHANGE_NAME_MAX &&
	     exchange.n <= KEEPER_EXCHANGE_NAME_MAX && exchange.n > 0);
	memcpy(buf, prefix, n);
	memcpy(buf + n, exchange.p, exchange.n);
	return slice_of(buf, n + exchange.n);
}

static struct queue_rules rules_of(const struct catalog_view *v, const struct declare_exchange *d)
{
	struct queue_rules r = rules_none();
	r.keeper = exchange_type_of(d->type);
	must(r.keeper <= UINT8_MAX && exchange_keeps((uint8_t)r.keeper));
	if (r.keeper == EXCHANGE_RECENT_HISTORY) {
		r.max_length = history_length(v, d->arguments);
	} else { /* where they go when they are due */
		r.has_dead_letter_exchange = true;
		r.dead_letter_exchange = d->name;
	}
	if (r.keeper == EXCHANGE_DEDUPLICATION) {
		r.cache_size = positive(v, d->arguments, SIZE);
		if (r.cache_size > LIMIT_DEDUPLICATION_MAX)
			r.cache_size = LIMIT_DEDUPLICATION_MAX;
		r.cache_ttl_ms = positive(v, d->arguments, TTL);
	}
	return r;
}

uint32_t keeper_declare(const struct catalog_view *v, const struct declare_exchange *d,
			uint8_t *buf, uint32_t cap)
{
	static const struct hash_key place = { 0x676f64776974, 0x6b6565706572 };
	uint8_t name[LIMIT_SHORTSTR], bytes[RULES_BYTES_MAX];
	uint8_t type = exchange_type_of(d->type);
	must(type != 0 && cap >= DECLARE_BYTES_MAX);
	if (!exchange_keeps(type))
		return 0;
	struct queue_rules rules = rules_of(v, d);
	struct declare_queue q = {
		.name = name_of(type, d->name, name),
		.vhost = d->vhost,
		.flags = (uint8_t)(QUEUE_KEEPER |
				   (d->flags & EXCHANGE_DURABLE ? QUEUE_DURABLE : 0)),
		.rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes)),
	};
	q.shard = (uint16_t)(1 + hash_slice(place, q.name) % LIMIT_SHARD_DATA_N);
	return catalog_queue(v, d->vhost, q.name) ? 0 : declare_queue_put(&q, buf, cap);
}

const struct queue_record *keeper_of(const struct catalog_view *v, const struct exchange *x)
{
	uint8_t name[LIMIT_SHORTSTR];
	must(x->fixed != NULL);
	if (!exchange_keeps(x->type) || x->name.n > KEEPER_EXCHANGE_NAME_MAX)
		return NULL;
	const struct queue_record *q = catalog_queue(v, x->vhost, name_of(x->type, x->name, name));
	return q && q->flags & QUEUE_KEEPER ? q : NULL;
}

bool keeper_delays(const struct queue_record *q)
{
	struct queue_rules r;
	must(q->id != 0);
	return q->flags & QUEUE_KEEPER && rules_get(queue_record_rules(q), &r) == ERR_OK &&
	       r.keeper == EXCHANGE_DELAYED;
}

/* ---- messages ----------------------------------------------------------------------------- */

static bool has_no_store(const struct routing *m)
{
	struct header h;
	must(m->key.p != NULL || m->key.n == 0);
	return m->headers && header_find(m->headers, m->props, slice_str(NO_STORE), &h) &&
	       h.class == HEADER_BOOL && h.number;
}

/* Digits; 0: it is none, or more than `max`. */
static uint64_t number_in(struct slice text, uint64_t max)
{
	uint64_t n = 0;
	must(max <= UINT64_MAX / 16);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || n > max)
			return 0;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	return n <= max ? n : 0;
}

/* Milliseconds of a header that counts them, 0: it has no such number. There are protocols whose
 * headers are all texts, so a text will do. */
static uint64_t ms_of(const struct header *h, uint64_t max)
{
	if (h->class == HEADER_TEXT)
		return number_in(h->octets, max);
	must(h->class < HEADER_TEXT || h->number == 0);
	return h->class == HEADER_INT && h->number <= max ? h->number : 0;
}

/* Until when the message is to wait, 0: it does not say, or that has passed. */
static uint64_t moment_of(const struct routing *m)
{
	struct header h;
	must(m->headers != NULL);
	if (!header_find(m->headers, m->props, slice_str(MOMENT), &h))
		return 0;
	if (h.class == HEADER_TIME) /* of seconds */
		h = (struct header){
			.class = HEADER_INT,
			.number = h.number <= EXPIRY_TIME_MAX / 1000 ? h.number * 1000 : 0,
		};
	const uint64_t at_ms = ms_of(&h, EXPIRY_TIME_MAX);
	return at_ms > m->now_ms ? at_ms : 0;
}

/* How long the message is to wait, or until when; neither: not at all. What says how long does not
 * say until when, too: when it has waited, its delay is negated, and that is all it waits for. */
static void find_delay(const struct routing *m, struct route_to *io)
{
	struct header h;
	must(io->wait_ms == 0 && io->number == 0);
	if (!m->headers)
		return;
	if (header_find(m->headers, m->props, slice_str(DELAY), &h)) {
		io->wait_ms = (uint32_t)ms_of(&h, UINT32_MAX);
		return;
	}
	io->number = moment_of(m);
	io->wait_ms = io->number > 0;
}

/* Which message it is. One that does not say goes the same way, so that none is overtaken. */
static uint64_t number_of(const struct catalog_view *v, const struct routing *m)
{
	struct header h;
	must(v != NULL);
	if (!m->headers || !header_find(m->headers, m->props, slice_str(KEEPER_NUMBER), &h))
		return KEEPER_NO_NUMBER;
	return header_hash(v->key, &h) | 1;
}

bool keeper_takes(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		  struct route_to *out)
{
	struct route_to to = { 0 };
	must(exchange_keeps(x->type));
	if (m->past == x->id)
		return false;
	switch (x->type) {
	case EXCHANGE_DELAYED: find_delay(m, &to); break;
	case EXCHANGE_DEDUPLICATION: to.number = x->bindings_n ? number_of(v, m) : 0; break;
	default: break;
	}
	bool goes_on = to.wait_ms == 0 && to.number == 0;
	if (x->type == EXCHANGE_RECENT_HISTORY ? has_no_store(m) : goes_on)
		return false;
	const struct queue_record *q = keeper_of(v, x);
	if (!q)
		return false;
	to.queue = q->id;
	to.shard = q->shard;
	to.flags = q->flags;
	*out = to;
	return true;
}
