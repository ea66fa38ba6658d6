/* deflate_fuzz -- any octets as a packed message, whole and cut: the same octets, the same verdict.
 * The first two octets say how it is cut. What came out goes in again. */
#include "io/deflate.h"

#include <stdlib.h>

#define OUT_BYTES_MAX 200000u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	uint8_t *p;
	size_t n;
	enum inflate_found found;
};

static struct seen unpack(struct deflate_room *r, struct slice all, size_t piece, size_t cap)
{
	struct seen out = { .p = malloc(OUT_BYTES_MAX), .found = INFLATE_MORE };
	struct inflate *f = inflate_begin(r);
	must(out.p && f);
	while (out.n < OUT_BYTES_MAX && out.found != INFLATE_DONE && out.found != INFLATE_BAD) {
		size_t made = 0, left = OUT_BYTES_MAX - out.n;
		struct slice in = slice_sub(all, 0, all.n < piece ? all.n : piece), was = in;
		out.found = inflate_step(f, &in, was.n == all.n, out.p + out.n,
					 cap < left ? cap : left, &made);
		must(out.found != INFLATE_MORE || (in.n == 0 && was.n < all.n));
		out.n += made;
		all = slice_from(all, was.n - in.n);
	}
	inflate_end(r, f);
	return out;
}

static void pack_again(struct deflate_room *r, struct slice message)
{
	struct slice packed;
	if (message.n < DEFLATE_PACK_FROM || message.n > DEFLATE_PACK_BYTES ||
	    !deflate_pack(r, 10, &message, 1, &packed))
		return;
	struct seen again = unpack(r, packed, 1000, OUT_BYTES_MAX);
	must(again.found == INFLATE_DONE && slice_eq(slice_of(again.p, again.n), message));
	free(again.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct deflate_room r = { .spare = NULL };
	if (n < 2 || n - 2 > DEFLATE_RAW_BYTES)
		return 0;
	struct slice in = slice_of(p + 2, n - 2);
	struct seen whole = unpack(&r, in, DEFLATE_RAW_BYTES, OUT_BYTES_MAX);
	struct seen cut = unpack(&r, in, p[0] + 1u, p[1] * 4u + 1);
	must(whole.n == OUT_BYTES_MAX || whole.found == cut.found);
	size_t same = whole.n < cut.n ? whole.n : cut.n;
	must(memcmp(whole.p, cut.p, same) == 0 && (whole.found == INFLATE_BAD || whole.n == cut.n));
	if (whole.found == INFLATE_DONE)
		pack_again(&r, slice_of(whole.p, whole.n));
	free(whole.p);
	free(cut.p);
	deflate_room_fini(&r);
	return 0;
}
