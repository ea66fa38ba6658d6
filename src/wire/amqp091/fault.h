/* amqp091 fault -- what is wrong with a frame, as data; and the text that RabbitMQ has for it.
 *
 * Frame, method and property decoders answer with an `enum err` and no more, to stay fast. When
 * one has refused, the functions here look again at the same bytes and say why. Pure; `octets`
 * borrows from the bytes that were refused.
 */
#ifndef WIRE_AMQP091_FAULT_H
#define WIRE_AMQP091_FAULT_H

#include "base/err.h"
#include "base/text.h"
#include "wire/amqp091/frame.h"

enum amqp091_fault_kind {
#define FAULT(name, err, prose) AMQP091_FAULT_##name,
#include "wire/amqp091/faults.def"
#undef FAULT
};

struct amqp091_fault {
	enum amqp091_fault_kind kind;
	uint8_t frame_type;
	uint16_t class_id, method_id; /* for connection.close; 0 and 0: no method was involved */
	struct slice octets;
	uint64_t a, b; /* as the row says */
};

/* amqp091_fault_of_frame: why amqp091_frame_read refused `in`. */
struct amqp091_fault amqp091_fault_of_frame(struct slice in, size_t frame_max);

/* amqp091_fault_of_check: why amqp091_frame_check refused `f`. */
struct amqp091_fault amqp091_fault_of_check(const struct amqp091_frame *f);

/* amqp091_fault_of_method: why amqp091_method_decode refused `payload`. */
struct amqp091_fault amqp091_fault_of_method(struct slice payload);

/* amqp091_fault_of_props: the flags and properties `props` were refused by amqp091_props_decode. */
struct amqp091_fault amqp091_fault_of_props(struct slice props);

/* amqp091_fault_err is the error that closes the connection: its reply code, and the name before
 * the dash in the reply text. */
enum err amqp091_fault_err(const struct amqp091_fault *f);

/* amqp091_fault_text writes the reply text after the dash: "type 1, all octets = <<0,20,0,40>>:
 * {invalid_frame_end_marker,0}". */
void amqp091_fault_text(const struct amqp091_fault *f, struct text *out);

#endif
