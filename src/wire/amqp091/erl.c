#include "wire/amqp091/erl.h"

#include "base/must.h"

#include <inttypes.h>

/* Digits after the point that are tried before giving up on a short spelling. 10^22 is the last
 * power of ten that a double holds exactly. */
#define PLACES_MAX 22
#define EXACT_MAX  9007199254740992.0 /* 2^53: integers below it are exact in a double */

static bool is_printable(uint8_t c)
{
	return (c >= ' ' && c <= '~') || (c >= '\b' && c <= '\r') || c == 0x1B;
}

static void put_char(uint8_t c, struct text *out)
{
	must(is_printable(c));
	if (c >= '\b' && c <= '\r')
		text_putf(out, "\\%c", "btnvfr"[c - '\b']);
	else if (c == 0x1B)
		text_puts(out, "\\e");
	else if (c == '"' || c == '\\')
		text_putf(out, "\\%c", c);
	else
		text_putc(out, (char)c);
}

void amqp091_erl_octets(struct slice s, struct text *out)
{
	must(out != NULL);
	size_t printable = 0;
	while (printable < s.n && is_printable(s.p[printable]))
		printable++;

	text_puts(out, "<<");
	if (s.n > 0 && printable == s.n) {
		text_putc(out, '"');
		for (size_t i = 0; i < s.n && !text_is_full(out); i++)
			put_char(s.p[i], out);
		text_putc(out, '"');
	} else {
		for (size_t i = 0; i < s.n && !text_is_full(out); i++)
			text_putf(out, i ? ",%u" : "%u", s.p[i]);
	}
	text_puts(out, ">>");
}

void amqp091_erl_real(double d, struct text *out)
{
	must(out != NULL);
	double scale = 1;
	for (int places = 0; places <= PLACES_MAX; places++, scale *= 10) {
		double digits = d * scale;
		if (!(digits > -EXACT_MAX && digits < EXACT_MAX))
			break;
		/* both are exact, so their quotient is what a reader makes of the spelling */
		double whole = (double)(int64_t)(digits + (d < 0 ? -0.5 : 0.5));
		double back = whole / scale;
		if (back >= d && back <= d) {
			text_putf(out, "%.*f", places ? places : 1, d);
			return;
		}
	}
	text_putf(out, "%.17g", d);
}

static void put_octets_value(const struct amqp091_value *v, struct text *out);

void amqp091_erl_value(const struct amqp091_value *v, struct text *out)
{
	must(v != NULL && out != NULL);
	switch (v->type) {
	case AMQP091_TYPE_BOOL: text_puts(out, v->boolean ? "true" : "false"); break;
	case AMQP091_TYPE_FLOAT:
	case AMQP091_TYPE_DOUBLE: amqp091_erl_real(v->real, out); break;
	case AMQP091_TYPE_DECIMAL:
		text_putf(out, "{%u,%" PRId64 "}", v->decimal_places, v->i);
		break;
	case AMQP091_TYPE_TIMESTAMP: text_put_u64(out, v->time); break;
	case AMQP091_TYPE_VOID: text_puts(out, "undefined"); break;
	case AMQP091_TYPE_LONGSTR:
	case AMQP091_TYPE_BINARY:
	case AMQP091_TYPE_TABLE:
	case AMQP091_TYPE_ARRAY: put_octets_value(v, out); break;
	default: text_putf(out, "%" PRId64, v->i);
	}
}

static void put_table(struct slice table, struct text *out)
{
	must(out != NULL);
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	for (bool first = true; amqp091_table_next(&r, &e) && !text_is_full(out); first = false) {
		text_puts(out, first ? "{" : ",{");
		amqp091_erl_octets(e.name, out);
		text_putf(out, ",%s,", amqp091_type_words(e.value.type));
		amqp091_erl_value(&e.value, out);
		text_putc(out, '}');
	}
}

static void put_array(struct slice array, struct text *out)
{
	must(out != NULL);
	struct rd r = rd_of(array);
	struct amqp091_value v;
	for (bool first = true; amqp091_array_next(&r, &v) && !text_is_full(out); first = false) {
		text_putf(out, first ? "{%s," : ",{%s,", amqp091_type_words(v.type));
		amqp091_erl_value(&v, out);
		text_putc(out, '}');
	}
}

static void put_octets_value(const struct amqp091_value *v, struct text *out)
{
	must(v->octets.p != NULL || v->octets.n == 0);
	if (v->type == AMQP091_TYPE_LONGSTR || v->type == AMQP091_TYPE_BINARY) {
		amqp091_erl_octets(v->octets, out);
		return;
	}
	text_putc(out, '[');
	if (v->type == AMQP091_TYPE_TABLE)
		put_table(v->octets, out);
	else
		put_array(v->octets, out);
	text_putc(out, ']');
}
