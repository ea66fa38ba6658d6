#include "wire/stomp/destination.h"

#include "base/must.h"

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A % that no two digits follow stands for itself. */
static struct slice decode(struct slice in, struct wr *scratch)
{
	if (slice_find(in, '%') == in.n)
		return in;
	uint8_t *room = wr_reserve(scratch, in.n);
	must(room != NULL);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		bool is_whole = in.p[i] == '%' && in.n - i > 2 && digit(in.p[i + 1]) >= 0 &&
				digit(in.p[i + 2]) >= 0;
		room[n] = in.p[i];
		if (is_whole) {
			room[n] = (uint8_t)(digit(in.p[i + 1]) << 4 | digit(in.p[i + 2]));
			i += 2;
		}
		n++;
	}
	return slice_of(room, n);
}

static enum err not_valid(struct slice in, const char *kind, struct text *why)
{
	must(kind != NULL);
	text_putc(why, '\'');
	text_put_slice(why, in);
	text_putf(why, "' is not a valid %s destination\n", kind);
	return ERR_MALFORMED;
}

static enum err not_known(struct slice in, bool *out_is_unknown, struct text *why)
{
	must(in.n > 0);
	*out_is_unknown = true;
	text_putc(why, '\'');
	text_put_slice(why, in);
	text_puts(why, "' is not a valid destination.\nValid destination types are: /temp-queue, "
		       "/exchange, /topic, /queue, /amq/queue, /reply-queue/.\n");
	return ERR_MALFORMED;
}

/* NAME of /kind/NAME: all of the rest, which has one slash. */
static enum err one_name(struct slice rest, const char *kind, struct wr *scratch,
			 struct stomp_destination *out, struct text *why)
{
	must(out != NULL);
	if (rest.n < 2 || rest.p[0] != '/' || slice_find(slice_from(rest, 1), '/') != rest.n - 1)
		return not_valid(rest, kind, why);
	out->name = decode(slice_from(rest, 1), scratch);
	out->has_key = true;
	return ERR_OK;
}

static enum err exchange(struct slice rest, struct wr *scratch, struct stomp_destination *out,
			 struct text *why)
{
	must(out->place == STOMP_EXCHANGE);
	if (rest.n < 2 || rest.p[0] != '/')
		return not_valid(rest, "exchange", why);
	struct slice both = slice_from(rest, 1);
	size_t slash = slice_find(both, '/');
	if (slash == 0)
		return not_valid(rest, "exchange", why);
	out->exchange = decode(slice_sub(both, 0, slash), scratch);
	if (slash == both.n)
		return ERR_OK;
	struct slice key = slice_from(both, slash + 1);
	if (slice_find(key, '/') != key.n)
		return not_valid(rest, "exchange", why);
	out->has_key = true;
	out->name = decode(key, scratch);
	return ERR_OK;
}

enum err stomp_destination_read(struct slice in, struct wr *scratch, struct stomp_destination *out,
				bool *out_is_unknown, struct text *why)
{
	static const struct {
		const char *prefix, *kind;
		enum stomp_place place;
	} kinds[] = {
		{ "/queue", "queue", STOMP_QUEUE },
		{ "/topic", "topic", STOMP_TOPIC },
		{ "/exchange", "exchange", STOMP_EXCHANGE },
		{ "/amq/queue", "amqqueue", STOMP_AMQ_QUEUE },
		{ "/temp-queue", "temp-queue", STOMP_TEMP_QUEUE },
		{ "/reply-queue", "reply-queue", STOMP_REPLY_QUEUE },
	};
	struct stomp_destination d = { .place = STOMP_QUEUE, .has_key = true, .name = in };
	size_t i = 0;
	*out_is_unknown = false;
	must(wr_left(scratch) >= in.n || slice_find(in, '%') == in.n);
	if (in.n == 0 || in.p[0] != '/') {
		*out = d;
		return ERR_OK;
	}
	for (; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].prefix);
		if (slice_starts_with(in, slice_str(kinds[i].prefix)) &&
		    (in.n == n || in.p[n] == '/'))
			break;
	}
	if (i == sizeof kinds / sizeof *kinds)
		return not_known(in, out_is_unknown, why);
	struct slice rest = slice_from(in, strlen(kinds[i].prefix));
	d = (struct stomp_destination){ .place = kinds[i].place };
	if (d.place == STOMP_EXCHANGE)
		TRY(exchange(rest, scratch, &d, why));
	else if (d.place == STOMP_REPLY_QUEUE && rest.n > 1)
		d.name = slice_from(rest, 1), d.has_key = true;
	else
		TRY(one_name(rest, kinds[i].kind, scratch, &d, why));
	*out = d;
	return ERR_OK;
}

void stomp_destination_name(struct text *out, struct slice name)
{
	static const char digits[] = "0123456789ABCDEF";
	must(out != NULL);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (c >= ' ' && c < 127 && c != '/' && c != '%') {
			text_putc(out, (char)c);
			continue;
		}
		text_putc(out, '%');
		text_putc(out, digits[c >> 4]);
		text_putc(out, digits[c & 15]);
	}
}

/* ---- ActiveMQ's wildcards ------------------------------------------------------------------ */

bool stomp_has_word(struct slice name, const char *word)
{
	for (size_t at = 0; at <= name.n;) {
		size_t n = slice_find(slice_from(name, at), '.');
		if (slice_eq(slice_sub(name, at, n), slice_str(word)))
			return true;
		at += n + 1;
	}
	must(word[0] != '\0');
	return false;
}

bool stomp_is_all_below(struct slice name)
{
	must(name.p != NULL || name.n == 0);
	return name.n > 0 && name.p[name.n - 1] == '>' &&
	       (name.n == 1 || name.p[name.n - 2] == '.');
}

bool stomp_is_wildcard(struct slice name)
{
	must(name.p != NULL || name.n == 0);
	return stomp_has_word(name, "*") || stomp_is_all_below(name);
}

/* The first word, which is taken off with its point; false: there is none. */
static bool next_word(struct slice *io_rest, bool *io_has_more, struct slice *out)
{
	if (!*io_has_more)
		return false;
	const size_t n = slice_find(*io_rest, '.');
	*out = slice_sub(*io_rest, 0, n);
	*io_has_more = n < io_rest->n;
	*io_rest = *io_has_more ? slice_from(*io_rest, n + 1) : SLICE_EMPTY;
	must(out->n == n);
	return true;
}

bool stomp_wildcard_fits(struct slice wildcard, struct slice name)
{
	bool has_more = true, has_name = true;
	struct slice want, word;
	must(wildcard.n > 0);
	while (next_word(&wildcard, &has_more, &want)) {
		if (!has_more && slice_eq(want, slice_str(">")))
			return true;
		if (!next_word(&name, &has_name, &word) ||
		    (!slice_eq(want, slice_str("*")) && !slice_eq(want, word)))
			return false;
	}
	return !has_name;
}
