/* fact_fuzz -- any bytes as a fact, as limits and as a policy: what is read is within what was
 * given, and is written again byte by byte. */
#include "base/must.h"
#include "core/fact.h"
#include "core/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool is_within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void limits_again(struct slice from)
{
	uint8_t again[FACT_LIMITS_BYTES];
	struct fact_limits limits;
	if (fact_limits_get(from, &limits) != ERR_OK)
		return;
	must(limits.connections >= -1 && limits.objects >= -1);
	fact_limits_put(&limits, again);
	must(slice_eq(slice_of(again, sizeof again), from));
}

static void policy_again(struct slice from)
{
	static uint8_t again[FACT_VALUE_MAX];
	struct policy policy, back;
	if (policy_get(from, &policy) != ERR_OK)
		return;
	uint32_t n = policy_put(&policy, again, sizeof again);
	must(n > 0 && policy_get(slice_of(again, n), &back) == ERR_OK);
	must(back.priority == policy.priority && slice_eq(back.pattern, policy.pattern));
}

static void fact_again(struct slice from)
{
	static uint8_t again[FACT_BYTES_MAX];
	struct fact f;
	enum err err = fact_get(from, &f);
	must(err == ERR_OK || err == ERR_MALFORMED || err == ERR_NOT_IMPLEMENTED);
	if (err != ERR_OK)
		return;
	must(f.names_n == strlen(fact_names(f.kind)) && f.names_n <= FACT_NAMES_MAX);
	for (uint8_t i = 0; i < f.names_n; i++)
		must(is_within(f.name[i], from));
	must(is_within(f.value, from) && fact_word(f.kind)[0] != '\0');
	must(slice_eq(slice_of(again, fact_put(&f, again, sizeof again)), from));
	limits_again(f.value);
	policy_again(f.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice from = slice_of(p, n);
	fact_again(from);
	limits_again(from);
	policy_again(from);
	return 0;
}
