/* stomp frame -- where one frame ends and the next begins, in STOMP 1.0, 1.1 and 1.2.
 *
 *      COMMAND LF  name:value LF ...  LF  body NUL      (a line may end in CR LF)
 *
 * A frame is read when all of it lies in contiguous octets. What was looked at is remembered, so
 * however slowly it drips, each octet is looked at once; nothing is kept but a few numbers, and no
 * claimed length makes anybody allocate anything. Limits (base/limits.def) count octets as they
 * came, before escapes. Pure; views borrow from the input.
 */
#ifndef WIRE_STOMP_FRAME_H
#define WIRE_STOMP_FRAME_H
#include "base/err.h"
#include "base/slice.h"

enum stomp_version { STOMP_1_0, STOMP_1_1, STOMP_1_2 };

enum stomp_command {
#define COMMAND(name, from, prose) STOMP_##name,
#include "wire/stomp/commands.def"
#undef COMMAND
	STOMP_COMMAND_N /* any other word */
};
/* stomp_command_words: how they are written. */
extern const char *const stomp_command_words[STOMP_COMMAND_N];

struct stomp_frame {
	enum stomp_command command;
	struct slice word; /* the command as it came */
	struct slice head; /* header lines, each with its end */
	struct slice body;
	size_t total; /* the frame's octets, NUL included */
};

/* Why a frame cannot be read: faults.def. */
struct stomp_fault {
	enum err err;
	const char *words, *activemq;
};
enum stomp_fault_row {
#define FAULT(name, err, activemq, prose) STOMP_FAULT_##name,
#include "wire/stomp/faults.def"
#undef FAULT
	STOMP_FAULT_N
};

/* How far a frame was looked at; all zero at the start of each. Places count from its start. */
struct stomp_scan {
	uint32_t at;   /* looked at so far */
	uint32_t line; /* where the line in hand begins */
	uint32_t lines_n;
	uint32_t body;   /* where the body begins; 0: not there yet */
	uint64_t body_n; /* claimed */
	bool has_length;
	const struct stomp_fault *fault; /* it was refused; NULL: not yet */
};

/* stomp_blank: octets in front of a frame that mean nothing but life: line ends. */
size_t stomp_blank(struct slice in);

/* stomp_scan looks for the frame at the start of `in`, which must begin with what earlier calls
 * for this frame have seen. ERR_MORE: not all there; *out_need octets are worth another look.
 * ERR_LIMIT, ERR_MALFORMED: s->fault says why; the peer is not to be understood any more. */
MUST_USE enum err stomp_scan(struct stomp_scan *s, struct slice in, uint64_t body_max,
			     struct stomp_frame *out, size_t *out_need);

/* stomp_line takes one header line off `io_head`, which a scan has given: name and value as they
 * came, escapes and all. False: no more. */
bool stomp_line(struct slice *io_head, struct slice *out_name, struct slice *out_value);
#endif
