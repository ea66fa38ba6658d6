/* Random bytes as anything that lies on the disk: no crash, and what is accepted is within. */
#include "base/must.h"
#include "wire/record/commit.h"
#include "wire/record/head.h"
#include "wire/record/record.h"
#include "wire/record/unit.h"

static bool is_within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	struct slice s = slice_of(p + 1, n - 1);
	uint32_t space = 0;
	struct record r;
	struct commit c;
	struct head h;
	struct unit u;
	switch (p[0] % 6) {
	case 0:
		if (record_get(s, 1, &r, &space) == ERR_OK)
			must(is_within(r.body, s) && space <= s.n);
		break;
	case 1:
		if (commit_get(s, 1, &c) == ERR_OK)
			must(c.bytes <= COMMIT_BYTES_MAX && c.number > c.synced);
		break;
	case 2:
		if (unit_get(s, &u, &space) == ERR_OK)
			must(is_within(u.content, s) && space <= s.n);
		break;
	case 3: (void)!head_get(s, HEAD_SEGMENT, &h); break;
	case 4: (void)!head_get(s, HEAD_CHECKPOINT, &h); break;
	default: (void)!head_get(s, HEAD_STORE, &h); break;
	}
	return 0;
}
