/* jms -- topics of JMS: each binding gets what its selector is true of.
 *
 * The selector (jms_selector.h) is an argument of the binding; keys are not looked at, for the
 * clients bind such an exchange to a topic exchange with them. A binding without a selector gets
 * nothing.
 */
#ifndef CORE_JMS_H
#define CORE_JMS_H
#include "core/route.h"

/* The argument's name. */
#define JMS_SELECTOR "rjms_erlang_selector"

struct exchange;

/* jms_route adds where the bindings lead whose selectors are true of the message. */
void jms_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
	       struct route *r);
#endif
