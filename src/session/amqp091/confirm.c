#include "session/amqp091/tx.h"

#include "base/must.h"

/* What one publish costs beside its bytes, so that empty ones are bounded too. */
#define PUBLISH_COST 64u

/* A sequence as the core sees it: who published, and the how manieth. An earlier channel of the
 * same number must not be taken for this one; epoch 0 is everybody without confirms. */
#define EPOCH_SHIFT 40
#define SEQ_MASK    ((UINT64_C(1) << EPOCH_SHIFT) - 1)
#define EPOCH_MASK  0xffffffu

enum err amqp091_on_confirm_select(struct turn *t, struct channel *c,
				   const struct amqp091_method *m)
{
	must(m->kind == AMQP091_confirm_select);
	if (c->tx)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "cannot switch from tx to confirm mode");
	if (!c->confirm) {
		struct confirm *k = amqp091_get(t, sizeof *k, "confirms");
		*k = (struct confirm){ .channel = c, .first = 1 };
		do
			k->epoch = ++t->s->next_epoch & EPOCH_MASK;
		while (k->epoch == 0);
		deque_init(&k->window, sizeof(struct unconfirmed), "unconfirmed publishes");
		c->confirm = k;
	}
	if (!m->confirm_select.nowait)
		amqp091_send_bare(t, c->number, AMQP091_confirm_select_ok);
	return ERR_OK;
}

/* ---- publishing --------------------------------------------------------------------------- */

uint64_t amqp091_confirm_seq(struct turn *t, const struct channel *c)
{
	must(c->number > 0);
	if (!c->confirm)
		return t->s->pace_seq & SEQ_MASK;
	uint64_t next = c->confirm->first + c->confirm->window.n;
	return (uint64_t)c->confirm->epoch << EPOCH_SHIFT | (next & SEQ_MASK);
}

static void list_news(struct amqp091 *s, struct confirm *k, uint64_t seq)
{
	must(seq >= k->first && seq < k->first + k->window.n);
	if (!k->is_listed) {
		k->is_listed = true;
		k->next = s->news;
		s->news = k;
		k->news_from = seq;
		k->news_to = seq;
	}
	k->news_from = seq < k->news_from ? seq : k->news_from;
	k->news_to = seq > k->news_to ? seq : k->news_to;
}

void amqp091_confirm_new(struct turn *t, struct channel *c, uint32_t bytes, uint32_t left_n)
{
	struct confirm *k = c->confirm;
	struct unconfirmed *u = deque_add(&k->window, t->w->mem);
	must(k && left_n <= SHARDS_MAX);
	if (!u)
		must(!"no memory for a confirm");
	*u = (struct unconfirmed){ .left_n = (uint8_t)left_n,
				   .bytes = left_n > 0 ? bytes + PUBLISH_COST : 0 };
	t->s->unconfirmed_bytes += u->bytes;
	if (left_n == 0)
		list_news(t->s, k, k->first + k->window.n - 1);
}

bool amqp091_pace(struct turn *t, uint32_t bytes, uint32_t left_n)
{
	struct amqp091 *s = t->s;
	must(left_n > 0 && left_n <= SHARDS_MAX);
	s->pace_bytes += bytes + PUBLISH_COST;
	if (s->pace_bytes < t->w->limits->unconfirmed_bytes_max / PACE_MARKS ||
	    s->pace_n == PACE_MARKS)
		return false;
	s->pace[s->pace_n++] = (struct pace){ s->pace_seq, s->pace_bytes, (uint8_t)left_n };
	s->unconfirmed_bytes += s->pace_bytes;
	s->pace_bytes = 0;
	s->pace_seq = (s->pace_seq + 1) & SEQ_MASK;
	return true;
}

/* ---- FX_CONFIRM, FX_REFUSED ---------------------------------------------------------------- */

static void pace_confirmed(struct amqp091 *s, uint64_t seq)
{
	must(s->pace_n <= PACE_MARKS);
	for (uint32_t i = 0; i < s->pace_n; i++) {
		struct pace *p = &s->pace[i];
		if (p->seq != seq || --p->left_n > 0)
			continue;
		must(s->unconfirmed_bytes >= p->bytes);
		s->unconfirmed_bytes -= p->bytes;
		memmove(p, p + 1, (--s->pace_n - i) * sizeof *p);
		return;
	}
}

static void one_confirmed(struct amqp091 *s, struct confirm *k, uint64_t seq, bool is_refused)
{
	must(seq >= k->first && seq < k->first + k->window.n);
	struct unconfirmed *u = deque_at(&k->window, (size_t)(seq - k->first));
	must(u->left_n > 0);
	u->is_refused |= is_refused;
	if (--u->left_n > 0)
		return;
	must(s->unconfirmed_bytes >= u->bytes);
	s->unconfirmed_bytes -= u->bytes;
	list_news(s, k, seq);
}

void amqp091_confirmed(struct turn *t, struct run *fx)
{
	struct amqp091 *s = t->s;
	uint64_t epoch = fx->arg >> EPOCH_SHIFT;
	struct channel *c = fx->channel ? amqp091_channel(s, fx->channel) : NULL;
	must(fx->n == 0 || fx->row_bytes == sizeof(struct confirm_row));
	if (c && c->tx && fx->kind == FX_REFUSED)
		amqp091_tx_refused(c, fx);
	if (epoch != 0 && (!c || !c->confirm || c->confirm->epoch != epoch))
		return; /* of a channel that is no more */
	const struct confirm_row *rows = run_rows(fx);
	for (uint32_t i = 0; i < fx->n; i++) {
		uint64_t seq = (fx->arg & SEQ_MASK) + rows[i].first;
		for (uint32_t n = rows[i].n; n > 0; n--, seq++) {
			if (epoch == 0)
				pace_confirmed(s, seq & SEQ_MASK);
			else
				one_confirmed(s, c->confirm, seq, fx->kind == FX_REFUSED);
		}
	}
}

void amqp091_confirm_one(struct turn *t, uint16_t channel, uint64_t seq)
{
	struct channel *c = amqp091_channel(t->s, channel);
	uint64_t epoch = seq >> EPOCH_SHIFT;
	if (!c || !c->confirm || c->confirm->epoch != epoch)
		return;
	must(epoch != 0);
	one_confirmed(t->s, c->confirm, seq & SEQ_MASK, false);
}

/* ---- telling the client ------------------------------------------------------------------- */

static void put_ack(struct turn *t, const struct confirm *k, uint64_t tag, bool is_multiple)
{
	struct sendq *q = amqp091_out(t, k->channel->number);
	uint8_t *at = sendq_reserve(q, t->w->mem, AMQP091_ACK_SIZE);
	uint8_t *end = amqp091_ack_put(at, k->channel->number, tag, is_multiple);
	must(end - at == AMQP091_ACK_SIZE);
	sendq_commit(q, AMQP091_ACK_SIZE);
}

static void put_nack(struct turn *t, const struct confirm *k, uint64_t tag)
{
	struct amqp091_method m = { .kind = AMQP091_basic_nack };
	must(tag > 0);
	m.basic_nack.delivery_tag = tag;
	amqp091_send(t, k->channel->number, &m);
}

/* Everything up to the first that is not safe goes in one ack. What was refused goes before the
 * ack of what is behind it, which would name it too. */
static void flush_first(struct turn *t, struct confirm *k)
{
	uint64_t last = 0, n = 0;
	must(k->is_listed);
	for (struct unconfirmed *u; (u = deque_peek(&k->window)) != NULL && u->left_n == 0;) {
		if (!u->is_acked && u->is_refused) {
			put_nack(t, k, k->first);
		} else if (!u->is_acked) {
			last = k->first;
			n++;
		}
		k->first++;
		deque_drop(&k->window);
	}
	if (n > 0)
		put_ack(t, k, last, n > 1);
}

/* The others one by one. */
static void flush(struct turn *t, struct confirm *k)
{
	flush_first(t, k);
	must(k->is_listed);
	uint64_t seq = k->news_from > k->first ? k->news_from : k->first;
	for (; seq <= k->news_to && seq - k->first < k->window.n; seq++) {
		struct unconfirmed *u = deque_at(&k->window, (size_t)(seq - k->first));
		if (u->left_n > 0 || u->is_acked)
			continue;
		u->is_acked = true;
		if (u->is_refused)
			put_nack(t, k, seq);
		else
			put_ack(t, k, seq, false);
	}
	amqp091_trim_rows(t, &k->window);
}

void amqp091_confirm_flush(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(!s->is_gone);
	while (s->news) {
		struct confirm *k = s->news;
		s->news = k->next;
		flush(t, k);
		k->is_listed = false;
	}
}

void amqp091_confirm_free(struct turn *t, struct channel *c)
{
	struct confirm *k = c->confirm;
	struct amqp091 *s = t->s;
	if (!k)
		return;
	for (size_t i = 0; i < k->window.n; i++) {
		const struct unconfirmed *u = deque_at(&k->window, i);
		if (u->left_n > 0)
			s->unconfirmed_bytes -= u->bytes;
	}
	for (struct confirm **at = &s->news; *at; at = &(*at)->next) {
		if (*at == k) {
			*at = k->next;
			break;
		}
	}
	must(k->channel == c);
	deque_fini(&k->window, t->w->mem);
	amqp091_put(t, k, sizeof *k);
	c->confirm = NULL;
}
