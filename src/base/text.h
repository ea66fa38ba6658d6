/* text -- appends to a caller's buffer, never past its end; used by every *_dump.
 *
 * What does not fit is cut off. The text always ends in a zero byte, so `p` is a C string.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/slice.h"

struct text {
	char *p;
	size_t cap; /* bytes of the buffer, at least 1 */
	size_t n;   /* bytes of text, without the zero: always < cap */
};

/* text_of starts an empty text in `buf` of `cap` bytes. */
static inline struct text text_of(char *buf, size_t cap)
{
	must(cap > 0);
	buf[0] = '\0';
	return (struct text){ buf, cap, 0 };
}

static inline struct slice text_slice(const struct text *t)
{
	return slice_of(t->p, t->n);
}

/* text_is_full: the buffer is used up, so the end may have been cut off. */
static inline bool text_is_full(const struct text *t)
{
	return t->n + 1 == t->cap;
}

/* text_putf appends as printf does, text_putc one character, text_puts a C string, text_put_u64 a
 * number in decimal digits (faster than text_putf). */
void text_putf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_putc(struct text *t, char c);
void text_puts(struct text *t, const char *z);
void text_put_u64(struct text *t, uint64_t v);

/* text_put_slice appends the bytes as they are. */
void text_put_slice(struct text *t, struct slice s);

/* text_put_printable appends bytes that a client chose, for people: control characters, the
 * backslash, and whatever is not UTF-8 as \xNN, so that a name cannot forge a log line. */
void text_put_printable(struct text *t, struct slice s);

/* text_put_quoted and text_put_quoted_printable append `before`, and `s` in single quotes: as it
 * is, and as text_put_printable writes it. */
void text_put_quoted(struct text *t, const char *before, struct slice s);
void text_put_quoted_printable(struct text *t, const char *before, struct slice s);

/* text_put_json_string appends `s` in double quotes with JSON's escapes; each byte that is not
 * UTF-8 becomes U+FFFD. The closing quote is written also when the middle had to be cut. */
void text_put_json_string(struct text *t, struct slice s);

#endif
