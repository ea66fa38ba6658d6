#include "sim/strand.h"

#include "base/must.h"
#include "session/stomp/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strand_begin(struct strand *l, struct sock *sock, enum stomp_version version, bool is_activemq)
{
	static const char *const words[] = { "1.0", "1.1", "1.2" };
	must(!l->sock && sock);
	l->sock = sock;
	l->version = version;
	sock->ops = is_activemq ? &stomp_activemq_session_ops : &stomp_session_ops;
	l->is_up = l->is_leaving = false;
	l->in_n = l->in_read = l->out_n = 0;
	strand_say(l, SLICE_EMPTY,
		   "CONNECT\naccept-version:%s\nhost:/\nlogin:guest\npasscode:guest\n",
		   words[version]);
}

void strand_drop(struct strand *l, bool is_hard)
{
	if (l->sock)
		sock_drop(l->sock, is_hard);
	l->sock = NULL;
}

static void put(struct strand *l, const void *p, size_t n)
{
	must(l->out_n + n <= STRAND_BYTES);
	if (n)
		memcpy(l->out + l->out_n, p, n);
	l->out_n += (uint32_t)n;
}

void strand_say(struct strand *l, struct slice body, const char *fmt, ...)
{
	char head[STRAND_HEAD_BYTES];
	va_list args;
	va_start(args, fmt);
	const int n = vsnprintf(head, sizeof head, fmt, args);
	va_end(args);
	must(n > 0 && (size_t)n + 32 < sizeof head && strand_has_room(l, (uint32_t)body.n));
	put(l, head, (size_t)n);
	if (body.n)
		put(l, head, (size_t)snprintf(head, sizeof head, "content-length:%zu\n", body.n));
	put(l, "\n", 1);
	put(l, body.p, body.n);
	put(l, "", 1);
}

bool strand_exchange(struct strand *l, struct socks *socks, bool *out_is_end)
{
	const uint32_t sent = l->out_n ? sock_send(socks, l->sock, l->out, l->out_n) : 0;
	uint32_t n = 0;
	must(sent <= l->out_n);
	l->out_n -= sent;
	memmove(l->out, l->out + sent, l->out_n);
	*out_is_end = false;
	if (l->in_n < STRAND_BYTES)
		n = sock_take(socks, l->sock, l->in + l->in_n, STRAND_BYTES - l->in_n, out_is_end);
	l->in_n += n;
	return sent > 0 || n > 0 || *out_is_end;
}

bool strand_next(struct strand *l, struct stomp_frame *out, struct stomp_head *out_head)
{
	struct stomp_scan scan = { 0 };
	struct slice in = slice_of(l->in + l->in_read, l->in_n - l->in_read);
	size_t need;
	const size_t blank = stomp_blank(in);
	l->in_read += (uint32_t)blank;
	in = slice_from(in, blank);
	enum err e = in.n ? stomp_scan(&scan, in, STRAND_BYTES, out, &need) : ERR_MORE;
	must(e == ERR_OK || e == ERR_MORE);
	if (e == ERR_OK) {
		struct wr scratch = wr_of(l->scratch, sizeof l->scratch);
		must(out->head.n <= sizeof l->scratch);
		e = stomp_head_read(out->head, l->version,
				    out->command == STOMP_CONNECTED ? STOMP_ESCAPES_NONE
								    : STOMP_ESCAPES,
				    &scratch, out_head);
		must(e == ERR_OK);
		l->in_read += (uint32_t)out->total;
		return true;
	}
	l->in_n -= l->in_read;
	memmove(l->in, l->in + l->in_read, l->in_n);
	l->in_read = 0;
	return false;
}
