#include "wire/mqtt/reason.h"

#include "base/must.h"

#define IN(name) (1u << MQTT_##name)

_Static_assert(MQTT_REASON_UNSPECIFIED == MQTT_REASON_FAILURE, "the first failure");

bool mqtt_reason_fits(uint8_t code, uint8_t type, bool from_server)
{
	uint32_t types = 0;
	must(type < 16);
	switch (code) {
#define REASON(code, name, v4, client, server, prose)      \
	case code:                                         \
		types = from_server ? (server) : (client); \
		break;
#include "wire/mqtt/reasons.def"
#undef REASON
	default: break;
	}
	return types & 1u << type;
}

uint8_t mqtt_reason_of(enum err e)
{
	static const uint8_t reasons[ERR_N] = {
#define ERR(name, text, code, condition, reason, ...) [ERR_##name] = (reason),
#include "base/err.def"
#undef ERR
	};
	must(e != ERR_OK && e < ERR_N);
	return reasons[e] >= MQTT_REASON_FAILURE ? reasons[e] : MQTT_REASON_UNSPECIFIED;
}

uint8_t mqtt_reason_v4(uint8_t code)
{
	uint8_t answer = 3;
	switch (code) {
#define REASON(code, name, v4, client, server, prose) \
	case code:                                    \
		answer = (v4);                        \
		break;
#include "wire/mqtt/reasons.def"
#undef REASON
	default: break;
	}
	must((answer == 0) == (code == MQTT_REASON_SUCCESS));
	return answer;
}

const char *mqtt_reason_text(uint8_t code)
{
	switch (code) {
#define REASON(code, name, v4, client, server, prose) \
	case code:                                    \
		return prose;
#include "wire/mqtt/reasons.def"
#undef REASON
	default: return "unknown reason";
	}
}
