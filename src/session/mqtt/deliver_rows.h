/* deliver_rows -- messages that go out side by side, as they came.
 *
 * Of QoS 0, between clients before version 5. Those of one publisher lie side by side in the block
 * that was read, so several are one piece of bytes. Whoever is told the same rows next, and wants
 * their topic too, takes the same piece (session_echo).
 *
 *      block | PUBLISH | PUBLISH | PUBLISH | ...
 *            |<---- a span ------>|
 *
 * Private to this room.
 */
#ifndef SESSION_MQTT_DELIVER_ROWS_H
#define SESSION_MQTT_DELIVER_ROWS_H
#include "session/mqtt/mqtt.h"

/* mqtt_deliver_rows is receiver_ops.deliver_rows: writes rows from the first on, as many as go out
 * so and as fit in the bound of the output, and says how many. Counts them; the rows keep their
 * references. */
uint32_t mqtt_deliver_rows(struct session *own, struct session_world *w, struct taker *k,
			   const struct deliver_row *row, uint32_t n);
#endif
