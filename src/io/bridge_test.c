#include "io/bridge.h"

#include "base/text.h"

#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static pthread_mutex_t name_server = PTHREAD_MUTEX_INITIALIZER;

/* In the place of the system's: what is no address is not known before the name server is there. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	(void)host;
	(void)service;
	(void)out;
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	pthread_mutex_lock(&name_server);
	pthread_mutex_unlock(&name_server);
	return EAI_AGAIN;
}

static void an_end_does_not_wait_for_a_name(void **s)
{
	(void)s;
	static struct config config;
	static struct poller poller;
	struct pollers all = { .at = &poller, .n = 1 };
	char room[20];
	struct text why = text_of(room, sizeof room);
	poller.all = &all;
	config.bridges.n = 1;
	memcpy(config.bridges.at[0].address, "broker.example", 15);
	pthread_mutex_lock(&name_server);
	assert_int_equal(bridges_new(&all, &config, NULL, &why), ERR_OK);
	const uint64_t at_ms = bridges_turn(&poller, 1000);
	assert_true(at_ms > 1000 && at_ms < 2000);
	assert_true(bridges_turn(&poller, at_ms) > at_ms);
	bridges_end(&poller);
	assert_null(poller.bridges);
	pthread_mutex_unlock(&name_server);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_end_does_not_wait_for_a_name) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
