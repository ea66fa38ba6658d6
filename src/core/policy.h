/* policy -- rules that an operator gives to all queues of some names, beside what was declared.
 *
 * Of the policies of a virtual host that fit a queue, the one with the highest priority holds, and
 * of the operator policies likewise. They are looked up whenever a queue is opened, and all queues
 * of the virtual host are opened again when a policy changes; nothing of it is stored with them. A
 * queue takes of a policy what its type knows (policy_rule.def), and passes the rest over.
 *
 *     declared rules, policy: a limit is the lesser of both, all else as declared; a delivery limit
 *         that was not declared but assumed gives way to the policy's, lesser or not
 *     policy, operator policy: a limit is the lesser of both, all else the operator's
 *
 * An exchange takes its alternate from a policy when it was declared without one.
 *
 * Bytes of the fact, little-endian: u8 1, u64 priority, u8 POLICY_..., u16 length and pattern, u16
 * length and rules (rules.h), str8 alternate exchange, the rest: the members of its JSON. Pure.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H
#include "core/catalog.h"
#include "core/fact.h"
#include "port/pattern.h"

enum { POLICY_EXCHANGES = 1, POLICY_CLASSIC = 2, POLICY_QUORUM = 4, POLICY_STREAMS = 8 };

struct policy {
	struct slice pattern, rules, alternate, json; /* alternate: empty: none */
	int64_t priority;
	uint8_t apply_to;
};

/* policy_put writes it and gives its length; 0: it does not fit. policy_get reads it.
 * ERR_MALFORMED: it is none. */
uint32_t policy_put(const struct policy *p, uint8_t *buf, uint32_t cap);
MUST_USE enum err policy_get(struct slice from, struct policy *out);

/* policy_rules writes the rules that hold for a queue of the view, into buf (RULES_BYTES_MAX), and
 * gives their length. `patterns` NULL: nobody can say which policies fit, so none do. */
uint32_t policy_rules(const struct catalog_view *v, struct patterns *patterns,
		      const struct queue_record *q, uint8_t *buf);

/* policy_alternate gives the alternate that the policy of an exchange names, in the fact's own
 * bytes; p NULL: none does. */
struct slice policy_alternate(const struct catalog_view *v, struct patterns *patterns,
			      const struct exchange *x);

/* policy_of_queue gives the policy (FACT_POLICY) or operator policy (FACT_OPERATOR_POLICY) that
 * holds for a queue, policy_of_exchange the policy of an exchange, in the view; NULL: none does. */
const struct fact *policy_of_queue(const struct catalog_view *v, struct patterns *patterns,
				   enum fact_kind kind, const struct queue_record *q);
const struct fact *policy_of_exchange(const struct catalog_view *v, struct patterns *patterns,
				      const struct exchange *x);
#endif
