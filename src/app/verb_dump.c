#include "app/control.h"
#include "app/verb_entry.h"
#include "app/verb_policy.h"
#include "app/verb_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who asks is no client. */
#define OPERATOR   "manage"
#define NAME_BYTES 64

enum kind { TEXT, NUMBER, YES, TERM, STATE, HOST, PORT, EFFECT };

/* What rabbitmqctl calls it, and what a dump does. */
struct source {
	const char *column, *line;
	enum kind kind;
};

static const struct source queue_sources[] = {
#define COLUMN(name, line, kind, prose) { #name, line, kind },
#include "app/list_queues.def"
#undef COLUMN
	{ .column = NULL },
};

static const struct source connection_sources[] = {
#define COLUMN(name, line, kind, prose) { #name, line, kind },
#include "app/list_connections.def"
#undef COLUMN
	{ .column = NULL },
};

static const struct source channel_sources[] = {
#define COLUMN(name, line, kind, prose) { #name, line, kind },
#include "app/list_channels.def"
#undef COLUMN
	{ .column = NULL },
};

/* What is listed: its dump, the line that begins an object there, and how many columns are shown
 * unless told. `part`: the line of what is listed, of which an object may have several. */
static const struct listed {
	const char *request, *first;
	const struct source *sources;
	size_t shown_n;
	bool is_of_vhost;
	const char *part;
} listeds[] = {
	[VERB_QUEUES] = { "dump queue", "queue", queue_sources, 2, true, NULL },
	[VERB_CONNECTIONS] = { "dump connection", "connection", connection_sources, 4, false,
			       NULL },
	[VERB_CHANNELS] = { "dump connection", "connection", channel_sources, 4, false, "channel" },
};

/* A list under way: the object whose lines come. */
struct listing {
	const struct listed *what;
	const struct source *source[VERB_COLUMNS_MAX];
	struct verb_rows rows;
	struct verb_policies policies;
	const char *vhost; /* that is wanted; NULL: any */
	cJSON *seen;       /* its lines, by name */
	bool is_cut;
};

/* ---- a dump's texts ----------------------------------------------------------------------- */

static const char *said(const struct listing *l, const char *line)
{
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(l->seen, line);
	return one ? one->valuestring : NULL;
}

/* A line, or the sum of two with a + between. */
static cJSON *number(const struct listing *l, const char *line)
{
	char name[NAME_BYTES];
	double sum = 0;
	bool is_any = false;
	for (;;) {
		size_t n = strcspn(line, "+");
		snprintf(name, sizeof name, "%.*s", (int)n, line);
		const char *value = said(l, name);
		is_any |= value != NULL;
		sum += value ? strtod(value, NULL) : 0;
		if (!line[n])
			return is_any ? cJSON_CreateNumber(sum) : NULL;
		line += n + 1;
	}
}

static cJSON *text(const char *value, enum kind kind)
{
	char room[NAME_BYTES];
	const char *colon = strrchr(value, ':');
	if (!colon || kind == TEXT)
		return cJSON_CreateString(value);
	if (kind == PORT)
		return cJSON_CreateNumber(strtod(colon + 1, NULL));
	snprintf(room, sizeof room, "%.*s", (int)(colon - value), value);
	return cJSON_CreateString(room);
}

static cJSON *value_of(const struct listing *l, const struct source *s)
{
	const char *value = s->kind == NUMBER || s->kind == EFFECT ? NULL : said(l, s->line);
	if (s->kind == NUMBER)
		return number(l, s->line);
	if (s->kind == EFFECT)
		return verb_policies_effect(&l->policies, said(l, "vhost"), said(l, "policy"),
					    said(l, "operator_policy"));
	if (!value)
		return NULL;
	if (s->kind == YES)
		return cJSON_CreateBool(strcmp(value, "yes") == 0);
	if (s->kind == STATE)
		return cJSON_CreateString(strcmp(value, "yes") == 0 ? "deleting" : "running");
	return s->kind == TERM ? cJSON_Parse(value) : text(value, s->kind);
}

/* ---- object by object --------------------------------------------------------------------- */

static void put_row(struct listing *l)
{
	cJSON *values[VERB_COLUMNS_MAX];
	for (size_t i = 0; i < l->rows.columns_n; i++)
		values[i] = value_of(l, l->source[i]);
	verb_rows_put(&l->rows, values);
	for (size_t i = 0; i < l->rows.columns_n; i++)
		cJSON_Delete(values[i]);
}

static void see(struct listing *l, const char *line, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(l->seen, line);
	cJSON_AddStringToObject(l->seen, line, value);
}

/* Is the line one of those that a column wants, or this file does? */
static bool is_kept(const struct listing *l, const char *line)
{
	static const char *const own[] = { "vhost", "protocol",   "policy", "operator_policy",
					   "queue", "connection", "peer" };
	size_t n = strlen(line);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(own[i], line) == 0)
			return true;
	for (size_t i = 0; i < l->rows.columns_n; i++) {
		const char *at = strstr(l->source[i]->line, line);
		if (at && (at[n] == '\0' || at[n] == '+'))
			return true;
	}
	return false;
}

/* The words behind a part's number are names and values in turn. */
static void see_part(struct listing *l, char *value)
{
	char room[600], *rest = value, *word = strsep(&rest, " ");
	const char *peer = said(l, "peer"), *connection = said(l, "connection");
	see(l, l->what->part, word);
	snprintf(room, sizeof room, "%s.%s", connection ? connection : "", word);
	see(l, "pid", room);
	snprintf(room, sizeof room, "%s (%s)", peer ? peer : "", word);
	see(l, "name", room);
	for (char *name; (name = strsep(&rest, " ")) != NULL;) {
		const char *own = strsep(&rest, " ");
		if (own && is_kept(l, name))
			see(l, name, own);
	}
}

static bool is_wanted(const struct listing *l)
{
	const char *vhost = said(l, "vhost"), *protocol = said(l, "protocol");
	return (!l->vhost || (vhost && strcmp(l->vhost, vhost) == 0)) &&
	       (!protocol || strcmp(protocol, OPERATOR) != 0);
}

static void end_object(struct listing *l)
{
	if (!l->what->part && said(l, l->what->first) && is_wanted(l))
		put_row(l);
	cJSON_Delete(l->seen);
	l->seen = cJSON_CreateObject();
}

/* A line of a dump, `name: value`; an object ends with an empty one. */
static void take_line(void *arg, char *line)
{
	struct listing *l = arg;
	char *value = strstr(line, ": ");
	if (!value) {
		end_object(l);
		return;
	}
	*value = '\0';
	value += 2;
	l->is_cut |= strcmp(line, "cut") == 0;
	if (l->what->part && strcmp(line, l->what->part) == 0) {
		see_part(l, value);
		if (is_wanted(l))
			put_row(l);
	} else if (is_kept(l, line)) {
		if (value[0] != '{') /* JSON has escapes of its own */
			verb_unescape(value);
		see(l, line, value);
	}
}

/* ---- the list ----------------------------------------------------------------------------- */

static bool choose(struct listing *l, const char *column)
{
	for (const struct source *s = l->what->sources; s->column; s++) {
		if (strcmp(s->column, column) != 0)
			continue;
		l->source[l->rows.columns_n] = s;
		return verb_rows_column(&l->rows, column,
					s->kind == TERM || s->kind == EFFECT ? VERB_AS_TERM
									     : VERB_AS_JSON);
	}
	return false;
}

static bool choose_all(struct listing *l, const struct verb_call *call, struct text *why)
{
	char column[VERB_COLUMN_NAME_MAX];
	if (!verb_rows_form(&l->rows, call, why))
		return false;
	for (struct verb_words w = verb_words(call->words); verb_words_next(&w, column);) {
		if (!choose(l, column))
			verb_rows_unknown(column, why);
	}
	if (why->n > 0) {
		verb_rows_unknown_end(why);
		return false;
	}
	for (size_t i = 0; l->rows.columns_n < l->what->shown_n && i < l->what->shown_n; i++)
		if (call->words[0] == NULL)
			(void)choose(l, l->what->sources[i].column);
	return true;
}

static bool has_effect(const struct listing *l)
{
	for (size_t i = 0; i < l->rows.columns_n; i++)
		if (l->source[i]->kind == EFFECT)
			return true;
	return false;
}

int verb_dump_list(enum verb_list what, const struct verb_call *call, struct text *why)
{
	static struct listing l; /* a few pages */
	l = (struct listing){ .what = &listeds[what], .seen = cJSON_CreateObject() };
	l.vhost = l.what->is_of_vhost ? call->vhost : NULL;
	int code = choose_all(&l, call, why) ? 0 : 2;
	if (code == 0 && l.vhost)
		code = verb_vhost_ask(call);
	if (code == 0 && has_effect(&l))
		code = verb_policies_load(&l.policies, call);
	if (code == 0)
		code = control_lines(call->data_dir, call->socket, l.what->request, take_line, &l);
	if (code == 0) {
		end_object(&l);
		verb_rows_end(&l.rows);
	}
	if (l.is_cut && l.what->part)
		fputs("godwit: a connection has more of them than are listed\n", stderr);
	verb_policies_free(&l.policies);
	cJSON_Delete(l.seen);
	return code;
}
