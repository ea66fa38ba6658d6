#include "core/policy.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/catalog_view.h"
#include "core/fact.h"

#define POLICY_FORM 1u

uint32_t policy_put(const struct policy *p, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	if (p->pattern.n > UINT16_MAX)
		return 0;
	must(p->rules.n <= RULES_BYTES_MAX && p->alternate.n <= LIMIT_SHORTSTR);
	wr_u8(&w, POLICY_FORM);
	wr_le64(&w, (uint64_t)p->priority);
	wr_u8(&w, p->apply_to);
	wr_le16(&w, (uint16_t)p->pattern.n);
	wr_slice(&w, p->pattern);
	wr_le16(&w, (uint16_t)p->rules.n);
	wr_slice(&w, p->rules);
	wr_str8(&w, p->alternate);
	wr_slice(&w, p->json);
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

enum err policy_get(struct slice from, struct policy *out)
{
	struct rd r = rd_of(from);
	struct policy p = { .rules = SLICE_EMPTY };
	uint8_t form = rd_u8(&r);
	p.priority = (int64_t)rd_le64(&r);
	p.apply_to = rd_u8(&r);
	p.pattern = rd_take(&r, rd_le16(&r));
	p.rules = rd_take(&r, rd_le16(&r));
	p.alternate = rd_str8(&r);
	must(out != NULL);
	if (!rd_ok(&r) || form != POLICY_FORM)
		return ERR_MALFORMED;
	p.json = rd_rest(&r);
	*out = p;
	return ERR_OK;
}

/* ---- which, and what comes of them -------------------------------------------------------- */

static uint8_t kind_of(const struct queue_rules *r)
{
	must(r->type == RULE_NONE || r->type <= QUEUE_STREAM);
	if (r->type == QUEUE_QUORUM)
		return POLICY_QUORUM;
	return r->type == QUEUE_STREAM ? POLICY_STREAMS : POLICY_CLASSIC;
}

static bool fits(struct patterns *patterns, const struct policy *p, struct slice name)
{
	must(patterns != NULL);
	if (slice_eq(p->pattern, slice_str(".*")))
		return true;
	return patterns->ops->match(patterns, p->pattern, name);
}

/* The policy of that kind that holds for what is called so, with what it says. NULL: none does. */
static const struct fact *find(const struct catalog_view *v, struct patterns *patterns,
			       enum fact_kind kind, uint16_t vhost, struct slice name, uint8_t type,
			       struct policy *out)
{
	struct slice vhost_name = catalog_vhost_name(v, vhost);
	struct policy best = { .priority = INT64_MIN };
	const struct fact *found = NULL;
	struct pmap_walk w;
	must(kind == FACT_POLICY || kind == FACT_OPERATOR_POLICY);
	pmap_walk(&w, &v->policies);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct fact *f = (const struct fact *)object;
		struct policy p;
		if (f->kind != kind || !slice_eq(f->name[0], vhost_name) ||
		    policy_get(f->value, &p) != ERR_OK || !(p.apply_to & type) ||
		    (found && p.priority <= best.priority) || !fits(patterns, &p, name))
			continue;
		best = p;
		found = f;
	}
	*out = best;
	return found;
}

/* What of the policy queues of that type know. */
static struct queue_rules known(const struct queue_rules *policy, uint8_t type)
{
	struct queue_rules r = rules_none();
	must(type != POLICY_EXCHANGES);
#define POLICY_NUMBER(name, types, prose) \
	if ((types)&type)                 \
		r.name = policy->name;
#define POLICY_TEXT(name, types, prose)            \
	if ((types)&type) {                        \
		r.name = policy->name;             \
		r.has_##name = policy->has_##name; \
	}
#include "core/policy_rule.def"
#undef POLICY_NUMBER
#undef POLICY_TEXT
	return r;
}

static struct queue_rules rules_of(const struct catalog_view *v, struct patterns *patterns,
				   enum fact_kind kind, const struct queue_record *q, uint8_t type)
{
	struct policy p;
	struct queue_rules r;
	must(patterns != NULL);
	if (!find(v, patterns, kind, q->vhost, queue_record_name(q), type, &p) ||
	    rules_get(p.rules, &r) != ERR_OK)
		return rules_none();
	return known(&r, type);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	must(RULE_NONE == UINT64_MAX); /* so that none is more than any */
	return a < b ? a : b;
}

/* `weak` fills what `io` leaves open; limits are the lesser of both. */
static void fill(struct queue_rules *io, const struct queue_rules *weak)
{
	struct queue_rules strong = *io;
	must(weak != NULL);
#define RULE_NUMBER(number, name, prose) \
	if (io->name == RULE_NONE)       \
		io->name = weak->name;
#define RULE_TEXT(number, name, prose)             \
	if (!io->has_##name) {                     \
		io->name = weak->name;             \
		io->has_##name = weak->has_##name; \
	}
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
	io->message_ttl_ms = least(strong.message_ttl_ms, weak->message_ttl_ms);
	io->expires_ms = least(strong.expires_ms, weak->expires_ms);
	io->max_length = least(strong.max_length, weak->max_length);
	io->max_length_bytes = least(strong.max_length_bytes, weak->max_length_bytes);
	io->max_age_ms = least(strong.max_age_ms, weak->max_age_ms);
	if (strong.limit_is_assumed != 1)
		io->delivery_limit = least(strong.delivery_limit, weak->delivery_limit);
	else if (weak->delivery_limit != RULE_NONE)
		io->delivery_limit = weak->delivery_limit;
	io->type = strong.type;
}

uint32_t policy_rules(const struct catalog_view *v, struct patterns *patterns,
		      const struct queue_record *q, uint8_t *buf)
{
	struct queue_rules rules;
	must(queue_record_rules(q).n <= RULES_BYTES_MAX);
	if (v->policies.n == 0 || !patterns || q->flags & QUEUE_KEEPER ||
	    rules_get(queue_record_rules(q), &rules) != ERR_OK) {
		if (queue_record_rules(q).n > 0)
			memcpy(buf, queue_record_rules(q).p, queue_record_rules(q).n);
		return (uint32_t)queue_record_rules(q).n;
	}
	uint8_t type = kind_of(&rules);
	struct queue_rules policy = rules_of(v, patterns, FACT_POLICY, q, type);
	struct queue_rules operators = rules_of(v, patterns, FACT_OPERATOR_POLICY, q, type);
	fill(&operators, &policy);
	fill(&rules, &operators);
	return rules_put(&rules, buf, RULES_BYTES_MAX);
}

struct slice policy_alternate(const struct catalog_view *v, struct patterns *patterns,
			      const struct exchange *x)
{
	struct policy p;
	must(x != NULL);
	if (v->policies.n == 0 || !patterns || x->name.n == 0 ||
	    !find(v, patterns, FACT_POLICY, x->vhost, x->name, POLICY_EXCHANGES, &p))
		return SLICE_EMPTY;
	return p.alternate.n > 0 ? p.alternate : SLICE_EMPTY;
}

const struct fact *policy_of_queue(const struct catalog_view *v, struct patterns *patterns,
				   enum fact_kind kind, const struct queue_record *q)
{
	struct queue_rules rules;
	struct policy p;
	must(q != NULL);
	if (v->policies.n == 0 || !patterns || q->flags & QUEUE_KEEPER ||
	    rules_get(queue_record_rules(q), &rules) != ERR_OK)
		return NULL;
	return find(v, patterns, kind, q->vhost, queue_record_name(q), kind_of(&rules), &p);
}

const struct fact *policy_of_exchange(const struct catalog_view *v, struct patterns *patterns,
				      const struct exchange *x)
{
	struct policy p;
	must(x != NULL);
	if (v->policies.n == 0 || !patterns || x->name.n == 0)
		return NULL;
	return find(v, patterns, FACT_POLICY, x->vhost, x->name, POLICY_EXCHANGES, &p);
}
