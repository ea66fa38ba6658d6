/* method_fuzz -- any octets as the payload of a method frame: refused with a text, or written
 * again and read again as the same. */
#include "base/must.h"
#include "wire/amqp091/fault.h"
#include "wire/amqp091/method.h"

#include <stdlib.h>

#define LINE 2048

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct text print(const struct amqp091_method *m, char *buf)
{
	struct text t = text_of(buf, LINE);
	amqp091_method_print(m, &t);
	must(t.n > 0);
	return t;
}

static void again(const struct amqp091_method *m, size_t payload_n)
{
	char before[LINE], after[LINE];
	size_t size = amqp091_method_size(m);
	must(size == payload_n + AMQP091_FRAME_OVERHEAD);
	uint8_t *frame = malloc(size);
	must(frame != NULL && amqp091_method_put(frame, 1, m) == frame + size);

	struct amqp091_method back;
	struct amqp091_frame f;
	must(amqp091_frame_read(slice_of(frame, size), 0, &f) == ERR_OK);
	must(amqp091_method_decode(f.payload, &back) == ERR_OK && back.kind == m->kind);
	struct text a = print(m, before), b = print(&back, after);
	must(slice_eq(text_slice(&a), text_slice(&b)));
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice payload = slice_of(p, n);
	struct amqp091_method m;
	if (amqp091_method_decode(payload, &m) == ERR_OK) {
		again(&m, n);
	} else if (n >= 4) {
		char buf[LINE];
		struct text t = text_of(buf, LINE);
		struct amqp091_fault f = amqp091_fault_of_method(payload);
		amqp091_fault_text(&f, &t);
		must(t.n > 0);
	}
	return 0;
}
