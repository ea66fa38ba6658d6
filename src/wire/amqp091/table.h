/* amqp091 table -- field tables: names with typed values, the types of types.def.
 *
 * A table is a slice: its entries without the 32-bit length before them. A method or property
 * block that was decoded holds only tables that amqp091_table_check has passed; the iterators
 * are safe on any bytes all the same, and stop at the first entry that they cannot read.
 * Everything here is pure. Values borrow from the table. Where a name occurs twice the first
 * entry counts, as in RabbitMQ.
 */
#ifndef WIRE_AMQP091_TABLE_H
#define WIRE_AMQP091_TABLE_H

#include "base/err.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"

/* amqp091_table_eq compares tables of up to so many entries in any order, larger ones by octets:
 * it looks at each pair. */
#define AMQP091_TABLE_UNORDERED_MAX 64

enum amqp091_type {
#define TYPE(octet, name, words, class, width, prose) AMQP091_TYPE_##name = (octet),
#include "wire/amqp091/types.def"
#undef TYPE
};

struct amqp091_value {
	enum amqp091_type type;
	uint8_t decimal_places; /* DECIMAL: its digits are in `i` */
	union {
		bool boolean;        /* BOOL */
		int64_t i;           /* BYTE ... LONG, and DECIMAL */
		uint64_t time;       /* TIMESTAMP */
		double real;         /* FLOAT, DOUBLE */
		struct slice octets; /* LONGSTR, BINARY; TABLE, ARRAY: without the length */
	};
};

struct amqp091_entry {
	struct slice name;
	struct amqp091_value value;
};

/* ---- reading ---- */

/* amqp091_table_check accepts a table whose entries fill it exactly, nested ones too.
 * ERR_MALFORMED: short, left over, an unknown type, or more than LIMIT_TABLE_DEPTH_MAX deep. */
MUST_USE enum err amqp091_table_check(struct slice table);

/* amqp091_value_read reads a type octet and its value; a nested table is borrowed, not looked
 * into. False, and the cursor bad: short, or an unknown type. */
bool amqp091_value_read(struct rd *r, struct amqp091_value *out);

/* amqp091_table_next reads the next entry; start with rd_of(table). False at the end, and where
 * an entry cannot be read (then the cursor is bad). */
bool amqp091_table_next(struct rd *r, struct amqp091_entry *out);

/* amqp091_array_next is the same for the values of an array. */
static inline bool amqp091_array_next(struct rd *r, struct amqp091_value *out)
{
	must(out != NULL);
	return r->n > 0 && amqp091_value_read(r, out);
}

/* amqp091_table_find gives the first entry called `name`; false: none. */
bool amqp091_table_find(struct slice table, struct slice name, struct amqp091_value *out);

/* Typed look-ups: false, and `out` untouched, when there is no such entry or it is of another
 * class (str: LONGSTR only; int: any INT; table: TABLE). */
bool amqp091_table_str(struct slice table, const char *name, struct slice *out);
bool amqp091_table_int(struct slice table, const char *name, int64_t *out);
bool amqp091_table_bool(struct slice table, const char *name, bool *out);
bool amqp091_table_table(struct slice table, const char *name, struct slice *out);

/* ---- comparing ---- */

/* amqp091_value_is_int is true for the types of class INT: their number is in value->i. */
bool amqp091_value_is_int(const struct amqp091_value *v);

/* amqp091_value_equivalent: same class and same value, which is how RabbitMQ compares arguments
 * when something is declared again. */
bool amqp091_value_equivalent(const struct amqp091_value *a, const struct amqp091_value *b);

/* amqp091_args_equivalent compares the entry `name` of two tables; equivalent too if both lack
 * it. A void entry is an entry. */
bool amqp091_args_equivalent(struct slice a, struct slice b, const char *name);

/* amqp091_table_eq: the same entries, octet by octet, in any order: then two bindings are one. */
bool amqp091_table_eq(struct slice a, struct slice b);

/* amqp091_table_sort writes the entries of a checked table in the order of their names to `at`,
 * which has table.n octets; larger ones than amqp091_table_eq compares as they are. */
struct slice amqp091_table_sort(struct slice table, uint8_t *at);

/* ---- writing; all through a wr, which stays full once something did not fit ---- */

void amqp091_put_name(struct wr *w, struct slice name); /* at most 255 octets */
void amqp091_put_value(struct wr *w, const struct amqp091_value *v);

/* amqp091_put_open begins a nested TABLE or ARRAY and returns a mark for amqp091_put_close. */
size_t amqp091_put_open(struct wr *w, enum amqp091_type table_or_array);
void amqp091_put_close(struct wr *w, size_t mark);

/* Whole entries: name, type, value. The integer goes out as LONG. */
void amqp091_put_str(struct wr *w, const char *name, struct slice v);
void amqp091_put_bool(struct wr *w, const char *name, bool v);
void amqp091_put_int(struct wr *w, const char *name, int64_t v);
size_t amqp091_put_table(struct wr *w, const char *name); /* end it with amqp091_put_close */

/* ---- for people ---- */

/* amqp091_type_words gives RabbitMQ's name of a type: "longstr". */
const char *amqp091_type_words(enum amqp091_type type);

/* amqp091_value_words writes RabbitMQ's phrase for an argument in an error text, "the value
 * '1000' of type 'signedint'"; for NULL "none". */
void amqp091_value_words(const struct amqp091_value *v, struct text *out);

/* amqp091_value_print and amqp091_table_print write values as frames are printed: 'text', 5, true,
 * 2.5, {x-max-length=5, ...}, [1, 2]. */
void amqp091_value_print(const struct amqp091_value *v, struct text *out);
void amqp091_table_print(struct slice table, struct text *out);

#endif
