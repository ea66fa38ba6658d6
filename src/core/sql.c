#include "core/sql.h"

#include "base/limits.h"
#include "base/must.h"
#include "base/wr.h"
#include "core/sql_code.h"

/* What has been compiled leaves a value of some kind. */
enum kind { KIND_BOOL, KIND_NAME, KIND_TEXT, KIND_NULL, KIND_NUMBER, KIND_SUM };

static enum kind either(struct sql_parser *s);

static enum kind bad(struct sql_parser *s)
{
	sql_bad(s);
	must(s->err != ERR_OK);
	return KIND_BOOL;
}

static bool take_word(struct sql_parser *s, const char *word)
{
	if (!sql_is_word(s, word))
		return false;
	sql_next(s);
	return true;
}

static bool take(struct sql_parser *s, const char *sign)
{
	if (s->token != TOKEN_SIGN || !slice_eq(s->word, slice_str(sign)))
		return false;
	sql_next(s);
	return true;
}

/* ---- steps -------------------------------------------------------------------------------- */

/* A step that takes `n` values and leaves one. */
static void step(struct sql_parser *s, enum sql_step what, uint32_t n)
{
	if (s->err != ERR_OK)
		return;
	must(s->stack_n >= n && what < SQL_STEP_N);
	s->stack_n += 1 - n;
	wr_u8(&s->w, (uint8_t)what);
	if (s->stack_n > SQL_STACK_MAX || !wr_ok(&s->w))
		s->err = ERR_LIMIT;
}

static void put_text(struct sql_parser *s, struct slice in)
{
	size_t at = s->w.n, n = 0;
	wr_le16(&s->w, 0);
	for (size_t i = 0; i < in.n; i++, n++) {
		wr_u8(&s->w, in.p[i]);
		i += in.p[i] == '\''; /* the first of two */
	}
	must(n <= in.n);
	if (wr_ok(&s->w))
		wr_patch_le16(&s->w, at, (uint16_t)n);
	else if (s->err == ERR_OK)
		s->err = ERR_LIMIT;
}

static enum kind number(struct sql_parser *s)
{
	struct value v;
	uint64_t bits;
	if (!sql_number(s->word, false, &v))
		return bad(s);
	must(value_is_number(&v));
	step(s, v.is_real ? SQL_REAL : SQL_INTEGER, 0);
	memcpy(&bits, &v.real, sizeof bits);
	wr_le64(&s->w, v.is_real ? bits : (uint64_t)v.i);
	sql_next(s);
	return KIND_NUMBER;
}

static enum kind name(struct sql_parser *s)
{
	static const char *const fields[] = {
#define FIELD(name, text, prose) text,
#include "core/sql_field.def"
#undef FIELD
	};
	if (sql_is_keyword(s))
		return bad(s);
	for (size_t i = 0; i < SQL_FIELD_N; i++) {
		if (!slice_eq(s->word, slice_str(fields[i])))
			continue;
		step(s, SQL_FIELD, 0);
		wr_u8(&s->w, (uint8_t)i);
		sql_next(s);
		return KIND_NAME;
	}
	must(s->word.n > 0);
	step(s, SQL_NAME, 0);
	put_text(s, s->word);
	sql_next(s);
	return KIND_NAME;
}

/* ---- expressions -------------------------------------------------------------------------- */

static enum kind inside(struct sql_parser *s)
{
	if (++s->depth > SQL_DEPTH_MAX && s->err == ERR_OK)
		s->err = ERR_LIMIT;
	if (s->err != ERR_OK)
		return KIND_BOOL;
	enum kind k = either(s);
	s->depth--;
	if (!take(s, ")"))
		return bad(s);
	return k;
}

static enum kind one(struct sql_parser *s)
{
	if (take(s, "("))
		return inside(s);
	if (s->token == TOKEN_NUMBER)
		return number(s);
	if (s->token == TOKEN_TEXT) {
		step(s, SQL_TEXT, 0);
		put_text(s, s->word);
		sql_next(s);
		return KIND_TEXT;
	}
	bool is_true = sql_is_word(s, "TRUE");
	if (is_true || sql_is_word(s, "FALSE")) {
		step(s, is_true ? SQL_TRUE : SQL_FALSE, 0);
		sql_next(s);
		return KIND_BOOL;
	}
	if (take_word(s, "NULL"))
		return KIND_NULL;
	return s->token == TOKEN_WORD ? name(s) : bad(s);
}

/* What is to be true or false: a name is asked for that. */
static void truth(struct sql_parser *s, enum kind k)
{
	if (k == KIND_NAME)
		step(s, SQL_CAST, 1);
	else if (k != KIND_BOOL)
		(void)bad(s);
}

static enum kind unary(struct sql_parser *s)
{
	bool is_minus = s->token == TOKEN_SIGN && slice_eq(s->word, slice_str("-"));
	bool is_sign = is_minus || (s->token == TOKEN_SIGN && slice_eq(s->word, slice_str("+")));
	bool is_not = sql_is_word(s, "NOT");
	if (!is_sign && !is_not)
		return one(s);
	sql_next(s);
	if (++s->depth > SQL_DEPTH_MAX && s->err == ERR_OK)
		s->err = ERR_LIMIT;
	if (s->err != ERR_OK)
		return KIND_BOOL;
	enum kind k = unary(s);
	s->depth--;
	if (is_not) {
		truth(s, k);
		step(s, SQL_NOT, 1);
		return KIND_BOOL;
	}
	if (k == KIND_NULL)
		return bad(s);
	if (is_minus)
		step(s, SQL_OPPOSITE, 1);
	return KIND_SUM;
}

/* A chain of operations on two, from the left. */
static enum kind product(struct sql_parser *s)
{
	enum kind k = unary(s);
	for (;;) {
		enum sql_step how;
		if (take(s, "*"))
			how = SQL_TIMES;
		else if (take(s, "/"))
			how = SQL_DIVIDE;
		else if (take(s, "%"))
			how = SQL_REST;
		else
			return k;
		if (k == KIND_NULL || unary(s) == KIND_NULL)
			return bad(s);
		step(s, how, 2);
		k = KIND_SUM;
	}
}

static enum kind sum(struct sql_parser *s)
{
	enum kind k = product(s);
	for (;;) {
		enum sql_step how;
		if (take(s, "+"))
			how = SQL_PLUS;
		else if (take(s, "-"))
			how = SQL_MINUS;
		else
			return k;
		if (k == KIND_NULL || product(s) == KIND_NULL)
			return bad(s);
		step(s, how, 2);
		k = KIND_SUM;
	}
}

static void like(struct sql_parser *s)
{
	struct slice pattern = s->word, escape = SLICE_EMPTY;
	if (s->token != TOKEN_TEXT) {
		(void)bad(s);
		return;
	}
	sql_next(s);
	if (take_word(s, "ESCAPE")) {
		escape = s->word;
		bool is_quote = slice_eq(escape, slice_str("''"));
		if (s->token != TOKEN_TEXT || (escape.n != 1 && !is_quote)) {
			(void)bad(s);
			return;
		}
		sql_next(s);
	}
	step(s, SQL_LIKE, 1);
	wr_u8(&s->w, escape.n > 0);
	wr_u8(&s->w, escape.n ? escape.p[0] : 0);
	put_text(s, pattern);
}

static void in(struct sql_parser *s, enum kind k)
{
	uint16_t n = 0;
	if (k != KIND_NAME || !take(s, "(")) {
		(void)bad(s);
		return;
	}
	step(s, SQL_IN, 1);
	size_t at = s->w.n;
	wr_le16(&s->w, 0);
	do {
		if (s->token != TOKEN_TEXT) {
			(void)bad(s);
			return;
		}
		put_text(s, s->word);
		n++;
		sql_next(s);
	} while (take(s, ","));
	if (!take(s, ")"))
		(void)bad(s);
	if (wr_ok(&s->w))
		wr_patch_le16(&s->w, at, n);
}

/* No text in quotes, nothing that is true or false, and not nothing. */
static bool has_order(enum kind k)
{
	return k == KIND_NAME || k == KIND_NUMBER || k == KIND_SUM;
}

static void between(struct sql_parser *s, enum kind k)
{
	enum kind from = sum(s);
	bool has_and = take_word(s, "AND");
	enum kind to = has_and ? sum(s) : KIND_NULL;
	if (!has_order(k) || !has_order(from) || !has_order(to))
		(void)bad(s);
	step(s, SQL_BETWEEN, 3);
}

/* LIKE, BETWEEN and IN, and their opposites. False: it is none of these. */
static bool is_test(struct sql_parser *s, enum kind k)
{
	bool is_not = take_word(s, "NOT");
	bool is_one = is_not || sql_is_word(s, "LIKE") || sql_is_word(s, "BETWEEN") ||
		      sql_is_word(s, "IN");
	if (is_one && (k == KIND_NULL || k == KIND_BOOL))
		(void)bad(s);
	if (take_word(s, "LIKE"))
		like(s);
	else if (take_word(s, "BETWEEN"))
		between(s, k);
	else if (take_word(s, "IN"))
		in(s, k);
	else if (is_not)
		(void)bad(s);
	else
		return false;
	if (is_not)
		step(s, SQL_NOT, 1);
	return true;
}

static enum kind comparison(struct sql_parser *s)
{
	enum kind k = sum(s);
	while (s->err == ERR_OK) {
		enum sql_step how;
		if (take(s, "<="))
			how = SQL_AT_MOST;
		else if (take(s, ">="))
			how = SQL_AT_LEAST;
		else if (take(s, "<"))
			how = SQL_BELOW;
		else if (take(s, ">"))
			how = SQL_ABOVE;
		else if (is_test(s, k)) {
			k = KIND_BOOL;
			continue;
		} else
			return k;
		if (!has_order(k) || !has_order(sum(s)))
			return bad(s);
		step(s, how, 2);
		k = KIND_BOOL;
	}
	return k;
}

static enum kind equality(struct sql_parser *s)
{
	enum kind k = comparison(s);
	while (s->err == ERR_OK) {
		bool is_equal = take(s, "=");
		if (is_equal || take(s, "<>")) {
			if (k == KIND_NULL || comparison(s) == KIND_NULL)
				return bad(s);
			step(s, is_equal ? SQL_EQUAL : SQL_UNEQUAL, 2);
		} else if (take_word(s, "IS")) {
			bool is_not = take_word(s, "NOT");
			if (!take_word(s, "NULL") || k == KIND_NULL)
				return bad(s);
			step(s, SQL_IS_NULL, 1);
			if (is_not)
				step(s, SQL_NOT, 1);
		} else {
			return k;
		}
		k = KIND_BOOL;
	}
	return k;
}

static enum kind both(struct sql_parser *s)
{
	enum kind k = equality(s);
	while (take_word(s, "AND")) {
		truth(s, k);
		truth(s, equality(s));
		step(s, SQL_AND, 2);
		k = KIND_BOOL;
	}
	return k;
}

static enum kind either(struct sql_parser *s)
{
	enum kind k = both(s);
	while (take_word(s, "OR")) {
		truth(s, k);
		truth(s, both(s));
		step(s, SQL_OR, 2);
		k = KIND_BOOL;
	}
	return k;
}

enum err sql_compile(struct slice text, uint8_t flags, uint8_t *code, uint32_t *out_len)
{
	must(code != NULL && (flags & ~SQL_LENIENT) == 0);
	if (text.n == 0)
		return ERR_MALFORMED;
	if (text.n > LIMIT_SELECTOR_BYTES)
		return ERR_LIMIT;
	struct sql_parser s = { .p = text.p,
				.end = text.p + text.n,
				.w = wr_of(code, SQL_CODE_MAX) };
	wr_u8(&s.w, flags);
	sql_next(&s);
	truth(&s, either(&s));
	if (s.err == ERR_OK && s.token != TOKEN_END)
		(void)bad(&s);
	if (s.err == ERR_OK && !wr_ok(&s.w))
		s.err = ERR_LIMIT;
	must(s.err != ERR_OK || s.stack_n == 1);
	if (s.err == ERR_OK)
		*out_len = (uint32_t)s.w.n;
	return s.err;
}
