/* declare_fuzz -- any bytes as an exchange, and as a binding: what is read is within what was
 * given, and says the same when it is written again. (Queues: rules_fuzz.) */
#include "base/must.h"
#include "core/catalog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool is_within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void exchange_again(struct slice from)
{
	struct declare_exchange d, back;
	enum err err = declare_exchange_get(from, &d);
	must(err == ERR_OK || err == ERR_MALFORMED);
	if (err != ERR_OK)
		return;
	must(is_within(d.name, from) && is_within(d.type, from) && is_within(d.arguments, from));
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)d.arguments.n;
	uint8_t *again = malloc(cap);
	must(again != NULL);
	uint32_t n = declare_exchange_put(&d, again, cap);
	must(n > 0 && n <= from.n && slice_eq(slice_of(again, n), slice_sub(from, 0, n)));
	must(declare_exchange_get(slice_of(again, n), &back) == ERR_OK && back.vhost == d.vhost);
	free(again);
}

static void bind_again(struct slice from)
{
	struct bind b, back;
	enum err err = bind_get(from, &b);
	must(err == ERR_OK || err == ERR_MALFORMED || err == ERR_NOT_IMPLEMENTED);
	if (err != ERR_OK)
		return;
	must(is_within(b.exchange, from) && is_within(b.queue, from) && is_within(b.key, from) &&
	     is_within(b.arguments, from));
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)b.arguments.n;
	uint8_t *again = malloc(cap);
	must(again != NULL);
	uint32_t n = bind_put(&b, again, cap);
	must(n > 0 && n <= from.n && slice_eq(slice_of(again, n), slice_sub(from, 0, n)));
	must(bind_get(slice_of(again, n), &back) == ERR_OK && back.to_exchange == b.to_exchange);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	exchange_again(slice_of(p, n));
	bind_again(slice_of(p, n));
	return 0;
}
