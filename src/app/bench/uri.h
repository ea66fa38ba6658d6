/* uri -- amqp://user:password@host:port/vhost, mqtt://... or stomp://..., taken apart.
 *
 * Percent-encoding is resolved. What is missing: guest, guest, 127.0.0.1, 5672 (1883, 61613), "/".
 * A query is ignored. Plain values, no pointers.
 */
#ifndef APP_BENCH_URI_H
#define APP_BENCH_URI_H

#include "base/err.h"

#define URI_PART_MAX 255

enum uri_scheme { URI_AMQP, URI_MQTT, URI_STOMP };
#define URI_SCHEMES_N 3

struct uri {
	enum uri_scheme scheme;
	char user[URI_PART_MAX + 1], password[URI_PART_MAX + 1];
	char host[URI_PART_MAX + 1], port[8];
	char vhost[URI_PART_MAX + 1];
};

/* uri_parse takes `z` apart. ERR_SYNTAX_ERROR: it is no such URI, or a part is above 255 bytes;
 * *out is untouched. */
MUST_USE enum err uri_parse(const char *z, struct uri *out);

#endif
