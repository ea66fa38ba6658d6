#include "session/views.h"

#include "base/must.h"
#include "wire/amqp091/headers.h"
#include "wire/mqtt/headers.h"
#include "wire/stomp/stored.h"

static struct rd begin_nothing(struct slice props)
{
	must(props.p != NULL || props.n == 0);
	return rd_of(SLICE_EMPTY);
}

static bool next_nothing(struct rd *r, struct header *out)
{
	must(r->n == 0 && out != NULL);
	return false;
}

static bool property_nothing(struct slice props, enum header_property which, struct header *out)
{
	must(out != NULL && which < HEADER_PROPERTY_N);
	(void)props;
	return false;
}

const struct header_ops *header_ops_of(uint8_t proto)
{
	static const struct header_ops nothing = { begin_nothing, next_nothing, property_nothing };
	switch ((enum msg_proto)proto) {
	case MSG_AMQP091: return &amqp091_header_ops;
	case MSG_STOMP: return &stomp_header_ops;
	case MSG_MQTT3: return &mqtt3_header_ops;
	case MSG_MQTT5: return &mqtt5_header_ops;
	case MSG_CHUNK:
	case MSG_CHUNKS: break;
	}
	return &nothing;
}

const struct header_ops *views_told_of(const struct msg *m)
{
	const struct header_ops *ops = views_of(m);
	must(ops != NULL);
	return ops == &stomp_header_ops ? &stomp_told_ops : ops;
}
