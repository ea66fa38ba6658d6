#include "io/server_for_tests.h"

#include "base/text.h"
#include "core/run.h"
#include "io/password.h"
#include "io/server.h"
#include "msg/block.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- sessions: everything is sent back --------------------------------------------------- */

#define ECHO_BYTES_MAX (1u << 20)

struct echo {
	struct session s;
	bool is_moved;
};

static const struct session_ops echo_ops;

static struct session *echo_new(struct session_world *w, uint64_t handle, struct slice peer,
				bool is_loopback)
{
	struct echo *e = mem_get(w->mem, sizeof *e, "echo");
	must(e != NULL && peer.n > 0 && is_loopback);
	*e = (struct echo){ .s = { .ops = &echo_ops, .handle = handle } };
	return &e->s;
}

static char dear[256]; /* a hash that takes its time */

static void ask_password(struct session_world *w, const char *hash, uint64_t handle)
{
	must(w->secrets->ops->check(w->secrets, slice_str("argon2id"), slice_str(hash),
				    slice_str("p"), handle) == SECRET_LATER);
}

static void echo_checked(struct session *s, struct session_world *w, bool is_right)
{
	must(!is_right);
	sendq_copy(&s->sendq, w->mem, slice_str("wrong"));
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
	if (slice_find(now, 'P') < now.n)
		ask_password(w, "$", s->handle);
	if (slice_find(now, 'D') < now.n)
		ask_password(w, dear, s->handle);
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

static void echo_stop(struct session *s, struct session_world *w, struct slice why)
{
	(void)why;
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
	w->secrets->ops->forget(w->secrets, s->handle);
	sendq_fini(&s->sendq, w->mem);
	mem_put(w->mem, s, sizeof(struct echo));
}

static void echo_moved(struct session *s, uint64_t handle)
{
	must(s->handle != handle);
	((struct echo *)s)->is_moved = true;
}

static const struct session_ops echo_ops = {
	.name = "echo",
	.new = echo_new,
	.feed = echo_feed,
	.checked = echo_checked,
	.tell = echo_tell,
	.ready = echo_ready,
	.pump = echo_pump,
	.deadline = echo_deadline,
	.stop = echo_stop,
	.gone = echo_gone,
	.free = echo_free,
	.moved = echo_moved,
};

/* ---- the server ---------------------------------------------------------------------------- */

/* Only what a test names is open: others run beside it. */
static void close_listeners(struct config *c)
{
	void *all[] = {
#define LISTENER(field, key, session, name, proxied, below, web, alpn, prose) &c->field,
#include "io/listeners.def"
#undef LISTENER
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		*(struct config_listeners *)all[i] = (struct config_listeners){ 0 };
}

static int serve(const struct daemon *d, const char *listener)
{
	static struct config c;
	static struct config_notes notes;
	static struct sources sources;
	struct text hash = text_of(dear, sizeof dear);
	char room[300];
	struct text why = text_of(room, sizeof room);
	struct config_source from = { "test", 0 };
	struct rlimit files = { d->files_max, d->files_max };
	if (d->files_max)
		setrlimit(RLIMIT_NOFILE, &files);
	must(password_make(slice_str("another"), &hash) != NULL);
	config_defaults(&c);
	close_listeners(&c);
	must(config_set(&c, from, slice_str("listeners.tcp.default"), slice_str(listener), &notes,
			&why) == ERR_OK);
	must(config_set(&c, from, slice_str("data_dir"), slice_str(d->dir), &notes, &why) ==
	     ERR_OK);
	c.loops = 2;
	struct server_setup setup = { .sources = &sources,
				      .config = &c,
				      .notes = &notes,
				      .amqp = d->is_mute ? NULL : &echo_ops,
				      .control = &echo_ops };
	return server_run(&setup);
}

bool wait_line(struct daemon *d, const char *with)
{
	while (fgets(d->line, sizeof d->line, d->out))
		if (strstr(d->line, with))
			return true;
	return false;
}

void launch(struct daemon *d, const char *listener)
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

void start(struct daemon *d)
{
	launch(d, "127.0.0.1:0");
	if (!wait_line(d, "L001 listening for amqp on 127.0.0.1:")) {
		(void)!fgets(d->line, sizeof d->line, d->errors);
		fail_msg("%s", d->line);
	}
	d->port = (uint16_t)strtoul(strrchr(d->line, ':') + 1, NULL, 10);
	must(d->port > 0 && wait_line(d, "G002 ready"));
}

void remove_dir(const char *dir)
{
	char command[256];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	(void)!system(command);
}

int finish(struct daemon *d)
{
	int status = 0;
	must(waitpid(d->pid, &status, 0) == d->pid);
	fclose(d->out);
	fclose(d->errors);
	remove_dir(d->dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void stop(struct daemon *d)
{
	must(kill(d->pid, SIGTERM) == 0);
	bool is_stopped = wait_line(d, "G004 stopped");
	int code = finish(d);
	if (!is_stopped || code)
		fail_msg("exit code %d", code);
}

/* ---- clients ------------------------------------------------------------------------------- */

int client(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
	return fd;
}

void put(int fd, const void *p, size_t n)
{
	must(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

void expect(int fd, const void *p, size_t n)
{
	char *got = malloc(n);
	must(got != NULL && recv(fd, got, n, MSG_WAITALL) == (ssize_t)n);
	must(memcmp(got, p, n) == 0);
	free(got);
}

void expect_end(int fd)
{
	char c;
	must(recv(fd, &c, 1, 0) == 0);
	close(fd);
}

void talk(int fd, const char *words)
{
	put(fd, words, strlen(words));
	expect(fd, words, strlen(words));
}
