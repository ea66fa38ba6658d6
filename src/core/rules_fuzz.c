/* rules_fuzz -- any bytes as the rules of a queue, and as a queue's declaration: what is read is
 * written again byte by byte. */
#include "base/must.h"
#include "core/catalog.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void rules_again(struct slice from)
{
	uint8_t again[RULES_BYTES_MAX];
	struct queue_rules rules;
	enum err err = rules_get(from, &rules);
	must(err == ERR_OK || err == ERR_MALFORMED || err == ERR_NOT_IMPLEMENTED);
	if (err == ERR_OK)
		must(slice_eq(slice_of(again, rules_put(&rules, again, sizeof again)), from));
}

/* What stands behind the rules, and flags that exclude each other, are not kept. */
static void declaration_again(struct slice from)
{
	struct declare_queue d, back;
	if (declare_queue_get(from, &d) != ERR_OK)
		return;
	rules_again(d.rules);
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)d.arguments.n;
	uint8_t *again = malloc(cap);
	must(again != NULL);
	uint32_t n = declare_queue_put(&d, again, cap);
	must(n > 0 && n <= from.n && declare_queue_get(slice_of(again, n), &back) == ERR_OK);
	must(slice_eq(d.name, back.name) && slice_eq(d.arguments, back.arguments));
	must(slice_eq(d.rules, back.rules) && d.flags == back.flags && d.owner == back.owner);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	rules_again(slice_of(p, n));
	declaration_again(slice_of(p, n));
	return 0;
}
