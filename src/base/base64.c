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
