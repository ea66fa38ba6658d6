#include "io/tickets.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PERIOD_MS 1000u
#define BEGAN_MS  5000u

static struct tickets tickets;

static struct tickets_key key_at(uint64_t now_ms)
{
	struct tickets_key k;
	must(tickets_to_seal(&tickets, now_ms, &k));
	return k;
}

/* Does the ticket that was sealed with `k` open, with the same key? */
static bool opens(const struct tickets_key *k, uint64_t now_ms, bool *out_is_old)
{
	struct tickets_key found;
	if (!tickets_to_open(&tickets, now_ms, k->name, &found, out_is_old))
		return false;
	must(memcmp(&found, k, sizeof found) == 0);
	return true;
}

static void a_key_opens_for_two_periods(void **s)
{
	bool is_old = true;
	(void)s;
	must(tickets_init(&tickets, PERIOD_MS, BEGAN_MS) == ERR_OK);
	struct tickets_key first = key_at(BEGAN_MS), again = key_at(BEGAN_MS + PERIOD_MS - 1);
	must(memcmp(&first, &again, sizeof first) == 0);
	must(opens(&first, BEGAN_MS + PERIOD_MS - 1, &is_old) && !is_old);
	must(opens(&first, BEGAN_MS + PERIOD_MS, &is_old) && is_old);
	struct tickets_key second = key_at(BEGAN_MS + PERIOD_MS);
	must(memcmp(first.name, second.name, sizeof first.name) != 0);
	must(memcmp(first.cipher, second.cipher, sizeof first.cipher) != 0);
	must(memcmp(first.mac, second.mac, sizeof first.mac) != 0);
	must(opens(&first, BEGAN_MS + 2 * PERIOD_MS - 1, &is_old) && is_old);
	must(opens(&second, BEGAN_MS + 2 * PERIOD_MS - 1, &is_old) && !is_old);
	must(!opens(&first, BEGAN_MS + 2 * PERIOD_MS, &is_old));
	must(opens(&second, BEGAN_MS + 2 * PERIOD_MS, &is_old) && is_old);
	tickets_fini(&tickets);
}

static void after_two_quiet_periods_no_key_is_left(void **s)
{
	bool is_old;
	(void)s;
	must(tickets_init(&tickets, PERIOD_MS, BEGAN_MS) == ERR_OK);
	struct tickets_key first = key_at(BEGAN_MS);
	must(!opens(&first, BEGAN_MS + 2 * PERIOD_MS, &is_old));
	struct tickets_key third = key_at(BEGAN_MS + 2 * PERIOD_MS + 1);
	/* Periods go on from where they began. */
	must(opens(&third, BEGAN_MS + 3 * PERIOD_MS - 1, &is_old) && !is_old);
	must(opens(&third, BEGAN_MS + 3 * PERIOD_MS, &is_old) && is_old);
	tickets_fini(&tickets);
}

static void who_looked_at_the_clock_before_is_no_bug(void **s)
{
	bool is_old;
	(void)s;
	must(tickets_init(&tickets, PERIOD_MS, BEGAN_MS) == ERR_OK);
	struct tickets_key second = key_at(BEGAN_MS + PERIOD_MS);
	must(opens(&second, BEGAN_MS + PERIOD_MS - 1, &is_old) && !is_old);
	tickets_fini(&tickets);
}

static void a_name_that_is_not_ours_opens_nothing(void **s)
{
	bool is_old;
	struct tickets_key none;
	(void)s;
	memset(&none, 0, sizeof none); /* as the key before the first */
	must(tickets_init(&tickets, PERIOD_MS, BEGAN_MS) == ERR_OK);
	must(!opens(&none, BEGAN_MS, &is_old));
	tickets_fini(&tickets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_opens_for_two_periods),
		cmocka_unit_test(after_two_quiet_periods_no_key_is_left),
		cmocka_unit_test(who_looked_at_the_clock_before_is_no_bug),
		cmocka_unit_test(a_name_that_is_not_ours_opens_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
