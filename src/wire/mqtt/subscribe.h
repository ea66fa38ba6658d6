/* mqtt subscribe -- SUBSCRIBE and UNSUBSCRIBE with their answers. Pure; views borrow.
 *
 * Both are checked whole, with every filter and option in them, before anybody acts on the first.
 */
#ifndef WIRE_MQTT_SUBSCRIBE_H
#define WIRE_MQTT_SUBSCRIBE_H

#include "wire/mqtt/packet.h"
#include "wire/mqtt/props.h"
#include "wire/mqtt/topic.h"

struct mqtt_subscribe {
	uint16_t id;
	uint32_t filters_n;      /* at least 1 */
	struct mqtt_props props; /* empty before version 5 */
	struct slice list;       /* for mqtt_subscribe_next or mqtt_unsubscribe_next */
};

enum mqtt_retain_handling {
	MQTT_RETAIN_ALWAYS,   /* retained messages are sent */
	MQTT_RETAIN_IF_NEW,   /* if there was no such subscription */
	MQTT_RETAIN_NOT_SENT, /* never */
};

struct mqtt_subscription {
	struct slice filter; /* as it came, with $share/name/ if it has that */
	uint8_t qos;
	bool no_local, retain_as_published; /* false before version 5 */
	uint8_t retain_handling;            /* enum mqtt_retain_handling; 0 before version 5 */
};

/* mqtt_subscribe_decode checks the body of a SUBSCRIBE or an UNSUBSCRIBE.
 * ID, SHORT, UTF8, ZERO, NO_FILTER, FILTER, SHARE, SHARE_NO_LOCAL, QOS, OPTIONS, RETAIN_HANDLING,
 * and those of mqtt_props_decode. */
MUST_USE enum mqtt_fault mqtt_subscribe_decode(const struct mqtt_packet *p,
					       struct mqtt_subscribe *out);

/* mqtt_subscribe_next gives the subscriptions of a checked list, mqtt_unsubscribe_next the filters;
 * start with rd_of(list). False: no more. */
bool mqtt_subscribe_next(struct rd *r, struct mqtt_subscription *out);
bool mqtt_unsubscribe_next(struct rd *r, struct slice *out);

/* mqtt_subscription_put writes one subscription, 3 octets and the filter. */
uint8_t *mqtt_subscription_put(uint8_t *at, const struct mqtt_subscription *s);

/* mqtt_subscription_options is the octet behind a filter; mqtt_subscription_set reads it. */
uint8_t mqtt_subscription_options(const struct mqtt_subscription *s);
void mqtt_subscription_set(struct mqtt_subscription *s, uint8_t options);

/* mqtt_subscribe_size is what mqtt_subscribe_put writes: a whole packet of `type` with
 * `s->list` as it is. */
size_t mqtt_subscribe_size(uint8_t version, const struct mqtt_subscribe *s);
uint8_t *mqtt_subscribe_put(uint8_t *at, uint8_t version, uint8_t type,
			    const struct mqtt_subscribe *s);

/* ---- SUBACK and UNSUBACK ---- */

struct mqtt_suback {
	uint16_t id;
	struct mqtt_props props; /* not sent before version 5 */
	struct slice reasons;    /* of version 5, one octet for each filter */
};

/* mqtt_suback_size is what mqtt_suback_put writes: a whole packet of `type`. Before version 5 an
 * UNSUBACK has no reasons; a SUBACK of 3.1.1 has 0x80 for every failure. 3.1 has no word for
 * failure: what cannot be granted is granted QoS 0, and the session delivers nothing. */
size_t mqtt_suback_size(uint8_t version, uint8_t type, const struct mqtt_suback *s);
uint8_t *mqtt_suback_put(uint8_t *at, uint8_t version, uint8_t type, const struct mqtt_suback *s);

/* mqtt_suback_decode reads the body of either. */
MUST_USE enum mqtt_fault mqtt_suback_decode(const struct mqtt_packet *p, struct mqtt_suback *out);

#endif
