/* err -- one error code for the whole broker; err.def says how each protocol spells it.
 *
 * A function that returns `enum err` and fails has changed nothing, unless its comment says so.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum err {
#define ERR(name, ...) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_N
};

/* What it is called in this house; how a protocol spells it is read from the table where its codec
 * is. */
struct err_words {
	const char *name, *text;
};

extern const struct err_words err_words[ERR_N];

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
