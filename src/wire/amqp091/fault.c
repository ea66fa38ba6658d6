#include "wire/amqp091/fault.h"

#include "base/must.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/method.h"

#include <inttypes.h>

#define SNIPPET_MAX 16 /* octets of a payload that a text quotes */

enum err amqp091_fault_err(const struct amqp091_fault *f)
{
	static const enum err errs[] = {
#define FAULT(name, err, prose) [AMQP091_FAULT_##name] = ERR_##err,
#include "wire/amqp091/faults.def"
#undef FAULT
	};
	must(f != NULL && f->kind < sizeof errs / sizeof *errs);
	return errs[f->kind];
}

struct amqp091_fault amqp091_fault_of_check(const struct amqp091_frame *f)
{
	must(f != NULL);
	bool unexpected = amqp091_frame_check(f) == ERR_UNEXPECTED_FRAME;
	return (struct amqp091_fault){
		.kind = unexpected ? AMQP091_FAULT_WRONG_CHANNEL : AMQP091_FAULT_UNKNOWN_FRAME,
		.frame_type = f->type,
		.octets = f->payload,
	};
}

struct amqp091_fault amqp091_fault_of_frame(struct slice in, size_t frame_max)
{
	must(in.n >= AMQP091_FRAME_HEAD);
	size_t size = load_be32(in.p + 3);
	if (!amqp091_frame_fits(size, frame_max))
		return (struct amqp091_fault){
			.kind = AMQP091_FAULT_FRAME_TOO_LARGE,
			.frame_type = in.p[0],
			.a = size,
			.b = frame_max - AMQP091_FRAME_OVERHEAD,
		};

	must(in.n - AMQP091_FRAME_HEAD > size);
	uint8_t end = in.p[AMQP091_FRAME_HEAD + size];
	must(end != AMQP091_FRAME_END);
	return (struct amqp091_fault){
		.kind = AMQP091_FAULT_END_OCTET,
		.frame_type = in.p[0],
		.octets = slice_of(in.p + AMQP091_FRAME_HEAD, size),
		.a = end,
	};
}

struct amqp091_fault amqp091_fault_of_method(struct slice payload)
{
	must(payload.n >= 4);
	struct amqp091_fault f = {
		.kind = AMQP091_FAULT_FIELDS,
		.frame_type = AMQP091_FRAME_METHOD,
		.class_id = load_be16(payload.p),
		.method_id = load_be16(payload.p + 2),
		.octets = slice_from(payload, 4),
	};
	struct amqp091_method m;
	enum err e = amqp091_method_decode(payload, &m);
	if (e == ERR_COMMAND_INVALID)
		f.kind = AMQP091_FAULT_UNKNOWN_METHOD;
	else if (e == ERR_SYNTAX_ERROR)
		f.kind = AMQP091_FAULT_NOT_UTF8;
	return f;
}

struct amqp091_fault amqp091_fault_of_props(struct slice props)
{
	must(props.p != NULL || props.n == 0);
	return (struct amqp091_fault){
		.kind = AMQP091_FAULT_PROPERTIES,
		.frame_type = AMQP091_FRAME_HEADER,
		.octets = props,
	};
}

/* put_frame: "type 1, first 16 octets = <<...>>". */
static void put_frame(const struct amqp091_fault *f, struct text *out)
{
	must(f->octets.p != NULL || f->octets.n == 0);
	bool all = f->octets.n <= SNIPPET_MAX;
	text_putf(out, "type %u, %s octets = ", f->frame_type, all ? "all" : "first 16");
	amqp091_erl_octets(all ? f->octets : slice_sub(f->octets, 0, SNIPPET_MAX), out);
}

void amqp091_fault_text(const struct amqp091_fault *f, struct text *out)
{
	must(f != NULL && out != NULL);
	switch (f->kind) {
	case AMQP091_FAULT_FRAME_TOO_LARGE:
		put_frame(f, out);
		text_putf(out, ": {frame_too_large,%" PRIu64 ",%" PRIu64 "}", f->a, f->b);
		return;
	case AMQP091_FAULT_END_OCTET:
		put_frame(f, out);
		text_putf(out, ": {invalid_frame_end_marker,%" PRIu64 "}", f->a);
		return;
	case AMQP091_FAULT_UNKNOWN_FRAME:
		put_frame(f, out);
		text_puts(out, ": unknown_frame");
		return;
	case AMQP091_FAULT_WRONG_CHANNEL: put_frame(f, out); return;
	case AMQP091_FAULT_NOT_METHOD:
		text_puts(out, "expected method frame, got non method frame instead");
		return;
	case AMQP091_FAULT_NOT_HEADER:
		text_putf(out,
			  "expected content header for class %" PRIu64
			  ", got non content header frame instead",
			  f->a);
		return;
	case AMQP091_FAULT_OTHER_CLASS:
		text_putf(out,
			  "expected content header for class %" PRIu64
			  ", got one for class %" PRIu64 " instead",
			  f->a, f->b);
		return;
	case AMQP091_FAULT_NOT_BODY:
		text_puts(out, "expected content body, got non content body frame instead");
		return;
	case AMQP091_FAULT_BODY_TOO_LONG:
		text_putf(out, "content body of %" PRIu64 " octets, %" PRIu64 " were announced",
			  f->a, f->b);
		return;
	case AMQP091_FAULT_UNKNOWN_METHOD: text_puts(out, "unimplemented method"); return;
	case AMQP091_FAULT_FIELDS:
	case AMQP091_FAULT_PROPERTIES:
		text_puts(out, "cannot decode ");
		amqp091_erl_octets(f->octets, out);
		return;
	case AMQP091_FAULT_NOT_UTF8: text_puts(out, "Malformed UTF-8 in shortstr"); return;
	}
}
