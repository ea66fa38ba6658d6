#include "wire/proxy/head.h"

#include "base/byteorder.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "base/must.h"
#include "base/rd.h"

#define LINE_MAX_BYTES 107u /* of version 1 */
#define FIXED          16u  /* octets of version 2 before the addresses */
#define TLV_CRC32C     3u
#define IP4_OCTETS     4u
#define IP6_OCTETS     16u
#define IP6_WORDS      8

_Static_assert(LIMIT_PROXY_HEAD_BYTES >= LINE_MAX_BYTES, "both versions fit");

static const uint8_t signature[12] = { '\r', '\n', '\r', '\n', 0,   '\r',
				       '\n', 'Q',  'U',  'I',  'T', '\n' };

/* ---- numbers and addresses as text ---- */

/* word_take takes what is before the next blank. */
static struct slice word_take(struct slice *io_line)
{
	size_t n = slice_find(*io_line, ' ');
	struct slice word = slice_sub(*io_line, 0, n);
	must(n <= io_line->n);
	*io_line = slice_from(*io_line, n < io_line->n ? n + 1 : n);
	return word;
}

/* A number in decimal digits without zeros before it. */
static bool number_read(struct slice s, uint32_t max, uint32_t *out)
{
	uint32_t v = 0;
	must(max <= UINT16_MAX);
	if (s.n == 0 || s.n > 5 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = 10 * v + (uint32_t)(s.p[i] - '0');
	}
	*out = v;
	return v <= max;
}

static bool ip4_read(struct slice s, uint8_t out[IP4_OCTETS])
{
	for (uint32_t i = 0; i < IP4_OCTETS; i++) {
		size_t n = slice_find(s, '.');
		uint32_t v = 0;
		if ((n < s.n) != (i + 1 < IP4_OCTETS) || !number_read(slice_sub(s, 0, n), 255, &v))
			return false;
		out[i] = (uint8_t)v;
		s = slice_from(s, n < s.n ? n + 1 : n);
	}
	must(s.n == 0);
	return true;
}

static int hex_of(uint8_t c)
{
	uint8_t low = c | 0x20;
	int v = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
	must(v < 16);
	return v;
}

/* words_read reads words of 16 bits with a colon between; gives how many, -1: it is none such. */
static int words_read(struct slice s, uint8_t out[IP6_OCTETS])
{
	int n = 0;
	for (bool is_more = s.n > 0; is_more; n++) {
		size_t len = slice_find(s, ':');
		uint32_t v = 0;
		if (n == IP6_WORDS || len == 0 || len > 4)
			return -1;
		for (size_t i = 0; i < len; i++) {
			int digit = hex_of(s.p[i]);
			if (digit < 0)
				return -1;
			v = v << 4 | (uint32_t)digit;
		}
		store_be16(out + 2 * n, (uint16_t)v);
		is_more = len < s.n;
		s = slice_from(s, is_more ? len + 1 : len);
	}
	must(n <= IP6_WORDS);
	return n;
}

/* With :: for some zeros, once; without an address of IPv4 inside. */
static bool ip6_read(struct slice s, uint8_t out[IP6_OCTETS])
{
	uint8_t behind[IP6_OCTETS] = { 0 };
	size_t gap = 0;
	memset(out, 0, IP6_OCTETS);
	while (gap + 1 < s.n && !(s.p[gap] == ':' && s.p[gap + 1] == ':'))
		gap++;
	if (gap + 1 >= s.n)
		return words_read(s, out) == IP6_WORDS;
	int before_n = words_read(slice_sub(s, 0, gap), out);
	int behind_n = words_read(slice_from(s, gap + 2), behind);
	if (before_n < 0 || behind_n < 0 || before_n + behind_n >= IP6_WORDS)
		return false;
	must(2 * (size_t)behind_n <= sizeof behind);
	memset(out + 2 * before_n, 0, IP6_OCTETS - 2 * (size_t)before_n);
	memcpy(out + IP6_OCTETS - 2 * behind_n, behind, 2 * (size_t)behind_n);
	return true;
}

/* ---- version 1 ---- */

static bool ip_read(struct slice s, enum proxy_family family, uint8_t out[IP6_OCTETS])
{
	must(family != PROXY_NONE);
	return family == PROXY_IP4 ? ip4_read(s, out) : ip6_read(s, out);
}

static enum err line_read(struct slice line, struct proxy_head *out)
{
	struct slice kind = word_take(&line);
	uint8_t target[IP6_OCTETS];
	uint32_t source_port = 0, target_port = 0;
	if (slice_eq(kind, slice_str("UNKNOWN")))
		return ERR_OK;
	if (!slice_eq(kind, slice_str("TCP4")) && !slice_eq(kind, slice_str("TCP6")))
		return ERR_MALFORMED;
	enum proxy_family family = kind.p[3] == '4' ? PROXY_IP4 : PROXY_IP6;
	bool is_good = ip_read(word_take(&line), family, out->source) &&
		       ip_read(word_take(&line), family, target) &&
		       number_read(word_take(&line), UINT16_MAX, &source_port) &&
		       number_read(line, UINT16_MAX, &target_port);
	must(out->family == PROXY_NONE);
	out->family = is_good ? family : PROXY_NONE;
	out->source_port = (uint16_t)source_port;
	return is_good ? ERR_OK : ERR_MALFORMED;
}

static enum err read_1(struct slice in, struct proxy_head *out)
{
	struct slice head = slice_str("PROXY ");
	size_t n = slice_find(in, '\n');
	must(slice_starts_with(in, head));
	if (n == in.n)
		return in.n < LINE_MAX_BYTES ? ERR_MORE : ERR_MALFORMED;
	if (n + 1 > LINE_MAX_BYTES || in.p[n - 1] != '\r')
		return ERR_MALFORMED;
	out->total = n + 1;
	return line_read(slice_sub(in, head.n, n - 1 - head.n), out);
}

/* ---- version 2 ---- */

/* The sum is that of the whole header with zeros in the sum's own place. */
static bool is_sum_right(struct slice all, const uint8_t *at)
{
	static const uint8_t zeros[4];
	size_t before = (size_t)(at - all.p);
	must(before + sizeof zeros <= all.n);
	uint32_t sum = crc32c_extend(crc32c_extend(0, all.p, before), zeros, sizeof zeros);
	sum = crc32c_extend(sum, at + sizeof zeros, all.n - before - sizeof zeros);
	return sum == load_be32(at);
}

/* What a proxy adds is passed over, but for a sum: that must be right. */
static enum err extras_check(struct slice all, size_t from)
{
	struct rd r = rd_of(slice_from(all, from));
	must(from >= FIXED);
	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);
		struct slice value = rd_take(&r, rd_u16(&r));
		if (!rd_ok(&r) || (type == TLV_CRC32C && value.n != 4))
			return ERR_MALFORMED;
		if (type == TLV_CRC32C && !is_sum_right(all, value.p))
			return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* addresses_read reads source and target; gives their octets in *out_n. */
static enum err addresses_read(struct slice s, uint8_t family, struct proxy_head *out,
			       size_t *out_n)
{
	size_t octets = family == 0x11 ? IP4_OCTETS : IP6_OCTETS;
	must(out->family == PROXY_NONE);
	*out_n = family == 0x31 ? 216 : 0;
	if (family == 0x00 || family == 0x31) /* unspecified, or a socket of the proxy's machine */
		return *out_n <= s.n ? ERR_OK : ERR_MALFORMED;
	if (family != 0x11 && family != 0x21)
		return ERR_MALFORMED;
	*out_n = 2 * octets + 4;
	if (s.n < *out_n)
		return ERR_MALFORMED;
	out->family = family == 0x11 ? PROXY_IP4 : PROXY_IP6;
	memcpy(out->source, s.p, octets);
	out->source_port = load_be16(s.p + 2 * octets);
	return ERR_OK;
}

static enum err read_2(struct slice in, struct proxy_head *out)
{
	size_t addresses_n = 0;
	if (in.n < FIXED)
		return ERR_MORE;
	if (in.p[12] != 0x20 && in.p[12] != 0x21)
		return ERR_MALFORMED;
	size_t total = FIXED + load_be16(in.p + 14);
	if (total > LIMIT_PROXY_HEAD_BYTES)
		return ERR_LIMIT;
	if (in.n < total)
		return ERR_MORE;
	out->total = total;
	if (in.p[12] == 0x20) /* LOCAL: the proxy asks for itself */
		return ERR_OK;
	struct slice all = slice_sub(in, 0, total);
	TRY(addresses_read(slice_from(all, FIXED), in.p[13], out, &addresses_n));
	must(FIXED + addresses_n <= total);
	return in.p[13] == 0 ? ERR_OK : extras_check(all, FIXED + addresses_n);
}

enum err proxy_head_read(struct slice in, struct proxy_head *out)
{
	struct slice seen_1 = slice_str("PROXY "), seen_2 = slice_of(signature, sizeof signature);
	struct proxy_head head = { .family = PROXY_NONE };
	enum err e = ERR_MALFORMED;
	must(out != NULL);
	if (in.n == 0)
		return ERR_MORE;
	if (slice_starts_with(in, seen_1))
		e = read_1(in, &head);
	else if (slice_starts_with(in, seen_2))
		e = read_2(in, &head);
	else if (slice_starts_with(seen_1, in) || slice_starts_with(seen_2, in))
		e = ERR_MORE;
	if (e == ERR_OK)
		*out = head;
	return e;
}
