/* sql -- does a message have what a selector in the words of SQL-92 wants?
 *
 *     weight BETWEEN 5 AND 7 AND (colour LIKE 'b%' OR JMSPriority > 4)
 *
 * The text is compiled once, to a code of steps for a stack (sql_code.h): what is needed again and
 * again is only that. Two selectors are the same if their codes are. There are three values: what a
 * message does not have is unknown, and so is what is made of it; only what is true matches.
 *
 * As ActiveMQ has it: NOT binds tighter than a comparison, a division is never one of integers, a
 * name alone is true if it has the value true, and the two sides of < are no texts in quotes. Texts
 * and numbers are never equal; with SQL_LENIENT, for clients whose headers are all texts, a text
 * that reads as a number is one where a number is wanted, and "true" is true.
 *
 * Pure; no memory; depth and work are bounded.
 */
#ifndef CORE_SQL_H
#define CORE_SQL_H
#include "base/err.h"
#include "msg/header.h"

/* Steps of one look at one message, beyond which it does not match: an operation, or so much of a
 * header or a pattern. A step takes some nanoseconds. */
#define SQL_STEPS_MAX 1000000u
/* Parentheses and the like inside each other. */
#define SQL_DEPTH_MAX 32u
/* Longest code. */
#define SQL_CODE_MAX  16384u

enum { SQL_LENIENT = 1 };

/* sql_compile writes the code of `text` into `code`, which has room for SQL_CODE_MAX.
 * ERR_MALFORMED: it is no selector; ERR_LIMIT: it is too long or too deep. */
MUST_USE enum err sql_compile(struct slice text, uint8_t flags, uint8_t *code, uint32_t *out_len);

/* What is known of a message. */
struct sql_message {
	const struct header_ops *ops;
	struct slice props;
	bool is_persistent;
};

/* sql_matches: is what sql_compile made true of the message? *out_steps: what the look has cost. */
bool sql_matches(struct slice code, const struct sql_message *m, uint32_t *out_steps);
#endif
