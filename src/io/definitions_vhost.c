#include "io/definitions_entry.h"

#include "core/fact.h"
#include "session/defaults.h"

#include <stdio.h>
#include <stdlib.h>

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

/* What is kept of it: the type also beside the metadata, as RabbitMQ exports it. NULL: no
 * memory. */
static char *members_of(const struct entry *e, const char *type)
{
	static const char *const apart[] = { "name", "limits", NULL };
	static const char key[] = "default_queue_type";
	cJSON *copy = cJSON_Duplicate(e->in, true);
	char *members = NULL;
	if (type)
		cJSON_DeleteItemFromObjectCaseSensitive(copy, key);
	if (copy && (!type || cJSON_AddStringToObject(copy, key, type)))
		members = definitions_members(copy, apart);
	cJSON_Delete(copy);
	return members;
}

/* `type`: NULL, it names none. */
static enum err add(const struct entry *e, struct fact *f, const char *type)
{
	char *members = members_of(e, type);
	if (!members)
		return ERR_RESOURCE_ERROR;
	f->value = slice_str(members);
	enum err err = definitions_fact(e, f);
	free(members);
	return err == ERR_OK ? definitions_vhost_type(e, f->name[0]) : err;
}

enum err definitions_read_vhost(const struct entry *e, struct slice *out_name, bool *out_is_taken)
{
	struct slice name;
	enum queue_type type;
	TRY(entry_name(e, "name", &name));
	struct fact f = fact_of(FACT_VHOST, name, SLICE_EMPTY, SLICE_EMPTY);
	const cJSON *named = definitions_type_of(e->in);
	bool is_known = definitions_type_get(named, &type);
	*out_name = name;
	*out_is_taken = !named || is_known;
	return *out_is_taken
		       ? add(e, &f, is_known ? (const char *)defaults_type_word(type).p : NULL)
		       : leave_out(e, named);
}
