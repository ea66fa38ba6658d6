#include "io/boot.h"

#include "io/listener.h"
#include "io/sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char line[] = "definitions import\n";

/* What is said to the broker, and how far. */
struct talk {
	int sock;
	size_t at; /* of the line and the items */
	bool is_over;
	struct text *said;
};

static struct slice rest_of(const struct talk *t, const struct definitions *d)
{
	size_t head = sizeof line - 1;
	if (t->at < head)
		return slice_from(slice_str(line), t->at);
	return slice_from(slice_of(d->items, d->n), t->at - head);
}

static void say(struct talk *t, const struct definitions *d)
{
	for (;;) {
		struct slice rest = rest_of(t, d);
		ssize_t n = rest.n ? send(t->sock, rest.p, rest.n, MSG_NOSIGNAL) : 0;
		if (n <= 0)
			return;
		t->at += (size_t)n;
	}
}

static void hear(struct talk *t)
{
	char buf[4096];
	ssize_t n;
	while ((n = read(t->sock, buf, sizeof buf)) > 0)
		text_put_slice(t->said, slice_of(buf, (size_t)n));
	t->is_over = n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* One turn of each loop, and what the journal's threads would do. */
static enum err step(struct pollers *p, struct node *n, bool *out_is_any)
{
	struct journal *j = node_journal(n);
	uint64_t loops = 0;
	enum err e = ERR_OK;
	bool is_kept = false;
	for (uint32_t i = 0; i < p->n; i++)
		(void)uv_run(&p->at[i].uv, UV_RUN_NOWAIT);
	bool is_written = journal_write_step(j, &loops, &e);
	if (e == ERR_OK)
		is_kept = journal_keep_step(j, &loops, &e);
	*out_is_any = is_written || is_kept;
	return e;
}

/* Until something happens to a loop, or to the talk, or until a loop's time has come. */
static void wait_for_events(struct pollers *p, const struct talk *t, const struct definitions *d)
{
	struct pollfd fds[LIMIT_LOOPS_MAX + 1];
	int timeout = -1;
	for (uint32_t i = 0; i < p->n; i++) {
		int own = uv_backend_timeout(&p->at[i].uv);
		fds[i] = (struct pollfd){ .fd = uv_backend_fd(&p->at[i].uv), .events = POLLIN };
		if (own >= 0 && (timeout < 0 || own < timeout))
			timeout = own;
	}
	fds[p->n] = (struct pollfd){ .fd = t->sock, .events = POLLIN };
	if (rest_of(t, d).n > 0)
		fds[p->n].events |= POLLOUT;
	(void)poll(fds, p->n + 1, timeout);
}

enum err boot_import(struct pollers *p, struct node *n, const struct definitions *d,
		     const struct session_ops *control, struct text *said)
{
	const struct listener own = { .serves = { .protocol = control } };
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0 ||
	    !sock_accepted(&p->at[0], &p->at[0], pair[1], &own)) {
		text_puts(said, "the system has no more descriptors, or memory");
		return ERR_RESOURCE_ERROR;
	}
	struct talk t = { .sock = pair[0], .said = said };
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < p->n; i++) {
		p->at[i].loop = node_loop(n, i);
		uv_update_time(&p->at[i].uv);
	}
	for (bool is_any = true; e == ERR_OK && !t.is_over; hear(&t)) {
		say(&t, d);
		if (!is_any)
			wait_for_events(p, &t, d);
		e = step(p, n, &is_any);
	}
	close(t.sock);
	bool is_any;
	if (e == ERR_OK) /* so that the broker sees the end, too */
		e = step(p, n, &is_any);
	if (e != ERR_OK)
		text_puts(said, journal_why(node_journal(n)));
	return e;
}

enum err boot_mean(struct pollers *p, struct node *n, const struct session_ops *control,
		   struct text *why)
{
	char room[1000];
	struct text said = text_of(room, sizeof room);
	struct definitions d;
	if (!control)
		return ERR_OK;
	enum err e = definitions_meanings(&d, node_catalog(n));
	if (e == ERR_OK && d.items)
		e = boot_import(p, n, &d, control, &said);
	definitions_fini(&d);
	if (e != ERR_OK)
		text_putf(why, "what is defined cannot be read: %s", room);
	return e;
}
