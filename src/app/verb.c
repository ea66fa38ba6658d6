#include "app/verb.h"

#include "app/control.h"
#include "app/definitions.h"
#include "app/verb_close.h"
#include "app/verb_consumers.h"
#include "app/verb_entry.h"
#include "app/verb_limit.h"
#include "app/verb_node.h"
#include "core/fact.h"
#include "io/definitions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define WHY_BYTES  1024

enum does {
	DOES_SET,
	DOES_NEW,
	DOES_CHANGE,
	DOES_CLEAR,
	DOES_LIST,
	DOES_QUEUES,
	DOES_CONNECTIONS,
	DOES_CHANNELS,
	DOES_CONSUMERS,
	DOES_PURGE,
	DOES_MEMORY,
	DOES_DISK,
	DOES_CLOSE,
	DOES_CLOSE_ALL,
	DOES_CLOSE_USER,
	DOES_DELETE,
	DOES_LOGIN,
	DOES_EVERYWHERE,
	DOES_EXPORT,
	DOES_IMPORT,
	DOES_PING,
	DOES_RUNNING,
	DOES_ALARMS,
	DOES_CHECK_ALARMS,
	DOES_VERSION
};

struct verb {
	const char *name;
	enum does does;
	enum fact_kind fact;
	const char *section, *members, *columns, *words;
};

static const struct verb verbs[] = {
#define VERB(name, does, fact, section, members, columns, words, prose) \
	{ #name, DOES_##does, FACT_##fact, section, members, columns, words },
#include "app/verb.def"
#undef VERB
};
#define VERBS_N (sizeof verbs / sizeof *verbs)

static const struct verb *verb_of(const char *name)
{
	for (size_t i = 0; i < VERBS_N; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

bool verb_is(const char *name)
{
	return verb_of(name) != NULL;
}

void verb_help(FILE *to)
{
	for (size_t i = 0; i < VERBS_N; i++)
		fprintf(to, "  godwit %s%s%s\n", verbs[i].name, *verbs[i].words ? " " : "",
			verbs[i].words);
}

static int usage(const struct verb *v, const char *why)
{
	fprintf(stderr, "godwit %s: %s; it is: godwit %s %s\n", v->name, why, v->name, v->words);
	return EXIT_USAGE;
}

static int refuse(const struct verb *v, const char *what, const char *name, const char *after)
{
	fprintf(stderr, "godwit %s: %s '%s' %s\n", v->name, what, name, after);
	return 1;
}

/* ---- what is there ------------------------------------------------------------------------ */

static int list(const struct verb *v, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	bool wants_word = *v->words && *v->words != '[', has_columns = strstr(v->words, "COLUMN");
	if (wants_word && !call->words[0])
		return usage(v, "one word is wanted");
	if (!has_columns && call->words[wants_word])
		return usage(v, wants_word ? "one word is wanted" : "there is a word too many");
	int code = verb_section_list(v->section, v->members, v->columns, call->words + wants_word,
				     call, &why);
	return code == EXIT_USAGE ? usage(v, room) : code;
}

/* ---- changes ------------------------------------------------------------------------------ */

static int say(const struct verb *v, const char *why)
{
	fprintf(stderr, "godwit %s: %s\n", v->name, why);
	return 1;
}

/* Takes the definitions of a file that has nothing but this entry to the broker. */
static int import_entry(const struct verb *v, const struct verb_call *call, cJSON *entry)
{
	char why_room[WHY_BYTES];
	struct text why = text_of(why_room, sizeof why_room);
	struct definitions d;
	cJSON *file = cJSON_CreateObject(), *entries = cJSON_AddArrayToObject(file, v->section);
	cJSON_AddItemToArray(entries, entry);
	char *json = cJSON_PrintUnformatted(file);
	enum err e = json ? definitions_read(&d, slice_str(json), &why) : ERR_RESOURCE_ERROR;
	cJSON_Delete(file);
	free(json);
	if (e != ERR_OK)
		return say(v, json ? why_room : "there is no memory");
	int code = 1;
	if (d.noted_n > 0)
		fwrite(d.notes, 1, d.notes_n, stderr);
	if (d.noted_n > 0 || d.items_n == 0)
		say(v, d.noted_n > 0 ? "nothing is changed" : "that says nothing");
	else
		code = definitions_send(call->data_dir, call->socket, slice_of(d.items, d.n));
	definitions_fini(&d);
	return code;
}

/* The entry that there is, to be changed, or a new one. NULL: *out_code says why. */
static cJSON *entry_of(const struct verb *v, const struct verb_call *call, int *out_code)
{
	cJSON *entries, *old, *entry;
	const char *word = fact_word((uint8_t)v->fact), *name = call->words[0];
	*out_code = 1;
	if (v->does == DOES_SET || v->does == DOES_EVERYWHERE)
		return cJSON_CreateObject();
	if (!name) {
		*out_code = usage(v, "it wants a name");
		return NULL;
	}
	cJSON *file = verb_section_ask(v->section, call, &entries, out_code);
	if (!file)
		return NULL;
	old = verb_entry_find(entries, name);
	entry = old ? cJSON_Duplicate(old, true) : cJSON_CreateObject();
	cJSON_Delete(file);
	if ((old != NULL) == (v->does == DOES_CHANGE))
		return entry;
	cJSON_Delete(entry);
	*out_code = refuse(v, word, name, old ? "exists already" : "does not exist");
	return NULL;
}

static int set(const struct verb *v, const struct verb_call *call)
{
	char room[WHY_BYTES];
	struct text why = text_of(room, sizeof room);
	int code;
	cJSON *entry = entry_of(v, call, &code);
	if (!entry)
		return code;
	const bool is_vhost = v->fact == FACT_VHOST;
	if (verb_entry_fill(entry, v->members, call, &why) &&
	    (!is_vhost || verb_entry_metadata(entry, call, &why)))
		return import_entry(v, call, entry);
	cJSON_Delete(entry);
	return usage(v, room);
}

/* The names that make the fact: the virtual host from -p, the others from the words. */
static int clear(const struct verb *v, const struct verb_call *call)
{
	struct slice names[FACT_NAMES_MAX] = { SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY };
	char *const *words = call->words;
	const char *letters = fact_names((uint8_t)v->fact);
	for (size_t i = 0; letters[i]; i++) {
		const char *name = letters[i] == 'v' ? call->vhost : *words;
		if (!name)
			return usage(v, "there is a word too few");
		if (strlen(name) > 255)
			return usage(v, "a name is too long");
		words += letters[i] != 'v';
		names[i] = slice_str(name);
	}
	if (*words)
		return usage(v, "there is a word too many");
	struct fact f = fact_of(v->fact, names[0], names[1], names[2]);
	return definitions_send_forget(call->data_dir, call->socket, &f);
}

static int list_dumped(const struct verb *v, enum verb_list what, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	int code = verb_dump_list(what, call, &why);
	return code == EXIT_USAGE ? usage(v, room) : code;
}

static int list_consumers(const struct verb *v, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	int code = verb_consumers_list(call, &why);
	return code == EXIT_USAGE ? usage(v, room) : code;
}

/* ---- what is done at once ----------------------------------------------------------------- */

static int tell(const struct verb *v, const struct verb_call *call, const struct text *line)
{
	return text_is_full(line) ? say(v, "that is too long")
				  : control_quietly(call->data_dir, call->socket, line->p);
}

static int limit(const struct verb *v, enum verb_limit what, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	int code = verb_limit(what, call, &why);
	return code == EXIT_USAGE ? usage(v, room) : code;
}

/* `what` is to be done with the queue that is named. */
static int about_queue(const struct verb *v, const struct verb_call *call, const char *what)
{
	char room[WHY_BYTES];
	struct text line = text_of(room, sizeof room);
	if (!call->words[0] || call->words[1])
		return usage(v, "it wants the name of a queue");
	if (!call->vhost[0])
		return usage(v, "-p wants a virtual host");
	text_putf(&line, "%s queue%s%s -l %zu %s %s", what, call->if_unused ? " if-unused" : "",
		  call->if_empty ? " if-empty" : "", strlen(call->vhost), call->vhost,
		  call->words[0]);
	return tell(v, call, &line);
}

/* A password that is not there is a line of the standard input. */
static int authenticate(const struct verb *v, const struct verb_call *call)
{
	char room[WHY_BYTES], typed[WHY_BYTES];
	struct text line = text_of(room, sizeof room);
	const char *user = call->words[0], *password = user ? call->words[1] : NULL;
	if (!user || (password && call->words[2]))
		return usage(v, "it wants a user and a password");
	if (!password)
		password = verb_password_read(typed, sizeof typed);
	if (!password)
		return usage(v, "it wants a password");
	text_putf(&line, "authenticate user %zu %s %s", strlen(user), user, password);
	if (text_is_full(&line) || strchr(room, '\n'))
		return say(v, "that is too long, or more than one line");
	return control_tell(call->data_dir, call->socket, room, SLICE_EMPTY, stdout, NULL);
}

/* In each virtual host that there is. */
static int set_everywhere(const struct verb *v, const struct verb_call *call)
{
	const cJSON *entry;
	cJSON *vhosts;
	int code;
	cJSON *file = verb_section_ask("vhosts", call, &vhosts, &code);
	cJSON_ArrayForEach(entry, vhosts)
	{
		struct verb_call there = *call;
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(entry, "name");
		if (code != 0 || !cJSON_IsString(name))
			continue;
		there.vhost = name->valuestring;
		code = set(v, &there);
	}
	cJSON_Delete(file);
	return code;
}

static int definitions(const struct verb *v, const char *does, const struct verb_call *call)
{
	char word[16];
	snprintf(word, sizeof word, "%s", does);
	char *words[] = { word, call->words[0], NULL };
	if (!call->words[0] || call->words[1])
		return usage(v, "it wants a file");
	return definitions_main(call->data_dir, call->socket, words);
}

static int close_all(const struct verb *v, bool is_of_user, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	int code = verb_close_all(call, is_of_user, &why);
	return code == EXIT_USAGE && why.n > 0 ? usage(v, room) : code;
}

static int ask_node(const struct verb *v, enum verb_node what, const struct verb_call *call)
{
	return call->words[0] ? usage(v, "there is a word too many") : verb_node(what, call);
}

static int close_connection(const struct verb *v, const struct verb_call *call)
{
	char room[WHY_BYTES] = "";
	struct text why = text_of(room, sizeof room);
	int code = verb_close(call, &why);
	return code == EXIT_USAGE && why.n > 0 ? usage(v, room) : code;
}

static bool takes_metadata(const struct verb *v)
{
	return v->fact == FACT_VHOST && (v->does == DOES_NEW || v->does == DOES_CHANGE);
}

int verb_run(const char *name, const struct verb_call *call)
{
	const struct verb *v = verb_of(name);
	if (!v)
		return EXIT_USAGE;
	if ((call->description || call->tags || call->queue_type) && !takes_metadata(v))
		return usage(v, "a virtual host alone has a description, tags and a type");
	switch (v->does) {
	case DOES_LIST: return list(v, call);
	case DOES_QUEUES: return list_dumped(v, VERB_QUEUES, call);
	case DOES_CONNECTIONS: return list_dumped(v, VERB_CONNECTIONS, call);
	case DOES_CHANNELS: return list_dumped(v, VERB_CHANNELS, call);
	case DOES_CONSUMERS: return list_consumers(v, call);
	case DOES_MEMORY: return limit(v, VERB_MEMORY, call);
	case DOES_DISK: return limit(v, VERB_DISK, call);
	case DOES_PURGE: return about_queue(v, call, "purge");
	case DOES_DELETE: return about_queue(v, call, "delete");
	case DOES_LOGIN: return authenticate(v, call);
	case DOES_EVERYWHERE: return set_everywhere(v, call);
	case DOES_EXPORT: return definitions(v, "export", call);
	case DOES_IMPORT: return definitions(v, "import", call);
	case DOES_CLOSE: return close_connection(v, call);
	case DOES_CLOSE_ALL: return close_all(v, false, call);
	case DOES_CLOSE_USER: return close_all(v, true, call);
	case DOES_PING: return ask_node(v, VERB_PING, call);
	case DOES_RUNNING: return ask_node(v, VERB_RUNNING, call);
	case DOES_ALARMS: return ask_node(v, VERB_ALARMS, call);
	case DOES_CHECK_ALARMS: return ask_node(v, VERB_CHECK_ALARMS, call);
	case DOES_VERSION: return ask_node(v, VERB_VERSION, call);
	case DOES_CLEAR: return clear(v, call);
	case DOES_SET:
	case DOES_NEW:
	case DOES_CHANGE: break;
	}
	return set(v, call);
}
