/* operator -- changes policies while clients work: of one queue, PLACE_p0, by a policy and by an
 * operator's own.
 *
 * Each change is an import of definitions of one thing. What holds meanwhile is what held before or
 * what was ordered; when it is answered, what was ordered. What was not answered, because the
 * broker has ended, is ordered again. The oracle is told all of it.
 */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H
#include "sim/errand.h"
#include "sim/host.h"
#include "sim/oracle.h"

enum { LAW_POLICY, LAW_OPERATOR, LAWS_N };

struct law {
	bool is_there, is_dying;     /* dying: what dies goes to PLACE_d2 */
	uint8_t overflow;            /* enum overflow */
	uint32_t ttl_ms, length_max; /* 0: none */
};

struct operator
{
	struct errand errand;
	struct law now[LAWS_N], next[LAWS_N];
	bool is_asked;     /* what is next was ordered, and no answer has come */
	uint64_t orders_n; /* that were answered */
};

/* operator_begin orders something, if nothing is under way. */
void operator_begin(struct operator* op, struct host *h, struct oracle *o, struct prng *r);
/* operator_has_io: bytes could move now; operator_io moves some. */
bool operator_has_io(const struct operator* op);
void operator_io(struct operator* op, struct host *h, struct oracle *o);
/* operator_died: the broker is gone. */
void operator_died(struct operator* op);
#endif
