#include "session/amqp091/amqp091.h"

#include "base/must.h"

struct slice amqp091_strip(struct slice name, char *buf)
{
	size_t n = 0;
	must(name.n <= LIMIT_SHORTSTR);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\r' && name.p[i] != '\n')
			buf[n++] = (char)name.p[i];
	return slice_of(buf, n);
}

bool amqp091_is_reserved(struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	return slice_starts_with(name, slice_str("amq."));
}
