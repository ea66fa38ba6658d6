/* props_fuzz -- any octets as property flags and list: both readers agree, and what was read is
 * written again octet by octet. */
#include "base/must.h"
#include "wire/amqp091/props.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void good(struct slice props, const struct amqp091_props *p)
{
	char buf[1024];
	struct amqp091_facts facts;
	must(amqp091_props_facts(props, &facts) == ERR_OK);
	must(facts.flags == p->flags && facts.priority == p->priority);
	must(facts.delivery_mode == p->delivery_mode && slice_eq(facts.headers, p->headers));
	must(slice_eq(facts.expiration, p->expiration) && slice_eq(facts.user_id, p->user_id));

	must(amqp091_props_size(p) == props.n);
	uint8_t *again = malloc(props.n);
	must(again != NULL && amqp091_props_put(again, p) == again + props.n);
	must(slice_eq(slice_of(again, props.n), props));
	free(again);
	struct text t = text_of(buf, sizeof buf);
	amqp091_props_print(p, &t);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice octets = slice_of(p, n);
	struct amqp091_props props;
	struct amqp091_facts facts;
	if (amqp091_props_decode(octets, &props) == ERR_OK)
		good(octets, &props);
	else
		must(amqp091_props_facts(octets, &facts) == ERR_MALFORMED);
	return 0;
}
