/* start -- how long a broker takes from exec to its first message, and what it uses when idle. */
#include "app/bench/client.h"
#include "app/bench/clock.h"
#include "app/bench/modes.h"
#include "base/must.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_PAUSE_NS 500000
#define START_MOST_NS  (120 * OPTIONS_SECOND)
#define START_END_NS   (30 * OPTIONS_SECOND)

struct start {
	const struct options *o;
	struct client_target target;
	pid_t child;
	bool ended; /* the child has */
	struct text why;
	char buf[LOAD_WHY_MAX];
};

static void pause_for(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / OPTIONS_SECOND), (long)(ns % OPTIONS_SECOND) };
	nanosleep(&t, NULL);
}

static bool complain(struct start *s, const char *what)
{
	fprintf(stderr, "godwit bench: %s%s%s\n", what, s->why.n ? ": " : "", s->buf);
	return false;
}

/* launch runs the command in a process group of its own, so that all of it can be ended. */
static void launch(struct start *s)
{
	s->child = fork();
	must(s->child >= 0);
	if (s->child > 0)
		return;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);   /* should we be killed */
	dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the report's */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(s->o->command[0], s->o->command);
	fprintf(stderr, "godwit bench: %s: %s\n", s->o->command[0], strerror(errno));
	_exit(127);
}

static bool child_ended(struct start *s)
{
	int status;
	if (!s->ended && waitpid(s->child, &status, WNOHANG) == s->child)
		s->ended = true;
	return s->ended;
}

/* connect_soon tries until somebody takes the connection and logs us in. */
static bool connect_soon(struct start *s, struct client *c, uint64_t from_ns)
{
	while (clock_ns() - from_ns < START_MOST_NS) {
		s->why = text_of(s->buf, sizeof s->buf);
		if (client_open(c, &s->target, &s->why) == ERR_OK)
			return true;
		client_fini(c);
		if (child_ended(s))
			return complain(s, "the command has ended");
		pause_for(START_PAUSE_NS);
	}
	return complain(s, "no broker in 120 s");
}

/* message publishes one message into a queue and waits until it is delivered. */
static enum err message(struct client *c, const char *queue)
{
	size_t body_at;
	struct frames_message m = { .exchange = "",
				    .key = queue,
				    .body_len = 16,
				    .frame_max = c->frame_max,
				    .channel = 1 };
	frames_channel_open(&c->out, 1);
	TRY(client_wait(c, 1, CHANNEL_OPEN_OK, NULL));
	frames_queue_declare(&c->out, 1, queue, false, NULL, 0, 0);
	TRY(client_wait(c, 1, QUEUE_DECLARE_OK, NULL));
	frames_consume(&c->out, 1, queue, false);
	TRY(client_wait(c, 1, BASIC_CONSUME_OK, NULL));
	frames_publish(&c->out, &m, &body_at);
	return client_wait(c, 1, BASIC_DELIVER, NULL);
}

static enum err forget(struct client *c, const char *queue)
{
	frames_queue_delete(&c->out, 1, queue);
	return client_wait(c, 1, QUEUE_DELETE_OK, NULL);
}

/* watch reads memory and wake-ups of the idle broker, which may be a child of the command. */
static void watch(struct start *s, struct report *r)
{
	pid_t pid = meter_heaviest(s->child);
	struct meter first, before, after;
	if (meter_read(pid, &first) != ERR_OK)
		return;
	report_add(r, "start_cpu_ms", (double)first.cpu_ns / 1e6, 1, "ms");
	pause_for(OPTIONS_SECOND);
	if (meter_read(pid, &before) != ERR_OK)
		return;
	pause_for(s->o->observe_ns);
	if (meter_read(pid, &after) != ERR_OK)
		return;
	struct meter idle = meter_since(&before, &after);
	double seconds = (double)s->o->observe_ns / 1e9;
	report_add(r, "idle_rss_kb", (double)idle.resident_kb, 0, "KiB");
	report_add(r, "idle_wakeups_per_s", (double)idle.sleeps / seconds, 2, "/s");
	report_add(r, "idle_cpu_percent", (double)idle.cpu_ns / 1e7 / seconds, 4, "%");
	report_add(r, "threads", (double)idle.threads_n, 0, "");
}

static bool first_message(struct start *s, struct report *r, uint64_t from_ns)
{
	char queue[LOAD_NAME_MAX];
	struct client c = { 0 };
	snprintf(queue, sizeof queue, "godwit.bench.start.%ld", (long)getpid());
	if (!connect_soon(s, &c, from_ns))
		return false;
	uint64_t connected_ns = clock_ns();
	bool ok = message(&c, queue) == ERR_OK;
	uint64_t message_ns = clock_ns();
	ok = ok && forget(&c, queue) == ERR_OK;
	if (ok)
		client_close(&c);
	client_fini(&c);
	if (!ok)
		return complain(s, "no message");
	report_add(r, "connected_ms", (double)(connected_ns - from_ns) / 1e6, 1, "ms");
	report_add(r, "first_message_ms", (double)(message_ns - from_ns) / 1e6, 1, "ms");
	return true;
}

/* end stops the broker as its operator would, and only after 30 s by force. */
static void end(struct start *s, struct report *r)
{
	uint64_t from_ns = clock_ns();
	kill(-s->child, SIGTERM);
	while (!child_ended(s) && clock_ns() - from_ns < START_END_NS)
		pause_for(START_PAUSE_NS);
	report_add(r, "stop_ms", (double)(clock_ns() - from_ns) / 1e6, 1, "ms");
	kill(-s->child, SIGKILL);
	if (!s->ended)
		waitpid(s->child, NULL, 0);
}

bool modes_start(const struct options *o, struct report *r)
{
	static struct start s;
	s.o = o;
	s.why = text_of(s.buf, sizeof s.buf);
	snprintf(r->title, sizeof r->title, "start: %.200s", o->command[0]);
	if (client_target_of(o->uri, &s.target, &s.why) != ERR_OK)
		return complain(&s, "--uri");
	struct client c = { 0 };
	if (client_open(&c, &s.target, &s.why) == ERR_OK) {
		client_fini(&c);
		return complain(&s, "somebody else is listening there");
	}
	client_fini(&c);
	uint64_t from_ns = clock_ns();
	launch(&s);
	bool ok = first_message(&s, r, from_ns);
	if (ok && o->observe_ns > 0)
		watch(&s, r);
	end(&s, r);
	return ok;
}
