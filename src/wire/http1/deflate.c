#include "wire/http1/deflate.h"

#include "base/must.h"

enum word { CLIENT_BITS, CLIENT_ALONE, SERVER_BITS, SERVER_ALONE, WORDS_N };

static const char *const words[WORDS_N] = {
	[CLIENT_BITS] = "client_max_window_bits",
	[CLIENT_ALONE] = "client_no_context_takeover",
	[SERVER_BITS] = "server_max_window_bits",
	[SERVER_ALONE] = "server_no_context_takeover",
};

static struct slice trimmed(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	must_if(s.n > 0, s.p != NULL);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* next_part cuts off what is before the next `by`, and moves on behind it. */
static struct slice next_part(struct slice *io_rest, uint8_t by)
{
	must(by == ';' || by == '=');
	return trimmed(slice_cut(io_rest, by));
}

/* bits_of reads 8 to 15, which may be in quotes. 0: it is none of them. */
static uint8_t bits_of(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = slice_sub(s, 1, s.n - 2);
	if (s.n == 1 && (s.p[0] == '8' || s.p[0] == '9'))
		return (uint8_t)(s.p[0] - '0');
	if (s.n == 2 && s.p[0] == '1' && s.p[1] >= '0' && s.p[1] <= '5')
		return (uint8_t)(10 + s.p[1] - '0');
	return 0;
}

static enum word word_of(struct slice name)
{
	uint8_t i = 0;
	while (i < WORDS_N && !slice_eq(name, slice_str(words[i])))
		i++;
	must(i <= WORDS_N);
	return (enum word)i;
}

/* take reads one parameter of an offer. False: the offer is no good. */
static bool take(struct slice parameter, bool seen[WORDS_N], struct http1_deflate *io_d)
{
	bool has_value = slice_find(parameter, '=') < parameter.n;
	struct slice name = next_part(&parameter, '='), value = trimmed(parameter);
	enum word word = word_of(name);
	if (word == WORDS_N || seen[word])
		return false;
	seen[word] = true;
	if (word == CLIENT_ALONE || word == SERVER_ALONE)
		return !has_value;
	uint8_t bits = bits_of(value);
	if (word == CLIENT_BITS) /* whatever window a client has, it fits into ours */
		return !has_value || bits > 0;
	io_d->has_server_bits = true;
	io_d->server_bits = bits;
	return bits > 0;
}

static struct http1_deflate read_offer(struct slice offer, uint8_t bits_min)
{
	struct http1_deflate d = { .server_bits = HTTP1_DEFLATE_BITS_MAX };
	bool seen[WORDS_N] = { false };
	if (!slice_eq(next_part(&offer, ';'), slice_str("permessage-deflate")))
		return d;
	d.is_agreed = true;
	must(bits_min <= HTTP1_DEFLATE_BITS_MAX);
	while (offer.n > 0 && d.is_agreed)
		d.is_agreed = take(next_part(&offer, ';'), seen, &d);
	d.is_agreed &= d.server_bits >= bits_min;
	return d;
}

struct http1_deflate http1_deflate_choose(const struct http1_head *h, uint8_t bits_min)
{
	struct http1_deflate none = { .is_agreed = false };
	must(h->fields_n <= LIMIT_HTTP_FIELDS && bits_min <= HTTP1_DEFLATE_BITS_MAX);
	for (uint32_t i = 0; i < h->fields_n; i++) {
		struct slice offer, list = h->fields[i].value;
		if (!http1_field_is(&h->fields[i], "sec-websocket-extensions"))
			continue;
		while ((offer = http1_list_next(&list)).n > 0) {
			struct http1_deflate d = read_offer(offer, bits_min);
			if (d.is_agreed)
				return d;
		}
	}
	return none;
}

void http1_deflate_put(struct text *t, const struct http1_deflate *d)
{
	if (!d->is_agreed)
		return;
	must(d->server_bits > 0 && d->server_bits <= HTTP1_DEFLATE_BITS_MAX);
	text_putf(t, "Sec-WebSocket-Extensions: permessage-deflate; %s; %s", words[SERVER_ALONE],
		  words[CLIENT_ALONE]);
	if (d->has_server_bits)
		text_putf(t, "; %s=%u", words[SERVER_BITS], (unsigned)d->server_bits);
	text_puts(t, "\r\n");
}
