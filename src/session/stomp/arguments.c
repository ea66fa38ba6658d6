#include "session/stomp/stomp.h"

#include "base/must.h"
#include "core/rules.h"
#include "wire/amqp091/table.h"
#include "wire/stomp/stored.h"

/* Bounds as RabbitMQ has them: ten years of 365 days, and a piece of a stream. */
#define TIME_MAX_MS       INT64_C(315360000000)
#define SEGMENT_MAX_BYTES INT64_C(3000000000)
#define PRIORITY_MAX      255
#define DELIVERY_LIMIT    20u /* of a quorum queue that names none */

enum { CLASSIC = 1 << QUEUE_CLASSIC, QUORUM = 1 << QUEUE_QUORUM, STREAM = 1 << QUEUE_STREAM };

static const char *const types[] = { "classic", "quorum", "stream" };

/* One argument on its way to a rule. */
struct arg {
	struct turn *t;
	const char *name;
	struct slice queue, value;
	struct wr *table;
	struct queue_rules *rules;
	uint64_t *rule; /* NULL: none */
};

static enum err bad(const struct arg *a, const char *what)
{
	struct text *why = &a->t->why;
	must(a->name != NULL);
	text_putf(why, "invalid arg '%s' for queue '", a->name);
	text_put_slice(why, a->queue);
	text_puts(why, "' in vhost '");
	text_put_slice(why, access_vhost_name(&a->t->s->access));
	text_putf(why, "': %s", what);
	return ERR_PRECONDITION_FAILED;
}

static enum err number(struct arg *a, int64_t min, int64_t max)
{
	int64_t n;
	must(a->rule != NULL);
	if (!stomp_number(a->value, &n) || n < min || n > max)
		return bad(a, "no number, or out of bounds");
	amqp091_put_int(a->table, a->name, n);
	*a->rule = (uint64_t)n;
	return ERR_OK;
}

static enum err arg_count(struct arg *a)
{
	must(a->value.p != NULL || a->value.n == 0);
	return number(a, 0, INT64_MAX);
}
static enum err arg_lifetime(struct arg *a)
{
	must(a->table != NULL);
	return number(a, 1, TIME_MAX_MS);
}
static enum err arg_priority(struct arg *a)
{
	must(a->table != NULL);
	return number(a, 1, PRIORITY_MAX);
}
static enum err arg_segment(struct arg *a)
{
	must(a->table != NULL);
	return number(a, 1, SEGMENT_MAX_BYTES);
}

static enum err arg_type(struct arg *a)
{
	must(a->rules->type == RULE_NONE || a->rules->type <= QUEUE_STREAM);
	amqp091_put_str(a->table, a->name, a->value);
	return ERR_OK;
}

static enum err arg_exchange(struct arg *a)
{
	must(!a->rules->has_dead_letter_exchange);
	if (a->value.n > LIMIT_SHORTSTR)
		return bad(a, "longer than 255 octets");
	TRY(stomp_allow(a->t, AUTH_QUEUE, a->queue, AUTH_READ));
	TRY(stomp_allow(a->t, AUTH_EXCHANGE, a->value, AUTH_WRITE));
	a->rules->dead_letter_exchange = a->value;
	a->rules->has_dead_letter_exchange = true;
	amqp091_put_str(a->table, a->name, a->value);
	return ERR_OK;
}

static enum err arg_key(struct arg *a)
{
	must(!a->rules->has_dead_letter_key);
	if (!a->rules->has_dead_letter_exchange)
		return bad(a, "routing_key_but_no_dlx_defined");
	if (a->value.n > LIMIT_SHORTSTR)
		return bad(a, "longer than 255 octets");
	a->rules->dead_letter_key = a->value;
	a->rules->has_dead_letter_key = true;
	amqp091_put_str(a->table, a->name, a->value);
	return ERR_OK;
}

static enum err arg_overflow(struct arg *a)
{
	static const char *const words[] = { "drop-head", "reject-publish", "reject-publish-dlx" };
	must(a->rule != NULL);
	for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!slice_eq(a->value, slice_str(words[i])))
			continue;
		*a->rule = i;
		amqp091_put_str(a->table, a->name, a->value);
		return ERR_OK;
	}
	return bad(a, "invalid_overflow");
}

static enum err arg_flag(struct arg *a)
{
	bool is_true = slice_eq(a->value, slice_str("true"));
	must(a->rule != NULL);
	if (!is_true && !slice_eq(a->value, slice_str("false")))
		return bad(a, "neither true nor false");
	*a->rule = is_true ? 1 : RULE_NONE;
	amqp091_put_bool(a->table, a->name, is_true);
	return ERR_OK;
}

/* "7D": a number and Y, M, D, h, m or s. */
static enum err arg_age(struct arg *a)
{
	static const char units[] = "YMDhms";
	static const int64_t seconds[] = { 31536000, 2592000, 86400, 3600, 60, 1 };
	int64_t n = -1;
	must(a->rule != NULL);
	const char *unit = a->value.n > 1 ? memchr(units, a->value.p[a->value.n - 1], strlen(units))
					  : NULL;
	bool is_age = unit && stomp_number(slice_sub(a->value, 0, a->value.n - 1), &n);
	if (!is_age || n < 0 || n > UINT32_MAX)
		return bad(a, "invalid_max_age");
	*a->rule = (uint64_t)(n * seconds[unit - units] * 1000);
	amqp091_put_str(a->table, a->name, a->value);
	return ERR_OK;
}

#define NO_RULE    UINT16_MAX
#define RULE(name) ((uint16_t)offsetof(struct queue_rules, name))

static const struct argument {
	enum err (*check)(struct arg *a);
	uint8_t header; /* enum stomp_header */
	uint8_t types;
	uint16_t rule;
} arguments[] = {
#define ARGUMENT(header, kind, rule, types, prose) { arg_##kind, STOMP_H_##header, types, rule },
#include "session/stomp/argument.def"
#undef ARGUMENT
};

#define ARGUMENTS_N (sizeof arguments / sizeof *arguments)

static enum err find_type(struct arg *a, enum queue_type *out)
{
	*out = QUEUE_CLASSIC;
	must(a->rules->type == RULE_NONE);
	if (!stomp_has(a->t->head, STOMP_H_X_QUEUE_TYPE))
		return ERR_OK;
	a->name = stomp_header_words[STOMP_H_X_QUEUE_TYPE];
	a->value = a->t->head->at[STOMP_H_X_QUEUE_TYPE];
	for (uint32_t i = QUEUE_CLASSIC; i <= QUEUE_STREAM; i++) {
		if (!slice_eq(a->value, slice_str(types[i])))
			continue;
		*out = (enum queue_type)i;
		if (i != QUEUE_CLASSIC)
			a->rules->type = i;
		if (i == QUEUE_QUORUM)
			a->rules->delivery_limit = DELIVERY_LIMIT;
		return ERR_OK;
	}
	return bad(a, "unsupported queue type");
}

enum err stomp_arguments(struct turn *t, struct slice queue, struct wr *table,
			 struct queue_rules *rules)
{
	struct arg a = { .t = t, .queue = queue, .table = table, .rules = rules };
	enum queue_type type;
	*rules = rules_none();
	must(queue.n > 0);
	TRY(find_type(&a, &type));
	for (size_t i = 0; i < ARGUMENTS_N; i++) {
		const struct argument *row = &arguments[i];
		if (!stomp_has(t->head, (enum stomp_header)row->header))
			continue;
		a.name = stomp_header_words[row->header];
		a.value = t->head->at[row->header];
		a.rule = row->rule == NO_RULE ? NULL
					      : (uint64_t *)(void *)((uint8_t *)rules + row->rule);
		if (!(row->types & 1u << type))
			return bad(&a, "not of a queue of this type");
		TRY(row->check(&a));
	}
	if (t->s->is_activemq && stomp_amq_dies_to(t, queue)) {
		rules->dead_letter_exchange = slice_str("");
		rules->has_dead_letter_exchange = true;
		rules->dead_letter_key = slice_str(STOMP_AMQ_DLQ);
		rules->has_dead_letter_key = true;
		amqp091_put_str(table, stomp_header_words[STOMP_H_X_DLX], SLICE_EMPTY);
		amqp091_put_str(table, stomp_header_words[STOMP_H_X_DLK], rules->dead_letter_key);
	}
	if (t->s->is_activemq)
		stomp_amq_put_made_for(t, queue, table);
	if (wr_ok(table))
		return ERR_OK;
	a.name = "x-";
	return bad(&a, "too long");
}

/* ---- declared again ----------------------------------------------------------------------- */

/* No type is the same as classic. */
static bool is_same(struct slice name, struct slice a, struct slice b)
{
	char room[LIMIT_SHORTSTR + 1];
	struct text word = text_of(room, sizeof room);
	struct slice type;
	must(name.n <= LIMIT_SHORTSTR);
	text_put_slice(&word, name);
	if (slice_eq(name, slice_str("x-queue-type"))) {
		bool is_a = !amqp091_table_str(a, room, &type) ||
			    slice_eq(type, slice_str(types[QUEUE_CLASSIC]));
		bool is_b = !amqp091_table_str(b, room, &type) ||
			    slice_eq(type, slice_str(types[QUEUE_CLASSIC]));
		if (is_a && is_b)
			return true;
	}
	return amqp091_args_equivalent(a, b, room);
}

static enum err compare(struct turn *t, struct slice queue, struct slice now, struct slice again,
			struct slice names)
{
	struct rd r = rd_of(names);
	struct amqp091_entry e;
	must(queue.n > 0);
	while (amqp091_table_next(&r, &e)) {
		if (!slice_starts_with(e.name, slice_str("x-")) || is_same(e.name, now, again))
			continue;
		text_puts(&t->why, "inequivalent arg '");
		text_put_slice(&t->why, e.name);
		text_puts(&t->why, "' for queue '");
		text_put_slice(&t->why, queue);
		text_puts(&t->why, "' in vhost '");
		text_put_slice(&t->why, access_vhost_name(&t->s->access));
		text_puts(&t->why, "': received ");
		struct amqp091_value v;
		bool is_there = amqp091_table_find(again, e.name, &v);
		amqp091_value_words(is_there ? &v : NULL, &t->why);
		text_puts(&t->why, " but current is ");
		is_there = amqp091_table_find(now, e.name, &v);
		amqp091_value_words(is_there ? &v : NULL, &t->why);
		return ERR_PRECONDITION_FAILED;
	}
	return ERR_OK;
}

enum err stomp_arguments_same(struct turn *t, struct slice queue, struct slice now,
			      struct slice again)
{
	must(t->head != NULL);
	TRY(compare(t, queue, now, again, again));
	return compare(t, queue, now, again, now);
}

bool stomp_flag(struct turn *t, enum stomp_header which, bool if_none, bool *out)
{
	*out = if_none;
	must(which < STOMP_H_N);
	if (!stomp_has(t->head, which))
		return true;
	*out = slice_eq(t->head->at[which], slice_str("true"));
	return *out || slice_eq(t->head->at[which], slice_str("false"));
}
