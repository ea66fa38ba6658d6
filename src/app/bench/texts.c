#include "app/bench/texts.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define HEAD_MAX 700 /* bytes of a frame's head that we write, but for the log-in */

static void put(struct wr *w, const char *z)
{
	must(z != NULL);
	wr_slice(w, slice_str(z));
}

/* ---- what comes --------------------------------------------------------------------------- */

/* A frame that is not all there: it still may come, if there is room for it. */
static enum err unfinished(struct client *c)
{
	if (c->in_n - c->in_at < c->in_cap)
		return ERR_MORE;
	client_refused_frame(c);
	return ERR_CLOSED;
}

static bool take_line(struct slice *s, struct slice *out_line)
{
	size_t at = slice_find(*s, '\n');
	if (at == s->n)
		return false;
	*out_line = slice_sub(*s, 0, at);
	*s = slice_from(*s, at + 1);
	return true;
}

static enum texts_command command_of(struct slice line)
{
	static const char *const names[] = { "CONNECTED", "MESSAGE", "RECEIPT", "ERROR" };
	for (enum texts_command i = TEXTS_CONNECTED; i < TEXTS_OTHER; i++)
		if (slice_eq(line, slice_str(names[i])))
			return i;
	return TEXTS_OTHER;
}

/* The value of a header, if it has this name. */
static bool has_name(struct slice line, const char *name_and_colon, struct slice *out)
{
	size_t n = strlen(name_and_colon);
	if (!slice_starts_with(line, slice_of(name_and_colon, n)))
		return false;
	*out = slice_from(line, n);
	return true;
}

/* What is no number, or too large a one, is longer than any frame that fits. */
static size_t number_in(struct slice digits)
{
	size_t n = 0;
	for (size_t i = 0; i < digits.n && n < UINT32_MAX; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return UINT32_MAX;
		n = n * 10 + (size_t)(digits.p[i] - '0');
	}
	return n;
}

static void take_header(struct texts_frame *f, struct slice line, size_t *len)
{
	struct slice digits;
	if (has_name(line, "content-length:", &digits)) {
		*len = number_in(digits);
		return;
	}
	(void)(has_name(line, "ack:", &f->ack) || has_name(line, "receipt-id:", &f->receipt_id) ||
	       has_name(line, "message:", &f->message));
}

enum err texts_next(struct client *c, struct texts_frame *out)
{
	while (c->in_at < c->in_n && c->in[c->in_at] == '\n') /* between frames */
		c->in_at++;
	struct slice s = slice_of(c->in + c->in_at, c->in_n - c->in_at), line;
	struct texts_frame f = { .command = TEXTS_OTHER };
	size_t len = SIZE_MAX;
	if (!take_line(&s, &line))
		return unfinished(c);
	f.command = command_of(line);
	do {
		if (!take_line(&s, &line))
			return unfinished(c);
		take_header(&f, line, &len);
	} while (line.n > 0);
	if (len == SIZE_MAX)
		len = slice_find(s, '\0');
	if (len >= s.n)
		return unfinished(c);
	if (s.p[len] != '\0') {
		client_refused_frame(c);
		return ERR_CLOSED;
	}
	f.body = slice_sub(s, 0, len);
	c->in_at = c->in_n - (s.n - len - 1);
	*out = f;
	return ERR_OK;
}

enum err texts_refused(struct client *c, const struct texts_frame *f)
{
	must(f->command != TEXTS_MESSAGE);
	if (c->why->n > 0)
		return ERR_CLOSED;
	text_puts(c->why, "the broker sent an error: ");
	text_put_printable(c->why, f->message);
	text_puts(c->why, ": ");
	text_put_printable(c->why, slice_sub(f->body, 0, f->body.n < 120 ? f->body.n : 120));
	return ERR_CLOSED;
}

/* ---- what is sent ------------------------------------------------------------------------- */

enum err texts_log_in(struct client *c, const struct client_target *t)
{
	struct texts_frame f = { .command = TEXTS_OTHER };
	enum err e;
	bool sent, more;
	c->channel_max = 1;
	put(&c->out, "CONNECT\naccept-version:1.2\nheart-beat:0,0\nhost:");
	put(&c->out, t->uri.vhost);
	put(&c->out, "\nlogin:");
	put(&c->out, t->uri.user);
	put(&c->out, "\npasscode:");
	put(&c->out, t->uri.password);
	put(&c->out, "\n\n");
	wr_u8(&c->out, 0);
	must(wr_ok(&c->out));
	TRY(client_flush(c, &sent));
	while ((e = texts_next(c, &f)) == ERR_MORE) {
		size_t before = c->in_n;
		TRY(client_read(c, &more));
		if (c->in_n == before)
			break;
	}
	return e == ERR_OK && f.command == TEXTS_CONNECTED ? ERR_OK : texts_refused(c, &f);
}

void texts_subscribe(struct wr *w, const char *queue, bool durable, bool is_manual,
		     uint64_t prefetch)
{
	char head[HEAD_MAX], bound[40] = "";
	if (prefetch > 0)
		snprintf(bound, sizeof bound, "prefetch-count:%lu\n", prefetch);
	int n = snprintf(head, sizeof head,
			 "SUBSCRIBE\nid:0\ndestination:/queue/%.200s\nack:%s\n%sdurable:%s\n"
			 "auto-delete:true\nreceipt:" TEXTS_UP "\n\n",
			 queue, is_manual ? "client-individual" : "auto", bound,
			 durable ? "true" : "false");
	must(n > 0 && (size_t)n < sizeof head);
	put(w, head);
	wr_u8(w, 0);
}

bool texts_ack(struct wr *w, struct slice ack)
{
	static const char head[] = "ACK\nid:";
	if (ack.n == 0 || sizeof head + ack.n + 2 > TEXTS_ACK_MAX)
		return false;
	wr_bytes(w, head, sizeof head - 1);
	wr_slice(w, ack);
	wr_bytes(w, "\n\n", 3);
	return true;
}

void texts_unsubscribe(struct wr *w)
{
	put(w, "UNSUBSCRIBE\nid:0\nreceipt:" TEXTS_BYE "\n\n");
	wr_u8(w, 0);
}

void texts_begin(struct wr *w)
{
	put(w, "BEGIN\ntransaction:" TEXTS_BYE "\nreceipt:" TEXTS_BYE "\n\n");
	wr_u8(w, 0);
}

static size_t put_send_head(const struct texts_message *m, char head[HEAD_MAX],
			    size_t *out_receipt_at)
{
	int n = snprintf(head, HEAD_MAX,
			 "SEND\ndestination:/amq/queue/%.200s\n%scontent-length:%zu\n", m->queue,
			 m->durable ? "persistent:true\n" : "", m->body_len);
	must(n > 0 && n < HEAD_MAX / 2);
	*out_receipt_at = 0;
	if (m->has_receipt) {
		n += snprintf(head + n, HEAD_MAX / 4, "receipt:");
		*out_receipt_at = (size_t)n;
		n += snprintf(head + n, HEAD_MAX / 4, "%010u\n", 0u);
	}
	n += snprintf(head + n, HEAD_MAX / 8, "\n");
	return (size_t)n;
}

size_t texts_send_bytes(const struct texts_message *m)
{
	char head[HEAD_MAX];
	size_t receipt_at;
	return put_send_head(m, head, &receipt_at) + m->body_len + 1;
}

void texts_send(struct wr *w, const struct texts_message *m, size_t *out_receipt_at,
		size_t *out_body_at)
{
	char head[HEAD_MAX];
	*out_body_at = put_send_head(m, head, out_receipt_at);
	wr_bytes(w, head, *out_body_at);
	wr_zeros(w, m->body_len + 1);
}

void texts_number(uint8_t *at, uint64_t n)
{
	for (uint32_t i = TEXTS_RECEIPT_DIGITS; i-- > 0; n /= 10)
		at[i] = (uint8_t)('0' + n % 10);
	must(n == 0);
}

uint64_t texts_number_of(struct slice digits)
{
	size_t n = digits.n == TEXTS_RECEIPT_DIGITS ? number_in(digits) : 0;
	return n < UINT32_MAX ? n : 0;
}
