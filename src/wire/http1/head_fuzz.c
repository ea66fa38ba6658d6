/* head_fuzz -- any octets as a request: what is taken says the same when it is written again. */
#include "base/must.h"
#include "base/text.h"
#include "wire/http1/deflate.h"
#include "wire/http1/upgrade.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct http1_head head, again;

static void write_again(struct text *t)
{
	text_put_slice(t, head.method);
	text_putc(t, ' ');
	text_put_slice(t, head.target);
	text_putf(t, " HTTP/1.%u\r\n", head.minor);
	for (uint32_t i = 0; i < head.fields_n; i++) {
		text_put_slice(t, head.fields[i].name);
		text_puts(t, ": ");
		text_put_slice(t, head.fields[i].value);
		text_puts(t, "\r\n");
	}
	text_puts(t, "\r\n");
}

static void same(void)
{
	must(slice_eq(head.method, again.method) && slice_eq(head.target, again.target));
	must(head.fields_n == again.fields_n && head.minor == again.minor);
	must(head.body_bytes == again.body_bytes && head.is_chunked == again.is_chunked);
	for (uint32_t i = 0; i < head.fields_n; i++)
		must(slice_eq(head.fields[i].name, again.fields[i].name) &&
		     slice_eq(head.fields[i].value, again.fields[i].value));
}

static void upgrade(void)
{
	struct http1_upgrade up;
	uint32_t n;
	char room[2000];
	struct text t = text_of(room, sizeof room);
	enum http1_status status = http1_upgrade_read(&head, &up);
	if (status == HTTP1_SWITCHING)
		must(up.key.n == 24 && up.path.n > 0);
	else
		http1_refusal_put(&t, status);
	must(http1_protocol_choose(&head, "mqtt|mqttv3.1", &n).n <= 8);
}

/* What is agreed on about packed messages is what was asked for, and no less than we can do. */
static void pack(void)
{
	char room[200];
	struct text t = text_of(room, sizeof room);
	for (uint8_t bits = 8; bits <= HTTP1_DEFLATE_BITS_MAX; bits++) {
		struct http1_deflate d = http1_deflate_choose(&head, bits);
		must_if(d.is_agreed, d.server_bits >= bits);
		must_if(d.is_agreed, d.server_bits <= HTTP1_DEFLATE_BITS_MAX);
		t = text_of(room, sizeof room);
		http1_deflate_put(&t, &d);
		must(!text_is_full(&t) && (t.n > 0) == d.is_agreed);
	}
}

/* The end is where it is, however the octets come. */
static size_t end_of(struct slice in, size_t step)
{
	size_t seen = 0, found = 0;
	for (size_t n = 0; found == 0 && n < in.n;) {
		n = n + step < in.n ? n + step : in.n;
		found = http1_head_end(slice_sub(in, 0, n), &seen);
	}
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[2 * LIMIT_HTTP_HEAD_BYTES];
	struct slice in = slice_of(p, n);
	size_t end = end_of(in, n);
	must(end == end_of(in, 1) && end == end_of(in, 5));
	if (end == 0)
		return 0;
	enum err e = http1_head_read(slice_sub(in, 0, end), &head);
	if (e != ERR_OK) {
		must(http1_status_of(e) >= 400);
		return 0;
	}
	struct text t = text_of(room, sizeof room);
	write_again(&t);
	if (t.n <= LIMIT_HTTP_HEAD_BYTES && http1_head_read(text_slice(&t), &again) == ERR_OK)
		same();
	upgrade();
	pack();
	return 0;
}
