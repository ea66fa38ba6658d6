#include "wire/amqp091/table.h"

#include "base/limits.h"
#include "base/must.h"

void amqp091_put_name(struct wr *w, struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	wr_str8(w, name);
}

static void put_float(struct wr *w, double real)
{
	float f = (float)real;
	uint32_t bits;
	_Static_assert(sizeof bits == sizeof f, "IEEE 754");
	memcpy(&bits, &f, sizeof bits);
	wr_u32(w, bits);
}

static void put_double(struct wr *w, double real)
{
	uint64_t bits;
	_Static_assert(sizeof bits == sizeof real, "IEEE 754");
	memcpy(&bits, &real, sizeof bits);
	wr_u64(w, bits);
}

static void put_decimal(struct wr *w, const struct amqp091_value *v)
{
	must(v->i >= 0 && v->i <= UINT32_MAX);
	wr_u8(w, v->decimal_places);
	wr_u32(w, (uint32_t)v->i);
}

void amqp091_put_value(struct wr *w, const struct amqp091_value *v)
{
	must(v != NULL);
	wr_u8(w, (uint8_t)v->type);
	switch (v->type) {
	case AMQP091_TYPE_BOOL: wr_u8(w, v->boolean); return;
	case AMQP091_TYPE_BYTE:
	case AMQP091_TYPE_UBYTE: wr_u8(w, (uint8_t)v->i); return;
	case AMQP091_TYPE_SHORT:
	case AMQP091_TYPE_USHORT: wr_u16(w, (uint16_t)v->i); return;
	case AMQP091_TYPE_INT:
	case AMQP091_TYPE_UINT: wr_u32(w, (uint32_t)v->i); return;
	case AMQP091_TYPE_LONG:
	case AMQP091_TYPE_LONG_LONG: wr_u64(w, (uint64_t)v->i); return;
	case AMQP091_TYPE_FLOAT: put_float(w, v->real); return;
	case AMQP091_TYPE_DOUBLE: put_double(w, v->real); return;
	case AMQP091_TYPE_DECIMAL: put_decimal(w, v); return;
	case AMQP091_TYPE_TIMESTAMP: wr_u64(w, v->time); return;
	case AMQP091_TYPE_LONGSTR:
	case AMQP091_TYPE_ARRAY:
	case AMQP091_TYPE_TABLE:
	case AMQP091_TYPE_BINARY: wr_str32(w, v->octets); return;
	case AMQP091_TYPE_VOID: return;
	}
	must_fail("a type of types.def", __FILE__, __LINE__);
}

size_t amqp091_put_open(struct wr *w, enum amqp091_type type)
{
	must(type == AMQP091_TYPE_TABLE || type == AMQP091_TYPE_ARRAY);
	wr_u8(w, (uint8_t)type);
	size_t mark = w->n;
	wr_u32(w, 0);
	return mark;
}

void amqp091_put_close(struct wr *w, size_t mark)
{
	if (!wr_ok(w))
		return;
	must(mark + 4 <= w->n && w->n - mark - 4 <= UINT32_MAX);
	wr_patch_u32(w, mark, (uint32_t)(w->n - mark - 4));
}

void amqp091_put_str(struct wr *w, const char *name, struct slice v)
{
	must(name != NULL);
	amqp091_put_name(w, slice_str(name));
	amqp091_put_value(w, &(struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR, .octets = v });
}

void amqp091_put_bool(struct wr *w, const char *name, bool v)
{
	must(name != NULL);
	amqp091_put_name(w, slice_str(name));
	amqp091_put_value(w, &(struct amqp091_value){ .type = AMQP091_TYPE_BOOL, .boolean = v });
}

void amqp091_put_int(struct wr *w, const char *name, int64_t v)
{
	must(name != NULL);
	amqp091_put_name(w, slice_str(name));
	amqp091_put_value(w, &(struct amqp091_value){ .type = AMQP091_TYPE_LONG, .i = v });
}

size_t amqp091_put_table(struct wr *w, const char *name)
{
	must(name != NULL);
	amqp091_put_name(w, slice_str(name));
	return amqp091_put_open(w, AMQP091_TYPE_TABLE);
}
