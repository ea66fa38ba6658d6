/* sql_fuzz -- any bytes as a selector: what is one is so twice, and its code can be run. */
#include "base/must.h"
#include "core/header_for_tests.h"
#include "core/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool property(struct slice props, enum header_property which, struct header *out)
{
	(void)props;
	*out = (struct header){ .class = HEADER_INT, .number = which };
	return which % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t props[] = { 0, 1, 2, 3 };
	static const struct header_ops ops = { header_begin_for_tests, header_next_for_tests,
					       property };
	static uint8_t code[2][SQL_CODE_MAX];
	uint32_t len[2];
	if (n == 0)
		return 0;
	const uint8_t flags = p[0] & SQL_LENIENT;
	struct slice text = slice_of(p + 1, n - 1);
	enum err e = sql_compile(text, flags, code[0], &len[0]);
	must(e == ERR_OK || e == ERR_MALFORMED || e == ERR_LIMIT);
	must(sql_compile(text, flags, code[1], &len[1]) == e);
	if (e != ERR_OK)
		return 0;
	must(len[0] == len[1] && memcmp(code[0], code[1], len[0]) == 0);
	const struct sql_message m = { &ops, slice_of(props, sizeof props), p[0] & 2 };
	uint32_t steps[2];
	bool is_match = sql_matches(slice_of(code[0], len[0]), &m, &steps[0]);
	must(sql_matches(slice_of(code[1], len[1]), &m, &steps[1]) == is_match);
	must(steps[0] == steps[1] && steps[0] <= SQL_STEPS_MAX);
	return 0;
}
