/* amqp091 delay -- the properties of a message that has been delayed, as the plugin writes them.
 *
 * The number in the header x-delay is negated, so that nobody delays it once more; BCC goes, as it
 * would have when it was published. Pure; everything is borrowed.
 */
#ifndef WIRE_AMQP091_DELAY_H
#define WIRE_AMQP091_DELAY_H

#include "base/err.h"
#include "base/wr.h"

/* So many octets more than it had may its properties need. */
#define AMQP091_DELAY_GROWS 16u

/* What whoever sends it must know. */
struct amqp091_delayed {
	struct slice copies[2]; /* further routing keys, of CC and BCC, where they were read */
};

/* amqp091_delay_put writes the properties; is_delayed: else x-delay stays. ERR_MALFORMED: they were
 * not right, then nothing is written. */
MUST_USE enum err amqp091_delay_put(struct wr *w, struct slice props, bool is_delayed,
				    struct amqp091_delayed *out);

#endif
