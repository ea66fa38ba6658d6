#include "base/text.h"

#include "base/bits.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

static size_t room(const struct text *t)
{
	must(t->n < t->cap);
	return t->cap - 1 - t->n;
}

static void put(struct text *t, const void *p, size_t n)
{
	n = min_size(n, room(t));
	if (n)
		memcpy(t->p + t->n, p, n);
	t->n += n;
	t->p[t->n] = '\0';
}

void text_putf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int k = vsnprintf(t->p + t->n, room(t) + 1, fmt, ap);
	va_end(ap);
	if (k > 0)
		t->n += min_size((size_t)k, room(t));
}

void text_putc(struct text *t, char c)
{
	put(t, &c, 1);
}

void text_puts(struct text *t, const char *z)
{
	put(t, z, strlen(z));
}

void text_put_slice(struct text *t, struct slice s)
{
	put(t, s.p, s.n);
}

void text_put_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(t, digits + at, sizeof digits - at);
}

void text_put_printable(struct text *t, struct slice s)
{
	for (size_t at = 0; at < s.n;) {
		size_t step = utf8_step(slice_of(s.p + at, s.n - at));
		uint8_t c = s.p[at];
		if (step == 0 || c < 0x20 || c == 0x7f || c == '\\') {
			text_putf(t, "\\x%02x", c);
			step = 1;
		} else {
			put(t, s.p + at, step);
		}
		at += step;
	}
}

/* json_char writes the character that `s` begins with into `out`, and returns its length there;
 * *out_step gets its length in `s`. */
static size_t json_char(struct slice s, char out[8], size_t *out_step)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	uint8_t c = s.p[0];
	*out_step = utf8_step(s);
	if (*out_step == 0) {
		*out_step = 1;
		memcpy(out, "\xEF\xBF\xBD", 3);
		return 3;
	}
	for (const char *e = escapes; *e; e += 2)
		if (c == (uint8_t)*e) {
			out[0] = '\\';
			out[1] = e[1];
			return 2;
		}
	if (c < 0x20)
		return (size_t)snprintf(out, 8, "\\u%04x", c);
	memcpy(out, s.p, *out_step);
	return *out_step;
}

void text_put_quoted(struct text *t, const char *before, struct slice s)
{
	must(before != NULL);
	text_puts(t, before);
	text_putc(t, '\'');
	text_put_slice(t, s);
	text_putc(t, '\'');
}

void text_put_quoted_printable(struct text *t, const char *before, struct slice s)
{
	must(before != NULL);
	text_puts(t, before);
	text_putc(t, '\'');
	text_put_printable(t, s);
	text_putc(t, '\'');
}

void text_put_json_string(struct text *t, struct slice s)
{
	text_putc(t, '"');
	for (size_t at = 0, step; at < s.n; at += step) {
		char out[8];
		size_t n = json_char(slice_of(s.p + at, s.n - at), out, &step);
		if (n + 1 > room(t))
			break; /* whole characters only, and the closing quote has its place */
		put(t, out, n);
	}
	text_putc(t, '"');
}
