/* selector_fuzz -- any bytes as a selector: what is a term is so twice, and only that matches. */
#include "base/must.h"
#include "core/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A message whose headers are n = 7, t = "blue", b = true, r = 2.5: one octet of it for each. */
static struct rd begin(struct slice props)
{
	return rd_of(props);
}

static bool next(struct rd *r, struct header *out)
{
	const double real = 2.5;
	uint8_t which = rd_u8(r);
	if (!rd_ok(r))
		return false;
	*out = (struct header){ .name = slice_of(&"ntbr"[which], 1) };
	switch (which) {
	case 0: out->class = HEADER_INT, out->number = 7; break;
	case 1: out->class = HEADER_TEXT, out->octets = slice_str("blue"); break;
	case 2: out->class = HEADER_BOOL, out->number = 1; break;
	default: out->class = HEADER_REAL, memcpy(&out->number, &real, sizeof real);
	}
	return true;
}

static const struct header_ops ops = { .begin = begin, .next = next };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t props[] = { 0, 1, 2, 3 };
	struct slice text = slice_of(p, n), message = slice_of(props, sizeof props);
	enum err e = selector_check(text);
	must(e == ERR_OK || e == ERR_MALFORMED);
	must(selector_check(text) == e);
	bool is_match = selector_matches(text, &ops, message);
	must(selector_matches(text, &ops, message) == is_match);
	must(e == ERR_OK || !selector_matches(text, NULL, SLICE_EMPTY));
	return 0;
}
