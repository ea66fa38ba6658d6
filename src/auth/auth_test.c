#include "auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct slice z(const char *s)
{
	return slice_str(s);
}

static struct auth guest_and_ann(void)
{
	struct auth a;
	uint16_t user;
	auth_init(&a);
	struct auth_user guest = { z("guest"), z("secret"), AUTH_TAG_ADMINISTRATOR, true };
	struct auth_user ann = { z("ann"), z("pw"), AUTH_TAG_IMPERSONATOR, false };
	must(auth_add(&a, &guest, &user) == ERR_OK && user == 0);
	must(auth_add(&a, &ann, &user) == ERR_OK && user == 1);
	must(auth_permit(&a, 0, 0, AUTH_EVERYTHING) == ERR_OK);
	must(auth_permit(&a, 1, 0, 1u << AUTH_READ) == ERR_OK);
	return a;
}

static enum err login(const struct auth *a, const char *name, const char *password, bool is_local,
		      uint16_t *user, char *reason)
{
	bool is_tellable;
	struct text why = text_of(reason, 100);
	return auth_login(a, z(name), z(password), is_local, user, &is_tellable, &why);
}

static void the_right_password_logs_in_and_no_other(void **state)
{
	(void)state;
	struct auth a = guest_and_ann();
	uint16_t user = 9;
	char why[100];
	must(login(&a, "guest", "secret", true, &user, why) == ERR_OK && user == 0);
	must(login(&a, "ann", "pw", false, &user, why) == ERR_OK && user == 1);
	user = 9;
	const char *wrong[] = { "", "secre", "secrets", "Secret", "secretsecret", "ecrets" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		must(login(&a, "guest", wrong[i], true, &user, why) == ERR_ACCESS_REFUSED);
	assert_string_equal(why, "wrong password");
	must(login(&a, "gues", "secret", true, &user, why) == ERR_ACCESS_REFUSED);
	assert_string_equal(why, "unknown user");
	must(login(&a, "", "", true, &user, why) == ERR_ACCESS_REFUSED);
	must(user == 9);
}

static void an_empty_password_lets_nobody_in(void **state)
{
	(void)state;
	struct auth a;
	uint16_t user;
	char why[100];
	auth_init(&a);
	struct auth_user eve = { z("eve"), z(""), 0, false };
	must(auth_add(&a, &eve, &user) == ERR_OK);
	must(login(&a, "eve", "", true, &user, why) == ERR_ACCESS_REFUSED);
}

static void a_user_of_this_machine_only_is_refused_from_elsewhere(void **state)
{
	(void)state;
	struct auth a = guest_and_ann();
	uint16_t user;
	bool is_tellable = false;
	char buf[100];
	struct text why = text_of(buf, sizeof buf);
	must(auth_login(&a, z("guest"), z("secret"), false, &user, &is_tellable, &why) ==
	     ERR_ACCESS_REFUSED);
	must(is_tellable);
	assert_string_equal(buf, "user 'guest' can only connect via localhost");
	why = text_of(buf, sizeof buf);
	must(auth_login(&a, z("guest"), z("wrong"), false, &user, &is_tellable, &why) ==
	     ERR_ACCESS_REFUSED);
	must(!is_tellable); /* who guesses learns nothing */
}

static void each_action_has_its_own_permission(void **state)
{
	(void)state;
	struct auth a = guest_and_ann();
	for (int act = 0; act < AUTH_ACTION_N; act++) {
		must(auth_check(&a, 0, 0, AUTH_QUEUE, z("q"), (enum auth_action)act) == ERR_OK);
		must((auth_check(&a, 1, 0, AUTH_QUEUE, z("q"), (enum auth_action)act) == ERR_OK) ==
		     (act == AUTH_READ));
		must(auth_check(&a, 0, 1, AUTH_QUEUE, z("q"), (enum auth_action)act) ==
		     ERR_ACCESS_REFUSED);
	}
	must(auth_enter(&a, 1, 0) == ERR_OK && auth_enter(&a, 1, 1) == ERR_ACCESS_REFUSED);
	must(auth_permit(&a, 1, 0, 0) == ERR_OK);
	must(auth_check(&a, 1, 0, AUTH_EXCHANGE, z("x"), AUTH_READ) == ERR_ACCESS_REFUSED);

	char buf[200];
	struct text why = text_of(buf, sizeof buf);
	auth_refusal(&a, 1, z("/"), AUTH_EXCHANGE, z("x"), AUTH_WRITE, &why);
	assert_string_equal(buf,
			    "write access to exchange 'x' in vhost '/' refused for user 'ann'");
}

static void the_table_has_a_bound_and_names_are_unique(void **state)
{
	(void)state;
	struct auth a;
	char names[LIMIT_AUTH_USERS_MAX + 1][8];
	uint16_t user;
	auth_init(&a);
	for (int i = 0; i <= LIMIT_AUTH_USERS_MAX; i++) {
		struct text t = text_of(names[i], sizeof names[i]);
		text_putf(&t, "u%d", i);
		struct auth_user u = { .name = text_slice(&t), .password = z("p") };
		enum err e = auth_add(&a, &u, &user);
		must(e == (i < LIMIT_AUTH_USERS_MAX ? ERR_OK : ERR_LIMIT));
	}
	struct auth_user again = { .name = z("u3"), .password = z("p") };
	must(auth_add(&a, &again, &user) == ERR_EXISTS);
	must(auth_has_tag(&a, 0, AUTH_TAG_ADMINISTRATOR) == false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_logs_in_and_no_other),
		cmocka_unit_test(an_empty_password_lets_nobody_in),
		cmocka_unit_test(a_user_of_this_machine_only_is_refused_from_elsewhere),
		cmocka_unit_test(each_action_has_its_own_permission),
		cmocka_unit_test(the_table_has_a_bound_and_names_are_unique),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
