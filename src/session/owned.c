#include "session/owned.h"

#include "base/must.h"

bool owned_is(struct slice name)
{
	static const char *const prefixes[] = { OWNED_MQTT_SESSION, OWNED_MQTT_SHARED,
						OWNED_STOMP_SUBSCRIPTION, OWNED_STOMP_DURABLE,
						OWNED_GENERATED };
	must(name.n > 0);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (slice_starts_with(name, slice_str(prefixes[i])))
			return true;
	return false;
}
