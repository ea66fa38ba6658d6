#include "io/deflate.h"

#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define OUT_BYTES_MAX 300000u
#define STEPS_MAX     2000000

static uint8_t out[OUT_BYTES_MAX];

/* unpack_cut gives a message in pieces of at most `piece` octets, each in a block of its own size,
 * and takes what comes in pieces of at most `cap`. Gives what the last step found. */
static enum inflate_found unpack_cut(struct deflate_room *r, struct slice all, size_t piece,
				     size_t cap, size_t *out_n)
{
	struct inflate *f = inflate_begin(r);
	enum inflate_found found = INFLATE_MORE;
	must(f != NULL);
	*out_n = 0;
	for (int i = 0; i < STEPS_MAX && (found == INFLATE_MORE || found == INFLATE_FULL); i++) {
		size_t n = all.n < piece ? all.n : piece, left = OUT_BYTES_MAX - *out_n, made = 0;
		uint8_t *block = malloc(n + 1);
		must(block && left > 0);
		if (n)
			memcpy(block, all.p, n);
		struct slice in = slice_of(block, n);
		found = inflate_step(f, &in, n == all.n, out + *out_n, cap < left ? cap : left,
				     &made);
		*out_n += made;
		all = slice_from(all, n - in.n);
		free(block);
	}
	inflate_end(r, f);
	return found;
}

static bool unpacks_to(struct deflate_room *r, const char *octets, size_t n, const char *text)
{
	static const size_t pieces[] = { 1, 2, 3, 1000 };
	bool is_good = true;
	for (size_t i = 0; i < 16; i++) {
		size_t made = 0;
		enum inflate_found found = unpack_cut(r, slice_of((const uint8_t *)octets, n),
						      pieces[i % 4], pieces[i / 4], &made);
		is_good &= found == INFLATE_DONE && slice_eq(slice_of(out, made), slice_str(text));
	}
	return is_good;
}

static void the_examples_of_the_rfc_unpack(void **s)
{
	struct deflate_room r = { .spare = NULL };
	(void)s;
	must(unpacks_to(&r, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"));
	must(unpacks_to(&r, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"));
	must(unpacks_to(&r, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"));
	must(unpacks_to(&r, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"));
	must(unpacks_to(&r, "\x00", 1, "") && unpacks_to(&r, "\x02\x00", 2, ""));
	deflate_room_fini(&r);
}

static void what_is_no_deflate_is_damaged(void **s)
{
	static const struct {
		const char *octets;
		size_t n;
	} bad[] = {
		{ "\xff", 1 },                             /* a block of no kind */
		{ "\x00\x06\x00\xf9\xff\x48", 6 },         /* not whole */
		{ "\xf2\x48\xcd\xc9\xc9\x07\x00\xff", 8 }, /* a block begins and does not end */
		{ "\xf2\x48\xcd\xc9\xc9\x07\x00\x05", 8 }, /* its length is none */
		{ "\xc2\x24\x01\x00", 4 },                 /* from before the beginning */
	};
	struct deflate_room r = { .spare = NULL };
	size_t made;
	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (size_t piece = 1; piece < 10; piece++)
			must(unpack_cut(&r, slice_of((const uint8_t *)bad[i].octets, bad[i].n),
					piece, 100, &made) == INFLATE_BAD);
	must(unpacks_to(&r, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"));
	deflate_room_fini(&r);
}

static void fill(struct prng *random, uint8_t *p, size_t n)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog, and again ";
	uint64_t start = prng_u64(random) % 20;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)words[(i + start) % (sizeof words - 1)];
	for (size_t i = 0; i < n / 50; i++)
		p[prng_u64(random) % n] = (uint8_t)prng_u64(random);
}

static void what_is_packed_unpacks(void **s)
{
	static uint8_t message[DEFLATE_PACK_BYTES], copy[DEFLATE_PACK_BYTES];
	static const size_t sizes[] = { DEFLATE_PACK_FROM, 150, 1000, 16384, DEFLATE_PACK_BYTES };
	struct deflate_room r = { .spare = NULL };
	struct prng random = prng_of(7);
	struct slice packed;
	(void)s;
	for (unsigned i = 0; i < 70; i++) {
		size_t n = sizes[i % 5], made;
		uint8_t bits = (uint8_t)(DEFLATE_BITS_MIN + i % 7);
		fill(&random, message, n);
		struct slice parts[3] = { slice_of(message, n / 3), SLICE_EMPTY,
					  slice_of(message + n / 3, n - n / 3) };
		if (!deflate_pack(&r, bits, parts, 3, &packed)) {
			must(n < 200);
			continue;
		}
		must(packed.n < n);
		memcpy(copy, packed.p, packed.n);
		must(unpack_cut(&r, slice_of(copy, packed.n), 1 + prng_u64(&random) % 9000,
				1 + prng_u64(&random) % 9000, &made) == INFLATE_DONE);
		must(made == n && memcmp(out, message, n) == 0);
	}
	deflate_room_fini(&r);
}

static void what_would_not_be_shorter_goes_as_it_is(void **s)
{
	uint8_t noise[1000];
	struct deflate_room r = { .spare = NULL };
	struct prng random = prng_of(7);
	struct slice packed, part = slice_of(noise, sizeof noise);
	(void)s;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)prng_u64(&random);
	must(!deflate_pack(&r, 15, &part, 1, &packed));
	memset(noise, 'a', sizeof noise);
	must(deflate_pack(&r, 15, &part, 1, &packed) && packed.n < 30);
	struct slice both = deflate_put_before(packed, slice_str("head"));
	must(both.n == packed.n + 4 && memcmp(both.p, "head", 4) == 0);
	deflate_room_fini(&r);
}

/* A thousand times as much comes out; each step gives no more than there is room for. */
static void a_bomb_goes_off_in_small_pieces(void **s)
{
	static uint8_t zeros[DEFLATE_PACK_BYTES];
	uint8_t copy[1000], to[100];
	struct deflate_room r = { .spare = NULL };
	struct slice packed, part = slice_of(zeros, sizeof zeros);
	size_t made, all = 0;
	(void)s;
	must(deflate_pack(&r, 15, &part, 1, &packed) && packed.n <= sizeof copy);
	memcpy(copy, packed.p, packed.n);
	struct slice in = slice_of(copy, packed.n);
	struct inflate *f = inflate_begin(&r);
	enum inflate_found found = INFLATE_FULL;
	while (found == INFLATE_FULL) {
		found = inflate_step(f, &in, true, to, sizeof to, &made);
		must(made <= sizeof to);
		all += made;
	}
	must(found == INFLATE_DONE && all == sizeof zeros);
	inflate_end(&r, f);
	deflate_room_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_unpack),
		cmocka_unit_test(what_is_no_deflate_is_damaged),
		cmocka_unit_test(what_is_packed_unpacks),
		cmocka_unit_test(what_would_not_be_shorter_goes_as_it_is),
		cmocka_unit_test(a_bomb_goes_off_in_small_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
