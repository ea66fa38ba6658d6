#include "session/amqp091/amqp091.h"

#include "base/must.h"

enum err amqp091_refuse(struct turn *t, enum err e, const char *text)
{
	must(e != ERR_OK);
	text_puts(&t->why, text);
	return e;
}

enum err amqp091_refuse_number(struct turn *t, enum err e, const char *before, uint64_t n,
			       const char *after)
{
	must(e != ERR_OK);
	text_puts(&t->why, before);
	text_put_u64(&t->why, n);
	text_puts(&t->why, after);
	return e;
}

enum err amqp091_refuse_named(struct turn *t, enum err e, const char *before, struct slice name,
			      const char *after)
{
	must(e != ERR_OK);
	text_put_quoted(&t->why, before, name);
	text_put_quoted(&t->why, " in vhost ", amqp091_vhost_name(t));
	text_puts(&t->why, after);
	return e;
}

enum err amqp091_refuse_fault(struct turn *t, const struct amqp091_fault *f)
{
	amqp091_fault_text(f, &t->why);
	must(amqp091_fault_err(f) != ERR_OK);
	return amqp091_fault_err(f);
}

enum err amqp091_refuse_size(struct turn *t, uint64_t bytes)
{
	must(bytes > t->w->limits->message_bytes_max);
	text_puts(&t->why, "message size ");
	text_put_u64(&t->why, bytes);
	return amqp091_refuse_number(t, ERR_PRECONDITION_FAILED,
				     " is larger than configured max size ",
				     t->w->limits->message_bytes_max, "");
}

enum err amqp091_allow(struct turn *t, enum auth_kind kind, struct slice name,
		       enum auth_action action)
{
	const struct amqp091 *s = t->s;
	must(s->phase >= PHASE_RUNNING); /* a stop does not stop what is being stored */
	return access_allow(&s->access, t->w, kind, action, name, &t->why);
}

enum err amqp091_allow_key(struct turn *t, const struct exchange *x, struct slice key,
			   enum auth_action action)
{
	const struct amqp091 *s = t->s;
	must(s->phase >= PHASE_RUNNING);
	if (!x || x->type != EXCHANGE_TOPIC)
		return ERR_OK;
	return access_allow_key(&s->access, t->w, action, x->name, key, &t->why);
}

enum err amqp091_locked(struct turn *t, struct slice queue)
{
	must(queue.n > 0);
	return amqp091_refuse_named(
		t, ERR_RESOURCE_LOCKED, "cannot obtain exclusive access to locked queue ", queue,
		". It could be originally declared on another connection or the exclusive "
		"property value does not match that of the original declaration.");
}

/* As RabbitMQ cuts a text that is no short string: dots at its end. */
static struct slice shorten(char *text, struct slice s)
{
	static const char dots[] = "...";
	if (s.n <= LIMIT_SHORTSTR)
		return s;
	size_t n = LIMIT_SHORTSTR - (sizeof dots - 1);
	while (n > 0 && (s.p[n] & 0xC0) == 0x80)
		n--;
	memcpy(text + n, dots, sizeof dots - 1);
	return slice_of(text, n + sizeof dots - 1);
}

struct slice amqp091_reply_text(const struct turn *t, enum err e, char *buf, size_t cap)
{
	must(e != ERR_OK && cap > LIMIT_SHORTSTR);
	struct text out = text_of(buf, cap);
	text_puts(&out, amqp091_code_name(e));
	if (t->why.n > 0) {
		text_puts(&out, " - ");
		text_put_slice(&out, text_slice(&t->why));
	}
	return shorten(buf, text_slice(&out));
}
