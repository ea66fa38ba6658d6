#include "app/control.h"

#include "base/text.h"
#include "session/manage/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define EXIT_USAGE 2

static int no_broker(const char *data_dir, const char *socket_name, int error)
{
	const char *hint = error == ENOENT || error == ECONNREFUSED
				   ? "no broker listens there; --data-dir says where it runs, and "
				     "--socket what its control_socket is called"
			   : error == EACCES ? "run this as the broker's own user"
					     : strerror(error);
	fprintf(stderr, "godwit: cannot ask the broker at %s/%s: %s\n", data_dir, socket_name,
		hint);
	return 1;
}

/* The socket's path may be longer than its address has room for, so it goes through the open
 * directory. -1: errno says why. */
static int connected(const char *data_dir, const char *socket_name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	struct text t = text_of(at.sun_path, sizeof at.sun_path);
	text_putf(&t, "/proc/self/fd/%d/%s", dir, socket_name);
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int done = sock < 0 ? -1 : connect(sock, (struct sockaddr *)&at, sizeof at);
	int error = errno;
	close(dir);
	if (done == 0)
		return sock;
	if (sock >= 0)
		close(sock);
	errno = error;
	return -1;
}

#define TWO_LINES "a word with the end of a line in it cannot be said to a broker"

/* A request ends with its line: of a name with two the broker would take the first for it all. */
static bool is_one_line(const char *line)
{
	must(line != NULL);
	return !strpbrk(line, "\r\n");
}

/* One line of the words. False: they are no question, and `why` says what is wrong. */
static bool write_line(char *const *words, struct text *line, struct text *why)
{
	struct request request;
	for (; *words; words++) {
		bool is_long = strcmp(*words, "-p") == 0 && words[1] && strchr(words[1], ' ');
		if (is_long) /* the broker must know where the virtual host's name ends */
			text_putf(line, "%s-l %zu", line->n ? " " : "", strlen(words[1]));
		else
			text_putf(line, "%s%s", line->n ? " " : "", *words);
	}
	if (!is_one_line(line->p)) {
		text_puts(why, TWO_LINES);
		return false;
	}
	if (request_parse(text_slice(line), &request, why) != ERR_OK)
		return false;
	text_putc(line, '\n');
	if (text_is_full(line))
		text_puts(why, "there are too many words");
	return !text_is_full(line);
}

/* The last line so far: what comes begins a new one behind each end of a line. */
static void note_last(struct text *last, bool *io_is_ended, struct slice come)
{
	for (size_t i = 0; last && i < come.n; i++) {
		if (*io_is_ended)
			*last = text_of(last->p, last->cap);
		*io_is_ended = come.p[i] == '\n';
		if (!*io_is_ended)
			text_putc(last, (char)come.p[i]);
	}
}

/* Copies what comes to `good`, or to stderr what begins with "error: ". */
static int copy_answer(int sock, FILE *good, struct text *last)
{
	bool is_ended = false;
	char buf[16384];
	FILE *to = NULL;
	ssize_t n;
	while ((n = read(sock, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
		if (!to)
			to = slice_starts_with(slice_of(buf, (size_t)n), slice_str("error: "))
				     ? stderr
				     : good;
		note_last(last, &is_ended, slice_of(buf, n > 0 ? (size_t)n : 0));
		if (n > 0 && (fwrite(buf, 1, (size_t)n, to) < (size_t)n || fflush(to) != 0))
			return 1; /* nobody reads it any more */
	}
	if (!to)
		fputs("godwit: the broker has gone without an answer\n", stderr);
	return to == good && n == 0 ? 0 : 1;
}

int control_ask(const char *data_dir, const char *socket_name, char *const *words)
{
	char room[LINE_BYTES], why_room[LINE_BYTES];
	struct text line = text_of(room, sizeof room), why = text_of(why_room, sizeof why_room);
	if (!write_line(words, &line, &why)) {
		fprintf(stderr, "godwit: %s; see godwit --help\n", why_room);
		return EXIT_USAGE;
	}
	int sock = connected(data_dir, socket_name);
	if (sock < 0)
		return no_broker(data_dir, socket_name, errno);
	bool is_sent = send(sock, line.p, line.n, MSG_NOSIGNAL) == (ssize_t)line.n;
	int code = is_sent ? copy_answer(sock, stdout, NULL)
			   : no_broker(data_dir, socket_name, errno);
	close(sock);
	return code;
}

/* send_all: has all gone? What the broker no longer takes, its answer explains. */
static bool send_all(int sock, struct slice what)
{
	while (what.n > 0) {
		ssize_t n = send(sock, what.p, what.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET;
		what = slice_from(what, (size_t)n);
	}
	return true;
}

int control_tell(const char *data_dir, const char *socket_name, const char *line, struct slice what,
		 FILE *to, struct text *out_last)
{
	if (!is_one_line(line)) {
		fputs("godwit: " TWO_LINES "\n", stderr);
		return 1;
	}
	int sock = connected(data_dir, socket_name);
	if (sock < 0)
		return no_broker(data_dir, socket_name, errno);
	bool is_sent = send_all(sock, slice_str(line)) && send_all(sock, slice_str("\n")) &&
		       send_all(sock, what);
	int code = is_sent ? copy_answer(sock, to, out_last)
			   : no_broker(data_dir, socket_name, errno);
	close(sock);
	return code;
}

int control_quietly(const char *data_dir, const char *socket_name, const char *line)
{
	char *said = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&said, &n);
	if (!to)
		return 1;
	int code = control_tell(data_dir, socket_name, line, SLICE_EMPTY, to, NULL);
	fclose(to);
	free(said);
	return code;
}

/* ---- lines -------------------------------------------------------------------------------- */

/* What has come of a line whose end has not. */
struct splitter {
	void (*take)(void *arg, char *line);
	void *arg;
	char *part;
	size_t n, cap;
};

/* False: no memory. */
static bool keep_part(struct splitter *s, const char *p, size_t n)
{
	if (s->n + n + 1 > s->cap) {
		size_t cap = 2 * (s->n + n + 1);
		char *more = realloc(s->part, cap);
		if (!more)
			return false;
		s->part = more;
		s->cap = cap;
	}
	memcpy(s->part + s->n, p, n);
	s->n += n;
	s->part[s->n] = '\0';
	return true;
}

static ssize_t split(void *cookie, const char *p, size_t n)
{
	struct splitter *s = cookie;
	const char *end;
	for (size_t left = n; left > 0; left -= (size_t)(end - p) + 1, p = end + 1) {
		end = memchr(p, '\n', left);
		if (!keep_part(s, p, end ? (size_t)(end - p) : left))
			return 0;
		if (!end)
			break;
		s->take(s->arg, s->part);
		s->n = 0;
	}
	return (ssize_t)n;
}

int control_lines(const char *data_dir, const char *socket_name, const char *line,
		  void (*take)(void *arg, char *line), void *arg)
{
	struct splitter s = { .take = take, .arg = arg };
	FILE *to = fopencookie(&s, "w", (cookie_io_functions_t){ .write = split });
	if (!to)
		return 1;
	int code = control_tell(data_dir, socket_name, line, SLICE_EMPTY, to, NULL);
	if (fclose(to) != 0 && code == 0)
		code = 1;
	free(s.part);
	return code;
}
