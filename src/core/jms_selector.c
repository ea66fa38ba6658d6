#include "core/jms_selector.h"

#include "base/limits.h"
#include "base/must.h"
#include "core/value.h"

/* One look: `text` is read once, from the left to the right. */
struct look {
	const uint8_t *p, *end;
	const struct header_ops *ops; /* NULL: only the form counts */
	struct slice props;
	uint32_t steps;
	bool is_bad;           /* it is no term */
	struct value range[2]; /* of the newest 'range' */
};

static struct value term(struct look *l, uint32_t depth);

/* ---- characters --------------------------------------------------------------------------- */

static bool step(struct look *l, size_t n)
{
	must(l->p <= l->end);
	if (n > JMS_SELECTOR_STEPS_MAX - l->steps) {
		l->steps = JMS_SELECTOR_STEPS_MAX;
		l->is_bad = true;
		return false;
	}
	l->steps += (uint32_t)n;
	return true;
}

static struct value bad(struct look *l)
{
	l->is_bad = true;
	l->p = l->end;
	return value_unknown();
}

/* The next character that is no space; 0: none. */
static uint8_t peek(struct look *l)
{
	while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\n' || *l->p == '\r'))
		l->p++;
	must(l->p <= l->end);
	return l->p < l->end ? *l->p : 0;
}

static bool take(struct look *l, uint8_t c)
{
	must(c != 0);
	if (peek(l) != c)
		return false;
	l->p++;
	return true;
}

/* Up to the closing quote, which is taken; what a backslash stands before is not it. */
static bool quoted(struct look *l, uint8_t quote, struct slice *out)
{
	const uint8_t *from = l->p;
	must(quote == '"' || quote == '\'');
	for (; l->p < l->end && *l->p != quote; l->p++)
		if (*l->p == '\\' && ++l->p == l->end)
			break;
	if (l->p >= l->end)
		return false;
	*out = slice_of(from, (size_t)(l->p++ - from));
	return step(l, out->n);
}

/* ---- terms without others in them --------------------------------------------------------- */

static struct value text_term(struct look *l)
{
	struct slice s = SLICE_EMPTY;
	must(*l->p == '<');
	l->p++;
	if (l->p == l->end || *l->p++ != '<')
		return bad(l);
	if (peek(l) == '"') {
		l->p++;
		if (!quoted(l, '"', &s))
			return bad(l);
	}
	return take(l, '>') && l->p < l->end && *l->p++ == '>' ? value_text(s, true) : bad(l);
}

static bool is_of_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '@';
}

static struct value word_term(struct look *l)
{
	enum atom atom;
	const uint8_t *from = l->p;
	struct slice s;
	must(l->p < l->end);
	if (*l->p == '\'') {
		l->p++;
		if (!quoted(l, '\'', &s))
			return bad(l);
	} else {
		while (l->p < l->end && is_of_word(*l->p))
			l->p++;
		s = slice_of(from, (size_t)(l->p - from));
	}
	return value_find_atom(s, &atom) ? value_atom(atom) : bad(l);
}

static struct value number_term(struct look *l)
{
	struct value v;
	bool is_negative = *l->p == '-';
	must(l->p < l->end);
	if (*l->p == '-' || *l->p == '+') {
		l->p++;
		(void)peek(l);
	}
	struct slice rest = slice_of(l->p, (size_t)(l->end - l->p));
	size_t n = value_number(rest, &v);
	if (n == 0)
		return bad(l);
	l->p += n;
	return is_negative ? value_minus(&v) : v;
}

/* A text in quotes alone is a list of characters, which nothing here can be compared with. */
static struct value string_term(struct look *l)
{
	struct slice s;
	must(*l->p == '"');
	l->p++;
	return quoted(l, '"', &s) ? value_other() : bad(l);
}

/* ---- lists -------------------------------------------------------------------------------- */

/* The list's text without its brackets; looked at again by whoever wants its values. */
static struct value list_term(struct look *l, uint32_t depth)
{
	must(*l->p == '[');
	const uint8_t *from = ++l->p;
	if (take(l, ']'))
		return value_list(SLICE_EMPTY);
	do
		(void)term(l, depth + 1);
	while (take(l, ','));
	const uint8_t *to = l->p;
	return take(l, ']') ? value_list(slice_of(from, (size_t)(to - from))) : bad(l);
}

/* Is it one of the values in the list, whose depth was looked at when it was read? */
static bool is_in(struct look *l, const struct value *v, struct slice list)
{
	struct look in = *l;
	bool is_there = false;
	in.p = list.p;
	in.end = list.p + list.n;
	must(list.n > 0);
	do {
		struct value one = term(&in, 1);
		is_there = is_there || value_is_same(v, &one);
	} while (!in.is_bad && take(&in, ','));
	l->steps = in.steps;
	l->is_bad |= in.is_bad;
	return is_there;
}

/* ---- what a tuple says -------------------------------------------------------------------- */

static struct value ident(struct look *l, const struct value *name)
{
	uint8_t room[LIMIT_SHORTSTR];
	struct slice plain;
	struct header h;
	struct value v = value_unknown();
	must(l->props.n == 0 || l->ops != NULL);
	if (name->kind != VALUE_TEXT || !value_plain(name, room, sizeof room, &plain) || !l->ops ||
	    !step(l, 1 + l->props.n / 8))
		return value_of_name(v);
	if (header_find(l->ops, l->props, plain, &h))
		v = value_header(&h);
	return value_of_name(v);
}

static struct value like(struct look *l, const struct value *a)
{
	uint8_t escape[2];
	struct slice s = SLICE_EMPTY;
	bool has_escape = a[2].kind == VALUE_TEXT;
	must(l->steps <= JMS_SELECTOR_STEPS_MAX);
	if (has_escape && (!value_plain(&a[2], escape, sizeof escape, &s) || s.n != 1))
		return value_unknown();
	if (a[0].kind != VALUE_TEXT || a[1].kind != VALUE_TEXT)
		return value_unknown();
	uint32_t left = JMS_SELECTOR_STEPS_MAX - l->steps, all = left;
	const struct value_like how = { .escape = has_escape ? s.p[0] : -1 };
	bool is_like = value_is_like(&a[0], &a[1], &how, &left);
	if (left == 0 || !step(l, all - left))
		return bad(l);
	return value_bool(is_like);
}

static struct value between(struct look *l, const struct value *a, uint32_t n)
{
	const struct value *from = n == 3 ? &a[1] : &l->range[0];
	const struct value *to = n == 3 ? &a[2] : &l->range[1];
	must(n == 2 || n == 3);
	if (n == 2 && a[1].kind != VALUE_RANGE)
		return value_unknown();
	if (!value_is_known(&a[0]) || !value_is_known(from) || !value_is_known(to))
		return value_unknown();
	return value_bool(value_compare(from, &a[0]) <= 0 && value_compare(&a[0], to) <= 0);
}

static struct value in_list(struct look *l, const struct value *a)
{
	must(!l->is_bad || l->p == l->end);
	if (!value_is_known(&a[0]) || a[1].kind != VALUE_LIST)
		return value_unknown();
	return value_bool(a[1].s.n > 0 && is_in(l, &a[0], a[1].s));
}

/* Of two values. */
static struct value of_two(struct look *l, enum atom tag, const struct value *a)
{
	struct value v;
	must(tag < ATOM_N);
	switch (tag) {
	case ATOM_AND: return value_and(&a[0], &a[1]);
	case ATOM_OR: return value_or(&a[0], &a[1]);
	case ATOM_BETWEEN: return between(l, a, 2);
	case ATOM_NOT_BETWEEN: v = between(l, a, 2); return value_not(&v);
	case ATOM_IN: return in_list(l, a);
	case ATOM_NOT_IN: v = in_list(l, a); return value_not(&v);
	case ATOM_RANGE:
		l->range[0] = a[0];
		l->range[1] = a[1];
		return value_range();
	default: return value_operate(tag, &a[0], &a[1]);
	}
}

/* Nothing but a name can be unknown where null is asked for. */
static struct value is_null(const struct value *a)
{
	must(a != NULL);
	return value_bool(a->is_of_name && !value_is_known(a));
}

static struct value of_one(struct look *l, enum atom tag, const struct value *a)
{
	struct value v;
	must(tag < ATOM_N);
	switch (tag) {
	case ATOM_IDENT: return ident(l, a);
	case ATOM_NOT: return value_not(a);
	case ATOM_IS_NULL: return is_null(a);
	case ATOM_NOT_NULL: v = is_null(a); return value_not(&v);
	case ATOM_MINUS: return value_minus(a);
	case ATOM_PLUS: return value_is_number(a) ? *a : value_unknown();
	default: return value_unknown();
	}
}

static struct value of_three(struct look *l, enum atom tag, const struct value *a)
{
	struct value v;
	must(tag < ATOM_N);
	switch (tag) {
	case ATOM_LIKE: return like(l, a);
	case ATOM_NOT_LIKE: v = like(l, a); return value_not(&v);
	case ATOM_BETWEEN: return between(l, a, 3);
	case ATOM_NOT_BETWEEN: v = between(l, a, 3); return value_not(&v);
	default: return value_unknown();
	}
}

static struct value tuple_term(struct look *l, uint32_t depth)
{
	struct value a[4];
	uint32_t n = 0;
	must(*l->p == '{');
	l->p++;
	if (take(l, '}'))
		return value_other();
	do {
		struct value v = term(l, depth + 1);
		if (n < 4)
			a[n] = v;
		n++;
	} while (take(l, ','));
	if (!take(l, '}'))
		return bad(l);
	if (l->is_bad || a[0].kind != VALUE_ATOM || n < 2 || n > 4)
		return value_unknown();
	enum atom tag = (enum atom)a[0].i;
	return n == 2   ? of_one(l, tag, a + 1)
	       : n == 3 ? of_two(l, tag, a + 1)
			: of_three(l, tag, a + 1);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static struct value term(struct look *l, uint32_t depth)
{
	uint8_t c = peek(l);
	must(depth <= JMS_SELECTOR_DEPTH_MAX + 1);
	if (c == 0 || depth > JMS_SELECTOR_DEPTH_MAX || !step(l, 1))
		return bad(l);
	switch (c) {
	case '{': return tuple_term(l, depth);
	case '[': return list_term(l, depth);
	case '<': return text_term(l);
	case '"': return string_term(l);
	case '-':
	case '+': return number_term(l);
	default: break;
	}
	if (c >= '0' && c <= '9')
		return number_term(l);
	return c == '\'' || (c >= 'a' && c <= 'z') ? word_term(l) : bad(l);
}

static struct value evaluate(struct look *l)
{
	struct value v = term(l, 0);
	(void)take(l, '.');
	if (peek(l) != 0 || l->p < l->end)
		return bad(l);
	must(l->p == l->end);
	return v;
}

enum err jms_selector_check(struct slice text)
{
	if (text.n == 0)
		return ERR_MALFORMED;
	struct look l = { .p = text.p, .end = text.p + text.n };
	(void)evaluate(&l);
	must(l.steps <= JMS_SELECTOR_STEPS_MAX);
	return l.is_bad ? ERR_MALFORMED : ERR_OK;
}

bool jms_selector_matches(struct slice text, const struct header_ops *ops, struct slice props)
{
	if (text.n == 0)
		return false;
	struct look l = {
		.p = text.p, .end = text.p + text.n, .ops = ops, .props = ops ? props : SLICE_EMPTY
	};
	struct value v = evaluate(&l);
	must(l.steps <= JMS_SELECTOR_STEPS_MAX);
	return !l.is_bad && value_is_true(&v);
}
