/* err -- one error code for the whole broker; err.def says how each protocol spells it.
 *
 * A function that returns `enum err` and fails has changed nothing, unless its comment says so.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum err {
#define ERR(name, text, amqp091, amqp10, mqtt5, http, prose) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_N
};

struct err_words {
	const char *name, *text, *amqp10, *prose;
	uint16_t amqp091, http;
	uint8_t mqtt5;
};

extern const struct err_words err_words[ERR_N];

/* err_amqp091_name gives the name that belongs to the reply code of `e`: "FRAME_ERROR" for
 * ERR_MALFORMED. A reply text is this name, " - ", and what went wrong. */
const char *err_amqp091_name(enum err e);

/* err_amqp091_closes_connection is true for a hard error; a soft one closes only the channel. */
bool err_amqp091_closes_connection(enum err e);

#define MUST_USE __attribute__((warn_unused_result))

/* UNSET is before a large local variable on the road of a message, which is written before it is
 * read: builds that clear locals leave it as it is. */
#define UNSET __attribute__((uninitialized))

/* TRY returns the first failure to the caller; use it where nothing needs undoing. */
#define TRY(call)                     \
	do {                          \
		enum err e_ = (call); \
		if (e_ != ERR_OK)     \
			return e_;    \
	} while (0)

#endif
