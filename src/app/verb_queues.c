#include "app/control.h"
#include "app/verb_entry.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_N_MAX 16u
#define VALUE_BYTES   1100 /* a name, printable */

/* What rabbitmqctl calls it, and what a dump does; `and` is added to that. */
static const struct source {
	const char *column, *line, *and;
} sources[] = {
	{ "name", "queue", NULL },
	{ "messages", "ready", "held" },
	{ "messages_ready", "ready", NULL },
	{ "messages_unacknowledged", "held", NULL },
	{ "messages_persistent", "persistent", NULL },
	{ "message_bytes_ready", "ready_bytes", NULL },
	{ "message_bytes_unacknowledged", "held_bytes", NULL },
	{ "consumers", "consumers", NULL },
	{ "durable", "durable", NULL },
	{ "auto_delete", "auto_delete", NULL },
	{ "exclusive", "exclusive", NULL },
};
#define SOURCES_N (sizeof sources / sizeof *sources)

struct listing {
	const struct source *columns[COLUMNS_N_MAX];
	size_t n;
	char vhost[VALUE_BYTES];
	char values[COLUMNS_N_MAX][VALUE_BYTES];
	bool has_queue;
};

static bool choose(struct listing *l, const char *column)
{
	for (size_t i = 0; i < SOURCES_N && l->n < COLUMNS_N_MAX; i++) {
		if (strcmp(sources[i].column, column) != 0)
			continue;
		l->columns[l->n++] = &sources[i];
		return true;
	}
	return false;
}

/* Values are as a dump has them, but for yes and no, and sums. */
static void put_value(char *to, const char *value, bool is_added)
{
	if (is_added && *to)
		snprintf(to, VALUE_BYTES, "%llu",
			 strtoull(to, NULL, 10) + strtoull(value, NULL, 10));
	else if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
		snprintf(to, VALUE_BYTES, "%s", value[0] == 'y' ? "true" : "false");
	else
		snprintf(to, VALUE_BYTES, "%s", value);
}

static void print_queue(struct listing *l, const char *vhost)
{
	bool is_wanted = l->has_queue && strcmp(l->vhost, vhost) == 0;
	for (size_t i = 0; i < l->n && is_wanted; i++)
		printf("%s%s", i ? "\t" : "", l->values[i]);
	if (is_wanted)
		putchar('\n');
	memset(l->values, 0, sizeof l->values);
	l->has_queue = false;
}

/* A line of a dump, `name: value`; an object ends with an empty one. */
static void take_line(struct listing *l, char *line, const char *vhost)
{
	char *value = strstr(line, ": ");
	if (!value) {
		print_queue(l, vhost);
		return;
	}
	*value = '\0';
	value += 2;
	l->has_queue |= strcmp(line, "queue") == 0;
	if (strcmp(line, "vhost") == 0)
		snprintf(l->vhost, sizeof l->vhost, "%s", value);
	for (size_t i = 0; i < l->n; i++) {
		const struct source *s = l->columns[i];
		bool is_added = s->and &&strcmp(line, s->and) == 0;
		if (is_added || strcmp(line, s->line) == 0)
			put_value(l->values[i], value, s->and != NULL);
	}
}

int verb_queues_list(const struct verb_call *call, struct text *why)
{
	static struct listing l; /* a few pages */
	char *dump = NULL;
	size_t n = 0;
	char *const *words = call->words;
	for (; *words; words++) {
		if (choose(&l, *words))
			continue;
		text_putf(why, "there is no column %s", *words);
		return 2;
	}
	if (l.n == 0 && !(choose(&l, "name") && choose(&l, "messages")))
		return 2;
	FILE *to = open_memstream(&dump, &n);
	if (!to)
		return 1;
	int code = control_tell(call->data_dir, call->socket, "dump queue", SLICE_EMPTY, to, NULL);
	if (fclose(to) != 0 && code == 0)
		code = 1;
	for (size_t i = 0; i < l.n && code == 0; i++)
		printf("%s%s", l.columns[i]->column, i + 1 < l.n ? "\t" : "\n");
	for (char *line = dump, *end; code == 0 && line && *line; line = end) {
		size_t len = strcspn(line, "\n");
		end = line + len + (line[len] == '\n');
		line[len] = '\0';
		take_line(&l, line, call->vhost);
	}
	if (code == 0)
		print_queue(&l, call->vhost);
	free(dump);
	return code;
}
