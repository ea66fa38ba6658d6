#include "session/mapping.h"

#include "base/must.h"
#include "base/rd.h"
#include "core/fact.h"

#define DEPTH_MAX 64u /* of values that are passed over */

/* ---- JSON --------------------------------------------------------------------------------- */

static uint8_t peek(const struct rd *r)
{
	return rd_ok(r) && rd_left(r) > 0 ? *r->p : 0;
}

static void skip_space(struct rd *r)
{
	while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
		rd_skip(r, 1);
}

/* Takes this sign, with the space around it; false: something else stands there. */
static bool take(struct rd *r, uint8_t sign)
{
	skip_space(r);
	must(sign != 0);
	if (peek(r) != sign)
		return false;
	rd_skip(r, 1);
	skip_space(r);
	return true;
}

static uint32_t take_hex4(struct rd *r)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++) {
		const uint8_t c = rd_u8(r), low = c | 0x20;
		const bool is_digit = c >= '0' && c <= '9', is_letter = low >= 'a' && low <= 'f';
		if (!is_digit && !is_letter)
			rd_fail(r);
		v = v << 4 | (is_digit ? c - 48u : (low - 87u) & 15);
	}
	must(v <= 0xffff);
	return v;
}

/* What stands behind a backslash. */
static uint32_t take_escape(struct rd *r)
{
	static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const uint8_t c = rd_u8(r);
	must(sizeof names == sizeof means);
	for (size_t i = 0; i + 1 < sizeof names; i++)
		if (c == (uint8_t)names[i])
			return (uint8_t)means[i];
	if (c != 'u')
		rd_fail(r);
	const uint32_t high = c == 'u' ? take_hex4(r) : 0;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	const bool is_pair = high < 0xdc00 && rd_u8(r) == '\\' && rd_u8(r) == 'u';
	const uint32_t low = is_pair ? take_hex4(r) : 0;
	if (low < 0xdc00 || low > 0xdfff)
		rd_fail(r);
	return 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
}

/* A text that is written down while it fits into LIMIT_SHORTSTR octets. */
struct string {
	uint8_t *room; /* NULL: it is only passed over */
	size_t n;      /* of all of it */
};

static void put(struct string *s, uint8_t octet)
{
	must(s != NULL);
	if (s->room && s->n < LIMIT_SHORTSTR)
		s->room[s->n] = octet;
	s->n++;
}

static void put_char(struct string *s, uint32_t c)
{
	must(c <= 0x10ffff);
	if (c < 0x80) {
		put(s, (uint8_t)c);
		return;
	}
	const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	put(s, (uint8_t)((0xf00u >> (more + 1)) | c >> (6 * more)));
	for (int i = more - 1; i >= 0; i--)
		put(s, (uint8_t)(0x80 | (c >> (6 * i) & 0x3f)));
}

/* False: no text stands there. */
static bool take_string(struct rd *r, uint8_t *room, size_t *out_n)
{
	struct string s = { .room = room };
	skip_space(r);
	if (peek(r) != '"')
		return false;
	rd_skip(r, 1);
	for (;;) {
		const uint8_t c = rd_u8(r);
		if (!rd_ok(r) || c < 0x20)
			return false;
		if (c == '"')
			break;
		if (c == '\\')
			put_char(&s, take_escape(r));
		else
			put(&s, c);
	}
	skip_space(r);
	*out_n = s.n;
	must(rd_ok(r));
	return true;
}

/* Passes over any value; false: there is none. */
static bool skip_value(struct rd *r)
{
	uint32_t depth = 0;
	size_t n;
	do {
		skip_space(r);
		const uint8_t c = peek(r);
		if (c == '"') {
			if (!take_string(r, NULL, &n))
				return false;
			continue;
		}
		depth += c == '{' || c == '[';
		if ((c == '}' || c == ']') && depth-- == 0)
			return false;
		if (c == 0 || depth > DEPTH_MAX || (depth == 0 && c == ','))
			return false;
		rd_skip(r, 1);
		while (depth == 0 && peek(r) != 0 && peek(r) != ',' && peek(r) != '}')
			rd_skip(r, 1);
	} while (depth > 0);
	return rd_ok(r);
}

/* ---- the object --------------------------------------------------------------------------- */

bool mapping_read(struct slice json, struct slice name, uint8_t *room, struct slice *out)
{
	struct rd r = rd_of(json);
	size_t n;
	must(name.n > 0 && room != NULL);
	if (!take(&r, '{'))
		return false;
	while (take_string(&r, room, &n) && take(&r, ':')) {
		const bool is_it = n == name.n && n <= LIMIT_SHORTSTR &&
				   slice_eq(slice_of(room, n), name);
		if (is_it && take_string(&r, room, &n) && n > 0 && n <= LIMIT_SHORTSTR) {
			*out = slice_of(room, n);
			return true;
		}
		if (is_it || !skip_value(&r) || !take(&r, ','))
			return false;
	}
	return false;
}

bool mapping_find(const struct catalog_view *v, struct slice parameter, struct slice name,
		  uint8_t *room, struct slice *out)
{
	const struct fact *f = catalog_fact(v, FACT_GLOBAL_PARAMETER, parameter, SLICE_EMPTY,
					    SLICE_EMPTY);
	must(parameter.n > 0);
	return f && name.n > 0 && mapping_read(f->value, name, room, out);
}
