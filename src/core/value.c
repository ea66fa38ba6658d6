#include "core/value.h"

#include "base/must.h"

/* ---- making them -------------------------------------------------------------------------- */

static const char *const atoms[ATOM_N] = {
#define ATOM(name, text, prose) text,
#include "core/atom.def"
#undef ATOM
};

static struct value of_kind(enum value_kind kind)
{
	return (struct value){ .kind = (uint8_t)kind };
}

struct value value_unknown(void)
{
	return of_kind(VALUE_UNKNOWN);
}

struct value value_other(void)
{
	return of_kind(VALUE_OTHER);
}

struct value value_range(void)
{
	return of_kind(VALUE_RANGE);
}

struct value value_atom(enum atom atom)
{
	must(atom < ATOM_N);
	return (struct value){ .kind = VALUE_ATOM, .i = atom };
}

struct value value_bool(bool is_true)
{
	return value_atom(is_true ? ATOM_TRUE : ATOM_FALSE);
}

struct value value_list(struct slice text)
{
	return (struct value){ .kind = VALUE_LIST, .s = text };
}

struct value value_text(struct slice text, bool is_escaped)
{
	return (struct value){ .kind = VALUE_TEXT, .s = text, .is_escaped = is_escaped };
}

static struct value integer(int64_t i)
{
	return (struct value){ .kind = VALUE_NUMBER, .i = i };
}

static struct value real(double r)
{
	if (r != r || r - r != 0) /* no number, or without an end */
		return value_unknown();
	return (struct value){ .kind = VALUE_NUMBER, .is_real = true, .real = r };
}

struct value value_header(const struct header *h)
{
	double r;
	_Static_assert(sizeof r == sizeof h->number, "the bits of a real");
	switch (h->class) {
	case HEADER_BOOL: return value_bool(h->number != 0);
	case HEADER_INT: return integer((int64_t)h->number);
	case HEADER_REAL: memcpy(&r, &h->number, sizeof r); return real(r);
	case HEADER_TEXT: return value_text(h->octets, false);
	default: return value_unknown();
	}
}

struct value value_of_name(struct value v)
{
	v.is_of_name = true;
	return v;
}

bool value_find_atom(struct slice text, enum atom *out)
{
	must(out != NULL);
	for (unsigned i = 0; i < ATOM_N; i++)
		if (slice_eq(text, slice_str(atoms[i]))) {
			*out = (enum atom)i;
			return true;
		}
	return false;
}

/* ---- numbers in text ---------------------------------------------------------------------- */

static size_t digits(struct slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static double times_ten(double r, int64_t n)
{
	must(n < 100000 && n > -100000);
	for (; n > 0 && r != 0 && r - r == 0; n--)
		r *= 10;
	for (; n < 0 && r != 0; n++)
		r /= 10;
	return r;
}

/* What stands before and behind the point. Powers of ten up to the 22nd are exact, so the usual
 * ones are, too. */
static struct value real_of(struct slice whole, struct slice part, int64_t exponent)
{
	static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	uint64_t sum = 0;
	must(whole.n > 0);
	for (size_t i = 0; i < whole.n + part.n; i++) {
		uint8_t c = i < whole.n ? whole.p[i] : part.p[i - whole.n];
		bool fits = sum < UINT64_MAX / 10 - 1;
		if (fits)
			sum = sum * 10 + (uint64_t)(c - '0');
		exponent += !fits;
		exponent -= i >= whole.n;
	}
	if (exponent >= 0 && exponent <= 22)
		return real((double)sum * tens[exponent]);
	if (exponent < 0 && exponent >= -22)
		return real((double)sum / tens[-exponent]);
	return real(times_ten((double)sum, exponent));
}

static struct value integer_of(struct slice s)
{
	int64_t sum = 0;
	must(s.n > 0);
	for (size_t i = 0; i < s.n; i++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, s.p[i] - '0', &sum))
			return real_of(s, SLICE_EMPTY, 0);
	return integer(sum);
}

/* The exponent that `s` begins with, and its length; 0: there is none, or it is none. */
static size_t exponent_of(struct slice s, int64_t *out)
{
	int64_t v = 0;
	*out = 0;
	if (s.n == 0 || (s.p[0] != 'e' && s.p[0] != 'E'))
		return 0;
	size_t at = s.n > 1 && (s.p[1] == '+' || s.p[1] == '-') ? 2 : 1;
	size_t n = digits(slice_from(s, at));
	for (size_t i = at; i < at + n && i < at + 6; i++)
		v = v * 10 + (s.p[i] - '0');
	must(v < 1000000);
	v = v > 9999 ? 9999 : v;
	*out = at == 2 && s.p[1] == '-' ? -v : v;
	return n > 0 && n <= VALUE_DIGITS_MAX ? at + n : 0;
}

size_t value_number(struct slice s, struct value *out)
{
	size_t whole = digits(s), part = 0;
	int64_t exponent;
	must(out != NULL);
	if (whole == 0 || whole > VALUE_DIGITS_MAX)
		return 0;
	if (whole + 1 < s.n && s.p[whole] == '.')
		part = digits(slice_from(s, whole + 1));
	if (part == 0) {
		*out = integer_of(slice_sub(s, 0, whole));
		return whole;
	}
	if (part > VALUE_DIGITS_MAX)
		return 0;
	size_t n = whole + 1 + part;
	bool has_exponent = n < s.n && (s.p[n] == 'e' || s.p[n] == 'E');
	size_t more = exponent_of(slice_from(s, n), &exponent);
	if (has_exponent && more == 0)
		return 0;
	*out = real_of(slice_sub(s, 0, whole), slice_sub(s, whole + 1, part), exponent);
	return value_is_known(out) ? n + more : 0;
}

/* ---- characters of texts ------------------------------------------------------------------ */

struct chars {
	const uint8_t *p, *end;
	bool is_escaped;
};

static struct chars chars_of(const struct value *v)
{
	must(v->kind == VALUE_TEXT);
	const uint8_t *p = v->s.n ? v->s.p : (const uint8_t *)"";
	return (struct chars){ p, p + v->s.n, v->is_escaped };
}

/* The next octet; -1: no more. */
static int next(struct chars *c)
{
	must(c->p <= c->end);
	if (c->p == c->end)
		return -1;
	if (!c->is_escaped || *c->p != '\\' || c->p + 1 == c->end)
		return *c->p++;
	c->p += 2;
	switch (c->p[-1]) {
	case 'n': return '\n';
	case 't': return '\t';
	case 'r': return '\r';
	default: return c->p[-1];
	}
}

bool value_plain(const struct value *v, uint8_t *room, size_t n, struct slice *out)
{
	struct chars c = chars_of(v);
	size_t at = 0;
	must(out != NULL);
	for (int octet; (octet = next(&c)) >= 0;) {
		if (at == n)
			return false;
		room[at++] = (uint8_t)octet;
	}
	*out = slice_of(room, at);
	return true;
}

static int compare_texts(const struct value *a, const struct value *b)
{
	struct chars one = chars_of(a), other = chars_of(b);
	for (;;) {
		int x = next(&one), y = next(&other);
		must(x < 256 && y < 256);
		if (x != y || x < 0)
			return x - y;
	}
}

/* ---- comparing ---------------------------------------------------------------------------- */

#define TWO_TO_63 9223372036854775808.0

static int sign(double d)
{
	return (d > 0) - (d < 0);
}

/* Exact, where one of them has more digits than a real can say. */
static int compare_mixed(int64_t i, double r)
{
	must(r == r);
	if (r >= TWO_TO_63)
		return -1;
	if (r < -TWO_TO_63)
		return 1;
	int64_t whole = (int64_t)r;
	return i != whole ? (i > whole) - (i < whole) : -sign(r - (double)whole);
}

static int compare_numbers(const struct value *a, const struct value *b)
{
	must(a->kind == VALUE_NUMBER && b->kind == VALUE_NUMBER);
	if (a->is_real && b->is_real)
		return (a->real > b->real) - (a->real < b->real);
	if (a->is_real)
		return -compare_mixed(b->i, a->real);
	if (b->is_real)
		return compare_mixed(a->i, b->real);
	return (a->i > b->i) - (a->i < b->i);
}

int value_compare(const struct value *a, const struct value *b)
{
	must(a->kind <= VALUE_TEXT && b->kind <= VALUE_TEXT);
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	switch (a->kind) {
	case VALUE_NUMBER: return compare_numbers(a, b);
	case VALUE_ATOM: return (a->i > b->i) - (a->i < b->i);
	case VALUE_TEXT: return compare_texts(a, b);
	default: return 0;
	}
}

static bool is_plain(const struct value *v)
{
	return v->kind == VALUE_NUMBER || v->kind == VALUE_ATOM || v->kind == VALUE_TEXT;
}

bool value_is_same(const struct value *a, const struct value *b)
{
	must(a != NULL && b != NULL);
	return is_plain(a) && a->is_real == b->is_real && value_compare(a, b) == 0;
}

/* ---- three values ------------------------------------------------------------------------- */

static bool is_false(const struct value *v)
{
	return v->kind == VALUE_ATOM && v->i == ATOM_FALSE;
}

struct value value_not(const struct value *v)
{
	must(v->kind <= VALUE_TEXT);
	if (value_is_true(v))
		return value_bool(false);
	return is_false(v) ? value_bool(true) : value_unknown();
}

struct value value_and(const struct value *a, const struct value *b)
{
	must(a->kind <= VALUE_TEXT && b->kind <= VALUE_TEXT);
	if (is_false(a) || is_false(b))
		return value_bool(false);
	return value_is_true(a) && value_is_true(b) ? value_bool(true) : value_unknown();
}

struct value value_or(const struct value *a, const struct value *b)
{
	must(a->kind <= VALUE_TEXT && b->kind <= VALUE_TEXT);
	if (value_is_true(a) || value_is_true(b))
		return value_bool(true);
	return is_false(a) && is_false(b) ? value_bool(false) : value_unknown();
}

/* ---- comparing and calculating ------------------------------------------------------------ */

static double real_from(const struct value *v)
{
	must(v->kind == VALUE_NUMBER);
	return v->is_real ? v->real : (double)v->i;
}

struct value value_minus(const struct value *v)
{
	must(v->kind <= VALUE_TEXT);
	if (!value_is_number(v))
		return value_unknown();
	return v->is_real || v->i == INT64_MIN ? real(-real_from(v)) : integer(-v->i);
}

/* By zero: words, as RabbitMQ has them. */
static struct value divide(const struct value *a, const struct value *b)
{
	double x = real_from(a), y = real_from(b);
	must(a->kind == VALUE_NUMBER);
	if (y != 0)
		return real(x / y);
	return value_atom(x > 0 ? ATOM_PLUS_INFINITY : x < 0 ? ATOM_MINUS_INFINITY : ATOM_NAN);
}

static struct value calculate(enum atom how, const struct value *a, const struct value *b)
{
	double x = real_from(a), y = real_from(b);
	bool is_real = a->is_real || b->is_real, is_too_large;
	int64_t i;
	must(how < ATOM_N);
	switch (how) {
	case ATOM_PLUS:
		is_too_large = __builtin_add_overflow(a->i, b->i, &i);
		return is_real || is_too_large ? real(x + y) : integer(i);
	case ATOM_MINUS:
		is_too_large = __builtin_sub_overflow(a->i, b->i, &i);
		return is_real || is_too_large ? real(x - y) : integer(i);
	case ATOM_MULTIPLY:
		is_too_large = __builtin_mul_overflow(a->i, b->i, &i);
		return is_real || is_too_large ? real(x * y) : integer(i);
	case ATOM_DIVIDE: return divide(a, b);
	default: return value_unknown();
	}
}

struct value value_operate(enum atom how, const struct value *a, const struct value *b)
{
	must(how < ATOM_N);
	if (!value_is_known(a) || !value_is_known(b))
		return value_unknown();
	bool can_compare = is_plain(a) && is_plain(b);
	int order = can_compare ? value_compare(a, b) : 0;
	switch (how) {
	case ATOM_EQUAL: return can_compare ? value_bool(order == 0) : value_unknown();
	case ATOM_UNEQUAL: return can_compare ? value_bool(order != 0) : value_unknown();
	case ATOM_BELOW: return can_compare ? value_bool(order < 0) : value_unknown();
	case ATOM_AT_MOST: return can_compare ? value_bool(order <= 0) : value_unknown();
	case ATOM_ABOVE: return can_compare ? value_bool(order > 0) : value_unknown();
	case ATOM_AT_LEAST: return can_compare ? value_bool(order >= 0) : value_unknown();
	default: break;
	}
	if (!value_is_number(a) || !value_is_number(b))
		return value_unknown();
	return calculate(how, a, b);
}

/* ---- LIKE --------------------------------------------------------------------------------- */

enum { SIGN_END = -1, SIGN_ONE = 256, SIGN_MANY = 257 }; /* below: the octet itself */

static int next_sign(struct chars *pattern, int escape)
{
	int c = next(pattern);
	must(escape < 256);
	if (c >= 0 && c == escape && pattern->p < pattern->end)
		return next(pattern);
	return c == '_' ? SIGN_ONE : c == '%' ? SIGN_MANY : c;
}

/* Behind what is left of a character of UTF-8. */
static void end_character(struct chars *c)
{
	must(c->p <= c->end);
	while (c->p < c->end && (*c->p & 0xc0) == 0x80)
		c->p++;
}

/* Behind the newest % the text is tried from each of its places on; those before it never again:
 * what fits sooner leaves more. */
bool value_is_like(const struct value *text, const struct value *pattern,
		   const struct value_like *how, uint32_t *io_steps)
{
	struct chars t = chars_of(text), p = chars_of(pattern), t_from = t, p_from = p;
	bool has_many = false;
	for (; *io_steps > 0; --*io_steps) {
		int sign_now = next_sign(&p, how->escape);
		if (sign_now == SIGN_MANY) {
			has_many = true;
			t_from = t;
			p_from = p;
			continue;
		}
		int octet = next(&t);
		if (sign_now == SIGN_END && octet < 0)
			return true;
		if (octet < 0 || (sign_now == SIGN_END && !has_many))
			return false;
		if (sign_now == SIGN_ONE && how->is_of_characters)
			end_character(&t);
		if (sign_now == SIGN_ONE || sign_now == octet)
			continue;
		if (!has_many)
			return false;
		if (next(&t_from) < 0)
			return false;
		t = t_from;
		p = p_from;
	}
	return false;
}
