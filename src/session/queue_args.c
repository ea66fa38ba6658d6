#include "session/queue_args.h"

#include "base/must.h"
#include "base/text.h"
#include "session/ask.h"
#include "session/defaults.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

/* RabbitMQ's bound for times: ten years of 365 days. */
#define TIME_MAX_MS UINT64_C(315360000000)

#define SEGMENT_MAX_BYTES UINT64_C(3000000000)

/* RabbitMQ's limit where neither a quorum queue nor a policy names one. */
#define DELIVERY_LIMIT 20u

enum { CLASSIC = 1 << QUEUE_CLASSIC, QUORUM = 1 << QUEUE_QUORUM, STREAM = 1 << QUEUE_STREAM };

/* One argument on its way to a rule. */
struct arg {
	const struct queue_args *of;
	struct slice queue, args; /* the declaration's name and arguments */
	const char *name;
	const struct amqp091_value *v;
	struct queue_rules *rules;
	uint64_t *rule; /* NULL: none */
	bool is_alone;  /* a policy's: the queue may have by itself what it goes with */
};

/* ---- refusals ----------------------------------------------------------------------------- */

static void put_queue(const struct queue_args *of, struct slice queue)
{
	must(of->why->n > 0);
	text_put_quoted(of->why, "queue ", queue);
	text_put_quoted(of->why, " in vhost ", access_vhost_name(of->access));
}

/* As RabbitMQ calls its modules. */
static void put_type(const struct queue_args *of, enum queue_type type)
{
	text_puts(of->why, "rabbit_");
	text_put_slice(of->why, defaults_type_word(type));
	text_puts(of->why, "_queue");
	must(of->why->n > 0);
}

static struct text *invalid(const struct arg *a)
{
	const struct queue_args *of = a->of;
	must(of->why->n == 0);
	text_putf(of->why, "invalid arg '%s' for ", a->name);
	put_queue(of, a->queue);
	return of->why;
}

static enum err bad(const struct arg *a, const char *what)
{
	text_putf(invalid(a), ": %s", what);
	must(a->v != NULL);
	return ERR_PRECONDITION_FAILED;
}

static enum err bad_number(const struct arg *a, const char *what)
{
	text_putf(invalid(a), ": {%s,%lld}", what, (long long)a->v->i);
	must(amqp091_value_is_int(a->v));
	return ERR_PRECONDITION_FAILED;
}

static enum err bad_type(const struct arg *a)
{
	text_putf(invalid(a), ": {unacceptable_type,%s}", amqp091_type_words(a->v->type));
	must(a->v != NULL);
	return ERR_PRECONDITION_FAILED;
}

/* "unsupported queue mode 'x'" */
static enum err bad_word(const struct arg *a, const char *what)
{
	struct text *why = invalid(a);
	text_putf(why, ": \"unsupported queue %s '", what);
	if (amqp091_value_is_int(a->v))
		text_putf(why, "%lld", (long long)a->v->i);
	else
		text_put_slice(why, a->v->octets);
	text_puts(why, "'\"");
	must(why->n > 0);
	return ERR_PRECONDITION_FAILED;
}

/* ---- what an argument must be: check_... of queue_arg.def --------------------------------- */

static enum err check_any(struct arg *a)
{
	must(a->v != NULL);
	return ERR_OK;
}

static enum err check_count(struct arg *a)
{
	if (!amqp091_value_is_int(a->v)) {
		text_putf(invalid(a), ": \"expected integer, got %s\"",
			  amqp091_type_words(a->v->type));
		return ERR_PRECONDITION_FAILED;
	}
	if (a->v->i < 0)
		return bad_number(a, "value_negative");
	if (a->rule)
		*a->rule = (uint64_t)a->v->i;
	must(a->v->i >= 0);
	return ERR_OK;
}

static enum err check_size(struct arg *a)
{
	TRY(check_count(a));
	return a->v->i > 0 ? ERR_OK : bad_number(a, "value_zero");
}

/* RabbitMQ's bound, in its own words. */
static enum err check_segment(struct arg *a)
{
	TRY(check_count(a));
	must(a->rule != NULL);
	if (*a->rule <= SEGMENT_MAX_BYTES)
		return ERR_OK;
	text_putf(a->of->why, "Exceeded max value for %s", a->name);
	return ERR_PRECONDITION_FAILED;
}

static enum err check_ttl(struct arg *a)
{
	TRY(check_count(a));
	must(a->rule != NULL);
	if (a->is_alone && *a->rule > TIME_MAX_MS)
		*a->rule = TIME_MAX_MS; /* as a policy RabbitMQ takes what it refuses here */
	return *a->rule <= TIME_MAX_MS ? ERR_OK : bad_number(a, "value_too_large");
}

static enum err check_lifetime(struct arg *a)
{
	TRY(check_ttl(a));
	must(a->rule != NULL);
	return *a->rule > 0 ? ERR_OK : bad_number(a, "value_zero");
}

/* 0 is none, also where there would be some by default. */
static enum err check_priority(struct arg *a)
{
	a->rules->ranks = RULE_NONE;
	TRY(check_count(a));
	must(a->rule != NULL);
	if (*a->rule > UINT8_MAX)
		return bad_number(a, "max_value_exceeded");
	*a->rule = *a->rule ? *a->rule : RULE_NONE;
	return ERR_OK;
}

/* -1 is none, also where there would be one by default. */
static enum err check_limit(struct arg *a)
{
	must(a->rule != NULL);
	a->rules->limit_is_assumed = RULE_NONE;
	if (!amqp091_value_is_int(a->v) || a->v->i != -1)
		return check_count(a);
	*a->rule = a->is_alone ? RULE_ENDLESS : RULE_NONE;
	return ERR_OK;
}

static enum err check_filter(struct arg *a)
{
	TRY(check_count(a));
	must(a->rule != NULL);
	return *a->rule >= 16 && *a->rule <= 255 ? ERR_OK : bad(a, "\"expected 16 to 255\"");
}

static enum err check_flag(struct arg *a)
{
	must(a->rule != NULL);
	if (a->v->type != AMQP091_TYPE_BOOL)
		return bad_type(a);
	*a->rule = a->v->boolean ? 1 : RULE_NONE;
	return ERR_OK;
}

/* Or the property that says which message it is, where the header does not. */
static enum err check_once(struct arg *a)
{
	if (a->v->type != AMQP091_TYPE_LONGSTR || !slice_eq(a->v->octets, slice_str("message_id")))
		return check_flag(a);
	*a->rule = a->rules->once_by_id = 1;
	return ERR_OK;
}

static enum err check_word(struct arg *a)
{
	must(a->v != NULL);
	return a->v->type == AMQP091_TYPE_LONGSTR ? ERR_OK : bad_type(a);
}

/* One of `n` words, whose place is the rule. */
static enum err one_of(struct arg *a, const char *const *words, size_t n, const char *otherwise)
{
	must(n > 0);
	TRY(check_word(a));
	size_t i = 0;
	while (i < n && !slice_eq(a->v->octets, slice_str(words[i])))
		i++;
	if (i < n && a->rule)
		*a->rule = i;
	return i < n ? ERR_OK : bad(a, otherwise);
}

static enum err check_overflow(struct arg *a)
{
	static const char *const words[] = { "drop-head", "reject-publish", "reject-publish-dlx" };
	must(a->rule != NULL);
	return one_of(a, words, 3, "invalid_overflow");
}

static enum err check_strategy(struct arg *a)
{
	static const char *const words[] = { "at-most-once", "at-least-once" };
	must(a->rule != NULL);
	return one_of(a, words, 2, "invalid_dlx_strategy");
}

static enum err check_retry(struct arg *a)
{
	static const char *const words[] = { "disabled", "all", "failed", "returned" };
	must(a->rule != NULL);
	return one_of(a, words, 4, "invalid_delayed_retry_type");
}

static enum err check_locator(struct arg *a)
{
	static const char *const words[] = { "client-local", "balanced", "random",
					     "least-leaders" };
	must(a->rule == NULL);
	return one_of(a, words, 4, "invalid_queue_locator_arg");
}

static enum err check_master(struct arg *a)
{
	static const char *const words[] = { "min-masters", "client-local", "random" };
	must(a->rule == NULL);
	return one_of(a, words, 3, "invalid_queue_locator_arg");
}

static enum err check_mode(struct arg *a)
{
	TRY(check_word(a));
	must(a->rule == NULL);
	bool is_known = slice_eq(a->v->octets, slice_str("lazy")) ||
			slice_eq(a->v->octets, slice_str("default"));
	return is_known ? ERR_OK : bad_word(a, "mode");
}

static enum err check_version(struct arg *a)
{
	TRY(check_count(a));
	must(a->rule == NULL);
	return a->v->i == 1 || a->v->i == 2 ? ERR_OK : bad_word(a, "version");
}

/* A number above 0 and Y, M, D, h, m or s. */
bool queue_arg_age(struct slice s, uint64_t *out_ms)
{
	static const char units[] = "YMDhms";
	static const uint64_t seconds[] = { 31536000, 2592000, 86400, 3600, 60, 1 };
	uint64_t v = 0;
	must(out_ms != NULL);
	for (size_t i = 0; i + 1 < s.n && v <= UINT32_MAX; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	const char *unit = s.n > 1 ? memchr(units, s.p[s.n - 1], strlen(units)) : NULL;
	if (!unit || v == 0 || v > UINT32_MAX)
		return false;
	*out_ms = v * seconds[unit - units] * 1000;
	return true;
}

static enum err check_age(struct arg *a)
{
	must(a->rule != NULL);
	TRY(check_word(a));
	return queue_arg_age(a->v->octets, a->rule) ? ERR_OK : bad(a, "invalid_max_age");
}

/* RabbitMQ's bound, so that names stay within theirs. */
static enum err check_prefix(struct arg *a)
{
	TRY(check_word(a));
	must(a->rule == NULL);
	return a->v->octets.n <= NAME_PREFIX_MAX ? ERR_OK : bad(a, "\"longer than 64 octets\"");
}

/* Whoever declares it must be allowed to take from the queue and to write there. */
static enum err check_exchange(struct arg *a)
{
	struct slice name = a->v->octets;
	TRY(check_word(a));
	must(a->rule == NULL);
	if (name.n > LIMIT_SHORTSTR)
		return bad(a, "\"longer than 255 octets\"");
	const struct queue_args *of = a->of;
	TRY(access_allow(of->access, of->w, AUTH_QUEUE, AUTH_READ, a->queue, of->why));
	TRY(access_allow(of->access, of->w, AUTH_EXCHANGE, AUTH_WRITE, name, of->why));
	a->rules->dead_letter_exchange = name;
	a->rules->has_dead_letter_exchange = true;
	return ERR_OK;
}

static enum err check_key(struct arg *a)
{
	TRY(check_word(a));
	must(a->rule == NULL);
	if (!a->is_alone && !a->rules->has_dead_letter_exchange)
		return bad(a, "routing_key_but_no_dlx_defined");
	if (a->v->octets.n > LIMIT_SHORTSTR)
		return bad(a, "\"longer than 255 octets\"");
	a->rules->dead_letter_key = a->v->octets;
	a->rules->has_dead_letter_key = true;
	return ERR_OK;
}

/* ---- declared for the first time ---------------------------------------------------------- */

#define NO_RULE    UINT16_MAX
#define RULE(name) ((uint16_t)offsetof(struct queue_rules, name))

static const struct queue_arg {
	const char *name;
	enum err (*check)(struct arg *a);
	uint16_t rule;
	uint8_t types, value; /* value: enum queue_arg_value */
} queue_args[] = {
#define QUEUE_ARG(name, types, check, rule, value, prose) \
	{ name, check_##check, rule, types, QUEUE_ARG_##value },
#include "session/queue_arg.def"
#undef QUEUE_ARG
};

#define QUEUE_ARGS_N (sizeof queue_args / sizeof *queue_args)

void queue_args_type(enum queue_type type, struct queue_rules *io)
{
	must(type <= QUEUE_STREAM);
	if (type != QUEUE_CLASSIC)
		io->type = type;
	if (type == QUEUE_QUORUM) {
		io->delivery_limit = DELIVERY_LIMIT;
		io->limit_is_assumed = io->ranks = 1;
	}
}

/* Who names none has been given one by its session, unless it is classic. */
static enum err find_type(struct arg *a, enum queue_type *out)
{
	struct amqp091_value v;
	*out = QUEUE_CLASSIC;
	must(a->rules->type == RULE_NONE);
	if (!defaults_type_is_named(a->args, &v))
		return ERR_OK;
	a->name = "x-queue-type";
	a->v = &v;
	TRY(check_word(a));
	for (*out = QUEUE_CLASSIC; *out <= QUEUE_STREAM; ++*out)
		if (slice_eq(v.octets, defaults_type_word(*out)))
			break;
	if (*out > QUEUE_STREAM)
		return bad_word(a, "type");
	queue_args_type(*out, a->rules);
	return ERR_OK;
}

/* RabbitMQ looks at this one's type before everything else. */
static enum err check_exchange_type(const struct queue_args *of, struct slice queue,
				    struct slice args)
{
	struct amqp091_value v;
	must(of->why->n == 0);
	if (!amqp091_table_find(args, slice_str("x-dead-letter-exchange"), &v) ||
	    v.type == AMQP091_TYPE_LONGSTR)
		return ERR_OK;
	text_putf(of->why, "invalid type '%s' for arg 'x-dead-letter-exchange' in ",
		  amqp091_type_words(v.type));
	put_queue(of, queue);
	return ERR_PRECONDITION_FAILED;
}

/* Takes the argument of that row in hand. */
static void take(struct arg *a, const struct queue_arg *row, const struct amqp091_value *v)
{
	must(row->types != 0);
	a->name = row->name;
	a->v = v;
	a->rule = row->rule == NO_RULE ? NULL
				       : (uint64_t *)(void *)((uint8_t *)a->rules + row->rule);
}

static enum err check_arg(struct arg *a, const struct queue_arg *row, enum queue_type type)
{
	struct amqp091_value v;
	if (!amqp091_table_find(a->args, slice_str(row->name), &v))
		return ERR_OK;
	take(a, row, &v);
	must(type <= QUEUE_STREAM);
	if (row->types & 1u << type)
		return row->check(a);
	text_puts(invalid(a), " of queue type ");
	put_type(a->of, type);
	return ERR_PRECONDITION_FAILED;
}

/* What is replicated lasts, and belongs to nobody. */
static enum err check_properties(const struct queue_args *of, const struct declare_queue *d)
{
	const char *what = d->flags & QUEUE_AUTO_DELETE  ? "auto-delete"
			   : d->flags & QUEUE_EXCLUSIVE  ? "exclusive-owner"
			   : !(d->flags & QUEUE_DURABLE) ? "non-durable"
							 : NULL;
	must(of->why->n == 0);
	if (!what)
		return ERR_OK;
	text_putf(of->why, "invalid property '%s' for ", what);
	put_queue(of, d->name);
	return ERR_PRECONDITION_FAILED;
}

enum err queue_args_rules(const struct queue_args *of, const struct declare_queue *d, bool is_named,
			  struct queue_rules *out)
{
	struct queue_rules rules = rules_none();
	struct arg a = { .of = of, .queue = d->name, .args = d->arguments, .rules = &rules };
	enum queue_type type;
	must(d->name.n > 0);
	TRY(check_exchange_type(of, d->name, d->arguments));
	TRY(find_type(&a, &type));
	if (type != QUEUE_CLASSIC && !is_named) {
		text_puts(of->why, "Cannot declare a server-named queue for type ");
		put_type(of, type);
		return ERR_PRECONDITION_FAILED;
	}
	for (size_t i = 0; d->arguments.n > 0 && i < QUEUE_ARGS_N; i++)
		TRY(check_arg(&a, &queue_args[i], type));
	if (type != QUEUE_CLASSIC)
		TRY(check_properties(of, d));
	*out = rules;
	return ERR_OK;
}

enum err queue_args_type_on(const struct queue_args *of, struct slice name, uint64_t rule)
{
	const enum queue_type type = rule == RULE_NONE ? QUEUE_CLASSIC : (enum queue_type)rule;
	must(type <= QUEUE_STREAM);
	if (!(of->w->limits->queue_types_off & 1u << type))
		return ERR_OK;
	text_put_quoted(of->why, "Cannot declare a queue 'queue ", name);
	text_put_quoted(of->why, " in vhost ", access_vhost_name(of->access));
	text_puts(of->why, "' of type '");
	put_type(of, type);
	text_put_quoted(of->why, "' on node ", of->w->limits->cluster_name);
	text_puts(of->why, ": the corresponding feature flag is disabled");
	return ERR_INTERNAL_ERROR;
}

static const struct queue_arg *row_of(struct slice name)
{
	must(name.p != NULL || name.n == 0);
	for (size_t i = 0; i < QUEUE_ARGS_N; i++)
		if (slice_eq(name, slice_str(queue_args[i].name)))
			return &queue_args[i];
	return NULL;
}

enum err queue_arg_rule(const struct queue_args *of, struct slice name,
			const struct amqp091_value *v, struct queue_rules *io)
{
	struct arg a = { .of = of, .queue = slice_str("policy"), .rules = io, .is_alone = true };
	const struct queue_arg *row = row_of(name);
	must(of->why->n == 0);
	if (!row)
		return ERR_NOT_FOUND;
	take(&a, row, v);
	return row->check(&a);
}

bool queue_arg_find(struct slice name, enum queue_arg_value *out)
{
	const struct queue_arg *row = row_of(name);
	must(out != NULL);
	if (row)
		*out = (enum queue_arg_value)row->value;
	return row != NULL;
}
