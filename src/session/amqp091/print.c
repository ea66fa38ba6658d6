#include "wire/amqp091/print.h"

#include "base/must.h"
#include "session/amqp091/amqp091.h"

/* What is no frame is what a conversation ends with: all of it is one line. */
size_t amqp091_print(const struct session *s, struct slice in, struct text *out)
{
	enum amqp091_greeting greeting;
	struct amqp091_frame f;
	(void)s;
	must(in.n > 0);
	if (slice_starts_with(in, slice_str("AMQP")) &&
	    amqp091_greeting_read(in, &greeting) == ERR_OK) {
		text_puts(out, "greeting ");
		text_put_printable(out, slice_sub(in, 0, AMQP091_GREETING_LEN));
		return AMQP091_GREETING_LEN;
	}
	if (amqp091_frame_read(in, 0, &f) == ERR_OK) {
		amqp091_frame_print(&f, out);
		return f.total;
	}
	text_putf(out, "no frame: %zu octets", in.n);
	return in.n;
}
