#include "sim/places.h"

#include "base/bits.h"
#include "core/jms.h"
#include "sim/letter.h"
#include "wire/amqp091/table.h"

#include <stdio.h>

#define PRIORITY_MAX  6 /* letters have some that are higher */
#define QUORUM_ABSENT 4 /* what a quorum queue makes of a letter that says none */

const struct place_queue place_queues[PLACE_QUEUES] = {
#define QUEUE(name, durable, exclusive, auto_delete, no_ack, kind, prose) \
	{ #name, durable, exclusive, auto_delete, no_ack, PLACE_##kind },
#include "sim/places.def"
#undef QUEUE
};

const struct place_exchange place_exchanges[PLACE_EXCHANGES] = {
#define EXCHANGE(id, name, kind, durable, fixed, prose) { name, PLACE_##kind, durable, fixed },
#include "sim/exchanges.def"
#undef EXCHANGE
};

const char *const place_kind_names[] = {
	"direct", "fanout", "topic", "headers", "x-jms-topic",
};

static const char *const keys[PLACE_PATTERNS] = {
	"a", "b", "a.b", "a.c", "b.a", "a.b.c", "",      "c..a", /* keys of messages */
	"#", "*", "a.#", "#.a", "*.b", "a.*",   "*.*.*", "a.#.c", "#.b.#", "*.#",
};

static struct place_binding any_binding(struct prng *r)
{
	uint32_t x = (uint32_t)prng_between(r, 1, PLACE_EXCHANGES - 1);
	bool is_topic = place_exchanges[x].kind == PLACE_TOPIC;
	uint32_t from = is_topic && prng_chance(r, 3, 4) ? PLACE_KEYS : 0;
	uint32_t to = is_topic ? PLACE_PATTERNS - 1 : PLACE_KEYS - 1;
	return (struct place_binding){ (uint8_t)x, (uint8_t)prng_between(r, from, to) };
}

/* Two numbers for one binding would be a queue bound once and unbound twice. */
static bool is_new(const struct places *p, uint32_t binding)
{
	const struct place_binding *b = &p->binding[binding];
	for (uint32_t i = binding - binding % PLACE_BINDINGS_OF_QUEUE; i < binding; i++)
		if (p->binding[i].exchange == b->exchange && p->binding[i].pattern == b->pattern)
			return false;
	return true;
}

/* What a binding of an exchange that looks at headers wants: letters with headers; any of two, one
 * of which they have (as a selector: no headers); what none has; nothing. */
enum { WANTS_ALL, WANTS_ANY, WANTS_OTHER, WANTS_NOTHING, WANTS_N };

static struct slice selector(uint32_t wants)
{
	static const char *const texts[WANTS_N] = {
		[WANTS_ALL] = "{'=',{'ident',<<\"kind\">>},<<\"letter\">>}.",
		[WANTS_ANY] = "{'is_null',{'ident',<<\"kind\">>}}.",
		[WANTS_OTHER] = "{'=',{'ident',<<\"kind\">>},<<\"other\">>}.",
		[WANTS_NOTHING] = "true.",
	};
	return slice_str(texts[wants]);
}

struct slice place_arguments(const struct place_binding *b, uint8_t buf[PLACE_ARGUMENTS_MAX])
{
	struct wr w = wr_of(buf, PLACE_ARGUMENTS_MAX);
	uint32_t wants = b->pattern % WANTS_N;
	if (place_exchanges[b->exchange].kind == PLACE_JMS) {
		amqp091_put_str(&w, JMS_SELECTOR, selector(wants));
		must(wr_ok(&w));
		return wr_done(&w);
	}
	if (place_exchanges[b->exchange].kind != PLACE_HEADERS || wants == WANTS_NOTHING)
		return SLICE_EMPTY;
	if (wants == WANTS_ANY)
		amqp091_put_str(&w, "x-match", slice_str("any"));
	if (wants == WANTS_ANY)
		amqp091_put_int(&w, "none", 5);
	amqp091_put_str(&w, "kind", slice_str(wants == WANTS_OTHER ? "other" : "letter"));
	must(wr_ok(&w));
	return wr_done(&w);
}

struct slice place_rules(const struct place_rule *rule, uint8_t buf[PLACE_RULES_MAX])
{
	struct wr w = wr_of(buf, PLACE_RULES_MAX);
	char word[16];
	struct text age = text_of(word, sizeof word);
	switch (rule->kind) {
	case PLACE_PLAIN: break;
	case PLACE_RANKED: amqp091_put_int(&w, "x-max-priority", PRIORITY_MAX); break;
	case PLACE_SINGLE: amqp091_put_bool(&w, "x-single-active-consumer", true); break;
	case PLACE_STREAM: amqp091_put_str(&w, "x-queue-type", slice_str("stream")); break;
	case PLACE_COUNTED:
		amqp091_put_str(&w, "x-queue-type", slice_str("quorum"));
		amqp091_put_int(&w, "x-delivery-limit", -1);
		break;
	}
	if (rule->ttl_ms)
		amqp091_put_int(&w, "x-message-ttl", rule->ttl_ms);
	if (rule->length_max)
		amqp091_put_int(&w, "x-max-length", rule->length_max);
	if (rule->bytes_max)
		amqp091_put_int(&w, "x-max-length-bytes", rule->bytes_max);
	if (rule->segment_bytes)
		amqp091_put_int(&w, "x-stream-max-segment-size-bytes", rule->segment_bytes);
	text_putf(&age, "%us", rule->age_s);
	if (rule->age_s)
		amqp091_put_str(&w, "x-max-age", text_slice(&age));
	if (rule->is_rejecting)
		amqp091_put_str(
			&w, "x-overflow",
			slice_str(rule->is_passing_on ? "reject-publish-dlx" : "reject-publish"));
	if (rule->dead_to && !rule->is_decreed) {
		amqp091_put_str(&w, "x-dead-letter-exchange", SLICE_EMPTY);
		amqp091_put_str(&w, "x-dead-letter-routing-key",
				slice_str(place_queues[rule->dead_to].name));
	}
	must(wr_ok(&w));
	return wr_done(&w);
}

uint32_t place_priority(enum place_queue_kind kind, uint32_t letter)
{
	const uint32_t own = letter_priority(letter);
	switch (kind) {
	case PLACE_RANKED: return own < PRIORITY_MAX ? own : PRIORITY_MAX;
	case PLACE_COUNTED: return letter_says_priority(letter) ? own : QUORUM_ABSENT;
	default: return 0;
	}
}

struct slice place_key(uint32_t pattern)
{
	must(pattern < PLACE_PATTERNS);
	return slice_str(keys[pattern]);
}

/* The word at `at` ends at the next dot, or at the end. */
static const char *word_end(const char *at)
{
	while (*at && *at != '.')
		at++;
	return at;
}

/* NULL: no more words. The empty key has no words, "c..a" has three. */
static const char *word_next(const char *end)
{
	return *end ? end + 1 : NULL;
}

static bool topic_matches(const char *pattern, const char *key)
{
	if (!pattern)
		return !key;
	const char *p_end = word_end(pattern);
	if (p_end - pattern == 1 && *pattern == '#')
		return topic_matches(word_next(p_end), key) ||
		       (key && topic_matches(pattern, word_next(word_end(key))));
	if (!key)
		return false;
	const char *k_end = word_end(key);
	bool is_same = p_end - pattern == 1 && *pattern == '*';
	is_same |= slice_eq(slice_of(pattern, (size_t)(p_end - pattern)),
			    slice_of(key, (size_t)(k_end - key)));
	return is_same && topic_matches(word_next(p_end), word_next(k_end));
}

/* Would the binding take a message that came to `exchange` with `key`? */
static bool matches(const struct place_binding *b, uint32_t exchange, uint32_t key,
		    bool has_headers)
{
	const uint32_t wants = b->pattern % WANTS_N;
	must(key < PLACE_KEYS);
	if (b->exchange != exchange)
		return false;
	switch (place_exchanges[exchange].kind) {
	case PLACE_FANOUT: return true;
	case PLACE_DIRECT: return b->pattern == key;
	case PLACE_HEADERS: return wants == WANTS_NOTHING || (wants != WANTS_OTHER && has_headers);
	case PLACE_JMS:
		return wants == WANTS_NOTHING || (wants == WANTS_ALL && has_headers) ||
		       (wants == WANTS_ANY && !has_headers);
	case PLACE_TOPIC: break;
	}
	return topic_matches(*keys[b->pattern] ? keys[b->pattern] : NULL,
			     *keys[key] ? keys[key] : NULL);
}

static void choose(struct places *p, struct prng *r)
{
	for (uint32_t i = 0; i < PLACE_BINDINGS; i++) {
		do
			p->binding[i] = any_binding(r);
		while (!is_new(p, i));
	}
	for (uint32_t i = 0; i < PLACE_JOINTS; i++) {
		struct place_joint *j = &p->joint[i];
		j->from = any_binding(r);
		j->to = (uint8_t)prng_between(r, 1, PLACE_EXCHANGES - 1);
		j->from.pattern = (uint8_t)(j->from.pattern % PLACE_KEYS); /* distinct by number */
		for (uint32_t k = 0; k < i; k++)
			if (p->joint[k].to == j->to &&
			    p->joint[k].from.exchange == j->from.exchange &&
			    p->joint[k].from.pattern == j->from.pattern)
				j->from.pattern = (uint8_t)(PLACE_KEYS + i);
	}
}

/* Some keep messages for a while only, or so many of them, or so many bytes. */
static void choose_bounds(struct places *p, struct prng *r)
{
	static const uint8_t brief[] = { PLACE_d1, PLACE_n0, PLACE_t0, PLACE_r0,
					 PLACE_s0, PLACE_q0, PLACE_p0 };
	static const uint8_t narrow[] = { PLACE_d1, PLACE_n0, PLACE_t0, PLACE_r0, PLACE_q0 };
	for (uint32_t i = 0; i < sizeof brief; i++)
		if (prng_chance(r, 1, 5))
			p->rule[brief[i]].ttl_ms = (uint32_t)prng_between(r, 1, 2000);
	for (uint32_t i = 0; i < sizeof narrow; i++) {
		struct place_rule *rule = &p->rule[narrow[i]];
		if (prng_chance(r, 1, 5))
			rule->length_max = (uint32_t)prng_between(r, 1, 60);
		if (prng_chance(r, 1, 5))
			rule->bytes_max = (uint32_t)prng_between(r, 100, 8000);
		if (!rule->length_max && !rule->bytes_max)
			continue;
		rule->is_rejecting = prng_chance(r, 1, 2);
		rule->is_passing_on = rule->is_rejecting && rule->kind != PLACE_COUNTED &&
				      prng_chance(r, 1, 2);
	}
}

/* Where what is refused, has waited for too long or is too much goes. */
static void choose_ends(struct places *p, struct prng *r)
{
	static const uint8_t mortal[] = {
		PLACE_d1, PLACE_n0, PLACE_t0, PLACE_r0, PLACE_s0, PLACE_q0
	};
	for (uint32_t i = 0; i < sizeof mortal; i++)
		if (prng_chance(r, 1, 2))
			p->rule[mortal[i]].dead_to = PLACE_d2;
	p->rule[PLACE_p0].dead_to = PLACE_d2;
	p->rule[PLACE_p0].is_decreed = true;
	p->rule[PLACE_p0].is_strict = prng_chance(r, 1, 3);
	p->rule[PLACE_d2].is_cemetery = true;
}

/* Most streams lose what is too much or too old, in segments of a few messages. */
static void choose_retention(struct place_rule *rule, struct prng *r)
{
	const uint64_t how = prng_below(r, 4);
	must(rule->kind == PLACE_STREAM);
	if (how == 0)
		return;
	rule->segment_bytes = (uint32_t)prng_between(r, 200, 4000);
	if (how != 1)
		rule->bytes_max = (uint32_t)prng_between(r, 1000, 20000);
	if (how != 2)
		rule->age_s = (uint32_t)prng_between(r, 1, 100);
}

/* Whose rules the seed chooses: d0, d2, a0 and those of one client have none. */
static void choose_rules(struct places *p, struct prng *r)
{
	static const enum place_queue_kind kinds[] = { PLACE_PLAIN, PLACE_PLAIN, PLACE_RANKED,
						       PLACE_SINGLE };
	static const uint8_t free[] = { PLACE_d1, PLACE_n0, PLACE_t0, PLACE_t1 };
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		p->rule[q].kind = place_queues[q].kind;
	for (uint32_t i = 0; i < sizeof free; i++)
		p->rule[free[i]].kind = kinds[prng_below(r, 4)];
	choose_bounds(p, r);
	choose_ends(p, r);
	choose_retention(&p->rule[PLACE_l0], r);
}

/* Half of those that clients declare have an alternate, in chains and circles, too. */
static void choose_alternates(struct places *p, struct prng *r)
{
	for (uint32_t x = 1; x < PLACE_EXCHANGES; x++)
		if (!place_exchanges[x].is_fixed && prng_chance(r, 1, 2))
			p->alternate[x] = (uint8_t)prng_between(r, 1, PLACE_EXCHANGES - 1);
}

static void match(struct places *p, uint32_t exchange, uint32_t key, bool has_headers)
{
	for (uint32_t b = 0; b < PLACE_BINDINGS; b++)
		if (matches(&p->binding[b], exchange, key, has_headers))
			p->taken[has_headers][exchange][key] |= UINT64_C(1) << b;
	for (uint32_t j = 0; j < PLACE_JOINTS; j++)
		if (matches(&p->joint[j].from, exchange, key, has_headers))
			p->joined[has_headers][exchange][key] |= (uint8_t)(1u << j);
}

void places_init(struct places *p, struct prng *r)
{
	*p = (struct places){ 0 };
	choose(p, r);
	choose_rules(p, r);
	choose_alternates(p, r);
	for (uint32_t i = 0; i < 2 * PLACE_EXCHANGES * PLACE_KEYS; i++)
		match(p, i / PLACE_KEYS / 2, i % PLACE_KEYS, i / PLACE_KEYS % 2);
}

uint64_t places_taken(const struct places *p, uint32_t exchange, const struct place_address *a)
{
	uint64_t taken = 0;
	must(a->exchange != PLACE_X_default);
	for (uint32_t left = a->keys; left; left &= left - 1)
		taken |= p->taken[a->has_headers][exchange][bits_lowest(left)];
	return taken;
}

uint32_t places_joined(const struct places *p, uint32_t exchange, const struct place_address *a)
{
	uint32_t joined = 0;
	must(a->exchange != PLACE_X_default);
	for (uint32_t left = a->keys; left; left &= left - 1)
		joined |= p->joined[a->has_headers][exchange][bits_lowest(left)];
	return joined;
}

struct slice place_exchange_arguments(const struct places *p, uint32_t exchange,
				      uint8_t buf[PLACE_EXCHANGE_MAX])
{
	struct wr w = wr_of(buf, PLACE_EXCHANGE_MAX);
	const uint32_t other = p->alternate[exchange];
	if (other)
		amqp091_put_str(&w, "alternate-exchange", slice_str(place_exchanges[other].name));
	must(wr_ok(&w));
	return wr_done(&w);
}

struct slice place_name(uint32_t queue, uint32_t generation, char buf[PLACE_NAME_MAX])
{
	must(queue < PLACE_QUEUES);
	const struct place_queue *q = &place_queues[queue];
	int n = q->is_exclusive ? snprintf(buf, PLACE_NAME_MAX, "%s-%u", q->name, generation)
				: snprintf(buf, PLACE_NAME_MAX, "%s", q->name);
	return slice_of(buf, (size_t)n);
}
