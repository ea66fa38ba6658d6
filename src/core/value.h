/* value -- what the parts of a selector are worth (jms_selector.h, sql.h): numbers, words, texts.
 *
 * Values are small and copied; texts borrow. They are compared as Erlang does: numbers, of either
 * kind, come before words, words before lists, lists before texts; texts by their bytes. Where a
 * value makes no sense the result is unknown. Pure.
 */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H
#include "msg/header.h"

enum atom {
#define ATOM(name, text, prose) ATOM_##name,
#include "core/atom.def"
#undef ATOM
	ATOM_N
};

/* In the order in which they compare, where they can be compared. */
enum value_kind {
	VALUE_UNKNOWN,
	VALUE_NUMBER,
	VALUE_ATOM,
	VALUE_OTHER, /* some term: of no use */
	VALUE_RANGE,
	VALUE_LIST,
	VALUE_TEXT
};

struct value {
	uint8_t kind;    /* enum value_kind */
	bool is_real;    /* NUMBER: `real`, else `i` */
	bool is_escaped; /* TEXT: a backslash stands before some characters */
	bool is_of_name; /* it is, or would be, what a message has under a name */
	int64_t i;       /* NUMBER; ATOM: enum atom */
	double real;
	struct slice s; /* TEXT, LIST */
};

/* value_unknown, value_other, value_range: without anything in them. */
struct value value_unknown(void);
struct value value_other(void);
struct value value_range(void);
/* value_bool, value_atom: a word. */
struct value value_bool(bool is_true);
struct value value_atom(enum atom atom);
/* value_list keeps the text between the brackets. value_text: `is_escaped`: with a backslash before
 * some characters. */
struct value value_list(struct slice text);
struct value value_text(struct slice text, bool is_escaped);
/* value_header: of a class that has no value here it is unknown. */
struct value value_header(const struct header *h);
/* value_of_name: likewise, but found under a name. */
struct value value_of_name(struct value v);

/* value_number reads the number that `s` begins with, digits of up to VALUE_DIGITS_MAX each; gives
 * its length, 0: there is none. */
#define VALUE_DIGITS_MAX 100u
size_t value_number(struct slice s, struct value *out);
/* value_find_atom: false: there is no such word. */
bool value_find_atom(struct slice text, enum atom *out);

static inline bool value_is_known(const struct value *v)
{
	return v->kind != VALUE_UNKNOWN;
}
static inline bool value_is_number(const struct value *v)
{
	return v->kind == VALUE_NUMBER;
}
static inline bool value_is_true(const struct value *v)
{
	return v->kind == VALUE_ATOM && v->i == ATOM_TRUE;
}

/* value_compare: below 0: `a` comes first; 0: the same. value_is_same: and of the same kind of
 * number, too. */
int value_compare(const struct value *a, const struct value *b);
bool value_is_same(const struct value *a, const struct value *b);

/* With three values. */
struct value value_not(const struct value *v);
struct value value_and(const struct value *a, const struct value *b);
struct value value_or(const struct value *a, const struct value *b);

/* value_operate compares or calculates, as the word says; value_minus: the opposite. What does not
 * fit an integer becomes real. */
struct value value_operate(enum atom how, const struct value *a, const struct value *b);
struct value value_minus(const struct value *v);

/* value_plain gives a text without its backslashes, in `room` if it had some. False: no room. */
bool value_plain(const struct value *v, uint8_t *room, size_t n, struct slice *out);
/* How patterns are meant. */
struct value_like {
	int escape;            /* a sign behind it stands for itself; -1: there is none */
	bool is_of_characters; /* _ fits one of UTF-8, and not an octet */
};
/* value_is_like: does the text fit the pattern? _ fits any one, % any number of them. Takes its
 * steps off *io_steps; at 0 it gives up. */
bool value_is_like(const struct value *text, const struct value *pattern,
		   const struct value_like *how, uint32_t *io_steps);
#endif
