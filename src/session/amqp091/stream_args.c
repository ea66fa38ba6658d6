#include "session/amqp091/patience.h"

#include "base/must.h"
#include "session/queue_args.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

/* What a consumer of a stream may say, and must: where it begins, and which filter values it wants.
 * It reads by itself, so it takes nothing away by acknowledging, and may not do without. */

static enum err bad(struct turn *t, const struct queue_record *q, const char *arg, const char *what)
{
	must(t->why.n == 0);
	text_putf(&t->why, "invalid arg '%s' for queue '", arg);
	text_put_slice(&t->why, queue_record_name(q));
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, amqp091_vhost_name(t));
	text_putf(&t->why, "': %s", what);
	return ERR_PRECONDITION_FAILED;
}

static bool is_word(const struct amqp091_value *v, const char *word)
{
	must(word[0] != '\0');
	return v->type == AMQP091_TYPE_LONGSTR && slice_eq(v->octets, slice_str(word));
}

static enum err bad_offset(struct turn *t, const struct queue_record *q,
			   const struct amqp091_value *v)
{
	enum err e = bad(t, q, "x-stream-offset", "{invalid_stream_offset_arg,{");
	must(e != ERR_OK);
	text_puts(&t->why, amqp091_type_words(v->type));
	text_putc(&t->why, ',');
	amqp091_erl_value(v, &t->why);
	text_puts(&t->why, "}}");
	return e;
}

static enum err offset_of(struct turn *t, const struct queue_record *q,
			  const struct amqp091_value *v, struct stream_from *out)
{
	uint64_t ms;
	must(out->where == STREAM_NEXT);
	if (is_word(v, "next"))
		return ERR_OK;
	if (is_word(v, "first")) {
		out->where = STREAM_FIRST;
	} else if (is_word(v, "last")) {
		out->where = STREAM_LAST;
	} else if (amqp091_value_is_int(v)) {
		out->where = STREAM_OFFSET;
		out->value = v->i > 0 ? (uint64_t)v->i : 0;
	} else if (v->type == AMQP091_TYPE_TIMESTAMP && v->time <= UINT32_MAX * UINT64_C(4)) {
		out->where = STREAM_SINCE;
		out->value = v->time * 1000;
	} else if (v->type == AMQP091_TYPE_LONGSTR && queue_arg_age(v->octets, &ms)) {
		out->where = STREAM_SINCE;
		out->value = t->w->wall_ms > ms ? t->w->wall_ms - ms : 0;
	} else {
		return bad_offset(t, q, v);
	}
	return ERR_OK;
}

/* ---- filters ------------------------------------------------------------------------------ */

static enum err add_tag(struct turn *t, const struct queue_record *q, const struct amqp091_value *v,
			struct stream_filter *f)
{
	if (v->type != AMQP091_TYPE_LONGSTR)
		return bad(t, q, "x-stream-filter", "expected a string, or an array of strings");
	must(f->from.tags_n <= STREAM_FILTER_MAX);
	return stream_filter_add(f, v->octets)
		       ? ERR_OK
		       : bad(t, q, "x-stream-filter", "more than 255 values");
}

static enum err tags_of(struct turn *t, const struct queue_record *q, struct slice args,
			struct stream_filter *f)
{
	struct amqp091_value v, one;
	must(f->from.tags_n == 0);
	if (amqp091_table_find(args, slice_str("x-stream-match-unfiltered"), &v)) {
		if (v.type != AMQP091_TYPE_BOOL)
			return bad(t, q, "x-stream-match-unfiltered", "expected a boolean");
		f->from.has_unfiltered = v.boolean;
	}
	if (!amqp091_table_find(args, slice_str("x-stream-filter"), &v))
		return ERR_OK;
	if (v.type != AMQP091_TYPE_ARRAY)
		return add_tag(t, q, &v, f);
	struct rd r = rd_of(v.octets);
	while (amqp091_array_next(&r, &one))
		TRY(add_tag(t, q, &one, f));
	return ERR_OK;
}

/* ---- basic.consume ------------------------------------------------------------------------ */

static enum err refuse(struct turn *t, const struct queue_record *q, enum err e, const char *what)
{
	must(t->why.n == 0);
	return amqp091_refuse_named(t, e, what, queue_record_name(q), "");
}

enum err amqp091_stream_args(struct turn *t, const struct channel *c, const struct queue_record *q,
			     const struct amqp091_basic_consume *m, struct stream_filter *out)
{
	struct amqp091_value v;
	*out = (struct stream_filter){ .from = { .where = STREAM_NEXT } };
	must(q->flags & QUEUE_APPENDS);
	if (c->prefetch == 0 && c->prefetch_shared == 0) {
		enum err e = refuse(t, q, ERR_PRECONDITION_FAILED,
				    "consumer prefetch count is not set for 'queue ");
		return amqp091_refuse(t, e, "'");
	}
	if (m->no_ack)
		return refuse(t, q, ERR_NOT_IMPLEMENTED,
			      "automatic acknowledgement not supported by stream queues queue ");
	if (amqp091_table_find(m->arguments, slice_str("x-stream-offset"), &v))
		TRY(offset_of(t, q, &v, &out->from));
	return tags_of(t, q, m->arguments, out);
}
