#include "io/definitions_json.h"

#include "base/limits.h"
#include "session/amqp091/rules_of.h"
#include "session/queue_args.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX 9007199254740992.0 /* what a double says exactly */

char *definitions_members(const cJSON *object, const char *const *apart)
{
	cJSON *copy = cJSON_Duplicate(object, true);
	if (!copy)
		return NULL;
	for (; *apart; apart++)
		cJSON_DeleteItemFromObjectCaseSensitive(copy, *apart);
	char *json = cJSON_PrintUnformatted(copy);
	cJSON_Delete(copy);
	if (!json)
		return NULL;
	size_t n = strlen(json);
	memmove(json, json + 1, n - 2);
	json[n - 2] = '\0';
	return json;
}

static bool put_value(const cJSON *v, struct wr *w, int depth);

static bool put_members(const cJSON *object, struct wr *w, int depth)
{
	for (const cJSON *v = object->child; v; v = v->next) {
		if (strlen(v->string) > LIMIT_SHORTSTR)
			return false;
		amqp091_put_name(w, slice_str(v->string));
		if (!put_value(v, w, depth))
			return false;
	}
	return wr_ok(w);
}

static bool put_nested(const cJSON *v, struct wr *w, int depth)
{
	size_t mark = amqp091_put_open(w,
				       cJSON_IsArray(v) ? AMQP091_TYPE_ARRAY : AMQP091_TYPE_TABLE);
	bool is_good = true;
	if (cJSON_IsObject(v))
		is_good = put_members(v, w, depth);
	else
		for (const cJSON *one = v->child; one && is_good; one = one->next)
			is_good = put_value(one, w, depth);
	amqp091_put_close(w, mark);
	return is_good;
}

static bool put_value(const cJSON *v, struct wr *w, int depth)
{
	struct amqp091_value out = { .type = AMQP091_TYPE_VOID };
	if (depth == LIMIT_TABLE_DEPTH_MAX)
		return false;
	if (cJSON_IsArray(v) || cJSON_IsObject(v))
		return put_nested(v, w, depth + 1);
	if (cJSON_IsBool(v)) {
		out.type = AMQP091_TYPE_BOOL;
		out.boolean = cJSON_IsTrue(v);
	} else if (cJSON_IsString(v)) {
		out.type = AMQP091_TYPE_LONGSTR;
		out.octets = slice_str(v->valuestring);
	} else if (cJSON_IsNumber(v)) {
		double real = v->valuedouble;
		bool is_integer = real >= -INTEGER_MAX && real <= INTEGER_MAX &&
				  (double)(int64_t)real == real;
		out.type = is_integer ? AMQP091_TYPE_LONG : AMQP091_TYPE_DOUBLE;
		if (is_integer)
			out.i = (int64_t)real;
		else
			out.real = real;
	}
	amqp091_put_value(w, &out);
	return wr_ok(w);
}

bool definitions_table(const cJSON *object, struct wr *w)
{
	return !cJSON_IsObject(object) || put_members(object, w, 0);
}

/* The next of its keys, with its value; NULL: no more. */
static const cJSON *policy_next(const cJSON *definition, const cJSON *last, const char **out_key,
				const cJSON **out_value)
{
	const cJSON *v = last ? last->next : definition ? definition->child : NULL;
	*out_key = NULL;
	for (; v; v = v->next) {
		bool is_pair = cJSON_IsArray(v) && cJSON_IsArray(definition);
		const cJSON *key = is_pair ? cJSON_GetArrayItem(v, 0) : NULL;
		*out_value = is_pair ? cJSON_GetArrayItem(v, 1) : v;
		*out_key = is_pair ? (cJSON_IsString(key) ? key->valuestring : NULL) : v->string;
		if (*out_key)
			break;
	}
	return v;
}

bool definitions_policy(const cJSON *definition, struct wr *w)
{
	const char *key;
	const cJSON *value = NULL, *at = NULL;
	while ((at = policy_next(definition, at, &key, &value)) != NULL) {
		char name[LIMIT_SHORTSTR + 1] = "x-";
		if (strlen(key) > LIMIT_SHORTSTR - 2 || !value)
			return false;
		strncat(name, key, sizeof name - 3);
		amqp091_put_name(w, slice_str(name));
		if (!put_value(value, w, 0))
			return false;
	}
	return wr_ok(w);
}

struct slice definitions_policy_text(const cJSON *definition, const char *key)
{
	const char *name;
	const cJSON *value = NULL, *at = NULL;
	while ((at = policy_next(definition, at, &name, &value)) != NULL)
		if (strcmp(name, key) == 0 && cJSON_IsString(value) &&
		    strlen(value->valuestring) <= LIMIT_SHORTSTR)
			return slice_str(value->valuestring);
	return SLICE_EMPTY;
}

bool definitions_policy_has(const cJSON *definition, const char *key)
{
	const char *name;
	const cJSON *value, *at = NULL;
	while ((at = policy_next(definition, at, &name, &value)) != NULL)
		if (strcmp(name, key) == 0)
			return true;
	return false;
}

/* A policy says it otherwise than a queue's argument does, or does nothing that a queue may. */
static bool is_idle(const char *key)
{
	static const char *const used[] = { "alternate-exchange", "target-group-size" };
	static const char *const unused[] = { "message-deduplication", "name-prefix",
					      "queue-type" };
	char name[LIMIT_SHORTSTR + 1] = "x-";
	for (size_t i = 0; i < sizeof used / sizeof *used; i++)
		if (strcmp(key, used[i]) == 0)
			return false;
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (strcmp(key, unused[i]) == 0)
			return true;
	strncat(name, key, sizeof name - 3);
	enum queue_arg_value value;
	return !queue_arg_find(slice_str(name), &value);
}

const char *definitions_policy_idle(const cJSON *definition)
{
	const char *key;
	const cJSON *value = NULL, *at = NULL;
	while ((at = policy_next(definition, at, &key, &value)) != NULL)
		if (is_idle(key))
			return key;
	return NULL;
}

/* NULL: no memory. */
static cJSON *object_of(const cJSON *pairs)
{
	const char *key;
	const cJSON *value = NULL, *at = NULL;
	cJSON *object = cJSON_CreateObject();
	while (object && (at = policy_next(pairs, at, &key, &value)) != NULL) {
		cJSON *copy = value ? cJSON_Duplicate(value, true) : cJSON_CreateNull();
		if (!cJSON_AddItemToObject(object, key, copy)) {
			cJSON_Delete(copy);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

char *definitions_policy_members(const cJSON *policy, const char *const *apart)
{
	const cJSON *definition = cJSON_GetObjectItemCaseSensitive(policy, "definition");
	if (!cJSON_IsArray(definition))
		return definitions_members(policy, apart);
	cJSON *copy = cJSON_Duplicate(policy, true), *object = object_of(definition);
	char *members = NULL;
	if (copy && object && cJSON_ReplaceItemInObjectCaseSensitive(copy, "definition", object)) {
		object = NULL;
		members = definitions_members(copy, apart);
	}
	cJSON_Delete(object);
	cJSON_Delete(copy);
	return members;
}
