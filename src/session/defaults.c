#include "session/defaults.h"

#include "base/must.h"
#include "base/rd.h"
#include "wire/amqp091/table.h"

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
				    uint16_t flags)
{
	enum queue_type type = (enum queue_type)w->limits->default_queue_type;
	must(type <= QUEUE_STREAM);
	if ((flags & (QUEUE_DURABLE | QUEUE_EXCLUSIVE | QUEUE_AUTO_DELETE)) != QUEUE_DURABLE)
		return QUEUE_CLASSIC;
	(void)vhost_type(w, vhost, &type);
	return type;
}

/* ---- declarations that name none ---------------------------------------------------------- */

#define TYPE "x-queue-type"

bool defaults_type_is_none(struct slice word)
{
	return slice_eq(word, slice_str("undefined"));
}

bool defaults_type_is_word(struct slice word)
{
	return word.n > 0 && !defaults_type_is_none(word);
}

bool defaults_type_is_named(struct slice arguments, struct amqp091_value *out)
{
	must(out != NULL);
	return amqp091_table_find(arguments, slice_str(TYPE), out) &&
	       (out->type != AMQP091_TYPE_LONGSTR || defaults_type_is_word(out->octets));
}

void defaults_type_put(struct wr *w, struct slice arguments, enum queue_type type)
{
	struct rd r = rd_of(arguments);
	struct amqp091_entry e;
	must(w->p != NULL);
	for (const uint8_t *from = r.p; amqp091_table_next(&r, &e); from = r.p)
		if (!slice_eq(e.name, slice_str(TYPE)))
			wr_slice(w, slice_of(from, (size_t)(r.p - from)));
	if (type != QUEUE_CLASSIC)
		amqp091_put_str(w, TYPE, defaults_type_word(type));
}

bool defaults_type(const struct session_world *w, struct slice vhost, const struct declare_queue *d,
		   enum queue_type *out)
{
	struct amqp091_value v;
	if (defaults_type_is_named(d->arguments, &v))
		return false;
	*out = defaults_queue_type(w, vhost, d->flags);
	must(*out <= QUEUE_STREAM);
	return *out != QUEUE_CLASSIC || amqp091_table_find(d->arguments, slice_str(TYPE), &v);
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
