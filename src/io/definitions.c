#include "io/definitions.h"

#include "auth/account.h"
#include "auth/grant.h"
#include "auth/scram.h"
#include "core/fact.h"
#include "io/definitions_entry.h"
#include "io/password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Limits are an object, or pairs in a list, as 3.10 writes them. NULL: there is no such one. */
static const cJSON *limit_said(const cJSON *limits, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(limits, name), *pair;
	if (!cJSON_IsArray(limits))
		return v;
	v = NULL;
	cJSON_ArrayForEach(pair, limits)
	{
		const cJSON *key = cJSON_GetArrayItem(pair, 0);
		if (cJSON_IsString(key) && strcmp(key->valuestring, name) == 0)
			v = cJSON_GetArrayItem(pair, 1);
	}
	return v;
}

/* -1: any number. */
static int64_t limit_of(const cJSON *limits, const char *name)
{
	const cJSON *v = limit_said(limits, name);
	return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1e15
		       ? (int64_t)v->valuedouble
		       : -1;
}

static enum err note_others(const struct entry *e, const cJSON *limits, const char *objects)
{
	const cJSON *one;
	cJSON_ArrayForEach(one, limits)
	{
		const cJSON *key = cJSON_GetArrayItem(one, 0);
		const char *name = one->string           ? one->string
				   : cJSON_IsString(key) ? key->valuestring
							 : "";
		if (strcmp(name, "max-connections") != 0 && strcmp(name, objects) != 0)
			TRY(definitions_note(e, "has a limit that does nothing:", name));
	}
	return ERR_OK;
}

/* Who says that there is no limit lifts one that there was. */
static enum err add_limits(const struct entry *e, enum fact_kind kind, struct slice name,
			   const cJSON *limits, const char *objects)
{
	uint8_t buf[FACT_LIMITS_BYTES];
	struct fact_limits l = { limit_of(limits, "max-connections"), limit_of(limits, objects) };
	struct fact f = fact_of(kind, name, SLICE_EMPTY, SLICE_EMPTY);
	TRY(note_others(e, limits, objects));
	if (!limit_said(limits, "max-connections") && !limit_said(limits, objects))
		return ERR_OK;
	fact_limits_put(&l, buf);
	f.value = slice_of(buf, sizeof buf);
	return definitions_fact(e, &f);
}

/* ---- sections ----------------------------------------------------------------------------- */

static enum err read_vhost(const struct entry *e)
{
	struct slice name;
	bool is_taken;
	TRY(definitions_read_vhost(e, &name, &is_taken));
	return !is_taken ? ERR_OK
			 : add_limits(e, FACT_VHOST_LIMITS, name,
				      cJSON_GetObjectItemCaseSensitive(e->in, "limits"),
				      "max-queues");
}

/* A list, or words with commas between them. */
static void read_tags(const cJSON *tags, struct account *out)
{
	const cJSON *v = cJSON_IsArray(tags) ? tags->child : NULL;
	for (; v; v = v->next)
		if (cJSON_IsString(v) && out->tags_n < ACCOUNT_TAGS_MAX &&
		    strlen(v->valuestring) <= LIMIT_SHORTSTR)
			out->tags[out->tags_n++] = slice_str(v->valuestring);
	struct slice rest = cJSON_IsString(tags) ? slice_str(tags->valuestring) : SLICE_EMPTY;
	while (rest.n > 0 && out->tags_n < ACCOUNT_TAGS_MAX) {
		size_t n = slice_find(rest, ',');
		if (n > 0 && n <= LIMIT_SHORTSTR)
			out->tags[out->tags_n++] = slice_sub(rest, 0, n);
		rest = n < rest.n ? slice_from(rest, n + 1) : SLICE_EMPTY;
	}
}

static enum err read_user(const struct entry *e)
{
	static const char *const known[] = { "name",
					     "password_hash",
					     "hashing_algorithm",
					     "scram_sha256",
					     "password",
					     "tags",
					     "limits",
					     NULL };
	uint8_t buf[ACCOUNT_BYTES_MAX];
	char made[512], room[512], line[SCRAM_VERIFIER_MAX];
	struct text hash = text_of(made, sizeof made), why = text_of(room, sizeof room);
	struct text scram = text_of(line, sizeof line);
	struct slice name, password = entry_string(e, "password");
	struct account a = { .algorithm = entry_string(e, "hashing_algorithm"),
			     .hash = entry_string(e, "password_hash"),
			     .scram = entry_string(e, "scram_sha256") };
	struct scram_verifier verifier;
	TRY(entry_name(e, "name", &name));
	TRY(entry_note_others(e, known));
	if (a.algorithm.n == 0)
		a.algorithm = slice_str("rabbit_password_hashing_md5"); /* before 3.6 */
	if (password.n > 0) {
		const char *algorithm = password_make(password, &hash);
		if (!algorithm)
			return definitions_refuse(e, "has a password that cannot be hashed:", "");
		a.algorithm = slice_str(algorithm);
		a.hash = text_slice(&hash);
		password_make_scram(password, &scram);
		a.scram = text_slice(&scram);
	}
	if (a.algorithm.n > LIMIT_SHORTSTR || a.hash.n > 4096)
		return definitions_refuse(e, "is too large:", "password_hash");
	if (password_check(a.algorithm, a.hash, &why) != ERR_OK)
		return definitions_leave_out(e, room);
	if (a.scram.n > 0 && scram_verifier_get(a.scram, &verifier) != ERR_OK)
		return definitions_leave_out(e, "its scram_sha256 is no SCRAM-SHA-256$...");
	read_tags(cJSON_GetObjectItemCaseSensitive(e->in, "tags"), &a);
	struct fact f = fact_of(FACT_USER, name, SLICE_EMPTY, SLICE_EMPTY);
	f.value = slice_of(buf, account_put(&a, buf, sizeof buf));
	TRY(definitions_fact(e, &f));
	return add_limits(e, FACT_USER_LIMITS, name,
			  cJSON_GetObjectItemCaseSensitive(e->in, "limits"), "max-channels");
}

static enum err read_grant(const struct entry *e, bool is_topic)
{
	static const char *const known[] = { "user",  "vhost", "exchange", "configure",
					     "write", "read",  NULL };
	static uint8_t buf[GRANT_BYTES_MAX];
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct slice user, vhost, exchange = SLICE_EMPTY;
	struct grant g = { { [AUTH_CONFIGURE] = entry_string(e, "configure"),
			     [AUTH_WRITE] = entry_string(e, "write"),
			     [AUTH_READ] = entry_string(e, "read") } };
	TRY(entry_name(e, "user", &user));
	TRY(entry_name(e, "vhost", &vhost));
	if (is_topic)
		TRY(entry_name(e, "exchange", &exchange));
	TRY(entry_note_others(e, known));
	if (!entry_is_pattern("configure", g.pattern[AUTH_CONFIGURE], &why) ||
	    !entry_is_pattern("write", g.pattern[AUTH_WRITE], &why) ||
	    !entry_is_pattern("read", g.pattern[AUTH_READ], &why))
		return definitions_leave_out(e, room);
	struct fact f = fact_of(is_topic ? FACT_TOPIC_PERMISSION : FACT_PERMISSION, user, vhost,
				exchange);
	f.value = slice_of(buf, grant_put(&g, buf, sizeof buf));
	return f.value.n ? definitions_fact(e, &f)
			 : definitions_refuse(e, "has too long a pattern", "");
}

static enum err read_permission(const struct entry *e)
{
	return read_grant(e, false);
}

static enum err read_topic_permission(const struct entry *e)
{
	return read_grant(e, true);
}

/* A fact whose value is JSON. */
static enum err add_json(const struct entry *e, struct fact *f, const cJSON *value)
{
	char *json = value ? cJSON_PrintUnformatted(value) : NULL;
	if (!json)
		return value ? ERR_RESOURCE_ERROR
			     : definitions_refuse(e, "needs the member", "value");
	f->value = slice_str(json);
	enum err err = definitions_fact(e, f);
	free(json);
	return err;
}

static enum err read_policy(const struct entry *e)
{
	static const char *const apart[] = { "vhost", "name", NULL };
	struct slice vhost, name;
	TRY(entry_name(e, "vhost", &vhost));
	TRY(entry_name(e, "name", &name));
	struct fact f = fact_of(FACT_POLICY, vhost, name, SLICE_EMPTY);
	return definitions_add_policy(e, &f, e->in, apart);
}

static enum err read_parameter(const struct entry *e)
{
	static const char *const none[] = { NULL };
	static const char *const known[] = { "vhost", "component", "name", "value", NULL };
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(e->in, "value");
	struct slice vhost, component, name;
	TRY(entry_name(e, "vhost", &vhost));
	TRY(entry_name(e, "component", &component));
	TRY(entry_name(e, "name", &name));
	TRY(entry_note_others(e, known));
	if (slice_eq(component, slice_str("vhost-limits")))
		return add_limits(e, FACT_VHOST_LIMITS, vhost, value, "max-queues");
	if (slice_eq(component, slice_str("operator_policy"))) {
		struct fact policy = fact_of(FACT_OPERATOR_POLICY, vhost, name, SLICE_EMPTY);
		return definitions_add_policy(e, &policy, value, none);
	}
	struct fact f = fact_of(FACT_PARAMETER, vhost, component, name);
	return add_json(e, &f, value);
}

static enum err read_global(const struct entry *e)
{
	static const char *const known[] = { "name", "value", NULL };
	struct slice name;
	TRY(entry_name(e, "name", &name));
	TRY(entry_note_others(e, known));
	struct fact f = fact_of(FACT_GLOBAL_PARAMETER, name, SLICE_EMPTY, SLICE_EMPTY);
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(e->in, "value");
	TRY(add_json(e, &f, value));
	return definitions_mapping(e, name, value);
}

/* ---- the file ----------------------------------------------------------------------------- */

/* In the order in which things need each other. */
static const struct {
	const char *name;
	enum err (*read)(const struct entry *e);
} sections[] = {
	{ "vhosts", read_vhost },
	{ "users", read_user },
	{ "permissions", read_permission },
	{ "topic_permissions", read_topic_permission },
	{ "parameters", read_parameter },
	{ "global_parameters", read_global },
	{ "policies", read_policy },
	{ "exchanges", definitions_read_exchange },
	{ "queues", definitions_read_queue },
	{ "bindings", definitions_read_binding },
};
#define SECTIONS (sizeof sections / sizeof *sections)

static const char *const about[] = {
	"rabbit_version",        "rabbitmq_version",           "product_name", "product_version",
	"original_cluster_name", "rabbitmq_definition_format", "explanation"
};

static enum err read_section(struct definitions *d, const cJSON *root, size_t i, struct text *why)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, sections[i].name), *v;
	struct entry e = { d, sections[i].name, 0, NULL, why };
	if (!list)
		return ERR_OK;
	if (!cJSON_IsArray(list)) {
		text_putf(why, "%s is no list", sections[i].name);
		return ERR_MALFORMED;
	}
	cJSON_ArrayForEach(v, list)
	{
		e.in = v;
		if (!cJSON_IsObject(v))
			return definitions_refuse(&e, "is no object", "");
		enum err err = sections[i].read(&e);
		if (err != ERR_OK && why->n == 0)
			err = definitions_refuse(&e, "cannot be taken:", err_words[err].text);
		TRY(err);
		e.at++;
	}
	return ERR_OK;
}

static bool is_known_section(const char *name)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (strcmp(sections[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < sizeof about / sizeof *about; i++)
		if (strcmp(about[i], name) == 0)
			return true;
	return false;
}

static enum err keep_unknown(struct definitions *d, const cJSON *root, struct text *why)
{
	for (const cJSON *v = root->child; v; v = v->next) {
		struct entry e = { d, v->string, 0, v, why };
		if (is_known_section(v->string))
			continue;
		if (strlen(v->string) > LIMIT_SHORTSTR)
			return definitions_refuse(&e, "has too long a name", "");
		struct fact f = fact_of(FACT_UNKNOWN, slice_str(v->string), slice_str("0"),
					SLICE_EMPTY);
		TRY(definitions_note(&e, "is unknown, and kept as it is", ""));
		TRY(add_json(&e, &f, v));
	}
	return ERR_OK;
}

static enum err read_root(struct definitions *d, const cJSON *root, struct text *why)
{
	if (!cJSON_IsObject(root)) {
		text_puts(why, "is no object of JSON");
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < SECTIONS; i++)
		TRY(read_section(d, root, i, why));
	TRY(keep_unknown(d, root, why));
	return definitions_end(d);
}

static const char *behind_blanks(const char *at, const char *end)
{
	must(at <= end);
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

enum err definitions_read(struct definitions *d, struct slice text, struct text *why)
{
	*d = (struct definitions){ 0 };
	const char *end = NULL, *begin = (const char *)text.p;
	cJSON *root = text.n ? cJSON_ParseWithLengthOpts(begin, text.n, &end, 0) : NULL;
	if (root)
		end = behind_blanks(end, begin + text.n);
	if (!root || end < begin + text.n) {
		text_putf(why, "is no JSON, from byte %zu on", end ? (size_t)(end - begin) : 0);
		cJSON_Delete(root);
		return ERR_MALFORMED;
	}
	enum err e = definitions_unrepeat(root) ? read_root(d, root, why) : ERR_RESOURCE_ERROR;
	cJSON_Delete(root);
	if (e != ERR_OK)
		definitions_fini(d);
	return e;
}

void definitions_fini(struct definitions *d)
{
	free(d->items);
	free(d->notes);
	free(d->kept);
	*d = (struct definitions){ 0 };
}

enum err definitions_load(struct definitions *d, const char *path, struct text *why)
{
	FILE *f = fopen(path, "rbe");
	long n = -1;
	if (f && fseek(f, 0, SEEK_END) == 0)
		n = ftell(f);
	char *bytes = n >= 0 && (size_t)n <= DEFINITIONS_BYTES_MAX ? malloc((size_t)n + 1) : NULL;
	bool is_read = bytes && fseek(f, 0, SEEK_SET) == 0 &&
		       fread(bytes, 1, (size_t)n, f) == (size_t)n;
	int error = errno;
	if (f)
		fclose(f);
	text_putf(why, "%s: ", path);
	enum err e = ERR_IO;
	struct text reason = text_of(why->p + why->n, why->cap - why->n);
	if (is_read)
		e = definitions_read(d, slice_of(bytes, (size_t)n), &reason);
	else
		text_puts(&reason, strerror(error));
	why->n += reason.n;
	free(bytes);
	return e;
}
