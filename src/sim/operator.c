#include "sim/operator.h"

#include "base/bits.h"
#include "core/policy.h"
#include "core/rules.h"

#define TTL_MS_MAX 2000
#define LENGTH_MAX 40

/* ---- what holds --------------------------------------------------------------------------- */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a && b ? (uint32_t)min_u64(a, b) : a + b;
}

/* Of two limits, and what was declared, the least holds. */
static struct place_rule rule_of(const struct oracle *o, const struct law *laws)
{
	struct place_rule r = o->places.rule[PLACE_p0];
	must(r.is_decreed);
	r.dead_to = 0;
	for (uint32_t i = 0; i < LAWS_N; i++) {
		if (!laws[i].is_there)
			continue;
		r.ttl_ms = lesser(r.ttl_ms, laws[i].ttl_ms);
		r.length_max = lesser(r.length_max, laws[i].length_max);
		r.dead_to = laws[i].is_dying ? PLACE_d2 : r.dead_to;
		r.is_rejecting |= laws[i].overflow != OVERFLOW_DROP_HEAD;
		r.is_passing_on |= laws[i].overflow == OVERFLOW_REJECT_DLX;
	}
	return r;
}

/* ---- what is ordered ---------------------------------------------------------------------- */

static struct fact law_fact(const struct law *law, uint32_t which, uint8_t *buf, uint32_t cap)
{
	struct queue_rules rules = rules_none();
	if (law->ttl_ms)
		rules.message_ttl_ms = law->ttl_ms;
	if (law->length_max)
		rules.max_length = law->length_max;
	if (law->overflow)
		rules.overflow = law->overflow;
	rules.has_dead_letter_exchange = rules.has_dead_letter_key = law->is_dying;
	if (law->is_dying)
		rules.dead_letter_key = slice_str(place_queues[PLACE_d2].name);
	return errand_policy(which == LAW_OPERATOR, "law", "^p0$", &rules, 1, buf, cap);
}

static void order(struct operator* op, struct prng *r, bool may_reject)
{
	struct law *law = &op->next[prng_below(r, LAWS_N)];
	*law = (struct law){ .is_there = prng_chance(r, 3, 4) };
	if (!law->is_there)
		return;
	if (prng_chance(r, 1, 2))
		law->ttl_ms = (uint32_t)prng_between(r, 1, TTL_MS_MAX);
	if (prng_chance(r, 1, 2))
		law->length_max = (uint32_t)prng_between(r, 1, LENGTH_MAX);
	if (law != &op->next[LAW_POLICY])
		return;
	law->is_dying = prng_chance(r, 3, 4);
	if (may_reject)
		law->overflow = (uint8_t)prng_below(r, OVERFLOW_REJECT_DLX + 1);
}

static bool is_same(const struct law *a, const struct law *b)
{
	return a->is_there == b->is_there && a->is_dying == b->is_dying && a->ttl_ms == b->ttl_ms &&
	       a->length_max == b->length_max && a->overflow == b->overflow;
}

/* What is to go may be gone already, so it is made first, as it was. */
static void say(struct operator* op)
{
	uint8_t buf[1024];
	for (uint32_t i = 0; i < LAWS_N; i++) {
		const struct law *now = &op->now[i], *next = &op->next[i];
		if (is_same(now, next))
			continue;
		const struct fact f = law_fact(next->is_there ? next : now, i, buf, sizeof buf);
		errand_make(&op->errand, &f);
		if (!next->is_there)
			errand_forget(&op->errand, &f);
	}
	errand_send(&op->errand);
}

void operator_begin(struct operator* op, struct host *h, struct oracle *o, struct prng *r)
{
	struct sock *sock;
	if (op->errand.sock || (!op->is_asked && o->decrees_n > 1))
		return;
	while (!op->is_asked && is_same(&op->now[0], &op->next[0]) &&
	       is_same(&op->now[1], &op->next[1]))
		order(op, r, o->places.rule[PLACE_p0].is_strict);
	sock = sock_connect(&h->socks, (uint32_t)prng_below(r, h->loops_n));
	if (!sock)
		return;
	errand_begin(&op->errand, sock);
	op->is_asked = true;
	const struct place_rule next = rule_of(o, op->next);
	oracle_decree(o, PLACE_p0, &next);
	TELL(o->story, decree, next.ttl_ms, next.length_max, next.dead_to);
	say(op);
}

/* ---- what he hears ------------------------------------------------------------------------ */

bool operator_has_io(const struct operator* op)
{
	const struct sock *k = op->errand.sock;
	if (!k)
		return false;
	return k->out.n > 0 || k->state == SOCK_SHUT ||
	       (op->errand.out_n > 0 && k->in.n < k->in.cap);
}

void operator_io(struct operator* op, struct host *h, struct oracle *o)
{
	(void)errand_talk(&op->errand, &h->socks);
	if (op->errand.sock)
		return;
	if (errand_is_done(&op->errand)) {
		op->is_asked = false;
		op->orders_n++;
		memcpy(op->now, op->next, sizeof op->now);
		oracle_decreed(o, PLACE_p0);
		TELL(o->story, decreed, op->orders_n);
	} else if (!h->is_stopping) {
		story_wrong(o->story, "the operator is told: %s", op->errand.said);
	}
}

void operator_died(struct operator* op)
{
	if (!op->errand.sock)
		return;
	if (!op->errand.sock->is_ended)
		sock_drop(op->errand.sock, true);
	op->errand.sock = NULL;
}
