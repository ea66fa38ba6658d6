#include "session/stomp/stomp.h"

#include "base/bits.h"
#include "base/hash.h"
#include "base/must.h"

/* ActiveMQ's: of all connections of a virtual host one has a client-id. Who comes while another one
 * has it waits a while, for that may be about to go. */

#define NAME_ROOM (16u + UINT8_MAX)

static void command(struct turn *t, enum cmd kind, uint8_t flags, uint64_t arg)
{
	static const struct hash_key key = { 0x676f64776974, 0x636c69656e74 };
	struct stomp *s = t->s;
	struct post *p = t->w->post;
	uint8_t room[NAME_ROOM];
	struct wr w = wr_of(room, sizeof room);
	wr_slice(&w, slice_str("stomp"));
	wr_u16(&w, s->asker.vhost);
	wr_slice(&w, slice_of(s->client_id, s->client_id_n));
	must(wr_ok(&w) && s->client_id);
	const struct slice name = wr_done(&w);
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = s->asker.channel,
		.session = s->session.handle,
		.shard = (uint16_t)(1 + hash_slice(key, name) % LIMIT_SHARD_DATA_N),
		.vhost = s->asker.vhost,
		.arg = arg,
	};
	(void)post_run(p, p->loop_of_shard[head.shard], &head, NULL, 0, 0, name);
}

void stomp_claim(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->client_id && !s->has_claim);
	s->phase = PHASE_CLAIMING;
	s->has_claim = true;
	s->deadline_ms = min_u64(s->deadline_ms, t->w->now_ms + LIMIT_CLIENT_ID_WAIT_MS);
	command(t, CMD_CLAIM, CLAIM_WAIT, ask_ticket(&s->asker));
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
	if (!t->s->has_claim)
		return;
	must(t->s->phase >= PHASE_CLAIMING);
	t->s->has_claim = false;
	command(t, CMD_YIELD, 0, 0);
}
