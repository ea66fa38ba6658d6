#include "core/catalog_state.h"

#include "base/must.h"
#include "base/text.h"
#include "core/exchange.h"

static const char *yes_no(bool is)
{
	return is ? "true" : "false";
}

/* What of the two is compared, in RabbitMQ's words. */
static void put_thing(struct text *why, const char *thing, struct slice name, struct slice vhost)
{
	must(thing[0] != '\0');
	text_puts(why, thing);
	text_put_quoted(why, " ", name);
	text_put_quoted(why, " in vhost ", vhost);
}

static void put_inequivalent(struct text *why, const char *what, const char *thing,
			     struct slice name, struct slice vhost)
{
	must(what[0] != '\0');
	text_putf(why, "inequivalent arg '%s' for ", what);
	put_thing(why, thing, name, vhost);
	text_puts(why, ": received '");
}

static void put_but(struct text *why, const char *current)
{
	must(current[0] != '\0');
	text_putf(why, "' but current is '%s'", current);
}

struct field {
	const char *name;
	uint8_t bit;
};

/* The first of some flags that differs. */
static const struct field *differs(const struct field *fields, size_t n, unsigned a, unsigned b)
{
	must(n > 0);
	for (size_t i = 0; i < n; i++)
		if ((a ^ b) & fields[i].bit)
			return &fields[i];
	return NULL;
}

enum err catalog_queue_same(const struct queue_record *q, const struct declare_queue *d,
			    uint64_t session, struct slice vhost_name, struct text *why)
{
	static const struct field fields[] = { { "durable", QUEUE_DURABLE },
					       { "auto_delete", QUEUE_AUTO_DELETE } };
	unsigned flags = d->flags & QUEUE_EXCLUSIVE ? d->flags & ~(unsigned)QUEUE_DURABLE
						    : d->flags;
	must(slice_eq(queue_record_name(q), d->name));
	if (q->owner != (d->flags & QUEUE_EXCLUSIVE ? session : 0)) {
		catalog_say_locked(why, queue_record_name(q), vhost_name);
		return ERR_RESOURCE_LOCKED;
	}
	const struct field *f = differs(fields, 2, flags, q->flags);
	if (!f)
		return ERR_OK;
	put_inequivalent(why, f->name, "queue", queue_record_name(q), vhost_name);
	text_puts(why, yes_no(flags & f->bit));
	put_but(why, yes_no(q->flags & f->bit));
	return ERR_PRECONDITION_FAILED;
}

enum err catalog_exchange_same(const struct exchange *x, const struct declare_exchange *d,
			       struct slice vhost_name, struct text *why)
{
	static const struct field fields[] = {
		{ "durable", EXCHANGE_DURABLE },
		{ "auto_delete", EXCHANGE_AUTO_DELETE },
		{ "internal", EXCHANGE_INTERNAL },
	};
	must(slice_eq(x->name, d->name));
	const char *type = exchange_type_name(x->type);
	if (!slice_eq(d->type, slice_str(type))) {
		put_inequivalent(why, "type", "exchange", x->name, vhost_name);
		text_put_slice(why, d->type);
		put_but(why, type);
		return ERR_PRECONDITION_FAILED;
	}
	const struct field *f = differs(fields, 3, d->flags, x->flags);
	if (!f)
		return ERR_OK;
	put_inequivalent(why, f->name, "exchange", x->name, vhost_name);
	text_puts(why, yes_no(d->flags & f->bit));
	put_but(why, yes_no(x->flags & f->bit));
	return ERR_PRECONDITION_FAILED;
}

void catalog_say_locked(struct text *why, struct slice queue, struct slice vhost_name)
{
	must(why->cap > 0);
	text_puts(why, "cannot obtain exclusive access to locked ");
	put_thing(why, "queue", queue, vhost_name);
	text_puts(why, ". It could be originally declared on another connection or the exclusive "
		       "property value does not match that of the original declaration.");
}

void catalog_say(struct text *why, const char *before, const char *thing, struct slice name,
		 struct slice vhost_name, const char *after)
{
	must(thing[0] != '\0');
	text_puts(why, before);
	put_thing(why, thing, name, vhost_name);
	text_puts(why, after);
}
