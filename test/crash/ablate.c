/* ablate -- godwitd-ablated without the rules that ABLATE names: `ABLATE=sync godwitd-ablated ...`.
 *
 * Part of that program alone; godwitd has no such switch. Rules are separated by commas; a name
 * that is no rule ends the process at once: a test must not pass because of a misspelling. */
#include "base/ablate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void ablate_named(void)
{
	const char *at = getenv("ABLATE");
	while (at && *at) {
		size_t n = strcspn(at, ",");
		enum ablate_rule rule = ablate_find(slice_of(at, n));
		if (rule == ABLATE_N) {
			fprintf(stderr, "godwitd-ablated: no rule is called '%s'\n", at);
			exit(2);
		}
		ablated[rule] = true;
		at += n + (at[n] == ',');
	}
}
