#include "base/ablate.h"

const struct ablate_row ablate_rows[ABLATE_N] = {
#define ABLATE(rule, prose) { #rule, prose },
#include "base/ablate.def"
#undef ABLATE
};

#ifdef GODWIT_SIM
bool ablated[ABLATE_N];
#endif

enum ablate_rule ablate_find(struct slice name)
{
	enum ablate_rule rule = 0;
	while (rule < ABLATE_N && !slice_eq(name, slice_str(ablate_rows[rule].name)))
		rule++;
	return rule;
}
