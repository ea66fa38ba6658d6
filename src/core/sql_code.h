/* sql_code -- what a compiled selector is made of: an octet of flags, then steps for a stack.
 *
 * Private to sql*.c. Behind a step stands what it says here; texts have their length in two octets
 * before them, numbers are little-endian.
 */
#ifndef CORE_SQL_CODE_H
#define CORE_SQL_CODE_H
#include "base/err.h"
#include "base/wr.h"
#include "core/value.h"

enum sql_step {
#define STEP(name, behind, prose) SQL_##name,
#include "core/sql_step.def"
#undef STEP
	SQL_STEP_N
};

/* What a message has under names that are not its application's. */
enum sql_field {
#define FIELD(name, text, prose) SQL_FIELD_##name,
#include "core/sql_field.def"
#undef FIELD
	SQL_FIELD_N
};

/* Values at a time, at most. */
#define SQL_STACK_MAX 64u

/* sql_number reads all of `s` as a number: digits with a point and an exponent, hexadecimal or,
 * from 0 on, octal. False: it is none. `is_signed`: there may be a sign before it, and it is never
 * octal. */
bool sql_number(struct slice s, bool is_signed, struct value *out);

enum sql_token { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN, TOKEN_BAD };

/* A text on its way to be a code. */
struct sql_parser {
	const uint8_t *p, *end; /* behind the token in hand */
	struct wr w;
	struct slice word; /* the token; of a text, what is between its quotes */
	enum sql_token token;
	uint32_t depth, stack_n;
	enum err err;
};

/* sql_next takes the next token in hand: nothing follows one that is none. sql_bad: it is not the
 * right one. sql_is_word: it is this word, which is given in capitals; sql_is_keyword: one of those
 * that are no names. */
void sql_next(struct sql_parser *s);
void sql_bad(struct sql_parser *s);
bool sql_is_word(const struct sql_parser *s, const char *word);
bool sql_is_keyword(const struct sql_parser *s);

#endif
