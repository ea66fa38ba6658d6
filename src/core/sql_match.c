#include "base/bits.h"
#include "base/limits.h"
#include "base/must.h"
#include "core/sql.h"
#include "core/sql_code.h"

#define NUMBER_STEPS 256u /* what it costs to read a text as a number */

/* One look at one message. */
struct look {
	struct rd code;
	const struct sql_message *m;
	struct value stack[SQL_STACK_MAX];
	uint32_t n, steps; /* steps: that are left */
	bool is_lenient;
};

/* ---- what the message has ----------------------------------------------------------------- */

/* So many octets were looked at. */
static void spend(struct look *l, size_t octets, uint32_t steps)
{
	uint64_t cost = octets / 8 + steps;
	must(steps > 0);
	l->steps -= (uint32_t)min_u64(cost, l->steps);
}

static struct value own(struct look *l, struct slice name)
{
	struct header h;
	must(l->m->ops != NULL);
	spend(l, l->m->props.n, 1);
	return header_find(l->m->ops, l->m->props, name, &h) ? value_header(&h) : value_unknown();
}

static struct value integer(int64_t i)
{
	return (struct value){ .kind = VALUE_NUMBER, .i = i };
}

static struct value field(struct look *l, enum sql_field which)
{
	static const uint8_t properties[SQL_FIELD_N] = {
		[SQL_FIELD_PRIORITY] = HEADER_PRIORITY,
		[SQL_FIELD_TIMESTAMP] = HEADER_TIMESTAMP,
		[SQL_FIELD_CORRELATION_ID] = HEADER_CORRELATION_ID,
		[SQL_FIELD_TYPE] = HEADER_TYPE,
		[SQL_FIELD_MESSAGE_ID] = HEADER_MESSAGE_ID,
		[SQL_FIELD_REPLY_TO] = HEADER_REPLY_TO,
		[SQL_FIELD_USER_ID] = HEADER_USER_ID,
	};
	struct header h;
	must(which < SQL_FIELD_N);
	if (which == SQL_FIELD_DELIVERY_MODE)
		return value_text(slice_str(l->m->is_persistent ? "PERSISTENT" : "NON_PERSISTENT"),
				  false);
	if (!l->m->ops->property(l->m->props, (enum header_property)properties[which], &h))
		return which == SQL_FIELD_PRIORITY ? integer(4) : value_unknown();
	if (h.class == HEADER_TIME)
		return h.number > INT64_MAX / 1000 ? value_unknown()
						   : integer((int64_t)h.number * 1000);
	if (h.class == HEADER_BINARY)
		return value_text(h.octets, false);
	return value_header(&h);
}

/* ---- two values --------------------------------------------------------------------------- */

/* A text as what the other side is, if it may be and can be. */
static void soften(struct look *l, struct value *v, const struct value *other)
{
	struct value number;
	must(v->kind <= VALUE_TEXT);
	if (!l->is_lenient || v->kind != VALUE_TEXT)
		return;
	if (other->kind == VALUE_NUMBER)
		spend(l, v->s.n, NUMBER_STEPS);
	if (other->kind == VALUE_NUMBER && sql_number(v->s, true, &number))
		*v = number;
	else if (other->kind == VALUE_ATOM)
		*v = value_bool(slice_eq(v->s, slice_str("true")));
}

static struct value compare(struct look *l, enum sql_step how, struct value a, struct value b)
{
	if (!value_is_known(&a) || !value_is_known(&b))
		return value_unknown();
	soften(l, &a, &b);
	soften(l, &b, &a);
	if (a.kind != b.kind)
		return value_bool(how == SQL_UNEQUAL);
	int order = value_compare(&a, &b);
	switch (how) {
	case SQL_EQUAL: return value_bool(order == 0);
	case SQL_UNEQUAL: return value_bool(order != 0);
	case SQL_BELOW: return value_bool(order < 0);
	case SQL_AT_MOST: return value_bool(order <= 0);
	case SQL_ABOVE: return value_bool(order > 0);
	default: must(how == SQL_AT_LEAST); return value_bool(order >= 0);
	}
}

static struct value rest(const struct value *a, const struct value *b)
{
	must(value_is_number(a) && value_is_number(b));
	if (!a->is_real && !b->is_real)
		return b->i == 0 ? value_unknown() : integer(b->i == -1 ? 0 : a->i % b->i);
	double x = a->is_real ? a->real : (double)a->i, y = b->is_real ? b->real : (double)b->i;
	double whole = y != 0 ? x / y : 0;
	if (y == 0 || whole >= 9e15 || whole <= -9e15)
		return value_unknown();
	return (struct value){ .kind = VALUE_NUMBER,
			       .is_real = true,
			       .real = x - y * (double)(int64_t)whole };
}

static struct value calculate(struct look *l, enum sql_step how, struct value a, struct value b)
{
	static const struct value zero = { .kind = VALUE_NUMBER };
	soften(l, &a, &zero);
	soften(l, &b, &zero);
	if (!value_is_number(&a) || !value_is_number(&b))
		return value_unknown();
	switch (how) {
	case SQL_PLUS: return value_operate(ATOM_PLUS, &a, &b);
	case SQL_MINUS: return value_operate(ATOM_MINUS, &a, &b);
	case SQL_TIMES: return value_operate(ATOM_MULTIPLY, &a, &b);
	case SQL_REST: return rest(&a, &b);
	default: break;
	}
	must(how == SQL_DIVIDE);
	struct value v = value_operate(ATOM_DIVIDE, &a, &b);
	return value_is_number(&v) ? v : value_unknown(); /* by zero */
}

static struct value between(struct look *l, const struct value *a)
{
	struct value from = compare(l, SQL_AT_LEAST, a[0], a[1]);
	struct value to = compare(l, SQL_AT_MOST, a[0], a[2]);
	must(from.kind <= VALUE_TEXT);
	return value_and(&from, &to);
}

/* ---- texts -------------------------------------------------------------------------------- */

static struct slice text_of(struct look *l)
{
	must(l->m != NULL);
	return rd_take(&l->code, rd_le16(&l->code));
}

static struct value like(struct look *l, const struct value *a)
{
	bool has_escape = rd_u8(&l->code);
	uint8_t escape = rd_u8(&l->code);
	const struct value pattern = value_text(text_of(l), false);
	const struct value_like how = { has_escape ? escape : -1, .is_of_characters = true };
	must(a->kind <= VALUE_TEXT);
	if (!value_is_known(a))
		return value_unknown();
	return value_bool(a->kind == VALUE_TEXT && value_is_like(a, &pattern, &how, &l->steps));
}

static struct value is_in(struct look *l, const struct value *a)
{
	bool is_there = false;
	must(a->kind <= VALUE_TEXT);
	for (uint32_t n = rd_le16(&l->code); n > 0 && rd_ok(&l->code); n--) {
		struct slice one = text_of(l);
		is_there |= a->kind == VALUE_TEXT && slice_eq(a->s, one);
		l->steps -= l->steps > 0;
	}
	return a->kind == VALUE_TEXT ? value_bool(is_there) : value_unknown();
}

/* ---- steps -------------------------------------------------------------------------------- */

static struct value leaf(struct look *l, enum sql_step what)
{
	struct value v = { .kind = VALUE_NUMBER };
	uint64_t bits;
	switch (what) {
	case SQL_INTEGER: v.i = (int64_t)rd_le64(&l->code); return v;
	case SQL_REAL:
		bits = rd_le64(&l->code);
		memcpy(&v.real, &bits, sizeof bits);
		v.is_real = true;
		return v;
	case SQL_TEXT: return value_text(text_of(l), false);
	case SQL_TRUE: return value_bool(true);
	case SQL_FALSE: return value_bool(false);
	case SQL_FIELD: return field(l, (enum sql_field)rd_u8(&l->code));
	default: must(what == SQL_NAME); return own(l, text_of(l));
	}
}

static struct value of_one(struct look *l, enum sql_step what, const struct value *a)
{
	static const struct value zero = { .kind = VALUE_NUMBER };
	struct value v = *a;
	switch (what) {
	case SQL_NOT: return value_not(a);
	case SQL_CAST: return value_is_known(a) ? value_bool(value_is_true(a)) : *a;
	case SQL_OPPOSITE: soften(l, &v, &zero); return value_minus(&v);
	case SQL_LIKE: return like(l, a);
	case SQL_IN: return is_in(l, a);
	default: must(what == SQL_IS_NULL); return value_bool(!value_is_known(a));
	}
}

static struct value of_two(struct look *l, enum sql_step what, const struct value *a)
{
	must(what < SQL_STEP_N);
	if (what == SQL_AND)
		return value_and(&a[0], &a[1]);
	if (what == SQL_OR)
		return value_or(&a[0], &a[1]);
	return what >= SQL_PLUS ? calculate(l, what, a[0], a[1]) : compare(l, what, a[0], a[1]);
}

static uint32_t taken_by(enum sql_step what)
{
	must(what < SQL_STEP_N);
	if (what < SQL_AND)
		return 0;
	switch (what) {
	case SQL_NOT:
	case SQL_CAST:
	case SQL_OPPOSITE:
	case SQL_LIKE:
	case SQL_IN:
	case SQL_IS_NULL: return 1;
	case SQL_BETWEEN: return 3;
	default: return 2;
	}
}

static void step(struct look *l)
{
	enum sql_step what = (enum sql_step)rd_u8(&l->code);
	uint32_t n = taken_by(what);
	must(l->n >= n && l->n - n < SQL_STACK_MAX);
	struct value *a = &l->stack[l->n - n];
	l->n += 1 - n;
	*a = n == 0   ? leaf(l, what)
	     : n == 1 ? of_one(l, what, a)
	     : n == 2 ? of_two(l, what, a)
		      : between(l, a);
	l->steps -= l->steps > 0;
}

bool sql_matches(struct slice code, const struct sql_message *m, uint32_t *out_steps)
{
	UNSET struct look l; /* the stack is as long as it is filled */
	must(code.n > 0 && m->ops != NULL);
	l.code = rd_of(code);
	l.m = m;
	l.n = 0;
	l.steps = SQL_STEPS_MAX;
	l.is_lenient = rd_u8(&l.code) & SQL_LENIENT;
	while (rd_left(&l.code) > 0 && l.steps > 0)
		step(&l);
	must(rd_ok(&l.code));
	*out_steps = SQL_STEPS_MAX - l.steps;
	return l.steps > 0 && l.n == 1 && value_is_true(&l.stack[0]);
}
