#include "auth/auth.h"
#include "base/list.h"
#include "io/pattern.h"
#include "migrate/migrate.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- files -------------------------------------------------------------------------------- */

static const char passwords[] = "ann:$7$101$c2FsdA==$aGFzaA==\nbob:$6$c2FsdA==$aGFzaA==\n"
				"c.d:$6$c2FsdA==$aGFzaA==\n";
static const char acls[] = "topic read news/#\n"
			   "topic write hello\n"
			   "user ann\n"
			   "topic a/+/x\n"
			   "topic deny a/secret/#\n"
			   "topic read $SYS/#\n"
			   "user bob\n"
			   "topic #\n"
			   "topic deny +/private\n"
			   "pattern read dev/%c/in\n"
			   "pattern write dev/%c/#\n"
			   "pattern home/%u/#\n";
static const char dynsec[] =
	"{\"defaultACLAccess\":{\"publishClientSend\":false,\"publishClientReceive\":true,"
	"\"subscribe\":false},\"clients\":[{\"username\":\"dyn\",\"password\":\"aGFzaA==\","
	"\"salt\":\"c2FsdA==\",\"iterations\":101,\"roles\":[{\"rolename\":\"low\",\"priority\":1},"
	"{\"rolename\":\"high\",\"priority\":2}]}],\"roles\":[{\"rolename\":\"low\",\"acls\":["
	"{\"acltype\":\"publishClientSend\",\"topic\":\"a/#\",\"allow\":true},"
	"{\"acltype\":\"subscribePattern\",\"topic\":\"a/#\",\"allow\":true},"
	"{\"acltype\":\"subscribeLiteral\",\"topic\":\"#\",\"allow\":true}]},"
	"{\"rolename\":\"high\",\"acls\":["
	"{\"acltype\":\"publishClientSend\",\"topic\":\"a/b\",\"allow\":false},"
	"{\"acltype\":\"publishClientReceive\",\"topic\":\"a/%u\",\"allow\":false}]}]}";
static const char plain[] = "listener 1883\nallow_anonymous true\npassword_file passwords\n"
			    "acl_file acls\n";
static const char conf[] = "listener 1883\nallow_anonymous true\npassword_file passwords\n"
			   "acl_file acls\nplugin /usr/lib/mosquitto_dynamic_security.so\n"
			   "plugin_opt_config_file dynsec\n";

/* The file `cut` has the first `cut_n` bytes of `instead`, in a block of its own. */
struct files {
	struct migrate_files port;
	const char *conf, *cut, *instead;
	size_t cut_n;
	char *block;
};

static bool give(struct migrate_files *port, struct slice path, struct slice *out, struct text *why)
{
	struct files *f = containerof(port, struct files, port);
	const struct {
		const char *name, *text;
	} all[] = { { "conf", f->conf },
		    { "passwords", passwords },
		    { "acls", acls },
		    { "dynsec", dynsec } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (!slice_eq(path, slice_str(all[i].name)))
			continue;
		*out = slice_str(all[i].text);
		if (f->cut == all[i].text) {
			f->block = malloc(f->cut_n ? f->cut_n : 1);
			must(f->block != NULL);
			memcpy(f->block, f->instead, f->cut_n);
			*out = slice_of(f->block, f->cut_n);
		}
		return true;
	}
	text_puts(why, "there is none");
	return false;
}

static bool none(struct migrate_files *port, struct slice dir, uint32_t i, struct slice *out)
{
	(void)port;
	(void)dir;
	(void)i;
	(void)out;
	return false;
}

static enum err migrate(struct files *f, struct migrate_out *out)
{
	static const struct migrate_files_ops ops = { .read = give, .list = none };
	static const char *const closed[] = { "listeners.tcp", NULL };
	char room[300];
	struct text why = text_of(room, sizeof room);
	f->port.ops = &ops;
	struct migrate_setup setup = { .files = &f->port,
				       .path = slice_str("conf"),
				       .definitions = slice_str("/x/definitions.json"),
				       .closed = closed,
				       .anonymous_password = slice_str("p"),
				       .anonymous_hash = slice_str("h"),
				       .anonymous_algorithm = "a" };
	enum err e = migrate_mosquitto(&setup, out, &why);
	must((e == ERR_OK) == (why.n == 0));
	free(f->block);
	f->block = NULL;
	return e;
}

/* ---- who may do what ---------------------------------------------------------------------- */

static const char *string_in(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) ? v->valuestring : "";
}

struct asked {
	const char *user, *client, *topic;
	enum auth_action action;
	bool is_allowed;
};

/* As a session asks: with the key of the topic, or of the filter. */
static bool is_allowed(const cJSON *definitions, struct patterns *p, const struct asked *a)
{
	char key[100];
	const cJSON *t;
	size_t n = strlen(a->topic);
	must(n < sizeof key);
	for (size_t i = 0; i < n; i++)
		key[i] = (char)(a->topic[i] == '/' ? '.' : a->topic[i] == '+' ? '*' : a->topic[i]);
	cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(definitions, "topic_permissions"))
	{
		struct grant g = { { [AUTH_WRITE] = slice_str(string_in(t, "write")),
				     [AUTH_READ] = slice_str(string_in(t, "read")) } };
		struct auth_wish w = { .kind = AUTH_EXCHANGE,
				       .action = a->action,
				       .user = slice_str(a->user),
				       .vhost = slice_str("/"),
				       .client = slice_str(a->client),
				       .name = slice_str("amq.topic"),
				       .key = slice_of(key, n) };
		if (strcmp(string_in(t, "user"), a->user) == 0)
			return auth_may_key(p, &g, &w);
	}
	must(!"a user without a topic permission");
	return true;
}

static const struct asked table[] = {
	/* lines of a user: what is denied comes first, and nothing else is allowed */
	{ "ann", "c", "a/b/x", AUTH_WRITE, true },
	{ "ann", "c", "a/b/x", AUTH_READ, true },
	{ "ann", "c", "a/b/y", AUTH_WRITE, false },
	{ "ann", "c", "a/b/x/y", AUTH_WRITE, false },
	{ "ann", "c", "a/secret/x", AUTH_WRITE, false },
	{ "ann", "c", "a/secret/x", AUTH_READ, false },
	{ "ann", "c", "xa/b/x", AUTH_WRITE, false },
	{ "ann", "c", "a/b/x\n", AUTH_WRITE, false },
	{ "ann", "c", "$SYS/broker/uptime", AUTH_READ, true },
	{ "ann", "c", "$SYS/#", AUTH_READ, true },
	{ "ann", "c", "$SYS", AUTH_READ, true },
	{ "ann", "c", "$SYS/x", AUTH_WRITE, false },
	{ "ann", "c", "hello", AUTH_WRITE, false },
	/* filters: all of their topics, or none */
	{ "ann", "c", "a/+/x", AUTH_READ, false },
	{ "ann", "c", "a/#", AUTH_READ, false },
	{ "ann", "c", "#", AUTH_READ, false },
	{ "bob", "c", "#", AUTH_READ, false },
	{ "bob", "c", "+/private", AUTH_READ, false },
	{ "bob", "c", "+/+", AUTH_READ, false },
	{ "bob", "c", "x/#", AUTH_READ, false },
	{ "bob", "c", "x/y/#", AUTH_READ, true },
	{ "bob", "c", "x/+/y", AUTH_READ, true },
	{ "bob", "c", "x/private", AUTH_READ, false },
	{ "bob", "c", "x/private/y", AUTH_READ, true },
	{ "bob", "c", "x/private", AUTH_WRITE, false },
	{ "bob", "c", "anything", AUTH_WRITE, true },
	{ "bob", "c", "$SYS/x", AUTH_READ, false },
	/* patterns */
	{ "ann", "c1", "dev/c1/in", AUTH_READ, true },
	{ "ann", "c1", "dev/c1/in", AUTH_WRITE, true },
	{ "ann", "c1", "dev/c1", AUTH_WRITE, true },
	{ "ann", "c1", "dev/c1/x/y", AUTH_WRITE, true },
	{ "ann", "c1", "dev/c2/in", AUTH_READ, false },
	{ "ann", "c1", "dev/c1x/in", AUTH_READ, false },
	{ "ann", "c1", "dev/+/in", AUTH_READ, false },
	{ "ann", "c1", "home/ann/x", AUTH_WRITE, true },
	{ "ann", "c1", "home/ann/#", AUTH_READ, true },
	{ "ann", "c1", "home/bob/x", AUTH_WRITE, false },
	{ "ann", "a-b_c", "dev/a-b_c/in", AUTH_READ, true },
	/* ids and names that would be more than a level, or mean something */
	{ "ann", "+", "dev/+/in", AUTH_READ, false },
	{ "ann", "*", "dev/+/in", AUTH_READ, false },
	{ "ann", "*", "dev/*/in", AUTH_READ, false },
	{ "ann", "#", "dev/#", AUTH_WRITE, false },
	{ "ann", "a.b", "dev/a/b/in", AUTH_READ, false },
	{ "ann", "a/b", "dev/a/b/in", AUTH_READ, false },
	{ "ann", "a.b", "dev/a/b", AUTH_WRITE, false },
	{ "ann", ".*", "dev/x/in", AUTH_READ, false },
	{ "ann", "x|", "dev/x/in", AUTH_READ, false },
	{ "ann", "x|y", "dev/x/in", AUTH_READ, false },
	{ "ann", "]", "dev/]/in", AUTH_READ, true },
	{ "ann", "^a-z\\", "dev/^a-z\\/in", AUTH_READ, true },
	{ "c.d", "c", "home/c/d/x", AUTH_WRITE, false },
	{ "c.d", "c", "dev/c/in", AUTH_READ, true },
	/* who gives no name */
	{ "anonymous", "c", "news/x", AUTH_READ, true },
	{ "anonymous", "c", "news/#", AUTH_READ, true },
	{ "anonymous", "c", "news", AUTH_WRITE, false },
	{ "anonymous", "c", "hello", AUTH_WRITE, true },
	{ "anonymous", "c", "hello", AUTH_READ, false },
	{ "anonymous", "c", "dev/c/in", AUTH_READ, true },
	{ "anonymous", "c", "home/anonymous/x", AUTH_WRITE, false },
	/* dynamic security: the first rule by priority, else what is said of all */
	{ "dyn", "c", "a/b", AUTH_WRITE, false },
	{ "dyn", "c", "a/c", AUTH_WRITE, true },
	{ "dyn", "c", "b", AUTH_WRITE, false },
	{ "dyn", "c", "a/x", AUTH_READ, true },
	{ "dyn", "c", "a/dyn", AUTH_READ, false },
	{ "dyn", "c", "a/x/#", AUTH_READ, true },
	{ "dyn", "c", "a/+", AUTH_READ, false },
	{ "dyn", "c", "b", AUTH_READ, false },
	{ "dyn", "c", "$CONTROL/x", AUTH_READ, false },
};

/* Those of dynamic security, or the others. */
static void ask_table(const char *with, bool is_dyn)
{
	struct files files = { .conf = with };
	struct migrate_out out;
	must(migrate(&files, &out) == ERR_OK);
	cJSON *definitions = cJSON_Parse(out.definitions);
	struct pattern_cache *patterns = pattern_new();
	must(definitions != NULL && patterns != NULL);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct asked *a = &table[i];
		bool is_his = is_dyn == (strcmp(a->user, "dyn") == 0);
		if (is_his && is_allowed(definitions, pattern_port(patterns), a) != a->is_allowed)
			fail_msg("%s as %s: %s %s", a->user, a->client,
				 a->action == AUTH_READ ? "read" : "write", a->topic);
	}
	pattern_free(patterns);
	cJSON_Delete(definitions);
	migrate_out_fini(&out);
}

static void expressions_allow_what_the_files_do(void **state)
{
	(void)state;
	ask_table(plain, false);
}

static void expressions_allow_what_dynamic_security_does(void **state)
{
	(void)state;
	ask_table(conf, true);
}

static void files_may_end_anywhere(void **state)
{
	(void)state;
	static const char *const all[] = { conf, passwords, acls, dynsec };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t n = 0; n <= strlen(all[i]); n++) {
			struct files files = {
				.conf = conf, .cut = all[i], .instead = all[i], .cut_n = n
			};
			struct migrate_out out;
			enum err e = migrate(&files, &out);
			must(e == ERR_OK || e == ERR_NOT_FOUND || e == ERR_MALFORMED);
			must((e == ERR_OK) == (out.definitions != NULL));
			migrate_out_fini(&out);
		}
}

/* More lines than an expression can have: nothing is allowed, and that is said. */
static void too_many_rules_allow_nothing(void **state)
{
	(void)state;
	static const char line[] = "topic write some/long/topic/with/levels/of/its/own\n";
	const size_t n = 400;
	char *text = malloc(n * (sizeof line - 1));
	must(text != NULL);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * (sizeof line - 1), line, sizeof line - 1);
	struct files files = {
		.conf = plain, .cut = acls, .instead = text, .cut_n = n * (sizeof line - 1)
	};
	struct migrate_out out;
	must(migrate(&files, &out) == ERR_OK);
	must(strstr(out.report, "he may publish nothing") != NULL);
	must(strstr(out.definitions, "\"write\": \"^$\"") != NULL);
	migrate_out_fini(&out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_allow_what_the_files_do),
		cmocka_unit_test(expressions_allow_what_dynamic_security_does),
		cmocka_unit_test(files_may_end_anywhere),
		cmocka_unit_test(too_many_rules_allow_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
