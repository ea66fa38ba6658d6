#include "base/log.h"

const struct log_row log_rows[LOG_N] = {
#define LOG(i, l, n, t, d) \
	[LOG_##n] = { .id = i, .level = LOG_LEVEL_##l, .name = #n, .text = t, .prose = d },
#include "base/log.def"
#undef LOG
};

const char *const log_level_names[LOG_LEVEL_N] = { "debug", "info", "warning", "error" };

enum log_id log_find(struct slice id)
{
	enum log_id row = 0;
	while (row < LOG_N && !slice_eq(id, slice_str(log_rows[row].id)))
		row++;
	return row;
}

enum log_level log_level_find(struct slice name)
{
	enum log_level level = 0;
	while (level < LOG_LEVEL_N && !slice_eq(name, slice_str(log_level_names[level])))
		level++;
	return level;
}

/* cut splits off what stands before the next {name} in *rest; *out_name gets the name. False:
 * there is none, and *out_before is all that was left. */
static bool cut(struct slice *rest, struct slice *out_before, struct slice *out_name)
{
	size_t open = slice_find(*rest, '{');
	*out_before = slice_sub(*rest, 0, open);
	if (open == rest->n)
		return false;
	struct slice inside = slice_from(*rest, open + 1);
	size_t len = slice_find(inside, '}');
	*out_name = slice_sub(inside, 0, len);
	*rest = slice_from(inside, len + 1);
	return true;
}

size_t log_values_n(enum log_id id)
{
	must(id < LOG_N);
	struct slice rest = slice_str(log_rows[id].text), before, name;
	size_t n = 0;
	while (cut(&rest, &before, &name))
		n++;
	return n;
}

void log_put_text(struct text *out, enum log_id id, const struct log_value *values, size_t n)
{
	must(log_values_n(id) == n);
	struct slice rest = slice_str(log_rows[id].text), before, name;
	for (; cut(&rest, &before, &name); values++) {
		text_put_slice(out, before);
		if (values->s.p)
			text_put_printable(out, values->s);
		else
			text_put_u64(out, values->v);
	}
	text_put_slice(out, before);
}

void log_put_json(struct text *out, enum log_id id, const struct log_value *values, size_t n)
{
	must(log_values_n(id) == n);
	const struct log_row *row = &log_rows[id];
	text_putf(out, "\"id\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", row->id,
		  log_level_names[row->level], row->name);
	struct slice rest = slice_str(row->text), before, name;
	for (; cut(&rest, &before, &name); values++) {
		text_putc(out, ',');
		text_put_json_string(out, name);
		text_putc(out, ':');
		if (values->s.p)
			text_put_json_string(out, values->s);
		else
			text_put_u64(out, values->v);
	}
}
