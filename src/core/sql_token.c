#include "core/sql_code.h"

#include "base/must.h"

void sql_bad(struct sql_parser *s)
{
	if (s->err == ERR_OK)
		s->err = ERR_MALFORMED;
	s->token = TOKEN_BAD;
	must(s->err != ERR_OK);
}

/* ---- tokens ------------------------------------------------------------------------------- */

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static struct slice rest_of(const struct sql_parser *s)
{
	must(s->p <= s->end);
	return slice_of(s->p, (size_t)(s->end - s->p));
}

/* Comments end like a line, or as in C. False: there is none here. */
static bool skip_comment(struct sql_parser *s)
{
	struct slice in = rest_of(s);
	if (slice_starts_with(in, slice_str("--"))) {
		size_t n = slice_find(in, '\n');
		if (n == in.n)
			return false; /* two minus signs */
		s->p += n + 1;
		return true;
	}
	if (!slice_starts_with(in, slice_str("/*")))
		return false;
	for (size_t i = 2; i + 1 < in.n; i++) {
		if (in.p[i] == '*' && in.p[i + 1] == '/') {
			s->p += i + 2;
			return true;
		}
	}
	return false;
}

static void skip_blank(struct sql_parser *s)
{
	bool is_any = true;
	while (is_any) {
		is_any = false;
		while (s->p < s->end && (*s->p == ' ' || (*s->p >= '\t' && *s->p <= '\r'))) {
			s->p++;
			is_any = true;
		}
		is_any |= skip_comment(s);
	}
	must(s->p <= s->end);
}

/* Two quotes are one. */
static void take_text(struct sql_parser *s)
{
	const uint8_t *from = ++s->p;
	for (; s->p < s->end; s->p++) {
		if (*s->p != '\'')
			continue;
		if (s->p + 1 < s->end && s->p[1] == '\'') {
			s->p++;
			continue;
		}
		s->word = slice_of(from, (size_t)(s->p++ - from));
		s->token = TOKEN_TEXT;
		return;
	}
	sql_bad(s);
}

static void take_number(struct sql_parser *s)
{
	const uint8_t *from = s->p;
	for (; s->p < s->end; s->p++) {
		bool is_sign = *s->p == '+' || *s->p == '-';
		bool is_behind_e = s->p > from && (s->p[-1] | 0x20) == 'e';
		bool is_hex = s->p - from > 1 && (from[1] | 0x20) == 'x';
		if (is_sign ? !is_behind_e || is_hex
			    : !is_letter(*s->p) && !is_digit(*s->p) && *s->p != '.')
			break;
	}
	s->word = slice_of(from, (size_t)(s->p - from));
	s->token = TOKEN_NUMBER;
	must(s->word.n > 0);
}

static void take_sign(struct sql_parser *s)
{
	static const char *const signs[] = { "<>", "<=", ">=", "=", "<", ">", "+",
					     "-",  "*",  "/",  "%", "(", ")", "," };
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (!slice_starts_with(rest_of(s), slice_str(signs[i])))
			continue;
		s->word = slice_sub(rest_of(s), 0, strlen(signs[i]));
		s->p += s->word.n;
		s->token = TOKEN_SIGN;
		return;
	}
	sql_bad(s);
}

void sql_next(struct sql_parser *s)
{
	s->token = s->err == ERR_OK ? TOKEN_END : TOKEN_BAD; /* nothing goes on behind that */
	if (s->err != ERR_OK)
		return;
	skip_blank(s);
	s->word = SLICE_EMPTY;
	if (s->p == s->end)
		return;
	const uint8_t *from = s->p;
	bool is_number = is_digit(*from) ||
			 (*from == '.' && from + 1 < s->end && is_digit(from[1]));
	if (is_number) {
		take_number(s);
	} else if (*from == '\'') {
		take_text(s);
	} else if (is_letter(*from)) {
		while (s->p < s->end && (is_letter(*s->p) || is_digit(*s->p)))
			s->p++;
		s->word = slice_of(from, (size_t)(s->p - from));
		s->token = TOKEN_WORD;
	} else {
		take_sign(s);
	}
}

bool sql_is_word(const struct sql_parser *s, const char *word)
{
	size_t n = strlen(word);
	if (s->token != TOKEN_WORD || s->word.n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = s->word.p[i];
		must(word[i] >= 'A' && word[i] <= 'Z');
		if ((c >= 'a' && c <= 'z' ? c - 0x20 : c) != word[i])
			return false;
	}
	return true;
}

bool sql_is_keyword(const struct sql_parser *s)
{
	static const char *const words[] = { "NOT",    "AND",   "OR",    "BETWEEN", "LIKE",
					     "ESCAPE", "IN",    "IS",    "TRUE",    "FALSE",
					     "NULL",   "XPATH", "XQUERY" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (sql_is_word(s, words[i]))
			return true;
	return false;
}
