#include "wire/stomp/print.h"

#include "base/must.h"
#include "wire/stomp/head.h"

#define BODY_MAX 64u /* octets of a body that are shown */

void stomp_frame_print(const struct stomp_frame *f, struct text *out)
{
	struct slice head = f->head, name, value;
	must(f->total > 0);
	text_put_printable(out, f->word);
	while (stomp_line(&head, &name, &value)) {
		text_putc(out, ' ');
		text_put_printable(out, name);
		text_putc(out, '=');
		if (slice_eq(name, slice_str(stomp_header_words[STOMP_H_PASSCODE])))
			text_putf(out, "%zu octets", value.n);
		else
			text_put_quoted_printable(out, "", value);
	}
	if (f->body.n == 0)
		return;
	text_putf(out, " body %zu ", f->body.n);
	bool is_whole = f->body.n <= BODY_MAX;
	text_put_quoted_printable(out, "", is_whole ? f->body : slice_sub(f->body, 0, BODY_MAX));
	text_puts(out, is_whole ? "" : "...");
}
