#include "app/verb_entry.h"

#include "app/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64

size_t verb_member_next(const char **at, char *name, size_t cap)
{
	*at += strspn(*at, " ");
	size_t n = strcspn(*at, " ");
	if (n == 0 || n >= cap)
		return 0;
	memcpy(name, *at, n);
	name[n] = '\0';
	*at += n;
	return n;
}

static bool refuse(struct text *why, const char *what, const char *name)
{
	text_putf(why, "%s %s", what, name);
	return false;
}

/* Where the member called `path` goes: into the entry, or an object in it (before the dot). */
static bool put(cJSON *entry, const char *path, cJSON *value, struct text *why)
{
	const char *dot = strchr(path, '.');
	char outer[NAME_BYTES] = "";
	if (!value)
		return refuse(why, "there is no memory for", path);
	if (dot) {
		snprintf(outer, sizeof outer, "%.*s", (int)(dot - path), path);
		if (!cJSON_GetObjectItemCaseSensitive(entry, outer))
			cJSON_AddObjectToObject(entry, outer);
		entry = cJSON_GetObjectItemCaseSensitive(entry, outer);
		path = dot + 1;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(entry, path);
	return cJSON_AddItemToObject(entry, path, value);
}

const char *verb_password_read(char *room, int cap)
{
	if (!fgets(room, cap, stdin))
		return NULL;
	room[strcspn(room, "\r\n")] = '\0';
	return room;
}

static bool put_password(cJSON *entry, const char *path, const char *word, struct text *why)
{
	char room[1024];
	if (!word)
		word = verb_password_read(room, sizeof room);
	if (!word || !*word)
		return refuse(why, "an empty one cannot be the", path);
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "password_hash");
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "hashing_algorithm");
	return put(entry, path, cJSON_CreateString(word), why);
}

static bool put_json(cJSON *entry, const char *path, const char *word, struct text *why)
{
	cJSON *value = cJSON_ParseWithOpts(word, NULL, true);
	return value ? put(entry, path, value, why) : refuse(why, "this is no JSON:", word);
}

static bool put_rest(cJSON *entry, const char *path, char *const **words, struct text *why)
{
	cJSON *list = cJSON_CreateArray();
	for (; **words; ++*words)
		cJSON_AddItemToArray(list, cJSON_CreateString(**words));
	return put(entry, path, list, why);
}

/* A member with its signs, filled from the next word unless they say otherwise. */
static bool fill_one(cJSON *entry, char *member, size_t n, char *const **words,
		     const struct verb_call *call, struct text *why)
{
	char *is = strchr(member, '='), first = member[0], *path = member;
	if (is) {
		*is = '\0';
		return put(entry, member, cJSON_CreateString(is + 1), why);
	}
	if (strcmp(member, "vhost") == 0)
		return put(entry, member, cJSON_CreateString(call->vhost), why);
	if (strchr("{[<", first)) {
		member[n - 1] = '\0';
		path++;
	}
	if (first == '[')
		return put_rest(entry, path, words, why);
	const char *word = **words;
	if (word)
		++*words;
	if (first == '<')
		return put_password(entry, path, word, why);
	if (!word)
		return refuse(why, "say the", path);
	return first == '{' ? put_json(entry, path, word, why)
			    : put(entry, path, cJSON_CreateString(word), why);
}

/* RabbitMQ's tool takes no other numbers either. */
static bool put_priority(cJSON *to, const char *word, struct text *why)
{
	char *end;
	errno = 0;
	long priority = strtol(word, &end, 10);
	if (end == word || *end || errno || priority != (int)priority)
		return refuse(why, "--priority wants a whole number, not", word);
	return put(to, "priority", cJSON_CreateNumber((double)priority), why);
}

/* What the options of policies say lies beside the definition. */
static bool fill_options(cJSON *entry, const struct verb_call *call, struct text *why)
{
	cJSON *value = cJSON_GetObjectItemCaseSensitive(entry, "value");
	cJSON *to = cJSON_GetObjectItemCaseSensitive(entry, "definition") ? entry : value;
	if (!call->priority && !call->apply_to)
		return true;
	if (!to || !cJSON_GetObjectItemCaseSensitive(to, "definition"))
		return refuse(why, "--priority and --apply-to are for", "policies");
	if (call->priority && !put_priority(to, call->priority, why))
		return false;
	return !call->apply_to || put(to, "apply-to", cJSON_CreateString(call->apply_to), why);
}

bool verb_entry_fill(cJSON *entry, const char *members, const struct verb_call *call,
		     struct text *why)
{
	char member[NAME_BYTES];
	char *const *words = call->words;
	for (size_t n; (n = verb_member_next(&members, member, sizeof member)) > 0;)
		if (!fill_one(entry, member, n, &words, call, why))
			return false;
	if (*words)
		return refuse(why, "there is a word too many:", *words);
	return fill_options(entry, call, why);
}

/* RabbitMQ's words. */
static bool is_type(const char *type, struct text *why)
{
	static const char *const known[] = { "quorum", "stream", "classic" };
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(type, known[i]) == 0)
			return true;
	if (!*type)
		return refuse(why, "Default queue type must not be an", "empty string");
	return refuse(
		why, "Default queue type must be one of: quorum, stream, classic. Provided:", type);
}

/* Words with commas, and perhaps blanks, between. */
static cJSON *tags_of(const char *words)
{
	cJSON *list = cJSON_CreateArray();
	char tag[256];
	while (list && *words) {
		size_t n = strcspn(words, ",");
		const char *end = words + n;
		for (words += strspn(words, " "); n > 0 && end > words && end[-1] == ' ';)
			end--;
		snprintf(tag, sizeof tag, "%.*s", end > words ? (int)(end - words) : 0, words);
		if (*tag)
			cJSON_AddItemToArray(list, cJSON_CreateString(tag));
		words += strcspn(words, ",");
		words += *words == ',';
	}
	return list;
}

bool verb_entry_metadata(cJSON *entry, const struct verb_call *call, struct text *why)
{
	if (call->queue_type && !is_type(call->queue_type, why))
		return false;
	if (call->queue_type &&
	    !put(entry, "metadata.default_queue_type", cJSON_CreateString(call->queue_type), why))
		return false;
	if (call->description &&
	    !put(entry, "metadata.description", cJSON_CreateString(call->description), why))
		return false;
	return !call->tags || put(entry, "metadata.tags", tags_of(call->tags), why);
}

cJSON *verb_entry_find(const cJSON *section, const char *name)
{
	cJSON *entry;
	cJSON_ArrayForEach(entry, section)
	{
		const cJSON *own = cJSON_GetObjectItemCaseSensitive(entry, "name");
		if (cJSON_IsString(own) && strcmp(own->valuestring, name) == 0)
			return entry;
	}
	return NULL;
}

/* ---- sections ----------------------------------------------------------------------------- */

cJSON *verb_section_ask(const char *section, const struct verb_call *call, cJSON **out_list,
			int *io_code)
{
	char line[100], *json = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&json, &n);
	cJSON *file = NULL;
	*io_code = 1;
	if (!to)
		return NULL;
	struct text t = text_of(line, sizeof line);
	text_putf(&t, "definitions export %s", section);
	int code = control_tell(call->data_dir, call->socket, line, SLICE_EMPTY, to, NULL);
	if (fclose(to) == 0 && code == 0) {
		file = cJSON_Parse(json);
		*out_list = cJSON_GetObjectItemCaseSensitive(file, section);
	}
	free(json);
	*io_code = file ? 0 : code ? code : 1;
	return file;
}

int verb_vhost_ask(const struct verb_call *call)
{
	cJSON *vhosts;
	int code;
	cJSON *file = verb_section_ask("vhosts", call, &vhosts, &code);
	if (file && !verb_entry_find(vhosts, call->vhost)) {
		fprintf(stderr, "godwit: Virtual host '%s' does not exist\n", call->vhost);
		code = 1;
	}
	cJSON_Delete(file);
	return code;
}
