#include "core/policy.h"
#include "io/definitions_entry.h"
#include "session/amqp091/rules_of.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>
#include <string.h>

/* ---- the definition ----------------------------------------------------------------------- */

/* A definition is an object, or a list of pairs, as RabbitMQ 3.10 exports operator policies and does
 * not import them. The next of its keys, with its value; NULL: no more. */
static const cJSON *next_key(const cJSON *definition, const cJSON *last, const char **out_key,
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

/* Keys that are no arguments of queues with an "x-" before them, and arguments that are no keys. */
static bool is_other(const char *key)
{
	return strcmp(key, "alternate-exchange") == 0 || strcmp(key, "target-group-size") == 0;
}

static bool is_no_key(const char *key)
{
	static const char *const names[] = { "message-deduplication", "name-prefix", "queue-type" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

/* One key, as the queue's argument of that name is read; `texts` gets what the rule borrows. */
static enum err rule_of(const char *key, const cJSON *value, struct wr *texts,
			struct queue_rules *io)
{
	char name[LIMIT_SHORTSTR + 1] = "x-";
	struct amqp091_value v;
	const size_t at = texts->n;
	if (is_no_key(key) || !value || strlen(key) > LIMIT_SHORTSTR - 2)
		return ERR_NOT_FOUND;
	strncat(name, key, sizeof name - 3);
	const struct slice arg = slice_str(name);
	if (!definitions_named(arg, value, texts) ||
	    !amqp091_table_find(slice_from(wr_done(texts), at), arg, &v))
		return ERR_LIMIT;
	return amqp091_rule_of(arg, &v, io);
}

/* Each key by itself, so that one which says nothing here, or is of another type of queue, takes
 * nothing from the others. */
static enum err rules_of(const struct entry *e, const cJSON *definition, struct wr *texts,
			 struct queue_rules *out)
{
	const char *key;
	const cJSON *value = NULL, *at = NULL;
	*out = rules_none();
	while ((at = next_key(definition, at, &key, &value)) != NULL) {
		struct queue_rules more = *out;
		if (is_other(key))
			continue;
		if (rule_of(key, value, texts, &more) == ERR_OK)
			*out = more;
		else
			TRY(definitions_note(e, "is kept, but this does nothing:", key));
	}
	return ERR_OK;
}

static struct slice alternate_of(const cJSON *definition)
{
	const char *name;
	const cJSON *value = NULL, *at = NULL;
	while ((at = next_key(definition, at, &name, &value)) != NULL)
		if (strcmp(name, "alternate-exchange") == 0 && cJSON_IsString(value) &&
		    strlen(value->valuestring) <= LIMIT_SHORTSTR)
			return slice_str(value->valuestring);
	return SLICE_EMPTY;
}

/* NULL: no memory. */
static cJSON *object_of(const cJSON *pairs)
{
	const char *key;
	const cJSON *value = NULL, *at = NULL;
	cJSON *object = cJSON_CreateObject();
	while (object && (at = next_key(pairs, at, &key, &value)) != NULL) {
		cJSON *copy = value ? cJSON_Duplicate(value, true) : cJSON_CreateNull();
		if (!cJSON_AddItemToObject(object, key, copy)) {
			cJSON_Delete(copy);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

/* definitions_members of a policy; its definition becomes an object. */
static char *members_of(const cJSON *policy, const char *const *apart)
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

/* ---- a policy ----------------------------------------------------------------------------- */

/* To what it applies; nothing said: to everything. */
static uint8_t applies_to(const cJSON *policy)
{
	static const struct {
		const char *word;
		uint8_t bits;
	} words[] = {
		{ "all", 0xff },
		{ "exchanges", POLICY_EXCHANGES },
		{ "queues", POLICY_CLASSIC | POLICY_QUORUM | POLICY_STREAMS },
		{ "classic_queues", POLICY_CLASSIC },
		{ "quorum_queues", POLICY_QUORUM },
		{ "streams", POLICY_STREAMS },
	};
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(policy, "apply-to");
	for (size_t i = 0; cJSON_IsString(v) && i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, v->valuestring) == 0)
			return words[i].bits;
	return v ? 0 : 0xff;
}

enum err definitions_add_policy(const struct entry *e, struct fact *f, const cJSON *policy,
				const char *const *apart)
{
	static uint8_t value[FACT_VALUE_MAX], texts[CATALOG_ARGUMENTS_MAX];
	uint8_t rules_bytes[RULES_BYTES_MAX];
	struct wr w = wr_of(texts, sizeof texts);
	struct queue_rules rules;
	char room[512];
	struct text why = text_of(room, sizeof room);
	const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(policy, "pattern");
	const cJSON *priority = cJSON_GetObjectItemCaseSensitive(policy, "priority");
	const cJSON *definition = cJSON_GetObjectItemCaseSensitive(policy, "definition");
	if (!cJSON_IsString(pattern))
		return definitions_refuse(e, "needs the string", "pattern");
	if (!entry_is_pattern("pattern", slice_str(pattern->valuestring), &why))
		return definitions_leave_out(e, room);
	TRY(rules_of(e, definition, &w, &rules));
	char *json = members_of(policy, apart);
	if (!json)
		return ERR_RESOURCE_ERROR;
	struct policy p = { .pattern = slice_str(pattern->valuestring),
			    .rules = slice_of(rules_bytes,
					      rules_put(&rules, rules_bytes, sizeof rules_bytes)),
			    .alternate = alternate_of(definition),
			    .json = slice_str(json),
			    .apply_to = applies_to(policy),
			    .priority = cJSON_IsNumber(priority) ? priority->valueint : 0 };
	f->value = slice_of(value, policy_put(&p, value, sizeof value));
	enum err err = f->value.n ? definitions_fact(e, f)
				  : definitions_refuse(e, "is too large", "");
	free(json);
	return err;
}
