#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

#include "base/must.h"

static bool is_text(enum amqp091_type type)
{
	return type == AMQP091_TYPE_LONGSTR || type == AMQP091_TYPE_BINARY;
}

void amqp091_value_words(const struct amqp091_value *v, struct text *out)
{
	must(out != NULL);
	if (v == NULL || v->type == AMQP091_TYPE_VOID) {
		text_puts(out, "none");
		return;
	}
	text_puts(out, "the value '");
	if (is_text(v->type))
		text_put_printable(out, v->octets);
	else
		amqp091_erl_value(v, out);
	text_putf(out, "' of type '%s'", amqp091_type_words(v->type));
}

static void print_array(struct slice array, struct text *out)
{
	must(out != NULL);
	struct rd r = rd_of(array);
	struct amqp091_value v;
	text_putc(out, '[');
	for (bool first = true; amqp091_array_next(&r, &v) && !text_is_full(out); first = false) {
		if (!first)
			text_puts(out, ", ");
		amqp091_value_print(&v, out);
	}
	text_putc(out, ']');
}

void amqp091_table_print(struct slice table, struct text *out)
{
	must(out != NULL);
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	text_putc(out, '{');
	for (bool first = true; amqp091_table_next(&r, &e) && !text_is_full(out); first = false) {
		if (!first)
			text_puts(out, ", ");
		text_put_printable(out, e.name);
		text_putc(out, '=');
		amqp091_value_print(&e.value, out);
	}
	text_putc(out, '}');
}

void amqp091_value_print(const struct amqp091_value *v, struct text *out)
{
	must(v != NULL && out != NULL);
	if (is_text(v->type)) {
		text_put_quoted_printable(out, "", v->octets);
	} else if (v->type == AMQP091_TYPE_TABLE) {
		amqp091_table_print(v->octets, out);
	} else if (v->type == AMQP091_TYPE_ARRAY) {
		print_array(v->octets, out);
	} else if (v->type == AMQP091_TYPE_VOID) {
		text_puts(out, "void");
	} else {
		amqp091_erl_value(v, out);
	}
}
