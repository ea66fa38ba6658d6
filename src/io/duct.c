#include "io/duct.h"

#include "base/must.h"
#include "io/tls.h"
#include "io/web.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

bool duct_is_open(const struct duct *d)
{
	return !d->tls || tls_is_open(d->tls);
}

static ssize_t read_bare(int fd, uint8_t *to, uint32_t n)
{
	ssize_t got;
	do {
		got = read(fd, to, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

ssize_t duct_read_below(const struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n)
{
	return d->tls ? tls_read(d->tls, room->tls, to, n) : read_bare(d->fd, to, n);
}

ssize_t duct_read(struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n)
{
	must(d->fd >= 0);
	return d->web ? web_read(d->web, d, room, to, n) : duct_read_below(d, room, to, n);
}

static ssize_t write_bare(int fd, const struct slice *parts, uint32_t parts_n)
{
	struct iovec iov[DUCT_PARTS_MAX];
	ssize_t sent;
	must(parts_n <= DUCT_PARTS_MAX);
	for (uint32_t i = 0; i < parts_n; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
	do {
		sent = writev(fd, iov, (int)parts_n);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

ssize_t duct_write_below(const struct duct *d, struct duct_room *room, const struct slice *parts,
			 uint32_t parts_n)
{
	return d->tls ? tls_write(d->tls, room->tls, parts, parts_n)
		      : write_bare(d->fd, parts, parts_n);
}

ssize_t duct_write(struct duct *d, struct duct_room *room, const struct slice *parts,
		   uint32_t parts_n)
{
	must(d->fd >= 0);
	return d->web ? web_write(d->web, d, room, parts, parts_n)
		      : duct_write_below(d, room, parts, parts_n);
}

/* Nothing may follow the end of TLS. */
static void end_tls(struct duct *d, struct duct_room *room)
{
	if (!d->tls || !d->is_ending || (d->web && web_has_rest(d->web)))
		return;
	d->is_ending = false;
	tls_end(d->tls, room->tls);
}

bool duct_flush(struct duct *d, struct duct_room *room)
{
	if (d->tls && !tls_flush(d->tls))
		return false;
	if (d->web && !web_flush(d->web, d, room))
		return false;
	end_tls(d, room);
	return true;
}

bool duct_has_rest(const struct duct *d)
{
	return (d->tls && tls_has_rest(d->tls)) || (d->web && web_has_rest(d->web));
}

bool duct_has_more(const struct duct *d)
{
	return (d->tls && tls_has_more(d->tls)) || (d->web && web_has_more(d->web));
}

bool duct_is_choked(const struct duct *d)
{
	return d->tls && tls_is_choked(d->tls);
}

bool duct_is_dry(const struct duct *d)
{
	return !d->tls && (!d->web || web_is_dry(d->web));
}

void duct_end(struct duct *d, struct duct_room *room)
{
	if (d->web)
		web_end(d->web, d, room);
	d->is_ending = true;
	end_tls(d, room);
}

void duct_fini(struct duct *d)
{
	web_free(d->web);
	tls_free(d->tls);
	d->web = NULL;
	d->tls = NULL;
}
