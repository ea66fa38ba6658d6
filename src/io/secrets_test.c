#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/server_for_tests.h"

static int password_threads(const struct daemon *d)
{
	char command[100];
	int n = -1;
	snprintf(command, sizeof command, "cat /proc/%d/task/*/comm | grep -c passwords",
		 (int)d->pid);
	FILE *f = popen(command, "r");
	must(f != NULL && fscanf(f, "%d", &n) == 1);
	pclose(f);
	return n;
}

static void threads_for_passwords_begin_with_the_first_that_is_dear(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port);
	talk(fd, "hello");
	must(password_threads(&d) == 0);
	for (int i = 0; i < 200; i++) { /* often enough to meet the loop as it falls asleep */
		put(fd, "P", 1);
		expect(fd, "Pwrong", 6);
		must(password_threads(&d) == 2);
	}
	close(fd);
	stop(&d);
}

/* What the threads for passwords have worked so far. */
static uint64_t password_ns(const struct daemon *d)
{
	char command[200];
	unsigned long long sum = 0, ns;
	snprintf(command, sizeof command,
		 "grep -l passwords /proc/%d/task/*/comm | sed s/comm/schedstat/ | xargs cat",
		 (int)d->pid);
	FILE *f = popen(command, "r");
	must(f != NULL);
	while (fscanf(f, "%llu %*u %*u", &ns) == 1)
		sum += ns;
	pclose(f);
	must(sum > 0);
	return sum;
}

#define ASKED 200

static void what_a_client_has_asked_who_is_gone_is_not_worked_out(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port), fds[ASKED];
	for (int i = 0; i < 4; i++) {
		put(fd, "D", 1);
		expect(fd, "Dwrong", 6);
	}
	uint64_t each = password_ns(&d) / 4;
	for (int i = 0; i < ASKED; i++) {
		fds[i] = client(d.port);
		talk(fds[i], "D");
	}
	for (int i = 0; i < ASKED; i++)
		close(fds[i]);
	put(fd, "D", 1);
	expect(fd, "Dwrong", 6);
	must(password_ns(&d) < ASKED / 2 * each);
	close(fd);
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_for_passwords_begin_with_the_first_that_is_dear),
		cmocka_unit_test(what_a_client_has_asked_who_is_gone_is_not_worked_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
