/* log -- the table of everything that can be logged, and how one line of it reads.
 *
 * Pure: who writes lines, when, and with which time in front is io/'s. Rooms below never log; they
 * return reasons and effects, and the rooms that see the world log them.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/text.h"

enum log_level { LOG_LEVEL_debug, LOG_LEVEL_info, LOG_LEVEL_warning, LOG_LEVEL_error, LOG_LEVEL_N };

enum log_id {
#define LOG(id, level, name, text, prose) LOG_##name,
#include "base/log.def"
#undef LOG
	LOG_N
};

struct log_row {
	const char *id; /* "C001" */
	enum log_level level;
	const char *name, *text, *prose;
};

extern const struct log_row log_rows[LOG_N];
extern const char *const log_level_names[LOG_LEVEL_N]; /* "debug", "info", "warning", "error" */

/* One value for one {name} of a row's text: bytes if `s.p` is set, else the number. */
struct log_value {
	struct slice s;
	uint64_t v;
};

static inline struct log_value log_str(struct slice s)
{
	return (struct log_value){ .s = s.p ? s : slice_str("") };
}

static inline struct log_value log_u64(uint64_t v)
{
	return (struct log_value){ .v = v };
}

/* log_find gives the row with that id ("C001"), or LOG_N. */
enum log_id log_find(struct slice id);

/* log_level_find gives the level with that name, or LOG_LEVEL_N. */
enum log_level log_level_find(struct slice name);

/* log_values_n: how many values the text of `id` asks for. */
size_t log_values_n(enum log_id id);

/* log_put_text appends the row's text with its values in place, client's bytes made printable.
 * There must be log_values_n(id) values. */
void log_put_text(struct text *out, enum log_id id, const struct log_value *values, size_t n);

/* log_put_json appends the members of the JSON form, without braces around them:
 * "id":"C001","level":"info","event":"connection_opened","conn":17,"peer":"127.0.0.1:5000",... */
void log_put_json(struct text *out, enum log_id id, const struct log_value *values, size_t n);

#endif
