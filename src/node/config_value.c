#include "node/config_value.h"

#include "base/text.h"

/* quote ends a reason with what was found. */
static enum err refuse(struct text *why, struct slice value)
{
	text_put_quoted_printable(why, ", not ", value);
	return ERR_MALFORMED;
}

static struct slice after_digits(struct slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return slice_from(s, n);
}

/* digits reads the number that `s` begins with and moves on. False: none, or beyond an int64_t. */
static bool digits(struct slice *s, int64_t *out)
{
	struct slice rest = after_digits(*s);
	if (rest.n == s->n)
		return false;
	int64_t v = 0;
	for (size_t i = 0; i < s->n - rest.n; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s->p[i] - '0', &v))
			return false;
	*s = rest;
	*out = v;
	return true;
}

static bool is_word(struct slice s, const char *word)
{
	size_t n = 0;
	for (; n < s.n && word[n]; n++)
		if ((s.p[n] | 0x20) != word[n])
			return false;
	return n == s.n && !word[n];
}

enum err config_value_bool(struct slice value, bool *out, struct text *why)
{
	if (slice_eq(value, slice_str("true"))) {
		*out = true;
		return ERR_OK;
	}
	if (slice_eq(value, slice_str("false"))) {
		*out = false;
		return ERR_OK;
	}
	text_puts(why, "must be true or false");
	return refuse(why, value);
}

static enum err refuse_bounds(struct text *why, struct config_bounds b, struct slice value)
{
	text_puts(why, "must be from ");
	text_put_u64(why, (uint64_t)b.min);
	text_puts(why, " to ");
	text_put_u64(why, (uint64_t)b.max);
	if (b.unit && *b.unit)
		text_putf(why, " %s", b.unit);
	return refuse(why, value);
}

enum err config_value_int(struct slice value, struct config_bounds bounds, int64_t *out,
			  struct text *why)
{
	struct slice rest = value;
	int64_t v = 0;
	if (!digits(&rest, &v) || rest.n || v < bounds.min || v > bounds.max)
		return refuse_bounds(why, bounds, value);
	*out = v;
	return ERR_OK;
}

enum err config_value_bound(struct slice value, struct config_bounds bounds, int64_t *out,
			    struct text *why)
{
	if (slice_eq(value, slice_str("infinity"))) {
		*out = -1;
		return ERR_OK;
	}
	return config_value_int(value, bounds, out, why);
}

/* unit_factor: what a unit multiplies by; 0: no such unit. */
static int64_t unit_factor(struct slice unit)
{
	static const char *const words[][4] = { { "k", "ki", "kib", "kb" },
						{ "m", "mi", "mib", "mb" },
						{ "g", "gi", "gib", "gb" },
						{ "t", "ti", "tib", "tb" },
						{ "p", "pi", "pib", "pb" } };
	int64_t binary = 1, decimal = 1;
	if (unit.n == 0)
		return 1;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		binary *= 1024;
		decimal *= 1000;
		for (int j = 0; j < 4; j++)
			if (is_word(unit, words[i][j]))
				return j < 3 ? binary : decimal;
	}
	return 0;
}

enum err config_value_bytes(struct slice value, struct config_bounds bounds, int64_t *out,
			    struct text *why)
{
	struct slice unit = value;
	int64_t v = 0;
	if (digits(&unit, &v)) {
		while (unit.n && unit.p[0] == ' ')
			unit = slice_from(unit, 1);
		int64_t factor = unit_factor(unit);
		if (factor && !__builtin_mul_overflow(v, factor, &v) && v >= bounds.min &&
		    v <= bounds.max) {
			*out = v;
			return ERR_OK;
		}
		if (factor)
			return refuse_bounds(why, bounds, value);
	}
	text_puts(why, "must be a number of bytes, such as 1073741824, 1GiB, 512MB or 64k");
	return refuse(why, value);
}

enum err config_value_ratio(struct slice value, struct config_bounds bounds, double *out,
			    struct text *why)
{
	struct slice rest = value;
	int64_t whole = 0;
	bool is_good = digits(&rest, &whole);
	double v = (double)whole, unit = 1;
	if (is_good && rest.n && rest.p[0] == '.') {
		struct slice part = slice_from(rest, 1);
		rest = after_digits(part);
		is_good = rest.n < part.n;
		for (size_t i = 0; i < part.n - rest.n; i++)
			v += (part.p[i] - '0') * (unit /= 10);
	}
	if (!is_good || rest.n || v < (double)bounds.min || v > (double)bounds.max)
		return refuse_bounds(why, bounds, value);
	*out = v;
	return ERR_OK;
}

enum err config_value_choice(struct slice value, const char *words, int *out, struct text *why)
{
	struct slice rest = slice_str(words);
	for (int i = 0; rest.n; i++) {
		if (slice_eq(value, slice_cut(&rest, '|'))) {
			*out = i;
			return ERR_OK;
		}
	}
	text_puts(why, "must be one of ");
	for (const char *p = words; *p; p++)
		text_puts(why, *p == '|' ? ", " : (char[2]){ *p, 0 });
	return refuse(why, value);
}

static bool is_ipv4(struct slice s)
{
	for (int i = 0; i < 4; i++) {
		int64_t v = 0;
		if (!digits(&s, &v) || v > 255 || (i < 3 && (s.n == 0 || s.p[0] != '.')))
			return false;
		s = slice_from(s, i < 3);
	}
	return s.n == 0;
}

/* Whether it may be an address of IPv6: opening the listener says whether it is one. */
static bool is_ipv6(struct slice s)
{
	if (slice_find(s, ':') == s.n)
		return false;
	for (size_t i = 0; i < s.n && s.p[i] != '%'; i++) {
		uint8_t c = s.p[i] | 0x20;
		bool is_hex = (s.p[i] >= '0' && s.p[i] <= '9') || (c >= 'a' && c <= 'f');
		if (!is_hex && s.p[i] != ':' && s.p[i] != '.')
			return false;
	}
	return true;
}

static bool is_host(struct slice *io_host, const struct config_listener *l)
{
	if (io_host->n > 1 && io_host->p[0] == '[' && io_host->p[io_host->n - 1] == ']')
		*io_host = slice_sub(*io_host, 1, io_host->n - 2);
	return io_host->n < sizeof l->host && (is_ipv4(*io_host) || is_ipv6(*io_host));
}

static void put_host(struct config_listener *l, struct slice host)
{
	memset(l->host, 0, sizeof l->host);
	if (host.n)
		memcpy(l->host, host.p, host.n);
}

enum err config_value_host(struct slice value, struct config_listener *out, struct text *why)
{
	struct slice host = value;
	if (!is_host(&host, out)) {
		text_puts(why, "must be an address");
		return refuse(why, value);
	}
	put_host(out, host);
	return ERR_OK;
}

enum err config_value_listener(struct slice value, struct config_listener *out, struct text *why)
{
	struct slice host = value;
	while (host.n && host.p[host.n - 1] != ':')
		host.n--;
	struct slice port = slice_from(value, host.n);
	bool has_host = host.n > 0;
	host.n -= has_host;
	int64_t v = 0;
	bool is_good = digits(&port, &v) && port.n == 0 && v <= UINT16_MAX;
	if (!is_good || (has_host && !is_host(&host, out))) {
		text_puts(why, "must be a port (0 to 65535) or ADDRESS:PORT");
		return refuse(why, value);
	}
	put_host(out, host);
	out->port = (uint16_t)v;
	return ERR_OK;
}

enum err config_value_string(struct slice value, struct config_bounds bounds, char *out,
			     struct text *why)
{
	must(bounds.max <= CONFIG_STRING_MAX);
	if (value.n < (size_t)bounds.min || value.n > (size_t)bounds.max) {
		text_putf(why, "must have %d to %d bytes, not %zu", (int)bounds.min,
			  (int)bounds.max, value.n);
		return ERR_MALFORMED;
	}
	if (slice_find(value, 0) < value.n) {
		text_puts(why, "must not hold a zero byte");
		return ERR_MALFORMED;
	}
	if (slice_starts_with(value, slice_str("encrypted:"))) {
		text_puts(why, "is encrypted, which this version cannot read");
		return ERR_MALFORMED;
	}
	if (value.n)
		memcpy(out, value.p, value.n);
	out[value.n] = '\0';
	return ERR_OK;
}
