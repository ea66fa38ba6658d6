/* from_fuzz -- any octets as another protocol's properties: what is made of them is well-formed,
 * and what the neutral view finds in it is what there was. */
#include "base/must.h"
#include "wire/amqp091/from.h"
#include "wire/amqp091/from_for_tests.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/props.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice octets = slice_of(p, n);
	size_t room = amqp091_from_room(octets);
	uint8_t *at = malloc(room);
	struct amqp091_props made;
	struct header was, is;
	must(at != NULL);
	struct slice props = amqp091_props_from(at, room, &strange_ops, octets, n % 2);
	must(amqp091_props_decode(props, &made) == ERR_OK && made.delivery_mode == 1 + n % 2);
	for (int i = 0; i < HEADER_PROPERTY_N; i++)
		must(!amqp091_header_ops.property(props, (enum header_property)i, &is) ||
		     strange_property(octets, (enum header_property)i, &was) ||
		     i == HEADER_CORRELATION_ID || i == HEADER_REPLY_TO);
	struct rd r = strange_begin(octets);
	while (strange_next(&r, &was))
		if (was.class < HEADER_LIST)
			must(header_find(&amqp091_header_ops, props, was.name, &is));
	free(at);
	return 0;
}
