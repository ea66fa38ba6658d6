#include "app/bench/relay.h"

#include "base/byteorder.h"
#include "base/must.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay {
	int from, to;
	uint8_t in[RELAY_BUFFER], out[RELAY_BUFFER];
	size_t in_n;
};

size_t relay_copy(const uint8_t *in, size_t n, uint8_t *out)
{
	size_t at = 0;
	while (n - at >= 4) {
		size_t len = 4 + (size_t)load_be32(in + at);
		must(len <= RELAY_BUFFER);
		if (len > n - at)
			break;
		memcpy(out + at, in + at, len);
		at += len;
	}
	return at;
}

/* write_all waits when the socket is full: there is nothing else that a relay could do. */
static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t took = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		if (took < 0 && errno == EAGAIN) {
			poll(&wait, 1, -1);
		} else if (took < 0) {
			return false;
		} else {
			p += took;
			n -= (size_t)took;
		}
	}
	return true;
}

static bool turn(struct relay *r)
{
	ssize_t n = recv(r->from, r->in + r->in_n, sizeof r->in - r->in_n, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	r->in_n += (size_t)n;
	size_t whole = relay_copy(r->in, r->in_n, r->out);
	r->in_n -= whole;
	if (r->in_n > 0)
		memmove(r->in, r->in + whole, r->in_n);
	return write_all(r->to, r->out, whole);
}

void relay_main(int listener)
{
	static struct relay r;
	int on = 1, poller = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };
	prctl(PR_SET_PDEATHSIG, 9);
	r.from = accept(listener, NULL, NULL);
	r.to = accept(listener, NULL, NULL);
	must(r.from >= 0 && r.to >= 0 && poller >= 0);
	setsockopt(r.to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	must(epoll_ctl(poller, EPOLL_CTL_ADD, r.from, &e) == 0);
	while (epoll_wait(poller, &e, 1, -1) >= 0 && turn(&r))
		continue;
	_exit(0);
}
