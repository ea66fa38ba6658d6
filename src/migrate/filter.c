#include "migrate/filter.h"

/* The level that `rest` begins with; it is taken away with the slash behind it. */
static struct slice level_of(struct slice *io_rest, bool *out_is_last)
{
	struct slice rest = *io_rest;
	size_t n = slice_find(rest, '/');
	*out_is_last = n == rest.n;
	*io_rest = *out_is_last ? SLICE_EMPTY : slice_from(rest, n + 1);
	return slice_sub(rest, 0, n);
}

static bool is(struct slice level, const char *sign)
{
	return slice_eq(level, slice_str(sign));
}

bool filter_is_good(struct slice text)
{
	bool is_last = text.n == 0;
	if (is_last)
		return false;
	while (!is_last) {
		struct slice level = level_of(&text, &is_last);
		bool is_wild = slice_find(level, '+') < level.n || slice_find(level, '#') < level.n;
		if (is_wild && level.n > 1)
			return false;
		if (is(level, "#") && !is_last)
			return false;
	}
	return true;
}

bool filter_has(struct slice text, const char *variable)
{
	struct slice v = slice_str(variable);
	for (; text.n >= v.n; text = slice_from(text, 1))
		if (slice_starts_with(text, v))
			return true;
	return false;
}

static void put_letter(uint8_t c, struct page *to)
{
	const uint8_t low = c | 0x20;
	bool is_plain = c >= 0x80 || (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') ||
			c == '_';
	if (c == '\0')
		page_puts(to, "\\x00");
	else if (c == '/')
		page_puts(to, "\\.");
	else if (is_plain)
		page_put(to, slice_of(&c, 1));
	else {
		page_puts(to, "\\");
		page_put(to, slice_of(&c, 1));
	}
}

static void put_letters(struct slice s, struct page *to)
{
	for (size_t i = 0; i < s.n; i++)
		put_letter(s.p[i], to);
}

/* The letters of a level, with its variables. */
static void put_literal(const struct filter_of *f, struct slice level, struct page *to)
{
	while (level.n > 0) {
		bool is_client = f->has_variables && slice_starts_with(level, slice_str("%c"));
		bool is_user = f->has_variables && slice_starts_with(level, slice_str("%u"));
		if (is_client)
			page_puts(to, "{client_id}");
		else if (is_user)
			put_letters(f->user, to);
		else
			put_letter(level.p[0], to);
		level = slice_from(level, is_client || is_user ? 2 : 1);
	}
}

void filter_put_exact(const struct filter_of *f, struct page *to)
{
	struct slice rest = f->text;
	bool is_last = false;
	for (bool is_first = true; !is_last; is_first = false) {
		struct slice level = level_of(&rest, &is_last);
		page_puts(to, is_first ? "" : "\\.");
		if (is(level, "+"))
			page_puts(to, "\\*");
		else
			put_literal(f, level, to);
	}
}

/* Ids of clients are their own choice: one with a sign in it that separates or stands for levels
 * would reach further than its level, so it fits nothing where such a sign is looked at. */
static void put_guard(const struct filter_of *f, struct page *to)
{
	if (f->has_variables && filter_has(f->text, "%c"))
		page_puts(to, "(?!.*(?=[.*#+])[{client_id}])");
}

void filter_put_within(const struct filter_of *f, struct page *to)
{
	struct slice rest = f->text;
	bool is_last = false;
	put_guard(f, to);
	for (bool is_first = true; !is_last; is_first = false) {
		struct slice level = level_of(&rest, &is_last);
		bool is_all = is(level, "#"), is_any = is(level, "+");
		if (is_first && (is_all || is_any) && !f->is_for_all)
			page_puts(to, "(?!\\$)"); /* $SYS and its like must be named */
		if (is_all)
			page_puts(to, is_first ? ".*" : "(?:\\..*)?");
		else
			page_puts(to, is_first ? "" : "\\.");
		if (is_any)
			page_puts(to, "[^.#]*");
		else if (!is_all)
			put_literal(f, level, to);
	}
}

void filter_put_touching(const struct filter_of *f, struct page *to)
{
	struct slice rest = f->text;
	bool is_last = false, is_named = f->text.n > 0 && f->text.p[0] == '$';
	uint32_t open_n = 0;
	for (bool is_first = true; !is_last; is_first = false) {
		struct slice level = level_of(&rest, &is_last);
		bool is_all = is(level, "#"), is_any = is(level, "+");
		if (is_first && (is_all || is_any))
			page_puts(to, "(?!\\$)");
		if (is_all) {
			page_puts(to, is_first ? ".*" : "(?:\\..*)?");
			break;
		}
		page_puts(to, is_first ? "" : "\\.");
		if (!(is_first && is_named)) { /* somebody else's # ends here */
			page_puts(to, "(?:#|");
			open_n++;
		}
		page_puts(to, is_any ? "[^.]*" : "(?:");
		if (!is_any)
			put_literal(f, level, to);
		if (!is_any)
			page_puts(to, is_first && is_named ? ")" : "|\\*)");
		if (is_last)
			page_puts(to, "(?:\\.#)?");
	}
	while (open_n-- > 0)
		page_puts(to, ")");
}
