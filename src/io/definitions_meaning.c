/* What JSON in facts means to the broker is a fact of its own beside it, so that nobody reads JSON
 * when a client comes: the type of a virtual host's queues, and mappings of names. */
#include "io/definitions_entry.h"

#include "core/catalog.h"
#include "session/defaults.h"
#include "session/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the type of a virtual host's queues -------------------------------------------------- */

const cJSON *definitions_type_of(const cJSON *vhost)
{
	static const char key[] = "default_queue_type";
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(vhost, "metadata");
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(metadata, key);
	if (!type)
		type = cJSON_GetObjectItemCaseSensitive(vhost, key);
	bool is_none = !type || cJSON_IsNull(type) ||
		       (cJSON_IsString(type) &&
			defaults_type_is_none(slice_str(type->valuestring)));
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

bool definitions_type_get(const cJSON *type, enum queue_type *out)
{
	for (int i = QUEUE_CLASSIC; cJSON_IsString(type) && i <= QUEUE_STREAM; i++) {
		if (!is_word(type, defaults_type_word((enum queue_type)i)))
			continue;
		*out = (enum queue_type)i;
		return true;
	}
	return false;
}

/* The fact; its value, which may be empty, in the room. */
static struct fact type_fact(struct slice name, const cJSON *vhost, uint8_t *room)
{
	struct fact f = fact_of(FACT_VHOST_TYPE, name, SLICE_EMPTY, SLICE_EMPTY);
	enum queue_type type;
	if (definitions_type_get(definitions_type_of(vhost), &type)) {
		room[0] = (uint8_t)type;
		f.value = slice_of(room, 1);
	}
	return f;
}

enum err definitions_vhost_type(const struct entry *e, struct slice name)
{
	uint8_t room[1];
	struct fact f = type_fact(name, e->in, room);
	return definitions_fact(e, &f);
}

/* ---- mappings ----------------------------------------------------------------------------- */

/* Like it; FACT_VALUE_MAX bytes are room for more than JSON of so many can say. */
static struct fact mapping_fact(struct slice parameter, const cJSON *value, uint8_t *room)
{
	struct fact f = fact_of(FACT_MAPPING, parameter, SLICE_EMPTY, SLICE_EMPTY);
	struct wr w = wr_of(room, FACT_VALUE_MAX);
	const cJSON *v = cJSON_IsObject(value) ? value->child : NULL;
	for (; v; v = v->next)
		if (cJSON_IsString(v))
			mapping_put(&w, slice_str(v->string), slice_str(v->valuestring));
	if (wr_ok(&w))
		f.value = wr_done(&w);
	return f;
}

enum err definitions_mapping(const struct entry *e, struct slice parameter, const cJSON *value)
{
	static uint8_t room[FACT_VALUE_MAX];
	if (!mapping_is(parameter))
		return ERR_OK;
	struct fact f = mapping_fact(parameter, value, room);
	return definitions_fact(e, &f);
}

/* ---- what is there already ---------------------------------------------------------------- */

/* The value of a fact as JSON; what is between braces gets them back. NULL: no memory, or none. */
static cJSON *json_of(const struct fact *f, bool is_members)
{
	char *text = malloc(f->value.n + 3);
	if (!text)
		return NULL;
	(void)snprintf(text, f->value.n + 3, is_members ? "{%.*s}" : "%.*s", (int)f->value.n,
		       f->value.n ? (const char *)f->value.p : "");
	cJSON *json = cJSON_Parse(text);
	free(text);
	return json;
}

static enum err mend(const struct entry *e, const struct catalog_view *v, const struct fact *f)
{
	static uint8_t room[FACT_VALUE_MAX];
	bool is_vhost = f->kind == FACT_VHOST;
	cJSON *json = json_of(f, is_vhost);
	struct fact due = is_vhost ? type_fact(f->name[0], json, room)
				   : mapping_fact(f->name[0], json, room);
	cJSON_Delete(json);
	const struct fact *is = catalog_fact(v, (enum fact_kind)due.kind, f->name[0], SLICE_EMPTY,
					     SLICE_EMPTY);
	bool is_due = is ? !slice_eq(is->value, due.value) : due.value.n > 0;
	return is_due ? definitions_fact(e, &due) : ERR_OK;
}

enum err definitions_meanings(struct definitions *d, const struct catalog_view *v)
{
	char why_room[300];
	struct text why = text_of(why_room, sizeof why_room);
	struct entry e = { .d = d, .section = "", .why = &why };
	enum err err = ERR_OK;
	*d = (struct definitions){ 0 };
	const struct fact *f = catalog_fact_after(v, 0);
	for (; f && err == ERR_OK; f = catalog_fact_after(v, f->id))
		if (f->kind == FACT_VHOST ||
		    (f->kind == FACT_GLOBAL_PARAMETER && mapping_is(f->name[0])))
			err = mend(&e, v, f);
	if (err == ERR_OK && d->items_n > 0)
		err = definitions_end(d);
	if (err != ERR_OK)
		definitions_fini(d);
	return err;
}
