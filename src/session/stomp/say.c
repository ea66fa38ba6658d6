#include "session/stomp/stomp.h"

#include "base/ablate.h"
#include "base/must.h"
#include "wire/amqp091/spelling.h"
#include "wire/stomp/put.h"

static struct slice end_of(const struct turn *t)
{
	_Static_assert(sizeof STOMP_END == 3, "a NUL and a line end");
	must(t->w->limits != NULL);
	return slice_of(STOMP_END, t->w->limits->stomp->is_trailing_lf ? 2 : 1);
}

void stomp_say_end(struct turn *t)
{
	must(t->s->session.sendq.bytes > 0);
	sendq_copy(&t->s->session.sendq, t->w->mem, end_of(t));
}

static void say_error(struct turn *t, const struct stomp_error *e, struct slice body)
{
	struct sendq *q = &t->s->session.sendq;
	size_t n = stomp_error_put(NULL, e);
	must(e->body_bytes == body.n && n <= UINT32_MAX);
	(void)stomp_error_put(sendq_reserve(q, t->w->mem, (uint32_t)n), e);
	sendq_commit(q, (uint32_t)n);
	sendq_copy(q, t->w->mem, body);
	stomp_say_end(t);
}

/* ---- receipts ----------------------------------------------------------------------------- */

static bool asks_receipt(const struct turn *t)
{
	must(t->head != NULL);
	return stomp_has(t->head, STOMP_H_RECEIPT);
}

static void say_receipt(struct turn *t, struct slice id)
{
	struct sendq *q = &t->s->session.sendq;
	const struct slice last = end_of(t);
	const size_t max = STOMP_RECEIPT_MAX(id.n) + last.n;
	must(max <= UINT32_MAX);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)max);
	const size_t n = stomp_receipt_put(at, (enum stomp_version)t->s->version, id);
	memcpy(at + n, last.p, last.n);
	sendq_commit(q, (uint32_t)(n + last.n));
}

void stomp_receipt(struct turn *t)
{
	must(t->frame != NULL);
	if (asks_receipt(t))
		say_receipt(t, t->head->at[STOMP_H_RECEIPT]);
}

struct receipt *stomp_receipt_new(struct turn *t)
{
	return asks_receipt(t) ? stomp_receipt_for(t, t->head->at[STOMP_H_RECEIPT]) : NULL;
}

struct receipt *stomp_receipt_for(struct turn *t, struct slice id)
{
	struct receipt *r = mem_get(t->w->mem, sizeof *r + id.n, "receipt");
	must(r != NULL);
	*r = (struct receipt){ .n = (uint32_t)id.n };
	if (id.n)
		memcpy(r->id, id.p, id.n);
	return r;
}

static void receipt_free(struct turn *t, struct receipt *own_r)
{
	must(own_r != NULL);
	mem_put(t->w->mem, own_r, sizeof *own_r + own_r->n);
}

void stomp_receipt_say(struct turn *t, struct receipt *own_r)
{
	struct slice id = slice_of(own_r->id, own_r->n), body = slice_str("A queue was full\n");
	const struct stomp_error e = { .version = (enum stomp_version)t->s->version,
				       .message = slice_str("Message refused"),
				       .receipt = id,
				       .has_receipt = true,
				       .body_bytes = body.n };
	must(own_r->first <= own_r->after);
	if (own_r->is_refused)
		say_error(t, &e, body);
	else
		say_receipt(t, id);
	receipt_free(t, own_r);
}

void stomp_receipt_owe(struct turn *t, struct receipt *own_r, bool is_owed, uint64_t first)
{
	struct stomp *s = t->s;
	must(s->owed_end && first <= s->followed_n);
	if (!is_owed) {
		receipt_free(t, own_r);
		return;
	}
	own_r->first = first;
	own_r->after = s->followed_n;
	s->owed_bytes += sizeof *own_r + own_r->n;
	*s->owed_end = own_r;
	s->owed_end = &own_r->next;
}

void stomp_receipts_say(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->safe_n <= s->followed_n);
	while (s->owed && (s->owed->after <= s->safe_n || ABLATED(receipt))) {
		struct receipt *r = s->owed;
		s->owed = r->next;
		s->owed_bytes -= sizeof *r + r->n;
		if (!s->owed)
			s->owed_end = &s->owed;
		stomp_receipt_say(t, r);
	}
}

void stomp_receipts_free(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->owed_end != NULL);
	for (struct receipt *r = s->owed, *next; r; r = next) {
		next = r->next;
		receipt_free(t, r);
	}
	s->owed = NULL;
	s->owed_end = &s->owed;
	if (s->last)
		receipt_free(t, s->last);
	s->last = NULL;
	stomp_greeted(t);
}

void stomp_greeted(struct turn *t)
{
	if (t->s->greeting)
		receipt_free(t, t->s->greeting);
	t->s->greeting = NULL;
}

/* ---- errors ------------------------------------------------------------------------------- */

void stomp_error(struct turn *t, const char *message, const struct slice *subscription,
		 struct slice body)
{
	struct stomp_error e = { .version = (enum stomp_version)t->s->version,
				 .message = slice_str(message),
				 .body_bytes = body.n };
	must(message[0] != '\0');
	t->s->errors_n += t->head != NULL;
	if (subscription) {
		e.has_subscription = true;
		e.subscription = *subscription;
	}
	if (t->head && asks_receipt(t)) {
		e.has_receipt = true;
		e.receipt = t->head->at[STOMP_H_RECEIPT];
	} else if (t->s->greeting) { /* the answer to a CONNECT that is not in hand any more */
		e.has_receipt = true;
		e.receipt = slice_of(t->s->greeting->id, t->s->greeting->n);
	}
	say_error(t, &e, body);
}

enum done stomp_refuse(struct turn *t, const char *message, struct slice body)
{
	must(t->s->phase != PHASE_CLOSED);
	stomp_error(t, message, NULL, body);
	return DONE;
}

enum done stomp_refuse_most(struct turn *t, const char *message, const char *what, uint32_t most)
{
	char room[80];
	struct text said = text_of(room, sizeof room);
	text_putf(&said, "%s at most %u\n", what, most);
	must(!text_is_full(&said));
	return stomp_refuse(t, message, text_slice(&said));
}

enum done stomp_fail_quietly(struct turn *t, const char *message, struct slice body)
{
	must(t->s->phase != PHASE_CLOSED);
	stomp_error(t, message, NULL, body);
	t->s->phase = PHASE_CLOSED;
	return DONE;
}

enum done stomp_fail(struct turn *t, const char *message, struct slice body)
{
	must(body.n > 0);
	stomp_note(t, &(struct session_note){ .event = SESSION_ERROR,
					      .code = amqp091_code(ERR_COMMAND_INVALID),
					      .text = body });
	return stomp_fail_quietly(t, message, body);
}

enum done stomp_fail_err(struct turn *t, enum err e)
{
	char message[40], body[SESSION_WORDS_MAX + 40];
	struct text small = text_of(message, sizeof message), all = text_of(body, sizeof body);
	const char *name = amqp091_code_name(e);
	must(e != ERR_OK);
	for (const char *p = name; *p; p++)
		text_putc(&small, *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
	text_puts(&all, name);
	text_puts(&all, " - ");
	text_put_slice(&all, t->why.n ? text_slice(&t->why) : slice_str(err_words[e].text));
	stomp_note(t, &(struct session_note){ .event = SESSION_ERROR,
					      .code = amqp091_code(e),
					      .text = text_slice(&all) });
	return stomp_fail_quietly(t, message, text_slice(&all));
}

enum done stomp_refuse_missing(struct turn *t, const char *message, const char *header)
{
	char room[120];
	struct text body = text_of(room, sizeof room);
	must(t->frame->command < STOMP_COMMAND_N);
	text_putf(&body, "\"%s\" must include a '%s' header\n",
		  stomp_command_words[t->frame->command], header);
	return stomp_refuse(t, message, text_slice(&body));
}

enum done stomp_refuse_value(struct turn *t)
{
	must(t->frame != NULL);
	return stomp_refuse(t, "Processing error", slice_str("Processing error"));
}
