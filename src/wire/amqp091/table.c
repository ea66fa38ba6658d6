#include "wire/amqp091/table.h"

#include "base/limits.h"
#include "base/must.h"

#define PREFIXED 0xFE

/* Octets of a value of this type, plus one; 0: no such type. */
static const uint8_t width_plus_1[256] = {
#define TYPE(octet, name, words, class, width, prose) [octet] = (width) + 1,
#include "wire/amqp091/types.def"
#undef TYPE
};

enum type_class {
	CLASS_BOOL,
	CLASS_INT,
	CLASS_FLOAT,
	CLASS_DECIMAL,
	CLASS_LONGSTR,
	CLASS_ARRAY,
	CLASS_TIMESTAMP,
	CLASS_TABLE,
	CLASS_VOID,
	CLASS_BINARY,
};

static enum type_class class_of(enum amqp091_type type)
{
	switch (type) {
#define TYPE(octet, name, words, class, width, prose) \
	case AMQP091_TYPE_##name:                     \
		return CLASS_##class;
#include "wire/amqp091/types.def"
#undef TYPE
	}
	must_fail("a type of types.def", __FILE__, __LINE__);
}

const char *amqp091_type_words(enum amqp091_type type)
{
	switch (type) {
#define TYPE(octet, name, words, class, width, prose) \
	case AMQP091_TYPE_##name:                     \
		return words;
#include "wire/amqp091/types.def"
#undef TYPE
	}
	must_fail("a type of types.def", __FILE__, __LINE__);
}

/* The nested tables and arrays that are open while one is checked, as a stack of their ends. */
struct nest {
	unsigned depth;
	uint64_t is_array; /* bit d: level d has no names */
	const uint8_t *end[LIMIT_TABLE_DEPTH_MAX];
};

_Static_assert(LIMIT_TABLE_DEPTH_MAX <= 64, "one bit a level in nest.is_array");

/* check_one steps over one entry, or over the head of a nested table; NULL when it is malformed. */
static const uint8_t *check_one(struct nest *nest, const uint8_t *p)
{
	must(nest->depth < LIMIT_TABLE_DEPTH_MAX && p < nest->end[nest->depth]);
	struct rd r = rd_of(slice_of(p, (size_t)(nest->end[nest->depth] - p)));
	if (!(nest->is_array >> nest->depth & 1))
		rd_skip(&r, rd_u8(&r));
	uint8_t type = rd_u8(&r);
	if (r.bad || width_plus_1[type] == 0)
		return NULL;

	size_t width = width_plus_1[type] - 1u;
	if (width == PREFIXED)
		width = rd_u32(&r);
	if (!rd_ok(&r) || !rd_has(&r, width))
		return NULL;
	if (type != AMQP091_TYPE_TABLE && type != AMQP091_TYPE_ARRAY)
		return r.p + width;

	if (++nest->depth == LIMIT_TABLE_DEPTH_MAX)
		return NULL;
	uint64_t bit = UINT64_C(1) << nest->depth;
	nest->is_array = type == AMQP091_TYPE_ARRAY ? nest->is_array | bit : nest->is_array & ~bit;
	nest->end[nest->depth] = r.p + width;
	return r.p;
}

enum err amqp091_table_check(struct slice table)
{
	if (table.n == 0)
		return ERR_OK;
	must(table.p != NULL);

	struct nest nest = { .depth = 0, .is_array = 0 };
	const uint8_t *p = table.p;
	nest.end[0] = table.p + table.n;
	for (;;) {
		while (p == nest.end[nest.depth]) {
			if (nest.depth == 0)
				return ERR_OK;
			nest.depth--;
		}
		p = check_one(&nest, p);
		if (p == NULL)
			return ERR_MALFORMED;
	}
}

static double real_of_bits32(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof f);
	return (double)f;
}

static double real_of_bits64(uint64_t bits)
{
	double d;
	memcpy(&d, &bits, sizeof d);
	return d;
}

bool amqp091_value_read(struct rd *r, struct amqp091_value *out)
{
	must(out != NULL);
	struct amqp091_value v = { .type = rd_u8(r), .i = 0 };
	switch (v.type) {
	case AMQP091_TYPE_BOOL: v.boolean = rd_u8(r) != 0; break;
	case AMQP091_TYPE_BYTE: v.i = (int8_t)rd_u8(r); break;
	case AMQP091_TYPE_UBYTE: v.i = rd_u8(r); break;
	case AMQP091_TYPE_SHORT: v.i = (int16_t)rd_u16(r); break;
	case AMQP091_TYPE_USHORT: v.i = rd_u16(r); break;
	case AMQP091_TYPE_INT: v.i = (int32_t)rd_u32(r); break;
	case AMQP091_TYPE_UINT: v.i = rd_u32(r); break;
	case AMQP091_TYPE_LONG:
	case AMQP091_TYPE_LONG_LONG: v.i = (int64_t)rd_u64(r); break;
	case AMQP091_TYPE_FLOAT: v.real = real_of_bits32(rd_u32(r)); break;
	case AMQP091_TYPE_DOUBLE: v.real = real_of_bits64(rd_u64(r)); break;
	case AMQP091_TYPE_DECIMAL:
		v.decimal_places = rd_u8(r);
		v.i = rd_u32(r);
		break;
	case AMQP091_TYPE_TIMESTAMP: v.time = rd_u64(r); break;
	case AMQP091_TYPE_LONGSTR:
	case AMQP091_TYPE_ARRAY:
	case AMQP091_TYPE_TABLE:
	case AMQP091_TYPE_BINARY: v.octets = rd_str32(r); break;
	case AMQP091_TYPE_VOID: break;
	default: rd_fail(r);
	}
	if (!rd_ok(r))
		return false;
	*out = v;
	return true;
}

bool amqp091_table_next(struct rd *r, struct amqp091_entry *out)
{
	must(out != NULL);
	if (r->n == 0)
		return false;
	struct amqp091_entry e = { .name = rd_str8(r) };
	if (!amqp091_value_read(r, &e.value))
		return false;
	*out = e;
	return true;
}

bool amqp091_table_find(struct slice table, struct slice name, struct amqp091_value *out)
{
	must(out != NULL);
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		if (slice_eq(e.name, name)) {
			*out = e.value;
			return true;
		}
	}
	return false;
}

/* find_typed is amqp091_table_find for one class of types. */
static bool find_typed(struct slice table, const char *name, enum type_class class,
		       struct amqp091_value *out)
{
	must(name != NULL);
	struct amqp091_value v;
	if (!amqp091_table_find(table, slice_str(name), &v) || class_of(v.type) != class)
		return false;
	*out = v;
	return true;
}

bool amqp091_table_str(struct slice table, const char *name, struct slice *out)
{
	must(out != NULL);
	struct amqp091_value v;
	bool found = find_typed(table, name, CLASS_LONGSTR, &v);
	if (found)
		*out = v.octets;
	return found;
}

bool amqp091_table_int(struct slice table, const char *name, int64_t *out)
{
	must(out != NULL);
	struct amqp091_value v;
	bool found = find_typed(table, name, CLASS_INT, &v);
	if (found)
		*out = v.i;
	return found;
}

bool amqp091_table_bool(struct slice table, const char *name, bool *out)
{
	must(out != NULL);
	struct amqp091_value v;
	bool found = find_typed(table, name, CLASS_BOOL, &v);
	if (found)
		*out = v.boolean;
	return found;
}

bool amqp091_table_table(struct slice table, const char *name, struct slice *out)
{
	must(out != NULL);
	struct amqp091_value v;
	bool found = find_typed(table, name, CLASS_TABLE, &v);
	if (found)
		*out = v.octets;
	return found;
}

bool amqp091_value_is_int(const struct amqp091_value *v)
{
	must(v != NULL);
	return class_of(v->type) == CLASS_INT;
}

bool amqp091_value_equivalent(const struct amqp091_value *a, const struct amqp091_value *b)
{
	must(a != NULL && b != NULL);
	enum type_class class = class_of(a->type);
	if (class != class_of(b->type))
		return false;
	switch (class) {
	case CLASS_BOOL: return a->boolean == b->boolean;
	case CLASS_INT: return a->i == b->i;
	case CLASS_FLOAT: return a->real >= b->real && a->real <= b->real;
	case CLASS_DECIMAL: return a->i == b->i && a->decimal_places == b->decimal_places;
	case CLASS_TIMESTAMP: return a->time == b->time;
	case CLASS_VOID: return true;
	case CLASS_TABLE: return amqp091_table_eq(a->octets, b->octets);
	case CLASS_LONGSTR:
	case CLASS_ARRAY:
	case CLASS_BINARY: return slice_eq(a->octets, b->octets);
	}
	return false;
}

bool amqp091_args_equivalent(struct slice a, struct slice b, const char *name)
{
	must(name != NULL);
	struct amqp091_value in_a, in_b;
	bool has_a = amqp091_table_find(a, slice_str(name), &in_a);
	bool has_b = amqp091_table_find(b, slice_str(name), &in_b);
	return has_a == has_b && (!has_a || amqp091_value_equivalent(&in_a, &in_b));
}

/* raw_next gives the octets of the next entry, name, type and value together. */
static bool raw_next(struct rd *r, struct slice *out)
{
	struct amqp091_entry e;
	const uint8_t *from = r->p;
	if (!amqp091_table_next(r, &e))
		return false;
	must(r->p > from);
	*out = slice_of(from, (size_t)(r->p - from));
	return true;
}

/* is_small: few enough entries to compare each with each. */
static bool is_small(struct slice table)
{
	struct rd r = rd_of(table);
	struct slice e;
	size_t n = 0;
	while (n <= AMQP091_TABLE_UNORDERED_MAX && raw_next(&r, &e))
		n++;
	return rd_ok(&r) && n <= AMQP091_TABLE_UNORDERED_MAX;
}

/* count_of: how often an entry with just these octets stands in the table. */
static size_t count_of(struct slice table, struct slice entry)
{
	struct rd r = rd_of(table);
	struct slice e;
	size_t n = 0;
	while (raw_next(&r, &e))
		n += slice_eq(e, entry);
	must(n <= AMQP091_TABLE_UNORDERED_MAX);
	return n;
}

bool amqp091_table_eq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	if (slice_eq(a, b))
		return true;
	if (!is_small(a) || !is_small(b))
		return false;
	struct rd r = rd_of(a);
	struct slice e;
	while (raw_next(&r, &e)) {
		if (count_of(a, e) != count_of(b, e))
			return false;
	}
	return true;
}

/* Below 0: a stands before b, as in a dictionary of octets. */
static int order(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int by = n ? memcmp(a.p, b.p, n) : 0;
	must(a.n <= UINT8_MAX && b.n <= UINT8_MAX);
	return by ? by : (int)a.n - (int)b.n;
}

struct slice amqp091_table_sort(struct slice table, uint8_t *at)
{
	struct slice name[AMQP091_TABLE_UNORDERED_MAX], whole[AMQP091_TABLE_UNORDERED_MAX];
	struct amqp091_entry e;
	struct rd r = rd_of(table);
	size_t n = 0, used = 0;
	while (n < AMQP091_TABLE_UNORDERED_MAX) {
		const uint8_t *from = r.p; /* an empty name is nowhere */
		if (!amqp091_table_next(&r, &e))
			break;
		size_t i = n++;
		for (; i > 0 && order(name[i - 1], e.name) > 0; i--) {
			name[i] = name[i - 1];
			whole[i] = whole[i - 1];
		}
		name[i] = e.name;
		whole[i] = slice_of(from, (size_t)(r.p - from));
	}
	if (r.n > 0)
		return table;
	for (size_t i = 0; i < n; used += whole[i++].n)
		memcpy(at + used, whole[i].p, whole[i].n);
	must(used == table.n);
	return slice_of(at, used);
}
