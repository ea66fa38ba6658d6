#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/mqtt/mark.h"

/* What the answers of the cores are to: the first row that fits takes one. */

/* ---- who takes them ----------------------------------------------------------------------- */

/* What a packet has to wait for is there, or not. */
static void asked(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)fx;
	must(t->s->phase == PHASE_RUNNING);
	if (!t->s->is_store_asked)
		mqtt_marks_declared(t, r);
	else if (!mqtt_store_declared(t))
		must(t->s->phase >= PHASE_ENDING || t->s->is_end_wanted);
}

static void opened(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)fx;
	mqtt_opened(t, r);
}

static void ended(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)r;
	mqtt_end_answered(t, fx);
}

static void claimed(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)fx;
	must(r->op == CMD_CLAIM);
	if (r->err == ERR_OK)
		mqtt_open(t);
	else
		mqtt_refuse(t, r->err == ERR_ACCESS_REFUSED
				       ? MQTT_REASON_NOT_AUTHORIZED /* another user's */
				       : MQTT_REASON_UNAVAILABLE);  /* somebody came later */
}

/* The session lives as long as it is to live now. */
static void altered(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)fx;
	(void)r;
	must(t->s->phase == PHASE_OPENING && t->s->altering_n > 0);
	if (--t->s->altering_n == 0)
		mqtt_opened_altered(t);
}

static void transacted(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	must(r->op == CMD_TX);
	mqtt_tx_answered(t, (uint32_t)fx->arg, (enum err)r->err);
}

static void paid(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	(void)fx;
	must(r->op == CMD_UNBIND);
	mqtt_owed_answered(t);
}

/* The client is no more a member of a group. */
static void left(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct receiver *receiver = &t->s->receiver;
	struct taker *k = receiver_taker(receiver, (uint32_t)fx->arg);
	must(r->op == CMD_UNSUBSCRIBE && t->s->phase < PHASE_ENDING);
	if (k)
		receiver_unsubscribed(receiver, t->w, k);
}

/* ---- which they are ----------------------------------------------------------------------- */

/* What it waits for: its ticket tells, or that something is under way at all. */
enum what {
	ANYTHING,
	ALTERING,
	OPEN,
	TRANSACTION,
	SEARCHING,
	SEARCH,
	CALL,
};

static bool is_to(const struct mqtt *s, enum what what, uint64_t ticket)
{
	must(what <= CALL);
	switch (what) {
	case ANYTHING: return true;
	case ALTERING: return mqtt_is_altering(s, ticket);
	case OPEN: return s->open_ticket != TICKET_NONE && ticket == s->open_ticket;
	case TRANSACTION: return s->more->txs.n > 0;
	case SEARCHING: return s->search_ticket != TICKET_NONE;
	case SEARCH: return s->search_ticket != TICKET_NONE && ticket == s->search_ticket;
	case CALL: return s->call != NULL;
	}
	return false;
}

#define ANY_PHASE (PHASE_CLOSED + 1u)
#define ANY_OP    0u

static const struct {
	uint8_t phase, op, what;
	void (*take)(struct turn *t, const struct run *fx, const struct reply_row *r);
} rows[] = {
	{ PHASE_ENDING, ANY_OP, ANYTHING, ended },
	{ PHASE_CLAIMING, CMD_CLAIM, ANYTHING, claimed },
	{ ANY_PHASE, ANY_OP, ALTERING, altered },
	{ PHASE_OPENING, ANY_OP, OPEN, opened },
	{ ANY_PHASE, ANY_OP, OPEN, asked },
	{ ANY_PHASE, CMD_TX, TRANSACTION, transacted },
	{ ANY_PHASE, CMD_QUEUE_STAT, SEARCHING, mqtt_found_stat },
	{ ANY_PHASE, CMD_UNBIND, SEARCH, paid },
	{ ANY_PHASE, CMD_FIND, ANYTHING, mqtt_found_all },
	{ ANY_PHASE, CMD_SUBSCRIBE, ANYTHING, mqtt_consumed },
	{ ANY_PHASE, CMD_UNSUBSCRIBE, ANYTHING, left },
	{ ANY_PHASE, ANY_OP, CALL, mqtt_subscribed },
};

void mqtt_replied(struct turn *t, struct run *fx)
{
	const struct mqtt *s = t->s;
	struct reply_row r;
	must(fx->n == 1 && fx->row_bytes == sizeof r);
	memcpy(&r, run_rows(fx), sizeof r);
	if (r.err != ERR_OK && r.op == CMD_QUEUE_DECLARE)
		text_put_slice(&t->why, run_tail(fx));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const bool is_now = rows[i].phase == ANY_PHASE || rows[i].phase == s->phase;
		const bool is_it = rows[i].op == ANY_OP || rows[i].op == r.op;
		if (!is_now || !is_it || !is_to(s, (enum what)rows[i].what, fx->arg))
			continue;
		rows[i].take(t, fx, &r);
		return;
	}
}
