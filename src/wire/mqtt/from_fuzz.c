/* from_fuzz -- any octets as the head of a message of MQTT 5: its properties in no protocol's form,
 * and written again, are those of MQTT 5 that the neutral view has. */
#include "base/must.h"
#include "wire/mqtt/from.h"
#include "wire/mqtt/headers.h"
#include "wire/mqtt/publish.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mqtt_publish pub;
	struct mqtt_props back;
	struct slice head = slice_of(p, n);
	size_t room_n = mqtt_from_room(head);
	uint8_t *room = malloc(room_n);
	must(room != NULL);
	struct slice block = mqtt_props_from(room, room_n, &mqtt5_header_ops, head);
	must(mqtt_props_decode(block, MQTT_PUBLISH, &back) == MQTT_FAULT_NONE);
	if (mqtt_publish_head_decode(head, MQTT_V5, &pub)) {
		must(back.user_property == pub.props.user_property);
		must(back.message_expiry_s == pub.props.message_expiry_s);
		must(slice_eq(back.content_type, pub.props.content_type));
		must(slice_eq(back.response_topic, pub.props.response_topic));
		must(slice_eq(back.correlation_data, pub.props.correlation_data));
	} else {
		must(block.n == 0);
	}
	free(room);
	return 0;
}
