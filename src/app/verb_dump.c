#include "app/control.h"
#include "app/verb_entry.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_N_MAX 16u
#define VALUE_BYTES   1100 /* a name, printable */

/* What rabbitmqctl calls it, and what a dump does; `and` is added to that. Of `part` only what
 * stands before or behind the last colon is meant. */
enum part { WHOLE, HOST, PORT };
struct source {
	const char *column, *line, *and;
	enum part part;
};

static const struct source queue_sources[] = {
	{ .column = "name", .line = "queue" },
	{ .column = "messages", .line = "ready", .and = "held" },
	{ .column = "messages_ready", .line = "ready" },
	{ .column = "messages_unacknowledged", .line = "held" },
	{ .column = "messages_persistent", .line = "persistent" },
	{ .column = "message_bytes_ready", .line = "ready_bytes" },
	{ .column = "message_bytes_unacknowledged", .line = "held_bytes" },
	{ .column = "consumers", .line = "consumers" },
	{ .column = "durable", .line = "durable" },
	{ .column = "auto_delete", .line = "auto_delete" },
	{ .column = "exclusive", .line = "exclusive" },
	{ .column = NULL },
};

static const struct source connection_sources[] = {
	{ .column = "pid", .line = "connection" },
	{ .column = "name", .line = "peer" },
	{ .column = "user_provided_name", .line = "client" },
	{ .column = "user", .line = "user" },
	{ .column = "vhost", .line = "vhost" },
	{ .column = "peer_host", .line = "peer", .part = HOST },
	{ .column = "peer_port", .line = "peer", .part = PORT },
	{ .column = "protocol", .line = "protocol" },
	{ .column = "state", .line = "phase" },
	{ .column = "channels", .line = "channels" },
	{ .column = "frame_max", .line = "frame_max" },
	{ .column = "timeout", .line = "heartbeat_s" },
	{ .column = "recv_oct", .line = "bytes_in" },
	{ .column = "send_oct", .line = "bytes_out" },
	{ .column = "send_pend", .line = "output_waiting_bytes" },
	{ .column = NULL },
};

/* What is listed: its dump, and the line that begins an object there. */
static const struct kind {
	const char *request, *first;
	const struct source *sources;
	const char *shown[5]; /* unless told */
	bool is_of_vhost;
} kinds[] = {
	[VERB_QUEUES] = { "dump queue", "queue", queue_sources, { "name", "messages" }, true },
	[VERB_CONNECTIONS] = { "dump connection",
			       "connection",
			       connection_sources,
			       { "user", "peer_host", "peer_port", "state" },
			       false },
};

/* Who asks is no client. */
#define OPERATOR "manage"

struct listing {
	const struct kind *kind;
	const struct source *columns[COLUMNS_N_MAX];
	size_t n;
	const char *vhost; /* that is wanted; NULL: any */
	char values[COLUMNS_N_MAX][VALUE_BYTES];
	bool has_one, is_wanted;
};

static bool choose(struct listing *l, const char *column)
{
	for (const struct source *s = l->kind->sources; s->column && l->n < COLUMNS_N_MAX; s++) {
		if (strcmp(s->column, column) != 0)
			continue;
		l->columns[l->n++] = s;
		return true;
	}
	return false;
}

/* Values are as a dump has them, but for yes and no, sums, and parts. */
static void put_value(char *to, const struct source *s, const char *value)
{
	const char *colon = s->part == WHOLE ? NULL : strrchr(value, ':');
	if (colon && s->part == HOST)
		snprintf(to, VALUE_BYTES, "%.*s", (int)(colon - value), value);
	else if (colon)
		snprintf(to, VALUE_BYTES, "%s", colon + 1);
	else if (s->and &&*to)
		snprintf(to, VALUE_BYTES, "%llu",
			 strtoull(to, NULL, 10) + strtoull(value, NULL, 10));
	else if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
		snprintf(to, VALUE_BYTES, "%s", value[0] == 'y' ? "true" : "false");
	else
		snprintf(to, VALUE_BYTES, "%s", value);
}

static void print_one(struct listing *l)
{
	bool is_wanted = l->has_one && l->is_wanted;
	for (size_t i = 0; i < l->n && is_wanted; i++)
		printf("%s%s", i ? "\t" : "", l->values[i]);
	if (is_wanted)
		putchar('\n');
	memset(l->values, 0, sizeof l->values);
	l->has_one = false;
	l->is_wanted = true;
}

/* A line of a dump, `name: value`; an object ends with an empty one. */
static void take_line(struct listing *l, char *line)
{
	char *value = strstr(line, ": ");
	if (!value) {
		print_one(l);
		return;
	}
	*value = '\0';
	value += 2;
	l->has_one |= strcmp(line, l->kind->first) == 0;
	if (l->vhost && strcmp(line, "vhost") == 0)
		l->is_wanted &= strcmp(l->vhost, value) == 0;
	if (strcmp(line, "protocol") == 0)
		l->is_wanted &= strcmp(value, OPERATOR) != 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct source *s = l->columns[i];
		if (strcmp(line, s->line) == 0 || (s->and &&strcmp(line, s->and) == 0))
			put_value(l->values[i], s, value);
	}
}

/* The dump of all objects, to be freed; NULL: *out_code says why. */
static char *dump_of(const struct verb_call *call, const char *request, int *out_code)
{
	char *dump = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&dump, &n);
	*out_code = 1;
	if (!to)
		return NULL;
	int code = control_tell(call->data_dir, call->socket, request, SLICE_EMPTY, to, NULL);
	if (fclose(to) == 0 && code == 0)
		return dump;
	free(dump);
	*out_code = code ? code : 1;
	return NULL;
}

/* Cuts the first line off. */
static char *line_cut(char **io_rest)
{
	char *line = *io_rest;
	size_t n = strcspn(line, "\n");
	*io_rest = line + n + (line[n] == '\n');
	line[n] = '\0';
	return line;
}

int verb_dump_list(enum verb_list what, const struct verb_call *call, struct text *why)
{
	static struct listing l; /* a few pages */
	int code;
	l = (struct listing){ .kind = &kinds[what], .is_wanted = true };
	l.vhost = l.kind->is_of_vhost ? call->vhost : NULL;
	for (char *const *word = call->words; *word; word++) {
		if (choose(&l, *word))
			continue;
		text_putf(why, "there is no column %s", *word);
		return 2;
	}
	for (size_t i = 0, n = l.n; n == 0 && l.kind->shown[i]; i++)
		(void)choose(&l, l.kind->shown[i]);
	char *dump = dump_of(call, l.kind->request, &code);
	if (!dump)
		return code;
	for (size_t i = 0; i < l.n; i++)
		printf("%s%s", l.columns[i]->column, i + 1 < l.n ? "\t" : "\n");
	for (char *rest = dump; *rest;)
		take_line(&l, line_cut(&rest));
	print_one(&l);
	free(dump);
	return 0;
}

/* ---- one connection ----------------------------------------------------------------------- */

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* How many connections have this name or address; the number of the last one is in `to`. */
static unsigned connections_named(char *dump, const char *name, char *to, size_t to_bytes)
{
	char number[32] = "";
	unsigned n = 0;
	bool is_it = false;
	for (char *rest = dump; *rest;) {
		char *line = line_cut(&rest), *value = strstr(line, ": ");
		if (!value || strncmp(line, "connection: ", 12) == 0)
			is_it = false;
		if (value && strncmp(line, "connection: ", 12) == 0)
			snprintf(number, sizeof number, "%s", value + 2);
		bool is_name = strncmp(line, "peer: ", 6) == 0 || strncmp(line, "client: ", 8) == 0;
		if (!value || !is_name || is_it || strcmp(value + 2, name) != 0)
			continue;
		is_it = true;
		n++;
		snprintf(to, to_bytes, "%s", number);
	}
	return n;
}

int verb_connection_find(const struct verb_call *call, char *to, size_t to_bytes, struct text *why)
{
	const char *name = call->words[0];
	int code;
	if (is_number(name)) {
		snprintf(to, to_bytes, "%s", name);
		return 0;
	}
	char *dump = dump_of(call, kinds[VERB_CONNECTIONS].request, &code);
	if (!dump)
		return code;
	unsigned n = connections_named(dump, name, to, to_bytes);
	free(dump);
	if (n == 1)
		return 0;
	text_putf(why, n ? "more than one is called" : "there is no connection");
	return 1;
}
