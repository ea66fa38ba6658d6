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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_for_passwords_begin_with_the_first_that_is_dear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
