/* verb_rows -- a list on its way to the standard output, in the form that the call asks for.
 *
 *   table   a line with the names of the columns, then one for each thing, with tabs between
 *   csv     the same with commas (RFC 4180)
 *   json    an array with an object for each thing
 *
 * Row by row: nothing of a list is kept. Private to verb*.c.
 */
#ifndef APP_VERB_ROWS_H
#define APP_VERB_ROWS_H
#include "app/verb.h"
#include "base/text.h"

#include <cjson/cJSON.h>

#define VERB_COLUMNS_MAX     48u
#define VERB_COLUMN_NAME_MAX 48u

enum verb_form { VERB_TABLE, VERB_CSV, VERB_JSON };

/* How a table writes what is no text: as JSON, or like rabbitmqctl in Erlang's terms, or words. */
enum verb_style { VERB_AS_JSON, VERB_AS_TERM, VERB_AS_WORDS };

struct verb_rows {
	enum verb_form form;
	bool has_head; /* a line with the names of the columns is wanted */
	struct {
		char name[VERB_COLUMN_NAME_MAX];
		enum verb_style style;
	} column[VERB_COLUMNS_MAX];
	size_t columns_n;
	unsigned long long rows_n;
};

/* verb_rows_form reads what --formatter says; NULL is table. False: `why` says what is wrong. */
bool verb_rows_form(struct verb_rows *r, const struct verb_call *call, struct text *why);

/* verb_rows_column adds a column. False: there are too many. */
bool verb_rows_column(struct verb_rows *r, const char *name, enum verb_style style);

/* verb_words goes through words of columns, which may also have commas or blanks between; `to` has
 * room for VERB_COLUMN_NAME_MAX. False: that was the last. */
struct verb_words {
	char *const *word;
	const char *at;
};
struct verb_words verb_words(char *const *words);
bool verb_words_next(struct verb_words *w, char *to);

/* verb_unescape reads a dump's text in its place: some octets are written as \xHH. */
void verb_unescape(char *s);

/* verb_rows_put writes a row of columns_n values, of which NULL is nothing, and before the first
 * one the head; verb_rows_end writes what stands behind all. */
void verb_rows_put(struct verb_rows *r, cJSON *const *values);
void verb_rows_end(struct verb_rows *r);

/* verb_rows_unknown says that there is no such column, verb_rows_unknown_end that those were all,
 * in rabbitmqctl's words. */
void verb_rows_unknown(const char *column, struct text *why);
void verb_rows_unknown_end(struct text *why);
#endif
