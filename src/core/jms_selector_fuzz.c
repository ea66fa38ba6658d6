/* selector_fuzz -- any bytes as a selector: what is a term is so twice, and only that matches. */
#include "base/must.h"
#include "core/header_for_tests.h"
#include "core/jms_selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct header_ops ops = { .begin = header_begin_for_tests,
				       .next = header_next_for_tests };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t props[] = { 0, 1, 2, 3 };
	struct slice text = slice_of(p, n), message = slice_of(props, sizeof props);
	enum err e = jms_selector_check(text);
	must(e == ERR_OK || e == ERR_MALFORMED);
	must(jms_selector_check(text) == e);
	bool is_match = jms_selector_matches(text, &ops, message);
	must(jms_selector_matches(text, &ops, message) == is_match);
	must(e == ERR_OK || !jms_selector_matches(text, NULL, SLICE_EMPTY));
	return 0;
}
