/* again -- a PUBLISH of QoS 0 that begins as the one before it, byte for byte.
 *
 * Most publishers say the same topic, with the same properties and the same length, again and
 * again. Such a packet was read, checked, permitted and routed already: it is compared, and goes
 * where the one before went. What is remembered ends with the feed, and with every packet that is
 * not so.
 */
#ifndef SESSION_MQTT_AGAIN_H
#define SESSION_MQTT_AGAIN_H
#include <stdbool.h>
#include <stdint.h>

struct message;
struct msg;
struct turn;

/* The head and the payload of the one before, in the block that is being fed. */
struct mqtt_again {
	const struct msg *before;
	uint32_t head_n, payload_n; /* head_n 0: there is none */
};

/* mqtt_again_keep remembers `m`, which was made of `of` and went to t->hit, if that may be said
 * again: it lies where it came, nobody waits for it, nothing is kept of it. */
void mqtt_again_keep(struct turn *t, const struct message *of, const struct msg *m,
		     bool is_followed);

/* mqtt_again publishes the packet at *io_off, and goes behind it, if it begins as the one before.
 * False: nothing was done, and nothing is remembered any more. */
bool mqtt_again(struct turn *t, uint32_t *io_off);

#endif
