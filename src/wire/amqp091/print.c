#include "wire/amqp091/print.h"

#include "base/must.h"
#include "wire/amqp091/fault.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/props.h"

/* Its malformed methods are not quoted: a password may be among the octets. */
#define CLASS_CONNECTION 10

static void print_fault(const struct amqp091_fault *fault, struct text *out)
{
	must(amqp091_fault_err(fault) != ERR_OK);
	text_puts(out, "malformed: ");
	amqp091_fault_text(fault, out);
}

static void print_method(const struct amqp091_frame *f, struct text *out)
{
	must(f->payload.n >= 4);
	struct amqp091_method m;
	if (amqp091_method_decode(f->payload, &m) == ERR_OK) {
		amqp091_method_print(&m, out);
		return;
	}
	struct amqp091_fault fault = amqp091_fault_of_method(f->payload);
	text_putf(out, "method %u.%u ", fault.class_id, fault.method_id);
	if (fault.class_id == CLASS_CONNECTION)
		text_putf(out, "malformed: %zu octets of fields", fault.octets.n);
	else
		print_fault(&fault, out);
}

static void print_header(const struct amqp091_frame *f, struct text *out)
{
	must(f->payload.n >= AMQP091_HEADER_FIXED);
	struct amqp091_header h;
	struct amqp091_props props;
	if (amqp091_header_decode(f->payload, &h) != ERR_OK) {
		text_puts(out, "header malformed");
		return;
	}
	text_putf(out, "header class=%u body=", h.class_id);
	text_put_u64(out, h.body_bytes);
	if (amqp091_props_decode(h.props, &props) == ERR_OK) {
		amqp091_props_print(&props, out);
		return;
	}
	struct amqp091_fault fault = amqp091_fault_of_props(h.props);
	text_putc(out, ' ');
	print_fault(&fault, out);
}

static void print_body(const struct amqp091_frame *f, struct text *out)
{
	must(f->type == AMQP091_FRAME_BODY);
	bool whole = f->payload.n <= AMQP091_PRINT_BODY_MAX;
	text_putf(out, "body %zu '", f->payload.n);
	text_put_printable(out,
			   whole ? f->payload : slice_sub(f->payload, 0, AMQP091_PRINT_BODY_MAX));
	text_puts(out, whole ? "'" : "'...");
}

void amqp091_frame_print(const struct amqp091_frame *f, struct text *out)
{
	must(f != NULL && out != NULL);
	text_putf(out, "ch %u ", f->channel);
	if (amqp091_frame_check(f) != ERR_OK) {
		struct amqp091_fault fault = amqp091_fault_of_check(f);
		print_fault(&fault, out);
	} else if (f->type == AMQP091_FRAME_METHOD) {
		print_method(f, out);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		print_header(f, out);
	} else if (f->type == AMQP091_FRAME_BODY) {
		print_body(f, out);
	} else {
		text_puts(out, "heartbeat");
	}
}
