/* delay_fuzz -- any octets as properties of a message that was delayed: refused, or what comes of
 * it is well-formed, fits the room asked for, has no BCC, and is delayed no more. */
#include "base/must.h"
#include "wire/amqp091/delay.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice octets = slice_of(p, n);
	struct amqp091_props before, after;
	struct amqp091_delayed d;
	struct amqp091_value v;
	int64_t delay;
	if (amqp091_props_decode(octets, &before) != ERR_OK)
		return 0;
	uint8_t *at = malloc(n + AMQP091_DELAY_GROWS);
	struct wr w = wr_of(at, n + AMQP091_DELAY_GROWS);
	must(at != NULL && amqp091_delay_put(&w, octets, true, &d) == ERR_OK && wr_ok(&w));
	must(amqp091_props_decode(wr_done(&w), &after) == ERR_OK && after.flags == before.flags);
	must(!amqp091_table_find(after.headers, slice_str("BCC"), &v));
	must(!amqp091_table_int(after.headers, "x-delay", &delay) || delay <= 0);
	must(before.priority == after.priority && slice_eq(after.expiration, before.expiration));
	free(at);
	return 0;
}
