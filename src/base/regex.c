#include "base/regex.h"

/* The length of the first sign: 1, or 2 with a backslash. */
static size_t sign(struct slice expr)
{
	must(expr.n > 0);
	return expr.p[0] == '\\' && expr.n > 1 ? 2 : 1;
}

static bool fits(struct slice expr, uint8_t c)
{
	size_t n = sign(expr);
	return n == 2 ? expr.p[1] == c : expr.p[0] == '.' || expr.p[0] == c;
}

/* Does it fit at the beginning of `s`? As deep as there are stars in it. */
static bool fits_here(struct slice expr, struct slice s)
{
	while (expr.n > 0) {
		size_t n = sign(expr);
		if (expr.n == 1 && expr.p[0] == '$')
			return s.n == 0;
		if (expr.n > n && expr.p[n] == '*') {
			struct slice rest = slice_from(expr, n + 1);
			for (size_t i = 0;; i++) {
				if (fits_here(rest, slice_from(s, i)))
					return true;
				if (i == s.n || !fits(expr, s.p[i]))
					return false;
			}
		}
		if (s.n == 0 || !fits(expr, s.p[0]))
			return false;
		expr = slice_from(expr, n);
		s = slice_from(s, 1);
	}
	return true;
}

bool regex_find(struct slice expr, struct slice s)
{
	bool is_anchored = expr.n > 0 && expr.p[0] == '^';
	if (is_anchored)
		return fits_here(slice_from(expr, 1), s);
	for (size_t i = 0; i <= s.n; i++)
		if (fits_here(expr, slice_from(s, i)))
			return true;
	return false;
}
