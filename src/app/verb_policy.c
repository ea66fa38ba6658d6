#include "app/verb_policy.h"

#include "app/verb_entry.h"

#include <string.h>

int verb_policies_load(struct verb_policies *p, const struct verb_call *call)
{
	int code;
	p->policies_file = verb_section_ask("policies", call, &p->policies, &code);
	if (p->policies_file)
		p->parameters_file = verb_section_ask("parameters", call, &p->parameters, &code);
	return code;
}

void verb_policies_free(struct verb_policies *p)
{
	cJSON_Delete(p->policies_file);
	cJSON_Delete(p->parameters_file);
	*p = (struct verb_policies){ .policies = NULL };
}

static bool is(const cJSON *entry, const char *member, const char *what)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(entry, member);
	return cJSON_IsString(own) && strcmp(own->valuestring, what) == 0;
}

/* What the entry of that name in a section says; `component`: of parameters, else NULL. */
static const cJSON *definition(const cJSON *section, const char *vhost, const char *name,
			       const char *component)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, section)
	{
		if (!is(entry, "vhost", vhost) || !is(entry, "name", name) ||
		    (component && !is(entry, "component", component)))
			continue;
		if (component)
			entry = cJSON_GetObjectItemCaseSensitive(entry, "value");
		return cJSON_GetObjectItemCaseSensitive(entry, "definition");
	}
	return NULL;
}

/* Of these the lesser holds. */
static bool is_limit(const char *key)
{
	static const char *const limits[] = { "delivery-limit",      "expires",
					      "max-in-memory-bytes", "max-in-memory-length",
					      "max-length",          "max-length-bytes",
					      "message-ttl" };
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (strcmp(limits[i], key) == 0)
			return true;
	return false;
}

static void add(cJSON *to, const cJSON *from)
{
	const cJSON *one;
	cJSON_ArrayForEach(one, from)
	{
		const cJSON *own = cJSON_GetObjectItemCaseSensitive(to, one->string);
		if (own && is_limit(one->string) && own->valuedouble <= one->valuedouble)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(to, one->string);
		cJSON_AddItemToObject(to, one->string, cJSON_Duplicate(one, true));
	}
}

cJSON *verb_policies_effect(const struct verb_policies *p, const char *vhost, const char *policy,
			    const char *operators)
{
	cJSON *effect = cJSON_CreateObject();
	if (vhost && policy && *policy)
		add(effect, definition(p->policies, vhost, policy, NULL));
	if (vhost && operators && *operators)
		add(effect, definition(p->parameters, vhost, operators, "operator_policy"));
	return effect;
}
