#include "auth/account.h"
#include "auth/auth.h"
#include "base/exact_for_tests.h"
#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool small_match(struct patterns *p, struct slice expr, struct slice subject)
{
	must(p->ops != NULL);
	return regex_find(expr, subject);
}

static const struct patterns_ops small_ops = { .match = small_match };
static struct patterns small = { &small_ops };

static struct grant of(const char *configure, const char *write, const char *read)
{
	return (struct grant){ { slice_str(configure), slice_str(write), slice_str(read) } };
}

static struct auth_wish wish(enum auth_kind kind, enum auth_action action, const char *name)
{
	return (struct auth_wish){ .kind = kind,
				   .action = action,
				   .user = slice_str("ann"),
				   .vhost = slice_str("/"),
				   .name = slice_str(name) };
}

static bool may(struct grant g, enum auth_kind kind, enum auth_action action, const char *name)
{
	struct auth_wish w = wish(kind, action, name);
	return auth_may(&small, &g, &w);
}

static void each_action_has_its_own_pattern(void **state)
{
	(void)state;
	struct grant g = of("^ann-", ".*", "");
	must(may(g, AUTH_QUEUE, AUTH_CONFIGURE, "ann-q") &&
	     !may(g, AUTH_QUEUE, AUTH_CONFIGURE, "q"));
	must(may(g, AUTH_QUEUE, AUTH_WRITE, "q") && may(g, AUTH_EXCHANGE, AUTH_WRITE, ""));
	must(!may(g, AUTH_QUEUE, AUTH_READ, "q"));
	must(may(of("b", "", ""), AUTH_QUEUE, AUTH_CONFIGURE, "abc")); /* anywhere in it */
}

static void the_default_exchange_has_a_name_in_patterns(void **state)
{
	(void)state;
	struct grant g = of("", "^amq\\.default$", "");
	must(may(g, AUTH_EXCHANGE, AUTH_WRITE, "") && !may(g, AUTH_QUEUE, AUTH_WRITE, ""));
}

static void keys_are_compared_with_the_variables_filled_in(void **state)
{
	(void)state;
	struct grant g = of("", "^{username}\\.{vhost}x$", "{client_id}");
	struct auth_wish w = wish(AUTH_EXCHANGE, AUTH_WRITE, "amq.topic");
	w.key = slice_str("ann./x");
	must(auth_may_key(&small, &g, &w));
	w.key = slice_str("bob./x");
	must(!auth_may_key(&small, &g, &w));
	w.action = AUTH_READ;
	w.key = slice_str("a{client_id}b");
	must(auth_may_key(&small, &g, &w));
}

static void a_clients_id_is_taken_literally(void **state)
{
	(void)state;
	struct grant g = of("", "", "^{client_id}$");
	struct auth_wish w = wish(AUTH_EXCHANGE, AUTH_READ, "amq.topic");
	w.client = slice_str("c.1");
	w.key = slice_str("c.1");
	must(auth_may_key(&small, &g, &w));
	w.key = slice_str("cx1");
	must(!auth_may_key(&small, &g, &w));
	w.client = w.key = slice_str("#");
	must(!auth_may_key(&small, &g, &w));
	w.client = w.key = slice_str("*");
	must(!auth_may_key(&small, &g, &w));
}

static void refusals_have_the_words_of_rabbitmq(void **state)
{
	(void)state;
	char buf[200];
	struct text t = text_of(buf, sizeof buf);
	struct auth_wish w = wish(AUTH_QUEUE, AUTH_CONFIGURE, "q");
	auth_refusal(&w, &t);
	assert_string_equal(buf,
			    "configure access to queue 'q' in vhost '/' refused for user 'ann'");
	t = text_of(buf, sizeof buf);
	w = wish(AUTH_EXCHANGE, AUTH_WRITE, "");
	auth_refusal(&w, &t);
	assert_string_equal(
		buf, "write access to exchange 'amq.default' in vhost '/' refused for user 'ann'");
	t = text_of(buf, sizeof buf);
	w = wish(AUTH_EXCHANGE, AUTH_READ, "amq.topic");
	w.key = slice_str("a.b");
	auth_refusal_key(&w, &t);
	assert_string_equal(buf, "read access to topic 'a.b' in exchange 'amq.topic' in vhost '/' "
				 "refused for user 'ann'");
}

static void accounts_and_grants_come_back_and_their_prefixes_do_not(void **state)
{
	(void)state;
	uint8_t buf[200];
	struct account a = { .algorithm = slice_str("rabbit_password_hashing_sha256"),
			     .hash = slice_str("aGFzaA=="),
			     .tags = { slice_str("management"), slice_str("impersonator") },
			     .tags_n = 2 };
	uint32_t n = account_put(&a, buf, sizeof buf);
	must(n > 0 && account_has_tag(slice_of(buf, n), "impersonator"));
	must(!account_has_tag(slice_of(buf, n), "administrator"));
	for (uint32_t i = 0; i <= n; i++) {
		struct slice copy = exact(slice_of(buf, i), i);
		struct account got;
		must((account_get(copy, &got) == ERR_OK) == (i == n));
		exact_free(copy);
	}
	a.scram = slice_str("SCRAM");
	const uint32_t more_n = account_put(&a, buf, sizeof buf);
	must(more_n == n + 6); /* what was kept before it is as it was */
	for (uint32_t i = 0; i <= more_n; i++) {
		struct slice copy = exact(slice_of(buf, i), i);
		struct account got;
		must((account_get(copy, &got) == ERR_OK) == (i == n || i == more_n));
		must(i != more_n || slice_eq(got.scram, a.scram));
		must(i != n || got.scram.n == 0);
		exact_free(copy);
	}
	struct grant g = of("a", "bb", ""), back;
	n = grant_put(&g, buf, sizeof buf);
	must(grant_get(slice_of(buf, n), &back) == ERR_OK);
	must(slice_eq(back.pattern[AUTH_WRITE], slice_str("bb")));
	for (uint32_t i = 0; i < n; i++)
		must(grant_get(slice_of(buf, i), &back) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_has_its_own_pattern),
		cmocka_unit_test(the_default_exchange_has_a_name_in_patterns),
		cmocka_unit_test(keys_are_compared_with_the_variables_filled_in),
		cmocka_unit_test(a_clients_id_is_taken_literally),
		cmocka_unit_test(refusals_have_the_words_of_rabbitmq),
		cmocka_unit_test(accounts_and_grants_come_back_and_their_prefixes_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
