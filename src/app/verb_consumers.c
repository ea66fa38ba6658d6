#include "app/verb_consumers.h"

#include "app/control.h"
#include "app/verb_entry.h"
#include "app/verb_rows.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_N 6u
#define WHOLE   UINT64_MAX /* the number of an entry that stands for the whole connection */

enum column {
#define COLUMN(name, prose) COLUMN_##name,
#include "app/list_consumers.def"
#undef COLUMN
	COLUMNS_N
};

static const char *const names[COLUMNS_N] = {
#define COLUMN(name, prose) #name,
#include "app/list_consumers.def"
#undef COLUMN
};

/* A connection, or a consumer as its connection knows it. */
struct known {
	uint64_t session, number;
	unsigned long long connection;
	unsigned channel, prefetch;
	bool has_tag;
	char *tag;
};

struct consumers {
	const struct verb_call *call;
	struct verb_rows rows;
	enum column column[VERB_COLUMNS_MAX];
	struct known *at;
	size_t n, cap;
	unsigned long long connection; /* whose lines come */
	uint64_t session;
	char queue[2048]; /* likewise */
	bool is_wanted, has_single, is_short;
};

/* ---- what connections know ---------------------------------------------------------------- */

static void keep(struct consumers *c, const struct known *k)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		struct known *more = realloc(c->at, cap * sizeof *more);
		c->is_short |= !more;
		if (!more)
			return;
		c->at = more;
		c->cap = cap;
	}
	c->at[c->n++] = *k;
}

/* `7 channel 1 ack yes prefetch 10 tag ctag` */
static void keep_consumer(struct consumers *c, const char *value)
{
	struct known k = { .session = c->session, .connection = c->connection, .has_tag = true };
	unsigned long long number;
	int tag_at = 0;
	if (sscanf(value, "%llu channel %u ack %*s prefetch %u tag %n", &number, &k.channel,
		   &k.prefetch, &tag_at) != 3 ||
	    !tag_at)
		return;
	k.number = number;
	k.tag = strdup(value + tag_at);
	c->is_short |= !k.tag;
	if (k.tag)
		keep(c, &k);
}

static void take_connection(void *arg, char *line)
{
	struct consumers *c = arg;
	char *value = strstr(line, ": ");
	if (!value)
		return;
	*value = '\0';
	value += 2;
	if (strcmp(line, "connection") == 0)
		c->connection = strtoull(value, NULL, 10);
	if (strcmp(line, "consumer") == 0)
		keep_consumer(c, value);
	if (strcmp(line, "session") != 0)
		return;
	c->session = strtoull(value, NULL, 16);
	keep(c, &(struct known){
			.session = c->session, .number = WHOLE, .connection = c->connection });
}

static int compare(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	return x->number == y->number ? 0 : x->number < y->number ? -1 : 1;
}

/* NULL: it has come since. */
static const struct known *find(const struct consumers *c, uint64_t session, uint64_t number)
{
	const struct known want = { .session = session, .number = number },
			   whole = { .session = session, .number = WHOLE };
	const struct known *k = bsearch(&want, c->at, c->n, sizeof *c->at, compare);
	return k ? k : bsearch(&whole, c->at, c->n, sizeof *c->at, compare);
}

/* ---- what queues know --------------------------------------------------------------------- */

static cJSON *channel_pid(const struct known *k)
{
	char room[64];
	if (k->has_tag)
		snprintf(room, sizeof room, "%llu.%u", k->connection, k->channel);
	else
		snprintf(room, sizeof room, "%llu", k->connection);
	return cJSON_CreateString(room);
}

static cJSON *text_of_dump(const char *escaped)
{
	char *copy = strdup(escaped);
	cJSON *text = NULL;
	if (copy) {
		verb_unescape(copy);
		text = cJSON_CreateString(copy);
	}
	free(copy);
	return text;
}

static cJSON *value_of(const struct consumers *c, enum column column, const struct known *k,
		       const char *said)
{
	bool is_waiting = strstr(said, " waiting ") != NULL;
	const char *priority = strstr(said, " priority ");
	switch (column) {
	case COLUMN_queue_name: return text_of_dump(c->queue);
	case COLUMN_channel_pid: return channel_pid(k);
	case COLUMN_consumer_tag: return k->has_tag ? text_of_dump(k->tag) : NULL;
	case COLUMN_ack_required: return cJSON_CreateBool(!strstr(said, " no_ack "));
	case COLUMN_prefetch_count: return k->has_tag ? cJSON_CreateNumber(k->prefetch) : NULL;
	case COLUMN_active: return cJSON_CreateBool(!is_waiting);
	case COLUMN_activity_status:
		return cJSON_CreateString(is_waiting      ? "waiting"
					  : c->has_single ? "single_active"
							  : "up");
	case COLUMN_exclusive: return cJSON_CreateBool(strstr(said, " exclusive ") != NULL);
	case COLUMN_priority:
		return priority ? cJSON_CreateNumber(strtod(priority + 10, NULL)) : NULL;
	case COLUMNS_N: break;
	}
	return NULL;
}

/* `session 2a channel 1 number 7 no_ack waiting priority 0 credit ...` */
static void put_consumer(struct consumers *c, const char *said)
{
	unsigned long long session, number;
	unsigned channel;
	cJSON *values[VERB_COLUMNS_MAX];
	if (sscanf(said, "session %llx channel %u number %llu", &session, &channel, &number) != 3)
		return;
	const struct known *k = find(c, session, number);
	if (!k)
		return;
	for (size_t i = 0; i < c->rows.columns_n; i++)
		values[i] = value_of(c, c->column[i], k, said);
	verb_rows_put(&c->rows, values);
	for (size_t i = 0; i < c->rows.columns_n; i++)
		cJSON_Delete(values[i]);
}

static void take_queue(void *arg, char *line)
{
	struct consumers *c = arg;
	char *value = strstr(line, ": ");
	if (!value)
		return;
	*value = '\0';
	value += 2;
	if (strcmp(line, "queue") == 0) {
		snprintf(c->queue, sizeof c->queue, "%s", value);
		c->has_single = false;
	} else if (strcmp(line, "vhost") == 0) {
		verb_unescape(value);
		c->is_wanted = strcmp(value, c->call->vhost) == 0;
	} else if (strcmp(line, "single_active") == 0) {
		c->has_single = true;
	} else if (strcmp(line, "consumer") == 0 && c->is_wanted) {
		put_consumer(c, value);
	} else if (strcmp(line, "consumers_not_shown") == 0 && c->is_wanted) {
		fprintf(stderr, "godwit: queue '%s' has %s more\n", c->queue, value);
	}
}

/* ---- the list ----------------------------------------------------------------------------- */

static void choose(struct consumers *c, const char *name, struct text *why)
{
	for (size_t i = 0; i < COLUMNS_N; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		c->column[c->rows.columns_n] = (enum column)i;
		(void)verb_rows_column(&c->rows, name, VERB_AS_JSON);
		return;
	}
	verb_rows_unknown(name, why);
}

static bool choose_all(struct consumers *c, struct text *why)
{
	char name[VERB_COLUMN_NAME_MAX];
	if (!verb_rows_form(&c->rows, c->call, why))
		return false;
	for (struct verb_words w = verb_words(c->call->words); verb_words_next(&w, name);)
		if (c->rows.columns_n < VERB_COLUMNS_MAX)
			choose(c, name, why);
	for (size_t i = 0; i < SHOWN_N && !c->call->words[0]; i++)
		choose(c, names[i], why);
	if (why->n > 0)
		verb_rows_unknown_end(why);
	return why->n == 0;
}

int verb_consumers_list(const struct verb_call *call, struct text *why)
{
	static struct consumers c; /* a few pages */
	c = (struct consumers){ .call = call };
	if (!choose_all(&c, why))
		return 2;
	int code = verb_vhost_ask(call);
	if (code == 0)
		code = control_lines(call->data_dir, call->socket, "dump connection",
				     take_connection, &c);
	if (c.n > 0)
		qsort(c.at, c.n, sizeof *c.at, compare);
	if (code == 0 && c.is_short) {
		fputs("godwit: there is no memory\n", stderr);
		code = 1;
	}
	if (code == 0)
		code = control_lines(call->data_dir, call->socket, "dump queue", take_queue, &c);
	if (code == 0)
		verb_rows_end(&c.rows);
	for (size_t i = 0; i < c.n; i++)
		free(c.at[i].tag);
	free(c.at);
	return code;
}
