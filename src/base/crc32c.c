#include "base/crc32c.h"

#include "base/byteorder.h"

#include <stdbool.h>

/* The table of all bytes is made of the eight single bits': the sum is linear. */
#define BIT(i, k, sum) ((i) >> (k)&1 ? UINT32_C(sum) : 0)
#define T1(i)                                                                    \
	(BIT(i, 0, 0xf26b8303) ^ BIT(i, 1, 0xe13b70f7) ^ BIT(i, 2, 0xc79a971f) ^ \
	 BIT(i, 3, 0x8ad958cf) ^ BIT(i, 4, 0x105ec76f) ^ BIT(i, 5, 0x20bd8ede) ^ \
	 BIT(i, 6, 0x417b1dbc) ^ BIT(i, 7, 0x82f63b78))
#define T4(i)  T1(i), T1((i) + 1), T1((i) + 2), T1((i) + 3)
#define T16(i) T4(i), T4((i) + 4), T4((i) + 8), T4((i) + 12)
#define T64(i) T16(i), T16((i) + 16), T16((i) + 32), T16((i) + 48)
static const uint32_t table[256] = { T64(0), T64(64), T64(128), T64(192) };

uint32_t crc32c_extend_by_table(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;
	crc = ~crc;
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ b[i]) & 0xff];
	return ~crc;
}

static uint32_t by_table(uint32_t crc, uint8_t *dst, const uint8_t *src, size_t n)
{
	if (dst && n)
		memcpy(dst, src, n);
	return crc32c_extend_by_table(crc, src, n);
}

/* zeros gives the sum of what `crc` is the sum of, and as many zero bytes, but for a constant that
 * joining two sums takes out again. */
static uint32_t zeros_by_table(uint32_t crc, size_t n)
{
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[crc & 0xff];
	return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

#define HARDWARE        __attribute__((target("sse4.2,pclmul")))
#define HARDWARE_INLINE static inline __attribute__((always_inline)) HARDWARE

HARDWARE_INLINE uint64_t word(uint64_t crc, uint8_t *dst, const uint8_t *src, size_t at)
{
	uint64_t v = load_le64(src + at);
	if (dst)
		store_le64(dst + at, v);
	return _mm_crc32_u64(crc, v);
}

/* shift gives the sum of what `crc` is the sum of and as many zero bytes as `by` stands for. */
HARDWARE_INLINE uint32_t shift(uint64_t crc, uint32_t by)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
					       _mm_cvtsi64_si128(by), 0);
	return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The instruction takes three cycles but can start in each, so three sums run side by side over
 * the thirds of a stripe and are joined at its end: sum(ABC) = A * x^(16 len) + B * x^(8 len) + C.
 * `by1` is x^(8 len - 33) mod P, `by2` x^(16 len - 33): the 33 is what multiply and sum add. */
struct stripe {
	size_t len; /* of one third */
	uint32_t by1, by2;
};
static const struct stripe stripes[] = {
	{ 1344, 0xc9c8b782, 0x889774e1 }, /* 4 KiB - 64 */
	{ 336, 0xa60ce07b, 0xcec3662e },  /* 1 KiB - 16 */
	{ 64, 0x9e4addf8, 0x0d3b6092 },
};

/* x^(8 * 2^i - 33) mod P: what stands for 2^i bytes. shift() makes of two of them the one for both
 * together. */
static const uint32_t steps[] = {
	0xbf818109, 0x780d5a4d, 0x05ec76f1, 0x00000001, 0x493c7d27, 0xba4fc28e, 0x9e4addf8,
	0x0d3b6092, 0xb9e02b86, 0xdd7e3b0c, 0x170076fa, 0xa51b6135, 0x82f89c77, 0x54a86326,
	0x1dc403cc, 0x5ae703ab, 0xc5013a36, 0xac2ac6dd, 0x9b4615a9, 0x688d1c61,
};

HARDWARE static uint32_t zeros(uint32_t crc, size_t n)
{
	for (uint32_t i = 0; n > 0; n >>= 1, i++)
		if (n & 1)
			crc = shift(crc, steps[i]);
	return crc;
}

HARDWARE_INLINE uint64_t sum_stripe(uint64_t a, uint8_t *dst, const uint8_t *src, struct stripe s)
{
	uint64_t b = 0, c = 0;
	for (size_t at = 0; at < s.len; at += 8) {
		a = word(a, dst, src, at);
		b = word(b, dst, src, at + s.len);
		c = word(c, dst, src, at + 2 * s.len);
	}
	return shift(a, s.by2) ^ shift(b, s.by1) ^ c;
}

HARDWARE_INLINE uint32_t sum(uint32_t start, uint8_t *dst, const uint8_t *src, size_t n)
{
	uint64_t crc = ~start;
	size_t at = 0;
	for (size_t i = 0; i < sizeof stripes / sizeof *stripes; i++)
		for (; n - at >= 3 * stripes[i].len; at += 3 * stripes[i].len)
			crc = sum_stripe(crc, dst ? dst + at : NULL, src + at, stripes[i]);
	for (; n - at >= 8; at += 8)
		crc = word(crc, dst, src, at);
	for (; at < n; at++) {
		crc = _mm_crc32_u8((uint32_t)crc, src[at]);
		if (dst)
			dst[at] = src[at];
	}
	return ~(uint32_t)crc;
}

static bool has_hardware(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

#define HARDWARE
#define zeros zeros_by_table

static inline uint32_t sum(uint32_t start, uint8_t *dst, const uint8_t *src, size_t n)
{
	uint32_t crc = ~start;
	size_t at = 0;
	if (dst && n)
		memcpy(dst, src, n);
	for (; n - at >= 8; at += 8)
		crc = __crc32cd(crc, load_le64(src + at));
	for (; at < n; at++)
		crc = __crc32cb(crc, src[at]);
	return ~crc;
}

static bool has_hardware(void)
{
	return true;
}

#else
#define HARDWARE
#define sum   by_table
#define zeros zeros_by_table

static bool has_hardware(void)
{
	return false;
}
#endif

HARDWARE static uint32_t sum_only(uint32_t crc, const uint8_t *src, size_t n)
{
	return sum(crc, NULL, src, n);
}

HARDWARE static uint32_t sum_and_copy(uint32_t crc, uint8_t *dst, const uint8_t *src, size_t n)
{
	return sum(crc, dst, src, n);
}

uint32_t crc32c_extend(uint32_t crc, const void *p, size_t n)
{
	return has_hardware() ? sum_only(crc, p, n) : by_table(crc, NULL, p, n);
}

uint32_t crc32c_copy(void *dst, const void *src, size_t n, uint32_t crc)
{
	return has_hardware() ? sum_and_copy(crc, dst, src, n) : by_table(crc, dst, src, n);
}

uint32_t crc32c_join(uint32_t a, uint32_t b, size_t n)
{
	return (has_hardware() ? zeros(a, n) : zeros_by_table(a, n)) ^ b;
}
