#include "auth/account.h"
#include "base/must.h"
#include "base/rd.h"
#include "core/catalog.h"
#include "core/policy.h"
#include "io/definitions_for_tests.h"
#include "io/password.h"
#include "io/pattern.h"
#include "port/secret.h"
#include "session/manage/item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void a_file_of_rabbitmq_is_taken_whole(void **state)
{
	(void)state;
	struct definitions d;
	struct text why = text_of(reason, sizeof reason);
	struct account a;
	struct policy p;
	struct queue_rules rules;
	must(definitions_load(&d, "test/definitions/rabbitmq-3.10.json", &why) == ERR_OK);
	must(slice_eq(slice_of(d.notes, d.notes_n),
		      slice_str("policies[1]: has a key that does nothing: ha-mode\n"
				"policies[1]: has a key that does nothing: ha-sync-mode\n")));
	struct fact f = fact(&d, FACT_USER, "ann");
	must(account_get(f.value, &a) == ERR_OK && a.tags_n == 2);
	must(slice_eq(a.hash, slice_str("SJfXZIoJcCarPbTjSypEi1D6iSWZ1wLE0JaiCSlkld4qIIg+")));
	must(password_fits(a.algorithm, a.hash, slice_str("pw")));
	must(!password_fits(a.algorithm, a.hash, slice_str("pW")));
	f = fact(&d, FACT_USER_LIMITS, "ann");
	must(fact_limits_of(&f).connections == 20 && fact_limits_of(&f).objects == 300);
	f = fact(&d, FACT_VHOST_LIMITS, "north");
	must(fact_limits_of(&f).connections == -1 && fact_limits_of(&f).objects == 4);
	f = fact(&d, FACT_POLICY, "/");
	must(policy_get(f.value, &p) == ERR_OK && rules_get(p.rules, &rules) == ERR_OK);
	must(rules.max_length == 10 && rules.message_ttl_ms == 60000 && p.priority == 3);
	must(rules.type == RULE_NONE && p.apply_to == 14);
	f = fact(&d, FACT_OPERATOR_POLICY, "/");
	must(policy_get(f.value, &p) == ERR_OK && rules_get(p.rules, &rules) == ERR_OK);
	must(rules.max_length == 5);
	static const char members[] = "\"apply-to\":\"queues\",\"definition\":{\"max-length\":5},"
				      "\"pattern\":\".*\",\"priority\":1";
	must(slice_eq(p.json, slice_str(members)));
	struct rd r = rd_of(item(&d, ITEM_QUEUE, 0));
	struct declare_queue q;
	must(slice_eq(rd_str8(&r), slice_str("/")));
	must(declare_queue_get(rd_rest(&r), &q) == ERR_OK);
	must(slice_eq(q.name, slice_str("orders")) && q.flags == QUEUE_DURABLE);
	must(rules_get(q.rules, &rules) == ERR_OK && rules.max_length == 100);
	must(item(&d, ITEM_QUEUE, 2).n > 0 && item(&d, ITEM_BINDING, 1).n > 0);
	must(item(&d, ITEM_EXCHANGE, 0).n > 0);
	definitions_fini(&d);
}

static void what_is_unknown_is_kept_and_noted(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d, "{\"future\": [1, {\"a\": 2}], \"users\": [{\"name\": \"a\", \"x\": 1}]}") ==
	     ERR_OK);
	struct fact f = fact(&d, FACT_UNKNOWN, "future");
	must(slice_eq(f.value, slice_str("[1,{\"a\":2}]")));
	must(d.noted_n == 2 && strstr(d.notes, "future[0]: is unknown, and kept as it is"));
	must(strstr(d.notes, "users[0]: has an unknown member, which is left out: x"));
	definitions_fini(&d);
}

static void what_has_an_unknown_type_is_kept_with_its_bindings(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d,
		  "{\"exchanges\":[{\"name\":\"rt\",\"vhost\":\"/\",\"type\":\"x-rtopic\"}],"
		  "\"queues\":[{\"name\":\"q\",\"vhost\":\"/\",\"arguments\":{\"x-queue-type\":"
		  "\"tape\"}},{\"name\":\"r\",\"vhost\":\"/\"}],\"bindings\":["
		  "{\"source\":\"rt\",\"vhost\":\"/\",\"destination\":\"r\",\"routing_key\":\"\"},"
		  "{\"source\":\"a\",\"vhost\":\"/\",\"destination\":\"q\",\"routing_key\":\"\"},"
		  "{\"source\":\"a\",\"vhost\":\"v\",\"destination\":\"q\",\"routing_key\":\"\"}"
		  "]}") == ERR_OK);
	must(slice_eq(fact(&d, FACT_UNKNOWN, "exchanges").value,
		      slice_str("{\"name\":\"rt\",\"vhost\":\"/\",\"type\":\"x-rtopic\"}")));
	must(slice_starts_with(fact(&d, FACT_UNKNOWN, "bindings").value,
			       slice_str("{\"source\":\"rt\"")));
	must(fact(&d, FACT_UNKNOWN, "queues").name[1].n == 16);
	must(d.items_n == 6 && d.refused_n == 4 && item(&d, ITEM_BINDING, 0).n > 0);
	must(slice_eq(
		slice_of(d.notes, d.notes_n),
		slice_str("exchanges[0]: is left out, but kept for an export: its type is unknown\n"
			  "queues[0]: is left out, but kept for an export: its type is unknown\n"
			  "bindings[0]: is left out, but kept for an export: one of its ends has "
			  "an unknown type\n"
			  "bindings[1]: is left out, but kept for an export: one of its ends has "
			  "an unknown type\n")));
	definitions_fini(&d);
}

static void what_makes_no_sense_is_refused_with_its_place(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d, "") == ERR_MALFORMED && read(&d, "[]") == ERR_MALFORMED);
	must(read(&d, "{}{}") == ERR_MALFORMED && read(&d, " {} \n") == ERR_OK);
	definitions_fini(&d);
	must(read(&d, "{\"users\": 5}") == ERR_MALFORMED);
	assert_string_equal(reason, "users is no list");
	must(read(&d, "{\"users\": [{\"name\": \"a\"}, {\"nam\": 1}]}") == ERR_MALFORMED);
	assert_string_equal(reason, "users[1]: needs the string name");
	must(read(&d, "{\"policies\": [{\"vhost\": \"/\", \"name\": \"p\"}]}") == ERR_MALFORMED);
	assert_string_equal(reason, "policies[0]: needs the string pattern");
}

static void every_prefix_of_a_file_is_refused(void **state)
{
	(void)state;
	static const char whole[] = "{\"vhosts\":[{\"name\":\"/\"}],\"queues\":[{\"name\":\"q\","
				    "\"vhost\":\"/\",\"arguments\":{\"x-max-length\":5}}]}";
	char part[sizeof whole];
	struct definitions d;
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		memcpy(part, whole, n);
		part[n] = '\0';
		must(read(&d, part) == ERR_MALFORMED);
	}
	must(read(&d, whole) == ERR_OK && d.items_n == 3);
	definitions_fini(&d);
}

/* Whether the virtual host "v" has that value, and its queues that type; -1: it names none. */
static bool is_vhost(const struct definitions *d, const char *value, int type)
{
	struct slice named = fact(d, FACT_VHOST_TYPE, "v").value;
	must(named.n == (type >= 0) && d->items_n == 2);
	return slice_eq(fact(d, FACT_VHOST, "v").value, slice_str(value)) &&
	       (type < 0 || named.p[0] == type);
}

static void a_virtual_host_may_have_a_type_for_its_queues(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d, "{\"vhosts\":[{\"name\":\"v\",\"tags\":[],\"metadata\":"
		      "{\"default_queue_type\":\"rabbit_quorum_queue\"}}]}") == ERR_OK);
	must(is_vhost(&d,
		      "\"tags\":[],\"metadata\":{\"default_queue_type\":"
		      "\"rabbit_quorum_queue\"},\"default_queue_type\":\"quorum\"",
		      QUEUE_QUORUM));
	definitions_fini(&d);
	must(read(&d, "{\"vhosts\":[{\"default_queue_type\":\"rabbit_stream_queue\",\"name\":\"v\"}"
		      "]}") == ERR_OK);
	must(is_vhost(&d, "\"default_queue_type\":\"stream\"", QUEUE_STREAM));
	definitions_fini(&d);
	must(read(&d, "{\"vhosts\":[{\"name\":\"v\",\"default_queue_type\":\"undefined\"}]}") ==
	     ERR_OK);
	must(is_vhost(&d, "\"default_queue_type\":\"undefined\"", -1));
	definitions_fini(&d);
	must(read(&d, "{\"vhosts\":[{\"name\":\"v\"}]}") == ERR_OK && is_vhost(&d, "", -1));
	definitions_fini(&d);
	must(read(&d, "{\"vhosts\":[{\"name\":\"v\",\"default_queue_type\":\"bogus\"}]}") ==
	     ERR_OK);
	must(d.items_n == 0 && strstr(d.notes, "bogus is not a valid queue type"));
	definitions_fini(&d);
	must(read(&d,
		  "{\"vhosts\":[{\"name\":\"v\",\"metadata\":{\"default_queue_type\":\"\"}}]}") ==
	     ERR_OK);
	must(d.items_n == 0 && strstr(d.notes, "must not be an empty string"));
	definitions_fini(&d);
}

static void a_mapping_is_kept_as_what_it_means(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d, "{\"global_parameters\":[{\"name\":\"mqtt_default_vhosts\",\"value\":"
		      "{\"O=a\\\"b,CN=\\u00fc\":\"x\\u20ac\",\"no\":5,\"nor\":{\"b\":\"c\"},"
		      "\"b\":\"\"}}]}") == ERR_OK);
	must(d.items_n == 2);
	must(slice_eq(fact(&d, FACT_MAPPING, "mqtt_default_vhosts").value,
		      slice_str("\013O=a\"b,CN=\xc3\xbc\004x\xe2\x82\xac")));
	definitions_fini(&d);
	must(read(&d,
		  "{\"global_parameters\":[{\"name\":\"mqtt_port_to_vhost_mapping\","
		  "\"value\":[\"1883\",\"/\"]},{\"name\":\"other\",\"value\":{\"a\":\"b\"}}]}") ==
	     ERR_OK);
	must(d.items_n == 3 && fact(&d, FACT_MAPPING, "mqtt_port_to_vhost_mapping").value.n == 0);
	definitions_fini(&d);
}

static void passwords_are_hashed_anew_and_checked(void **state)
{
	(void)state;
	char room[300];
	struct text hash = text_of(room, sizeof room);
	const char *algorithm = password_make(slice_str("secret"), &hash);
	must(algorithm != NULL && password_is_dear(slice_str(algorithm)));
	must(password_fits(slice_str(algorithm), text_slice(&hash), slice_str("secret")));
	must(!password_fits(slice_str(algorithm), text_slice(&hash), slice_str("secreT")));
	must(!password_fits(slice_str(algorithm), text_slice(&hash), slice_str("")));
	must(!password_fits(slice_str("rot13"), slice_str("frperg"), slice_str("secret")));
	must(!password_fits(slice_str("rabbit_password_hashing_sha256"), slice_str("!!!!"),
			    slice_str("x")));
}

static void a_password_in_the_open_gets_rabbitmqs_salted_sum(void **state)
{
	(void)state;
	char room[2][SECRET_HASH_MAX + 1];
	struct text hash = text_of(room[0], sizeof room[0]);
	struct text other = text_of(room[1], sizeof room[1]);
	const char *algorithm = password_make_cheap(slice_str("secret"), &hash);
	must(algorithm != NULL && !password_is_dear(slice_str(algorithm)));
	must(password_make_cheap(slice_str("secret"), &other) != NULL);
	must(!slice_eq(text_slice(&hash), text_slice(&other)));
	must(password_fits(slice_str(algorithm), text_slice(&hash), slice_str("secret")));
	must(!password_fits(slice_str(algorithm), text_slice(&hash), slice_str("secreT")));
	must(!password_fits(slice_str(algorithm), slice_sub(text_slice(&hash), 0, 44),
			    slice_str("secret")));
}

/* Salt 01 02 03 04; the sums are sha256sum's, sha512sum's and md5sum's. */
static void rabbitmqs_hashes_fit(void **state)
{
	(void)state;
	static const struct {
		const char *name, *hash;
	} of[] = {
		{ "rabbit_password_hashing_sha256",
		  "AQIDBDB9kM21iEUzN1lZ+6VReCsdNqS0sERdAQTcY6Xs3PMz" },
		{ "rabbit_password_hashing_sha512",
		  "AQIDBPhTH2L5HGYB1LWOrn+YpvuQmVOXKGqgsuiJRIZTILRoEvblSJo/WAsym3IZ"
		  "TfuaIaK5KR2o5KwFfTv6KsxfMIE=" },
		{ "rabbit_password_hashing_md5", "AQIDBDgk9ci8Lfh6CKE9Y0AUfmU=" },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct slice name = slice_str(of[i].name), hash = slice_str(of[i].hash);
		must(password_fits(name, hash, slice_str("secret")));
		must(!password_fits(name, hash, slice_str("secre")));
	}
}

static void expressions_are_those_of_pcre(void **state)
{
	(void)state;
	struct pattern_cache *c = pattern_new();
	struct text why = text_of(reason, sizeof reason);
	must(c != NULL);
	struct patterns *p = pattern_port(c);
	for (int twice = 0; twice < 2; twice++) {
		must(p->ops->match(p, slice_str("^(a|b)\\d+$"), slice_str("a12")));
		must(!p->ops->match(p, slice_str("^(a|b)\\d+$"), slice_str("c12")));
		must(p->ops->match(p, slice_str("x"), slice_str("axb")));
		must(!p->ops->match(p, slice_str("(("), slice_str("((")));
		must(!p->ops->match(p, slice_str("^(a+)+$"),
				    slice_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")));
	}
	must(p->ops->check(p, slice_str("a.*"), &why) == ERR_OK);
	must(p->ops->check(p, slice_str("("), &why) == ERR_MALFORMED);
	assert_string_equal(reason, "missing closing parenthesis at its byte 1");
	pattern_free(c);
}

static void expressions_that_are_none_are_left_out_one_by_one(void **state)
{
	(void)state;
	struct definitions d;
	must(read(&d, "{\"permissions\":["
		      "{\"user\":\"a\",\"vhost\":\"/"
		      "\",\"configure\":\"\",\"write\":\"(\",\"read\":\".*\"},"
		      "{\"user\":\"b\",\"vhost\":\"/"
		      "\",\"configure\":\".*\",\"write\":\"\",\"read\":\"\"}],"
		      "\"topic_permissions\":[{\"user\":\"b\",\"vhost\":\"/\",\"exchange\":\"x\","
		      "\"write\":\"^{username}\",\"read\":\"[\"}],"
		      "\"policies\":[{\"vhost\":\"/"
		      "\",\"name\":\"p\",\"pattern\":\"*\",\"definition\":{}},"
		      "{\"vhost\":\"/"
		      "\",\"name\":\"q\",\"pattern\":\"^q\",\"definition\":{\"expires\":1}}]}") ==
	     ERR_OK);
	must(d.items_n == 2 && d.refused_n == 3 && d.noted_n == 3);
	must(slice_eq(slice_of(d.notes, d.notes_n),
		      slice_str("permissions[0]: is left out: write is no regular expression: "
				"missing closing parenthesis at its byte 1\n"
				"topic_permissions[0]: is left out: read is no regular expression: "
				"missing terminating ] for character class at its byte 1\n"
				"policies[0]: is left out: pattern is no regular expression: "
				"quantifier does not follow a repeatable item at its byte 0\n")));
	(void)fact(&d, FACT_PERMISSION, "b");
	definitions_fini(&d);
}

static void a_hash_that_costs_too_much_is_left_out(void **state)
{
	(void)state;
	static const char sum[] = "$c2FsdHNhbHRzYWx0c2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG";
	static const struct {
		const char *head, *why;
	} of[] = {
		{ "$argon2id$v=19$m=262144,t=16,p=16", "" },
		{ "$argon2id$v=19$m=262145,t=1,p=1",
		  "its hash wants 262145 KiB of memory, and no more than 262144 are allowed" },
		{ "$argon2id$v=19$m=64,t=17,p=1",
		  "its hash wants 17 passes, and no more than 16 are allowed" },
		{ "$argon2id$v=19$m=64,t=1,p=17",
		  "its hash wants 17 lanes, and no more than 16 are allowed" },
		{ "$argon2id$v=19$m=4294967296,t=1,p=1", "its hash is none of argon2id" },
		{ "$argon2i$v=19$m=64,t=1,p=1", "its hash is none of argon2id" },
		{ "", "its hash is none of argon2id" },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		char hash[200], json[400];
		struct definitions d;
		snprintf(hash, sizeof hash, "%s%s", of[i].head, sum);
		snprintf(json, sizeof json,
			 "{\"users\":[{\"name\":\"a\",\"hashing_algorithm\":\"argon2id\","
			 "\"password_hash\":\"%s\"}]}",
			 hash);
		must(read(&d, json) == ERR_OK);
		must(d.refused_n == (of[i].why[0] ? 1 : 0) && d.items_n == 1 - d.refused_n);
		must(!d.refused_n ||
		     memmem(d.notes, d.notes_n, of[i].why, strlen(of[i].why)) != NULL);
		must(!d.refused_n ||
		     !password_fits(slice_str("argon2id"), slice_str(hash), slice_str("x")));
		definitions_fini(&d);
	}
}

/* What mosquitto_passwd 2.0.11 has written. */
static void mosquittos_hashes_fit_as_they_are(void **state)
{
	(void)state;
	static const struct {
		const char *algorithm, *hash, *password;
	} made[] = {
		{ "mosquitto_pbkdf2_sha512",
		  "$7$101$8Ecixup+kP6694tO$"
		  "x44QTwKFwnQS5hQyhuoZ8bQQqL1p6n4keQaVs1G2JQrN1slpoSOldJYDK"
		  "OY3l1+wir4tDPxFFjgpjDQ5rW65QQ==",
		  "secret1" },
		{ "mosquitto_pbkdf2_sha512",
		  "$7$1000$v4UbholzIhCtC+DI$V1HFQ9wOvW+2ICmGgo3V6CJ2MAaOQ+uDJWgfVgss8Yw98JvH+"
		  "NzJCuJS"
		  "d4+VhissSaQ9fXqMMn60CLa1zo5LuA==",
		  "pass word" },
		{ "mosquitto_sha512",
		  "$6$jgztm2fY4g2k6VoA$m7EW6wFNi1kd11RgUADVt+bLXXtL57wthl1Cdni5b/"
		  "ys2UrwT5WM+CZpWl0NZ"
		  "HE4SBOGx5Td8C+FinXP8ybgnA==",
		  "secret2" },
	};
	char room[200];
	struct text why = text_of(room, sizeof room);
	must(password_is_dear(slice_str("mosquitto_pbkdf2_sha512")));
	must(!password_is_dear(slice_str("mosquitto_sha512")));
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		struct slice algorithm = slice_str(made[i].algorithm);
		struct slice hash = slice_str(made[i].hash), password = slice_str(made[i].password);
		must(password_check(algorithm, hash, &why) == ERR_OK);
		must(password_fits(algorithm, hash, password));
		must(!password_fits(algorithm, hash, slice_sub(password, 0, password.n - 1)));
		must(!password_fits(slice_str("argon2id"), hash, password));
		for (size_t n = 1; n < hash.n; n++) {
			struct slice copy = exact(hash, n);
			must(password_check(algorithm, copy, &why) == ERR_LIMIT);
			must(!password_fits(algorithm, copy, password));
			exact_free(copy);
		}
	}
}

static void a_hash_with_too_many_rounds_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "$7$2000001$", "$7$0$", "$7$-1$", "$7$99999999999$",
					   "$7$1x$" };
	static const char rest[] = "v4UbholzIhCtC+DI$V1HFQ9wOvW+2ICmGgo3V6CJ2MAaOQ+uDJWgfVgss8Yw98"
				   "JvH+NzJCuJSd4+VhissSaQ9fXqMMn60CLa1zo5LuA==";
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char hash[300], room[200];
		struct text why = text_of(room, sizeof room);
		snprintf(hash, sizeof hash, "%s%s", bad[i], rest);
		must(password_check(slice_str("mosquitto_pbkdf2_sha512"), slice_str(hash), &why) ==
		     ERR_LIMIT);
		must(!password_fits(slice_str("mosquitto_pbkdf2_sha512"), slice_str(hash),
				    slice_str("pass word")));
		must(why.n > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_rabbitmq_is_taken_whole),
		cmocka_unit_test(what_is_unknown_is_kept_and_noted),
		cmocka_unit_test(what_has_an_unknown_type_is_kept_with_its_bindings),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
		cmocka_unit_test(every_prefix_of_a_file_is_refused),
		cmocka_unit_test(a_virtual_host_may_have_a_type_for_its_queues),
		cmocka_unit_test(a_mapping_is_kept_as_what_it_means),
		cmocka_unit_test(passwords_are_hashed_anew_and_checked),
		cmocka_unit_test(a_password_in_the_open_gets_rabbitmqs_salted_sum),
		cmocka_unit_test(rabbitmqs_hashes_fit),
		cmocka_unit_test(expressions_are_those_of_pcre),
		cmocka_unit_test(expressions_that_are_none_are_left_out_one_by_one),
		cmocka_unit_test(a_hash_that_costs_too_much_is_left_out),
		cmocka_unit_test(mosquittos_hashes_fit_as_they_are),
		cmocka_unit_test(a_hash_with_too_many_rounds_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
