#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/server.h"
#include "io/server_for_tests.h"

static void what_comes_in_goes_back(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fds[40];
	for (int i = 0; i < 40; i++) {
		fds[i] = client(d.port);
		talk(fds[i], "hello");
	}
	for (int i = 0; i < 40; i++) {
		talk(fds[i], "again");
		close(fds[i]);
	}
	stop(&d);
}

static void a_connection_moves_in_the_middle(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	for (int i = 0; i < 20; i++) {
		int fd = client(d.port);
		talk(fd, "before");
		put(fd, "beforeM", 7);
		put(fd, "after", 5);
		expect(fd, "beforeMafter", 12);
		talk(fd, "later");
		close(fd);
	}
	stop(&d);
}

static void last_words_arrive_although_more_was_sent(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port);
	char more[50000];
	memset(more, 'x', sizeof more);
	put(fd, "wordsQ", 6);
	expect(fd, "wordsQ", 6);
	ssize_t n = send(fd, more, sizeof more, MSG_NOSIGNAL);
	must(n == -1 || n > 0);
	expect_end(fd);
	stop(&d);
}

static char page[65536];

/* Sends until nothing is taken for a while: kernel and server are full. Gives the bytes. */
static size_t send_until_full(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	size_t sent = 0;
	int room = 1 << 16;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	for (size_t i = 0; i < sizeof page; i++)
		page[i] = (char)('a' + i % 11);
	for (int i = 0; i < 4000 && poll(&p, 1, 300) == 1; i++) {
		size_t at = sent % sizeof page;
		ssize_t n = send(fd, page + at, sizeof page - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		must(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
	}
	return sent;
}

static void who_does_not_read_is_not_read(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port);
	size_t sent = send_until_full(fd);
	must(sent < (size_t)64 << 20);
	int other = client(d.port);
	talk(other, "still served");
	close(other);
	for (size_t at = 0; at < sent;) {
		size_t n = sizeof page - at % sizeof page;
		n = n < sent - at ? n : sent - at;
		expect(fd, page + at % sizeof page, n);
		at += n;
	}
	talk(fd, "and go on");
	close(fd);
	stop(&d);
}

static void a_stop_does_not_wait_for_who_does_not_read(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port);
	must(send_until_full(fd) > 0);
	stop(&d);
	close(fd);
}

static void clients_wait_when_descriptors_run_out(void **s)
{
	(void)s;
	struct daemon d = { .files_max = 48 };
	start(&d);
	int fds[60];
	for (int i = 0; i < 60; i++) {
		fds[i] = client(d.port);
		put(fds[i], "hello", 5);
	}
	must(wait_line(&d, "L003"));
	for (int i = 0; i < 60; i++) {
		expect(fds[i], "hello", 5);
		close(fds[i]);
	}
	stop(&d);
}

static void a_stop_says_goodbye(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	int fd = client(d.port);
	talk(fd, "hello");
	must(kill(d.pid, SIGINT) == 0 && kill(d.pid, SIGTERM) == 0 && wait_line(&d, "G003"));
	expect(fd, "stopped", 7);
	expect_end(fd);
	must(wait_line(&d, "G004 stopped"));
	assert_int_equal(finish(&d), 0);
}

static void a_hangup_names_what_waits_for_a_restart(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	start(&d);
	must(kill(d.pid, SIGHUP) == 0 && wait_line(&d, "G006"));
	must(strstr(d.line, ": listeners.tcp data_dir loops\n") ||
	     strstr(d.line, ": listeners.tcp loops data_dir\n") || strstr(d.line, "data_dir"));
	stop(&d);
}

static void a_port_in_use_is_one_sentence(void **s)
{
	(void)s;
	struct daemon d = { 0 }, other = { 0 };
	char where[40];
	start(&d);
	snprintf(where, sizeof where, "127.0.0.1:%u", d.port);
	launch(&other, where);
	must(fgets(other.line, sizeof other.line, other.errors) != NULL);
	must(strstr(other.line, "godwitd: cannot listen for amqp on 127.0.0.1:") == other.line);
	must(strstr(other.line, "another process has this port") != NULL);
	must(fgets(other.line, sizeof other.line, other.errors) == NULL);
	must(access(other.dir, F_OK) != 0);
	assert_int_equal(finish(&other), SERVER_REFUSED);
	stop(&d);
}

static void a_listener_without_sessions_prevents_the_start(void **s)
{
	(void)s;
	struct daemon d = { .is_mute = true };
	launch(&d, "127.0.0.1:0");
	must(fgets(d.line, sizeof d.line, d.errors) != NULL);
	assert_string_equal(d.line, "godwitd: listeners.tcp: this program speaks no amqp\n");
	assert_int_equal(finish(&d), SERVER_REFUSED);
}

static void the_control_socket_is_private(void **s)
{
	(void)s;
	struct daemon d = { 0 };
	struct stat st;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	start(&d);
	snprintf(at.sun_path, sizeof at.sun_path, "%.90s/godwit.sock", d.dir);
	must(stat(at.sun_path, &st) == 0 && (st.st_mode & 0777) == 0600);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
	talk(fd, "operator");
	close(fd);
	stop(&d);
	assert_int_equal(stat(at.sun_path, &st), -1); /* it goes with the daemon */
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_goes_back),
		cmocka_unit_test(a_connection_moves_in_the_middle),
		cmocka_unit_test(last_words_arrive_although_more_was_sent),
		cmocka_unit_test(who_does_not_read_is_not_read),
		cmocka_unit_test(a_stop_does_not_wait_for_who_does_not_read),
		cmocka_unit_test(clients_wait_when_descriptors_run_out),
		cmocka_unit_test(a_stop_says_goodbye),
		cmocka_unit_test(a_hangup_names_what_waits_for_a_restart),
		cmocka_unit_test(a_port_in_use_is_one_sentence),
		cmocka_unit_test(a_listener_without_sessions_prevents_the_start),
		cmocka_unit_test(the_control_socket_is_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
