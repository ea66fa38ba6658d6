#include "app/control.h"
#include "app/verb_entry.h"
#include "app/verb_rows.h"

#include <string.h>

#define NAME_BYTES 64

/* A list under way: a section of the definitions, one entry on each line. */
struct listing {
	const char *members;
	const struct verb_call *call;
	struct verb_rows rows;
	char member[VERB_COLUMNS_MAX][NAME_BYTES];
	const char *otherwise[VERB_COLUMNS_MAX]; /* of an entry without the member; NULL: nothing */
};

/* A member, or one of an object in it (behind the dot). */
static cJSON *member_of(const cJSON *entry, const char *path)
{
	char outer[NAME_BYTES];
	const char *dot = strchr(path, '.');
	if (!dot)
		return cJSON_GetObjectItemCaseSensitive(entry, path);
	snprintf(outer, sizeof outer, "%.*s", (int)(dot - path), path);
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, outer),
						dot + 1);
}

/* Is it one of those that are wanted? `m=x`: that member is x; `m=`: what the call says. */
static bool is_chosen(const cJSON *entry, const char *members, const struct verb_call *call)
{
	char member[NAME_BYTES];
	while (verb_member_next(&members, member, sizeof member) > 0) {
		char *is = strchr(member, '=');
		const char *want = is ? is + 1 : "";
		if (!is)
			continue;
		*is = '\0';
		if (!*want)
			want = strcmp(member, "vhost") == 0 ? call->vhost : call->words[0];
		const cJSON *own = cJSON_GetObjectItemCaseSensitive(entry, member);
		if (!cJSON_IsString(own) || strcmp(own->valuestring, want) != 0)
			return false;
	}
	return true;
}

/* What all entries have in a column, or those without its member: a text, or 0. */
static const char *constant_of(const struct listing *l, size_t i, const cJSON *own)
{
	return l->member[i][0] == '\'' ? l->member[i] + 1 : own ? NULL : l->otherwise[i];
}

static void put_entry(struct listing *l, const cJSON *entry)
{
	cJSON constant[VERB_COLUMNS_MAX] = { 0 }, *values[VERB_COLUMNS_MAX];
	for (size_t i = 0; i < l->rows.columns_n; i++) {
		values[i] = member_of(entry, l->member[i]);
		char *text = (char *)(uintptr_t)constant_of(l, i, values[i]);
		if (!text)
			continue;
		constant[i] = (cJSON){ .type = strcmp(text, "0") == 0 ? cJSON_Number : cJSON_String,
				       .valuestring = text };
		values[i] = &constant[i];
	}
	verb_rows_put(&l->rows, values);
}

/* The head of the section is before its first entry, a comma or the end behind one. */
static void take_line(void *arg, char *line)
{
	struct listing *l = arg;
	const char *end;
	if (strncmp(line, "  {", 3) != 0)
		return;
	cJSON *entry = cJSON_ParseWithOpts(line, &end, false);
	if (entry && is_chosen(entry, l->members, l->call))
		put_entry(l, entry);
	cJSON_Delete(entry);
}

/* `name`, `name:member`, `name:~member` in Erlang's terms or `name:^member` in words; `...=x`. */
static void add(struct listing *l, char *spec)
{
	char *colon = strchr(spec, ':');
	char *is = strchr(spec, '=');
	const char *member = colon ? colon + 1 : spec;
	enum verb_style style = *member == '~'   ? VERB_AS_TERM
				: *member == '^' ? VERB_AS_WORDS
						 : VERB_AS_JSON;
	if (colon)
		*colon = '\0';
	if (is)
		*is++ = '\0';
	char *own = l->member[l->rows.columns_n];
	int n = snprintf(own, NAME_BYTES, "%s", member + (style != VERB_AS_JSON));
	l->otherwise[l->rows.columns_n] = NULL;
	size_t is_n = is ? strlen(is) + 1 : 0;
	if (is && (size_t)n + 1 + is_n <= NAME_BYTES)
		l->otherwise[l->rows.columns_n] = memcpy(own + n + 1, is, is_n);
	verb_rows_column(&l->rows, spec, style);
}

/* All that are before the bar, or the one of that name. False: there is none. */
static bool choose(struct listing *l, const char *columns, const char *name)
{
	char spec[NAME_BYTES];
	size_t n = name ? strlen(name) : 0;
	while (verb_member_next(&columns, spec, sizeof spec) > 0) {
		bool is_bar = strcmp(spec, "|") == 0;
		if (!name && is_bar)
			break;
		bool is_it = name && strncmp(spec, name, n) == 0 && (!spec[n] || spec[n] == ':');
		if (is_bar || (name && !is_it) || l->rows.columns_n == VERB_COLUMNS_MAX)
			continue;
		add(l, spec);
		if (name)
			return true;
	}
	return !name;
}

int verb_section_list(const char *section, const char *members, const char *columns,
		      char *const *words, const struct verb_call *call, struct text *why)
{
	static struct listing l; /* a few pages */
	char room[100], column[VERB_COLUMN_NAME_MAX];
	struct text line = text_of(room, sizeof room);
	l = (struct listing){ .members = members, .call = call };
	if (!verb_rows_form(&l.rows, call, why))
		return 2;
	for (struct verb_words w = verb_words(words); verb_words_next(&w, column);) {
		if (!choose(&l, columns, column))
			verb_rows_unknown(column, why);
	}
	if (why->n > 0) {
		verb_rows_unknown_end(why);
		return 2;
	}
	if (l.rows.columns_n == 0)
		(void)choose(&l, columns, NULL);
	text_putf(&line, "definitions export %s", section);
	int code = strstr(members, "vhost=") ? verb_vhost_ask(call) : 0;
	if (code == 0)
		code = control_lines(call->data_dir, call->socket, room, take_line, &l);
	if (code == 0)
		verb_rows_end(&l.rows);
	return code;
}
