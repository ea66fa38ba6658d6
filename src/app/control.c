#include "app/control.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 1024

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

/* send_line: is the question asked whole? */
static bool send_line(int sock, char *const *words)
{
	char room[LINE_BYTES];
	struct text t = text_of(room, sizeof room);
	for (; *words; words++)
		text_putf(&t, "%s%s", t.n ? " " : "", *words);
	text_putc(&t, '\n');
	if (text_is_full(&t)) {
		errno = EMSGSIZE;
		return false;
	}
	return send(sock, t.p, t.n, MSG_NOSIGNAL) == (ssize_t)t.n;
}

static int copy_answer(int sock)
{
	char buf[16384];
	FILE *to = NULL;
	ssize_t n;
	while ((n = read(sock, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
		if (!to)
			to = slice_starts_with(slice_of(buf, (size_t)n), slice_str("error: "))
				     ? stderr
				     : stdout;
		if (n > 0 && (fwrite(buf, 1, (size_t)n, to) < (size_t)n || fflush(to) != 0))
			return 1; /* nobody reads it any more */
	}
	if (!to)
		fputs("godwit: the broker has gone without an answer\n", stderr);
	return to == stdout && n == 0 ? 0 : 1;
}

int control_ask(const char *data_dir, const char *socket_name, char *const *words)
{
	int sock = connected(data_dir, socket_name);
	if (sock < 0)
		return no_broker(data_dir, socket_name, errno);
	int code = send_line(sock, words) ? copy_answer(sock)
					  : no_broker(data_dir, socket_name, errno);
	close(sock);
	return code;
}
