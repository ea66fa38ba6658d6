#include "session/defaults.h"

#include "base/must.h"

static const char *const words[] = { "classic", "quorum", "stream" };

struct slice defaults_type_word(enum queue_type type)
{
	must(type <= QUEUE_STREAM);
	return slice_str(words[type]);
}

static bool vhost_type(const struct session_world *w, struct slice vhost, enum queue_type *out)
{
	const struct fact *f = catalog_fact(w->view, FACT_VHOST_TYPE, vhost, SLICE_EMPTY,
					    SLICE_EMPTY);
	must(vhost.n <= LIMIT_SHORTSTR);
	if (!f || f->value.n != 1 || f->value.p[0] > QUEUE_STREAM)
		return false;
	*out = (enum queue_type)f->value.p[0];
	return true;
}

enum queue_type defaults_queue_type(const struct session_world *w, struct slice vhost,
				    uint8_t flags)
{
	enum queue_type type = (enum queue_type)w->limits->default_queue_type;
	must(type <= QUEUE_STREAM);
	if ((flags & (QUEUE_DURABLE | QUEUE_EXCLUSIVE | QUEUE_AUTO_DELETE)) != QUEUE_DURABLE)
		return QUEUE_CLASSIC;
	(void)vhost_type(w, vhost, &type);
	return type;
}

bool defaults_limits(const struct session_limits *l, struct patterns *patterns, struct slice vhost,
		     struct fact_limits *out)
{
	must(l->vhost_limits_n <= SESSION_VHOST_LIMITS_MAX);
	for (uint32_t i = 0; i < l->vhost_limits_n; i++) {
		const struct session_vhost_limits *one = &l->vhost_limits[i];
		if (!patterns->ops->match(patterns, one->pattern, vhost))
			continue;
		*out = (struct fact_limits){ one->connections, one->queues };
		return one->connections >= 0 || one->queues >= 0;
	}
	return false;
}
