#include "base/base64.h"

#define COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

size_t base64_len(size_t n)
{
	return (n + 2) / 3 * 4;
}

size_t base64_url_len(size_t n)
{
	return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

/* put writes the characters without padding and returns how many. */
static size_t put(char *out, struct slice s, const char *alphabet)
{
	size_t len = 0;
	uint32_t bits = 0;
	unsigned bits_n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bits = bits << 8 | s.p[i];
		for (bits_n += 8; bits_n >= 6; bits_n -= 6)
			out[len++] = alphabet[bits >> (bits_n - 6) & 63];
	}
	if (bits_n)
		out[len++] = alphabet[bits << (6 - bits_n) & 63];
	return len;
}

void base64_put(char *out, struct slice s)
{
	size_t len = put(out, s, COMMON "+/");
	while (len < base64_len(s.n))
		out[len++] = '=';
}

void base64_url_put(char *out, struct slice s)
{
	size_t len = put(out, s, COMMON "-_");
	must(len == base64_url_len(s.n));
}

/* 64: no character of it. */
static uint32_t value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

enum err base64_get(struct slice from, uint8_t *out, size_t cap, size_t *out_n)
{
	size_t n = 0, pad = 0;
	if (from.n % 4 != 0)
		return ERR_MALFORMED;
	while (pad < 2 && pad < from.n && from.p[from.n - 1 - pad] == '=')
		pad++;
	if (from.n / 4 * 3 - pad > cap)
		return ERR_LIMIT;
	for (size_t i = 0; i < from.n; i += 4) {
		uint32_t bits = 0;
		size_t good = i + 4 == from.n ? 4 - pad : 4;
		for (size_t k = 0; k < 4; k++) {
			uint32_t v = k < good ? value_of(from.p[i + k]) : 0;
			if (v == 64)
				return ERR_MALFORMED;
			bits = bits << 6 | v;
		}
		for (size_t k = 0; k + 1 < good; k++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	*out_n = n;
	return ERR_OK;
}
