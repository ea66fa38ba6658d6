#include "session/amqp091/queue_same.h"

#include "base/must.h"
#include "session/defaults.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

#define TYPE       "x-queue-type"
#define TYPE_BYTES 64u /* of that argument, with any type */

/* Those that count between two queues of one type. */
static const char *const names[] = {
#define QUEUE_ARG(name, types, check, rule, prose) name,
#include "session/amqp091/queue_arg.def"
#undef QUEUE_ARG
};

/* Those that count, by RabbitMQ's setting, where a quorum queue is declared as a classic one. */
static const char *const relaxed_names[] = {
	"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-expires",     "x-max-length",
	"x-max-length-bytes",     "x-single-active-consumer",  "x-message-ttl",
};

#define N_OF(table) (sizeof(table) / sizeof *(table))

/* ---- the type that is not named ------------------------------------------------------------ */

uint8_t *amqp091_queue_name_type(struct turn *t, struct declare_queue *d, uint32_t *out_cap)
{
	enum queue_type type = defaults_queue_type(t->w, amqp091_vhost_name(t), d->flags);
	struct amqp091_value v;
	*out_cap = 0;
	if (type == QUEUE_CLASSIC || amqp091_table_find(d->arguments, slice_str(TYPE), &v))
		return NULL;
	*out_cap = (uint32_t)d->arguments.n + TYPE_BYTES;
	uint8_t *room = amqp091_get(t, *out_cap, "arguments");
	struct wr w = wr_of(room, *out_cap);
	wr_slice(&w, d->arguments);
	amqp091_put_str(&w, TYPE, defaults_type_word(type));
	must(wr_ok(&w));
	d->arguments = wr_done(&w);
	return room;
}

enum err amqp091_queue_type_on(struct turn *t, struct slice name, uint64_t rule)
{
	const enum queue_type type = rule == RULE_NONE ? QUEUE_CLASSIC : (enum queue_type)rule;
	must(type <= QUEUE_STREAM);
	if (!(t->w->limits->queue_types_off & 1u << type))
		return ERR_OK;
	text_puts(&t->why, "Cannot declare a queue 'queue '");
	text_put_slice(&t->why, name);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, amqp091_vhost_name(t));
	text_puts(&t->why, "'' of type 'rabbit_");
	text_put_slice(&t->why, defaults_type_word(type));
	text_puts(&t->why, "_queue' on node '");
	text_put_slice(&t->why, t->w->limits->cluster_name);
	return amqp091_refuse(t, ERR_INTERNAL_ERROR,
			      "': the corresponding feature flag is disabled");
}

/* ---- declared again ----------------------------------------------------------------------- */

/* What a declaration says; without a type, classic. NULL: nothing. */
static const struct amqp091_value *find(struct slice args, const char *name,
					struct amqp091_value *v)
{
	must(v != NULL);
	if (amqp091_table_find(args, slice_str(name), v))
		return v;
	if (strcmp(name, TYPE) != 0)
		return NULL;
	*v = (struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR,
				     .octets = defaults_type_word(QUEUE_CLASSIC) };
	return v;
}

static bool is_same(const struct amqp091_value *a, const struct amqp091_value *b)
{
	must_if(a == b, a == NULL);
	return a == b || (a && b && amqp091_value_equivalent(a, b));
}

static bool is_type(struct slice args, enum queue_type type)
{
	struct amqp091_value v;
	(void)find(args, TYPE, &v);
	must(type <= QUEUE_STREAM);
	return v.type == AMQP091_TYPE_LONGSTR && slice_eq(v.octets, defaults_type_word(type));
}

bool amqp091_queue_is_relaxed(const struct turn *t, struct slice now, struct slice again)
{
	return t->w->limits->is_relaxed && is_type(now, QUEUE_QUORUM) &&
	       is_type(again, QUEUE_CLASSIC);
}

/* RabbitMQ names the types only where one of the two is missing. */
static void put_value(struct text *why, const struct amqp091_value *v, bool is_bare)
{
	must(v || !is_bare);
	if (!is_bare) {
		amqp091_value_words(v, why);
		return;
	}
	text_putc(why, '\'');
	if (v->type == AMQP091_TYPE_LONGSTR)
		text_put_printable(why, v->octets);
	else
		amqp091_erl_value(v, why);
	text_putc(why, '\'');
}

enum err amqp091_arg_same(struct turn *t, const char *arg, const char *thing, struct slice name,
			  struct slice now, struct slice again)
{
	struct amqp091_value va, vb;
	const struct amqp091_value *a = find(again, arg, &va), *b = find(now, arg, &vb);
	must(t->why.n == 0);
	if (is_same(a, b))
		return ERR_OK;
	text_putf(&t->why, "inequivalent arg '%s' for %s '", arg, thing);
	text_put_slice(&t->why, name);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, amqp091_vhost_name(t));
	text_puts(&t->why, "': received ");
	put_value(&t->why, a, a && b);
	text_puts(&t->why, " but current is ");
	put_value(&t->why, b, a && b);
	return ERR_PRECONDITION_FAILED;
}

enum err amqp091_queue_args_same(struct turn *t, struct slice name, struct slice now,
				 struct slice again)
{
	const bool is_relaxed = amqp091_queue_is_relaxed(t, now, again);
	const char *const *arg = is_relaxed ? relaxed_names : names;
	const size_t n = is_relaxed ? N_OF(relaxed_names) : N_OF(names);
	must(name.n > 0);
	if (now.n == 0 && again.n == 0)
		return ERR_OK;
	for (size_t i = 0; i < n; i++)
		TRY(amqp091_arg_same(t, arg[i], "queue", name, now, again));
	return ERR_OK;
}
