#include "app/bench/uri.h"

#include "base/must.h"
#include "base/slice.h"

#include <string.h>

static int hex(uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? memchr(digits, c | 0x20, 16) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* unescape copies a part with its %XX resolved and a final zero. An empty part leaves what is
 * there. */
static bool unescape(struct slice part, char *out, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < part.n; i++) {
		uint8_t c = part.p[i];
		if (n + 1 >= cap)
			return false;
		if (c == '%') {
			if (part.n - i < 3)
				return false;
			int high = hex(part.p[i + 1]), low = hex(part.p[i + 2]);
			if (high < 0 || low < 0 || (high | low) == 0)
				return false;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		out[n++] = (char)c;
	}
	if (n > 0)
		out[n] = '\0';
	return true;
}

static bool host_port(struct slice s, struct uri *u)
{
	struct slice host;
	if (s.n > 0 && s.p[0] == '[') { /* IPv6 */
		s = slice_from(s, 1);
		host = slice_cut(&s, ']');
		(void)slice_cut(&s, ':');
	} else {
		host = slice_cut(&s, ':');
	}
	return unescape(host, u->host, sizeof u->host) && unescape(s, u->port, sizeof u->port);
}

/* scheme takes it off the front; each has a port of its own. */
static bool scheme(struct slice *s, struct uri *u)
{
	static const struct {
		const char *front, *port;
	} schemes[URI_SCHEMES_N] = {
		[URI_AMQP] = { "amqp://", "5672" },
		[URI_MQTT] = { "mqtt://", "1883" },
		[URI_STOMP] = { "stomp://", "61613" },
	};
	for (enum uri_scheme i = URI_AMQP; i < URI_SCHEMES_N; i++) {
		if (!slice_starts_with(*s, slice_str(schemes[i].front)))
			continue;
		u->scheme = i;
		memcpy(u->port, schemes[i].port, strlen(schemes[i].port) + 1);
		*s = slice_from(*s, strlen(schemes[i].front));
		return true;
	}
	return false;
}

enum err uri_parse(const char *z, struct uri *out)
{
	struct uri u = { URI_AMQP, "guest", "guest", "127.0.0.1", "", "/" };
	struct slice s = slice_str(z);
	must(out != NULL);
	if (!scheme(&s, &u))
		return ERR_SYNTAX_ERROR;
	s = slice_cut(&s, '?');
	struct slice authority = slice_cut(&s, '/');
	if (slice_find(authority, '@') < authority.n) {
		struct slice login = slice_cut(&authority, '@'), user = slice_cut(&login, ':');
		if (!unescape(user, u.user, sizeof u.user) ||
		    !unescape(login, u.password, sizeof u.password))
			return ERR_SYNTAX_ERROR;
	}
	if (!host_port(authority, &u) || !unescape(s, u.vhost, sizeof u.vhost))
		return ERR_SYNTAX_ERROR;
	*out = u;
	return ERR_OK;
}
