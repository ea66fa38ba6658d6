/* A whole server in a process of its own, whose sessions send back what they get. */
#include "io/server.h"

#include "base/text.h"
#include "core/run.h"
#include "msg/block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- sessions: M moves to the next loop, Q ends, everything else is sent back -------------- */

#define ECHO_BYTES_MAX (1u << 20)

struct echo {
	struct session s;
	bool is_moved;
};

static struct session *echo_new(struct session_world *w, uint64_t handle, struct slice peer,
				bool is_loopback)
{
	struct echo *e = mem_get(w->mem, sizeof *e, "echo");
	must(e != NULL && peer.n > 0 && is_loopback);
	extern const struct session_ops echo_ops;
	*e = (struct echo){ .s = { .ops = &echo_ops, .handle = handle } };
	return &e->s;
}

static enum feed echo_feed(struct session *s, struct session_world *w, struct block *b,
			   uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop)
{
	struct echo *e = (struct echo *)s;
	struct slice in = slice_of((const uint8_t *)b + *io_off, b->fill - *io_off);
	size_t move_at = e->is_moved ? in.n : slice_find(in, 'M');
	struct slice now = slice_sub(in, 0, move_at);
	if (s->sendq.bytes > ECHO_BYTES_MAX)
		return FEED_WAIT;
	sendq_copy(&s->sendq, w->mem, now);
	*io_off += (uint32_t)now.n;
	if (slice_find(now, 'Q') < now.n)
		return FEED_CLOSE;
	if (move_at < in.n) {
		*out_loop = (session_loop(s->handle) + 1) % 2;
		return FEED_MOVE;
	}
	*out_need = 1;
	return FEED_MORE;
}

static void echo_tell(struct session *s, struct session_world *w, struct run *fx)
{
	(void)s;
	(void)w;
	(void)fx;
}

static bool echo_ready(const struct session *s, const struct session_world *w)
{
	(void)w;
	return s->sendq.bytes <= ECHO_BYTES_MAX;
}

static void echo_pump(struct session *s, struct session_world *w)
{
	(void)s;
	(void)w;
}

static uint64_t echo_deadline(const struct session *s)
{
	(void)s;
	return UINT64_MAX;
}

static void echo_stop(struct session *s, struct session_world *w)
{
	sendq_copy(&s->sendq, w->mem, slice_str("stopped"));
}

static bool echo_gone(struct session *s, struct session_world *w)
{
	(void)s;
	(void)w;
	return true;
}

static void echo_free(struct session *s, struct session_world *w)
{
	sendq_fini(&s->sendq, w->mem);
	mem_put(w->mem, s, sizeof(struct echo));
}

static void echo_moved(struct session *s, uint64_t handle)
{
	s->handle = handle;
	((struct echo *)s)->is_moved = true;
}

static struct sendq *echo_sendq(struct session *s)
{
	return &s->sendq;
}

const struct session_ops echo_ops = {
	.name = "echo",
	.new = echo_new,
	.feed = echo_feed,
	.tell = echo_tell,
	.ready = echo_ready,
	.pump = echo_pump,
	.deadline = echo_deadline,
	.stop = echo_stop,
	.gone = echo_gone,
	.free = echo_free,
	.moved = echo_moved,
	.sendq = echo_sendq,
};

/* ---- the server ---------------------------------------------------------------------------- */

struct daemon {
	pid_t pid;
	FILE *out, *errors;
	uint16_t port;
	char dir[200], line[600];
};

static rlim_t files_max; /* of the next server; 0: as many as there may be */

static int serve(const struct daemon *d, const char *listener)
{
	static struct config c;
	static struct config_notes notes;
	static struct sources sources;
	char room[300];
	struct text why = text_of(room, sizeof room);
	struct config_source from = { "test", 0 };
	struct rlimit files = { files_max, files_max };
	if (files_max)
		setrlimit(RLIMIT_NOFILE, &files);
	config_defaults(&c);
	must(config_set(&c, from, slice_str("listeners.tcp.default"), slice_str(listener), &notes,
			&why) == ERR_OK);
	must(config_set(&c, from, slice_str("data_dir"), slice_str(d->dir), &notes, &why) ==
	     ERR_OK);
	c.loops = 2;
	struct server_setup setup = { .sources = &sources,
				      .config = &c,
				      .notes = &notes,
				      .amqp = &echo_ops,
				      .control = &echo_ops };
	return server_run(&setup);
}

static bool wait_line(struct daemon *d, const char *with)
{
	while (fgets(d->line, sizeof d->line, d->out))
		if (strstr(d->line, with))
			return true;
	return false;
}

static void launch(struct daemon *d, const char *listener)
{
	int out[2], errors[2];
	const char *tmp = getenv("TMPDIR");
	snprintf(d->dir, sizeof d->dir, "%s/server.XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(d->dir) != NULL && rmdir(d->dir) == 0);
	must(pipe2(out, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0);
	fflush(NULL);
	d->pid = fork();
	must(d->pid >= 0);
	if (d->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		dup2(errors[1], STDERR_FILENO);
		exit(serve(d, listener));
	}
	close(out[1]);
	close(errors[1]);
	d->out = fdopen(out[0], "r");
	d->errors = fdopen(errors[0], "r");
	must(d->out && d->errors);
}

static void start(struct daemon *d)
{
	launch(d, "127.0.0.1:0");
	if (!wait_line(d, "L001 listening for amqp on 127.0.0.1:")) {
		(void)!fgets(d->line, sizeof d->line, d->errors);
		fail_msg("%s", d->line);
	}
	d->port = (uint16_t)strtoul(strrchr(d->line, ':') + 1, NULL, 10);
	must(d->port > 0 && wait_line(d, "G002 ready"));
}

static void remove_dir(const char *dir)
{
	char command[256];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	(void)!system(command);
}

static int finish(struct daemon *d)
{
	int status = 0;
	must(waitpid(d->pid, &status, 0) == d->pid);
	fclose(d->out);
	fclose(d->errors);
	remove_dir(d->dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stop(struct daemon *d)
{
	must(kill(d->pid, SIGTERM) == 0);
	bool is_stopped = wait_line(d, "G004 stopped");
	int code = finish(d);
	if (!is_stopped || code)
		fail_msg("exit code %d", code);
}

/* ---- clients ------------------------------------------------------------------------------- */

static int client(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
	return fd;
}

static void put(int fd, const void *p, size_t n)
{
	must(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void expect(int fd, const void *p, size_t n)
{
	char *got = malloc(n);
	must(got != NULL && recv(fd, got, n, MSG_WAITALL) == (ssize_t)n);
	must(memcmp(got, p, n) == 0);
	free(got);
}

static void expect_end(int fd)
{
	char c;
	must(recv(fd, &c, 1, 0) == 0);
	close(fd);
}

static void talk(int fd, const char *words)
{
	put(fd, words, strlen(words));
	expect(fd, words, strlen(words));
}

/* ---- tests --------------------------------------------------------------------------------- */

static void what_comes_in_goes_back(void **s)
{
	(void)s;
	struct daemon d;
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
	struct daemon d;
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
	struct daemon d;
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
	struct daemon d;
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
	struct daemon d;
	start(&d);
	int fd = client(d.port);
	must(send_until_full(fd) > 0);
	stop(&d);
	close(fd);
}

static void clients_wait_when_descriptors_run_out(void **s)
{
	(void)s;
	struct daemon d;
	files_max = 48;
	start(&d);
	files_max = 0;
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
	struct daemon d;
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
	struct daemon d;
	start(&d);
	must(kill(d.pid, SIGHUP) == 0 && wait_line(&d, "G006"));
	must(strstr(d.line, ": listeners.tcp data_dir loops\n") ||
	     strstr(d.line, ": listeners.tcp loops data_dir\n") || strstr(d.line, "data_dir"));
	stop(&d);
}

static void a_port_in_use_is_one_sentence(void **s)
{
	(void)s;
	struct daemon d, other;
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

static void the_control_socket_is_private(void **s)
{
	(void)s;
	struct daemon d;
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
		cmocka_unit_test(the_control_socket_is_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
