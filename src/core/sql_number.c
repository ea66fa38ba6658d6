#include "base/must.h"
#include "core/sql_code.h"

#define NUMBER_MAX 64u /* longest text that may read as one that is not octal or hexadecimal */

static bool of_base(struct slice s, uint32_t base, struct value *out)
{
	uint64_t sum = 0;
	must(base == 8 || base == 16);
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint32_t c = s.p[i] | 0x20u;
		uint32_t digit = s.p[i] <= '9' ? s.p[i] - (uint32_t)'0' : c - 'a' + 10;
		if (digit >= base || sum > UINT64_MAX / base)
			return false;
		sum = sum * base + digit;
	}
	*out = (struct value){ .kind = VALUE_NUMBER, .i = (int64_t)sum };
	return true;
}

/* Digits around a point, and an exponent: "5.", ".5" and "5e10" as value_number likes them. */
static bool of_ten(struct slice s, struct value *out)
{
	uint8_t room[NUMBER_MAX + 4];
	size_t n = 0, point, e = 0;
	if (s.n == 0 || s.n > NUMBER_MAX)
		return false;
	while (e < s.n && s.p[e] != 'e' && s.p[e] != 'E')
		e++;
	point = slice_find(slice_sub(s, 0, e), '.');
	if (e == 0 || (point < e && e == 1))
		return false;
	if (point == 0)
		room[n++] = '0';
	memcpy(room + n, s.p, e);
	n += e;
	if (point == e && e < s.n)
		room[n++] = '.';
	if ((point == e && e < s.n) || point + 1 == e)
		room[n++] = '0';
	memcpy(room + n, s.p + e, s.n - e);
	n += s.n - e;
	must(n <= sizeof room);
	return value_number(slice_of(room, n), out) == n;
}

bool sql_number(struct slice s, bool is_signed, struct value *out)
{
	struct value v;
	bool is_minus = is_signed && s.n > 1 && s.p[0] == '-';
	must(out != NULL);
	if (is_signed && s.n > 1 && (is_minus || s.p[0] == '+'))
		s = slice_from(s, 1);
	bool is_long = s.n > 1 && (s.p[s.n - 1] | 0x20) == 'l';
	struct slice digits = slice_sub(s, 0, s.n - is_long);
	bool is_hex = digits.n > 2 && digits.p[0] == '0' && (digits.p[1] | 0x20) == 'x';
	bool is_octal = !is_hex && !is_signed && digits.n > 1 && digits.p[0] == '0';
	for (size_t i = 0; is_octal && i < digits.n; i++)
		is_octal = digits.p[i] >= '0' && digits.p[i] <= '9';
	bool is_good = is_hex     ? of_base(slice_from(digits, 2), 16, &v)
		       : is_octal ? of_base(slice_from(digits, 1), 8, &v)
				  : of_ten(digits, &v) && !(is_long && v.is_real);
	if (!is_good)
		return false;
	*out = is_minus ? value_minus(&v) : v;
	return value_is_number(out);
}
