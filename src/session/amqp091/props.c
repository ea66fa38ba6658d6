#include "session/amqp091/direct.h"
#include "session/amqp091/publish.h"

#include "base/ablate.h"
#include "base/must.h"
#include "wire/amqp091/props.h"

#define EXPIRATION_MAX UINT64_C(315360000000) /* RabbitMQ's: ten years */

static enum err bad_expiration(struct turn *t, struct slice expiration)
{
	must(t->why.n == 0);
	text_put_quoted(&t->why, "invalid expiration ", expiration);
	text_puts(&t->why, ": ");
	return ERR_PRECONDITION_FAILED;
}

/* Digits, as RabbitMQ reads them. */
static enum err check_expiration(struct turn *t, struct slice s, uint64_t *out_expiry_ms)
{
	bool is_negative = s.n > 0 && s.p[0] == '-';
	size_t first = is_negative || (s.n > 0 && s.p[0] == '+'), at = first;
	uint64_t v = 0;
	must(s.n <= LIMIT_SHORTSTR);
	for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++)
		v = v > EXPIRATION_MAX ? v : v * 10 + (uint64_t)(s.p[at] - '0');
	if (at == first)
		return amqp091_refuse(t, bad_expiration(t, s), "no_integer");
	if (at < s.n) {
		enum err e = bad_expiration(t, s);
		text_puts(&t->why, "{leftover_string,\"");
		text_put_slice(&t->why, slice_from(s, at));
		return amqp091_refuse(t, e, "\"}");
	}
	if (is_negative && v > 0)
		return amqp091_refuse_number(t, bad_expiration(t, s), "{value_negative,-", v, "}");
	if (v > EXPIRATION_MAX) {
		enum err e = bad_expiration(t, s);
		text_puts(&t->why, "{value_too_large,");
		text_put_slice(&t->why, slice_from(s, first));
		return amqp091_refuse(t, e, "}");
	}
	*out_expiry_ms = v ? t->w->wall_ms + v : EXPIRY_AT_ONCE;
	return ERR_OK;
}

static enum err check_user(struct turn *t, struct slice user_id)
{
	const struct amqp091 *s = t->s;
	struct slice name = access_name(&s->access);
	must(user_id.n <= LIMIT_SHORTSTR);
	if (slice_eq(user_id, name) || access_has_tag(&s->access, t->w, "impersonator") ||
	    ABLATED(user_id))
		return ERR_OK;
	text_put_quoted(&t->why, "user_id property set to ", user_id);
	text_put_quoted(&t->why, " but authenticated user was ", name);
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "");
}

enum err amqp091_publish_props(struct turn *t, struct publish *p)
{
	struct amqp091_facts f;
	if (amqp091_props_facts(p->props, &f) != ERR_OK) {
		struct amqp091_fault fault = amqp091_fault_of_props(p->props);
		return amqp091_refuse_fault(t, &fault);
	}
	if (f.flags & AMQP091_HAS_user_id)
		TRY(check_user(t, f.user_id));
	if (f.flags & AMQP091_HAS_expiration)
		TRY(check_expiration(t, f.expiration, &p->expiry_ms));
	if (f.flags & AMQP091_HAS_reply_to)
		p->asks_direct = amqp091_direct_kind(f.reply_to) == DIRECT_CONSUME;
	if (f.has_cc)
		p->copies = f.headers;
	if (f.has_retain)
		p->is_retained = amqp091_publish_wants_keeping(t, p, f.headers);
	p->flags = f.delivery_mode == 2 ? MSG_PERSISTENT : 0;
	p->priority = f.priority;
	p->has_priority = f.flags & AMQP091_HAS_priority;
	must((p->flags & ~MSG_PERSISTENT) == 0);
	return ERR_OK;
}
