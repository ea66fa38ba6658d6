#include "session/manage/json.h"

#include "base/must.h"
#include "base/text.h"
#include "wire/amqp091/table.h"

#define STR_PIECE 256u /* bytes of a string that are written at once */

void json_raw(struct json *j, struct slice bytes)
{
	must(j->w != NULL && j->to != NULL);
	if (bytes.n > 0)
		sendq_copy(j->to, j->w->mem, bytes);
}

void json_comma(struct json *j)
{
	must(j->to != NULL);
	if (j->is_behind)
		json_raw(j, slice_str(", "));
	j->is_behind = true;
}

void json_begin(struct json *j, char brace)
{
	must(brace == '{' || brace == '[');
	json_comma(j);
	json_raw(j, slice_of(&brace, 1));
	j->is_behind = false;
}

void json_end(struct json *j, char brace)
{
	must(brace == '}' || brace == ']');
	json_raw(j, slice_of(&brace, 1));
	j->is_behind = true;
}

/* The length of a piece that does not end within a character. */
static size_t piece_of(struct slice s)
{
	size_t n = s.n < STR_PIECE ? s.n : STR_PIECE;
	if (n == s.n)
		return n;
	size_t whole = n;
	while (whole > n - 4 && (s.p[whole] & 0xC0) == 0x80)
		whole--;
	must(n > 4);
	return (s.p[whole] & 0xC0) == 0x80 ? n : whole;
}

static void put_str(struct json *j, struct slice s)
{
	char room[6 * STR_PIECE + 8];
	json_raw(j, slice_str("\""));
	while (s.n > 0) {
		size_t n = piece_of(s);
		struct text t = text_of(room, sizeof room);
		must(n > 0);
		text_put_json_string(&t, slice_sub(s, 0, n));
		json_raw(j, slice_of(room + 1, t.n - 2)); /* without its quotes */
		s = slice_from(s, n);
	}
	json_raw(j, slice_str("\""));
}

void json_name(struct json *j, struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	json_comma(j);
	put_str(j, name);
	json_raw(j, slice_str(": "));
	j->is_behind = false;
}

void json_value_str(struct json *j, struct slice s)
{
	must(j->to != NULL);
	json_comma(j);
	put_str(j, s);
}

static void put_text(struct json *j, const struct text *t)
{
	must(!text_is_full(t));
	json_comma(j);
	json_raw(j, text_slice(t));
}

void json_int(struct json *j, int64_t v)
{
	char room[32];
	struct text t = text_of(room, sizeof room);
	must(j->to != NULL);
	text_putf(&t, "%lld", (long long)v);
	put_text(j, &t);
}

void json_str(struct json *j, const char *name, struct slice s)
{
	must(name[0] != '\0');
	json_name(j, slice_str(name));
	json_value_str(j, s);
}

static void put_bool(struct json *j, bool is)
{
	must(j->to != NULL);
	json_comma(j);
	json_raw(j, slice_str(is ? "true" : "false"));
}

void json_bool(struct json *j, const char *name, bool is)
{
	must(name[0] != '\0');
	json_name(j, slice_str(name));
	put_bool(j, is);
}

static void put_value(struct json *j, const struct amqp091_value *v);

static void put_array(struct json *j, struct slice array)
{
	struct rd r = rd_of(array);
	struct amqp091_value v;
	json_begin(j, '[');
	while (amqp091_array_next(&r, &v))
		put_value(j, &v);
	must(r.n == 0);
	json_end(j, ']');
}

static void put_real(struct json *j, double real)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	bool is_number = real - real == 0;
	text_putf(&t, "%.17g", is_number ? real : 0.0);
	must(t.n > 0);
	if (slice_find(text_slice(&t), '.') == t.n && slice_find(text_slice(&t), 'e') == t.n)
		text_puts(&t, ".0");
	put_text(j, &t);
}

static void put_value(struct json *j, const struct amqp091_value *v)
{
	must(v != NULL);
	switch (v->type) {
	case AMQP091_TYPE_BOOL: put_bool(j, v->boolean); return;
	case AMQP091_TYPE_LONGSTR:
	case AMQP091_TYPE_BINARY: json_value_str(j, v->octets); return;
	case AMQP091_TYPE_TABLE: json_table(j, v->octets); return;
	case AMQP091_TYPE_ARRAY: put_array(j, v->octets); return;
	case AMQP091_TYPE_FLOAT:
	case AMQP091_TYPE_DOUBLE: put_real(j, v->real); return;
	case AMQP091_TYPE_TIMESTAMP: json_int(j, (int64_t)v->time); return;
	case AMQP091_TYPE_VOID:
		json_comma(j);
		json_raw(j, slice_str("null"));
		return;
	default: json_int(j, v->i);
	}
}

void json_table(struct json *j, struct slice table)
{
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	json_begin(j, '{');
	while (amqp091_table_next(&r, &e)) {
		json_name(j, e.name);
		put_value(j, &e.value);
	}
	must(r.n == 0);
	json_end(j, '}');
}
