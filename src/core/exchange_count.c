#include "core/exchange_count.h"

#include "base/must.h"
#include "core/exchange_set.h"

void exchange_tally_end(struct exchange_tally *t)
{
	must(t->unroutable <= t->published);
	must_if(!t->x, t->published == 0);
	if (!t->x)
		return;
	struct exchange_count *count = &((struct exchange_name *)(uintptr_t)t->x->fixed)->count;
	shared_count_add(&count->published, t->published);
	shared_count_add(&count->unroutable, t->unroutable);
	*t = (struct exchange_tally){ .x = NULL };
}
