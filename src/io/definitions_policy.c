#include "core/policy.h"
#include "io/definitions_entry.h"
#include "session/amqp091/rules_of.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>
#include <string.h>

/* ---- the definition ----------------------------------------------------------------------- */

/* A definition is an object, or a list of pairs, as RabbitMQ 3.10 exports operator policies and
 * does not import them. The next of its keys, with its value; NULL: no more. */
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

enum { USER = 1, OPERATOR = 2 };

static const struct policy_key {
	const char *name, *argument, *noun;
	uint8_t setters;
} keys[] = {
#define POLICY_KEY(name, argument, setters, prose) { name, argument, prose, setters },
#include "io/policy_key.def"
#undef POLICY_KEY
};

/* NULL: it means nothing here. */
static const struct policy_key *key_of(const char *name)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* The value of a key, as a field table's; `texts` gets what it borrows. */
static bool value_of(const cJSON *value, struct wr *texts, struct amqp091_value *out)
{
	const struct slice name = slice_str("v");
	const size_t at = texts->n;
	return value && definitions_named(name, value, texts) &&
	       amqp091_table_find(slice_from(wr_done(texts), at), name, out);
}

/* As RabbitMQ spells it. */
static void put_value(const cJSON *value, struct text *out)
{
	uint8_t room[1024];
	struct wr w = wr_of(room, sizeof room);
	struct amqp091_value v;
	if (value_of(value, &w, &v))
		amqp091_erl_value(&v, out);
}

/* False: it makes no sense, and `why` says so. */
static bool take_key(const struct policy_key *key, const cJSON *value, uint8_t setter,
		     struct wr *texts, struct queue_rules *io, struct text *why)
{
	struct amqp091_value v;
	bool is_good = value_of(value, texts, &v);
	if (!(key->setters & setter)) {
		text_putf(why, "[{<<\"%s\">>,", key->name);
		put_value(value, why);
		text_puts(why, "}] are not recognised policy settings");
		return false;
	}
	if (is_good && key->argument)
		is_good = amqp091_rule_of(slice_str(key->argument), &v, io) == ERR_OK;
	else if (is_good)
		is_good = v.type == AMQP091_TYPE_LONGSTR && v.octets.n <= LIMIT_SHORTSTR;
	if (is_good)
		return true;
	put_value(value, why);
	text_putf(why, " is not a valid %s", key->noun);
	return false;
}

/* Each key by itself, so that one of another type of queue takes nothing from the others. What is
 * no key is noted. ERR_PRECONDITION_FAILED: one makes no sense. */
static enum err rules_of(const struct entry *e, const cJSON *definition, uint8_t setter,
			 struct wr *texts, struct queue_rules *out, struct text *why)
{
	const char *name;
	const cJSON *value = NULL, *at = NULL;
	*out = rules_none();
	if (!next_key(definition, NULL, &name, &value))
		text_puts(why, "no policy provided");
	while (why->n == 0 && (at = next_key(definition, at, &name, &value)) != NULL) {
		const struct policy_key *key = key_of(name);
		if (!key)
			TRY(definitions_note(e, "has a key that does nothing:", name));
		else
			(void)take_key(key, value, setter, texts, out, why);
	}
	return why->n == 0 ? ERR_OK : ERR_PRECONDITION_FAILED;
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

/* To what it applies; nothing said: to everything. 0: to what nobody knows. */
static uint8_t applies_to(const cJSON *policy, struct text *why)
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
	if (!v)
		return 0xff;
	text_putf(why,
		  "apply-to '%.100s' unrecognised; should be 'queues', 'classic_queues', "
		  "'quorum_queues', 'streams', 'exchanges' or 'all'",
		  cJSON_IsString(v) ? v->valuestring : "");
	return 0;
}

static int64_t priority_of(const cJSON *policy, struct text *why)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(policy, "priority");
	if (!v || cJSON_IsNumber(v))
		return v ? v->valueint : 0;
	text_puts(why, "priority should be a number, actually was ");
	put_value(v, why);
	return 0;
}

/* Reads it but for its JSON; what it borrows is in `texts` and rules_bytes. why->n > 0: it is none
 * that a broker should have. */
static enum err read(const struct entry *e, const cJSON *policy, uint8_t setter, struct wr *texts,
		     uint8_t *rules_bytes, struct policy *out, struct text *why)
{
	struct queue_rules rules;
	const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(policy, "pattern");
	const cJSON *definition = cJSON_GetObjectItemCaseSensitive(policy, "definition");
	if (!cJSON_IsString(pattern))
		return definitions_refuse(e, "needs the string", "pattern");
	*out = (struct policy){ .pattern = slice_str(pattern->valuestring),
				.alternate = alternate_of(definition) };
	if (!entry_is_pattern("pattern", out->pattern, why))
		return ERR_OK;
	out->priority = priority_of(policy, why);
	if (why->n == 0)
		out->apply_to = applies_to(policy, why);
	if (why->n > 0)
		return ERR_OK;
	enum err err = rules_of(e, definition, setter, texts, &rules, why);
	out->rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, RULES_BYTES_MAX));
	return err == ERR_PRECONDITION_FAILED ? ERR_OK : err;
}

enum err definitions_add_policy(const struct entry *e, struct fact *f, const cJSON *policy,
				const char *const *apart)
{
	static uint8_t value[FACT_VALUE_MAX], texts[CATALOG_ARGUMENTS_MAX];
	uint8_t rules_bytes[RULES_BYTES_MAX];
	struct wr w = wr_of(texts, sizeof texts);
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct policy p;
	TRY(read(e, policy, f->kind == FACT_OPERATOR_POLICY ? OPERATOR : USER, &w, rules_bytes, &p,
		 &why));
	if (why.n > 0)
		return definitions_leave_out(e, room);
	char *json = members_of(policy, apart);
	if (!json)
		return ERR_RESOURCE_ERROR;
	p.json = slice_str(json);
	f->value = slice_of(value, policy_put(&p, value, sizeof value));
	enum err err = f->value.n ? definitions_fact(e, f)
				  : definitions_refuse(e, "is too large", "");
	free(json);
	return err;
}
