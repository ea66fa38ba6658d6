#include "io/definitions_json.h"

#include "base/limits.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX 9007199254740992.0 /* what a double says exactly */

struct member {
	cJSON *item;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	int is = strcmp(one->item->string, other->item->string);
	return is != 0 ? is : (one->at > other->at) - (one->at < other->at);
}

/* Of an object with n members. */
static bool unrepeat(cJSON *object, size_t n)
{
	struct member *members = malloc(n * sizeof *members);
	if (!members)
		return false;
	n = 0;
	for (cJSON *v = object->child; v; v = v->next, n++)
		members[n] = (struct member){ v, n };
	qsort(members, n, sizeof *members, by_name);
	for (size_t i = 0; i + 1 < n; i++)
		if (strcmp(members[i].item->string, members[i + 1].item->string) == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(object, members[i].item));
	free(members);
	return true;
}

bool definitions_unrepeat(cJSON *json)
{
	size_t n = 0;
	for (cJSON *v = json->child; v; v = v->next, n++)
		if (!definitions_unrepeat(v))
			return false;
	return n < 2 || !cJSON_IsObject(json) || unrepeat(json, n);
}

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

bool definitions_named(struct slice name, const cJSON *value, struct wr *w)
{
	if (name.n > LIMIT_SHORTSTR)
		return false;
	amqp091_put_name(w, name);
	return put_value(value, w, 0);
}
