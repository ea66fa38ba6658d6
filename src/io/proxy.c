#include "io/proxy.h"

#include "base/limits.h"
#include "base/must.h"
#include "wire/proxy/head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct proxy {
	uint32_t n;
	bool is_done;
	const char *why;
	struct proxy_head head;
	uint8_t bytes[LIMIT_PROXY_HEAD_BYTES];
};

struct proxy *proxy_new(void)
{
	struct proxy *p = calloc(1, sizeof *p);
	if (p)
		p->why = "";
	return p;
}

void proxy_free(struct proxy *own)
{
	free(own);
}

/* take reads `n` octets that have been seen to be there. */
static bool take(struct proxy *p, int fd, size_t n)
{
	ssize_t got;
	must(p->n + n <= sizeof p->bytes);
	do {
		got = read(fd, p->bytes + p->n, n);
	} while (got < 0 && errno == EINTR);
	p->n += got > 0 ? (uint32_t)got : 0;
	return got == (ssize_t)n;
}

/* Octets are looked at first, and then only the header's are taken. */
enum err proxy_greet(struct proxy *p, int fd)
{
	must(!p->is_done);
	for (;;) {
		size_t room = sizeof p->bytes - p->n;
		ssize_t seen = recv(fd, p->bytes + p->n, room, MSG_PEEK | MSG_DONTWAIT);
		if (seen < 0 && errno == EINTR)
			continue;
		if (seen < 0 && errno == EAGAIN)
			return ERR_MORE;
		if (seen <= 0)
			return ERR_CLOSED;
		size_t all = p->n + (size_t)seen;
		enum err e = proxy_head_read(slice_of(p->bytes, all), &p->head);
		if (e != ERR_OK && e != ERR_MORE) {
			p->why = "it sends no header of the PROXY protocol";
			return ERR_CLOSED;
		}
		if (!take(p, fd, e == ERR_OK ? p->head.total - p->n : (size_t)seen))
			return ERR_CLOSED;
		p->is_done = e == ERR_OK;
		if (p->is_done)
			return ERR_OK;
	}
}

bool proxy_is_done(const struct proxy *p)
{
	return p->is_done;
}

bool proxy_peer(const struct proxy *p, struct address *out)
{
	must(p->is_done);
	if (p->head.family == PROXY_NONE)
		return false;
	*out = address_of_octets(p->head.source, p->head.family == PROXY_IP4 ? 4 : 16,
				 p->head.source_port);
	return true;
}

const char *proxy_why(const struct proxy *p)
{
	return p->why;
}
