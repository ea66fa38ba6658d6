#include "io/definitions_entry.h"

#include "core/fact.h"
#include "session/defaults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the type of its queues --------------------------------------------------------------- */

/* NULL: none is named. Older exports have it beside the metadata, not in them. */
static const cJSON *type_of(const cJSON *vhost)
{
	static const char key[] = "default_queue_type";
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(vhost, "metadata");
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(metadata, key);
	if (!type)
		type = cJSON_GetObjectItemCaseSensitive(vhost, key);
	bool is_none = !type || cJSON_IsNull(type) ||
		       (cJSON_IsString(type) && strcmp(type->valuestring, "undefined") == 0);
	return is_none ? NULL : type;
}

/* Also by RabbitMQ's name of its module. */
static bool is_word(const cJSON *type, struct slice word)
{
	char module[40];
	(void)snprintf(module, sizeof module, "rabbit_%.*s_queue", (int)word.n,
		       (const char *)word.p);
	return slice_eq(slice_str(type->valuestring), word) ||
	       strcmp(type->valuestring, module) == 0;
}

/* NULL: there is no such type. */
static const char *word_of(const cJSON *type)
{
	for (int i = QUEUE_CLASSIC; cJSON_IsString(type) && i <= QUEUE_STREAM; i++) {
		struct slice word = defaults_type_word((enum queue_type)i);
		if (is_word(type, word))
			return (const char *)word.p;
	}
	return NULL;
}

/* RabbitMQ's words. */
static enum err leave_out(const struct entry *e, const cJSON *type)
{
	char reason[300];
	if (!cJSON_IsString(type) || type->valuestring[0] == '\0')
		return definitions_leave_out(e, "default_queue_type must not be an empty string");
	(void)snprintf(reason, sizeof reason, "%.250s is not a valid queue type",
		       type->valuestring);
	return definitions_leave_out(e, reason);
}

/* ---- the fact ----------------------------------------------------------------------------- */

/* The type comes first, where session/defaults.h looks for it. */
static enum err add(const struct entry *e, struct fact *f, const char *type)
{
	static const char *const apart[] = { "name", "limits", NULL };
	static const char *const typed[] = { "name", "limits", "default_queue_type", NULL };
	char *members = definitions_members(e->in, type ? typed : apart);
	const size_t cap = members ? strlen(members) + 64 : 0;
	char *value = members ? malloc(cap) : NULL;
	enum err err = ERR_RESOURCE_ERROR;
	if (value && type)
		(void)snprintf(value, cap, DEFAULTS_VHOST_TYPE "%s\"%s%s", type,
			       members[0] ? "," : "", members);
	if (value) {
		f->value = slice_str(type ? value : members);
		err = definitions_fact(e, f);
	}
	free(value);
	free(members);
	return err;
}

enum err definitions_read_vhost(const struct entry *e, struct slice *out_name, bool *out_is_taken)
{
	struct slice name;
	TRY(entry_name(e, "name", &name));
	struct fact f = fact_of(FACT_VHOST, name, SLICE_EMPTY, SLICE_EMPTY);
	const cJSON *type = type_of(e->in);
	const char *word = word_of(type);
	*out_name = name;
	*out_is_taken = !type || word;
	return *out_is_taken ? add(e, &f, word) : leave_out(e, type);
}
