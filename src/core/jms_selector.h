/* jms_selector -- does a message have what a JMS client wants? A binding's text says it, as clients
 * of RabbitMQ's JMS topic exchange compile it: a term of Erlang.
 *
 *     weight > 5 AND colour LIKE 'b%'
 *     {'and',{'>',{'ident',<<"weight">>},5},{'like',{'ident',<<"colour">>},<<"b%">>,'no_escape'}}
 *
 * The text is evaluated as it is read, with three values: true, false, unknown. What a message does
 * not have is unknown, and so is what makes no sense, as the sum of two texts. Values are compared
 * as Erlang does: numbers come before words, those before lists and texts. Pure; no memory; depth
 * and work are bounded.
 */
#ifndef CORE_JMS_SELECTOR_H
#define CORE_JMS_SELECTOR_H
#include "base/err.h"
#include "msg/header.h"

/* Terms inside each other, as RabbitMQ; and steps of one look at one message, beyond which it does
 * not match: a step is a character of the text, or so much of a header. */
#define JMS_SELECTOR_DEPTH_MAX 16u
#define JMS_SELECTOR_STEPS_MAX 1000000u

/* jms_selector_check: ERR_MALFORMED: it is no such term, or has unknown words, or is too deep or
 * too long. */
MUST_USE enum err jms_selector_check(struct slice text);

/* jms_selector_matches: is it true of what `ops` finds in `props`? `ops` may be NULL: of nothing.
 */
bool jms_selector_matches(struct slice text, const struct header_ops *ops, struct slice props);
#endif
