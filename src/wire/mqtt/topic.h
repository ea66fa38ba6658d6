/* mqtt topic -- names of topics, filters, shared subscriptions, and what they are as routing keys.
 *
 * `/` separates levels, and empty levels count; nothing is normalised. A topic with a level for
 * each word is a routing key with `.` for `/` and `*` for `+`, in RabbitMQ's way: `#` is the same
 * on both sides, nothing is escaped, so a.b and a/b have one key and both come back as a/b. Between
 * clients of MQTT topics stay exact all the same: each message has its own with it, and who
 * delivers looks with mqtt_filter_match. Pure.
 */
#ifndef WIRE_MQTT_TOPIC_H
#define WIRE_MQTT_TOPIC_H

#include "base/slice.h"
#include "wire/mqtt/fault.h"

#define MQTT_SHARE_PREFIX "$share/"

/* mqtt_topic_ok: UTF-8 without U+0000 and wildcards, not empty, at most 65535 octets: a message can
 * be published to it. */
bool mqtt_topic_ok(struct slice topic);

/* mqtt_filter_check looks at the filter of a subscription, whose text has been checked.
 * FILTER: empty, a wildcard that does not have a level for itself, # before the end. SHARE: $share/
 * without a name, with wildcards in the name, or without a filter behind it. */
MUST_USE enum mqtt_fault mqtt_filter_check(struct slice filter);

/* mqtt_filter_ok is the same as a question, of the text too. */
bool mqtt_filter_ok(struct slice filter);

/* mqtt_filter_is_deep: well-formed, but of more than LIMIT_MQTT_TOPIC_LEVELS levels. */
bool mqtt_filter_is_deep(struct slice filter);

/* mqtt_filter_match: does the filter, which is no $share/..., match the topic? # matches its
 * parent, too; a wildcard in front does not match a topic that begins with $. */
bool mqtt_filter_match(struct slice filter, struct slice topic);

/* mqtt_topic_is_ours: only the broker itself says what is at that topic: $SYS and all below, except
 * $SYS/broker/connection/NAME/state, where other brokers say how their connections are. */
bool mqtt_topic_is_ours(struct slice topic);

/* mqtt_share_split gives group and filter of a checked $share/group/filter; false: it is a plain
 * filter, and out_filter is all of it. */
bool mqtt_share_split(struct slice filter, struct slice *out_group, struct slice *out_filter);

/* mqtt_key_put writes topic or filter as a routing or binding key, octet by octet, topic.n octets;
 * it may be done in place. A key has at most LIMIT_SHORTSTR octets; the caller has checked. */
uint8_t *mqtt_key_put(uint8_t *at, struct slice topic);

/* mqtt_topic_number tells topics apart that have one key: 0 of the one that is what the key says,
 * with a dot for each slash, else not 0, and at most HEADER_RETAIN_MAX. It is stored. */
uint32_t mqtt_topic_number(struct slice topic);

/* mqtt_topic_put writes the routing key of a message as a topic, key.n octets: `/` for `.`. A `*`
 * stays, where RabbitMQ writes a `+` that no client may be sent. It need not be a topic: keys may
 * be empty, have wildcards of MQTT in them, or be no text (mqtt_topic_ok). */
uint8_t *mqtt_topic_put(uint8_t *at, struct slice key);

/* mqtt_binding_put writes a binding key that meets the keys of all topics that the filter matches,
 * at most filter.n octets. Where mqtt_key_put has `*`, one word, here is `#`: a level that has a
 * dot in it is more words than one (a + that misses host/a.example/cpu loses messages). */
uint8_t *mqtt_binding_put(uint8_t *at, struct slice filter);

#endif
