#include "wire/amqp091/method.h"

#include "base/must.h"
#include "wire/amqp091/field.h"

static void print_flag(const char *name, bool set, struct text *out)
{
	must(name != NULL);
	if (set)
		text_putf(out, " %s", name);
}

#define FIELD(type, name)              \
	text_puts(out, " " #name "="); \
	field_print_##type(v->name, out);
#define RESERVED(type, name)
#define BITS(bits)       bits
#define BIT(place, name) print_flag(#name, v->name, out);
#define NO_FIELDS
#define METHOD(c, m, noun, verb, by, kind, content, fields, prose)                 \
	static void print_##noun##_##verb(const struct amqp091_##noun##_##verb *v, \
					  struct text *out)                        \
	{                                                                          \
		(void)v;                                                           \
		(void)out;                                                         \
		fields                                                             \
	}
#include "wire/amqp091/methods.def"
#undef METHOD

void amqp091_method_print(const struct amqp091_method *m, struct text *out)
{
	must(m != NULL && out != NULL && m->kind < AMQP091_METHOD_N);
	text_puts(out, amqp091_method_info[m->kind].name);
	switch (m->kind) {
#define METHOD(c, m_, noun, verb, by, kind, content, fields, prose) \
	case AMQP091_##noun##_##verb:                               \
		print_##noun##_##verb(&m->noun##_##verb, out);      \
		break;
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: break;
	}
}
