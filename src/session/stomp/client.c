#include "session/stomp/stomp.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/claim.h"

/* ActiveMQ's: of all connections of a virtual host one has a client-id. Who comes while another one
 * has it waits a while, for that may be about to go. */

static struct claim claim_of(const struct stomp *s)
{
	must(s->client_id != NULL);
	return (struct claim){ "stomp", slice_of(s->client_id, s->client_id_n),
			       access_name(&s->access) };
}

void stomp_claim(struct turn *t)
{
	struct stomp *s = t->s;
	const struct claim c = claim_of(s);
	must(!s->has_claim);
	s->phase = PHASE_CLAIMING;
	s->has_claim = true;
	s->deadline_ms = min_u64(s->deadline_ms, t->w->now_ms + LIMIT_CLIENT_ID_WAIT_MS);
	claim_ask(&c, &s->asker, t->w->post, CLAIM_WAIT);
}

void stomp_claimed(struct turn *t, enum err e)
{
	char room[SESSION_WORDS_MAX];
	struct text words = text_of(room, sizeof room);
	struct stomp *s = t->s;
	must(s->phase == PHASE_CLAIMING);
	if (e == ERR_OK) {
		stomp_welcome(t);
		return;
	}
	text_puts(&words, "Broker: ");
	text_put_slice(&words, t->w->limits->product);
	text_puts(&words, " - Client: ");
	text_put_printable(&words, slice_of(s->client_id, s->client_id_n));
	text_puts(&words, " already connected");
	room[words.n < sizeof room ? words.n : sizeof room - 1] = '\0';
	stomp_note(t, &(struct session_note){ .event = SESSION_LOGIN_REFUSED,
					      .user = access_name(&s->access),
					      .reason = text_slice(&words),
					      .text = slice_str("CONNECT") });
	(void)stomp_fail_quietly(t, room, text_slice(&words));
}

void stomp_yield(struct turn *t)
{
	struct stomp *s = t->s;
	if (!s->has_claim)
		return;
	const struct claim c = claim_of(s);
	must(s->phase >= PHASE_CLAIMING);
	s->has_claim = false;
	claim_yield(&c, &s->asker, t->w->post);
}
