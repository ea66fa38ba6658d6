#include "base/ablate.h"
#include "base/base64.h"
#include "base/must.h"
#include "session/amqp091/deliver.h"
#include "session/amqp091/direct.h"
#include "wire/amqp091/props.h"

/* Direct reply-to: a reply goes straight to the session of who asked, past all queues. Who consumes
 * REPLY_TO on a channel has the reply-to of his requests there written anew: behind it, in base64,
 * which session, which of its consumers, and a key that nobody can guess. A name that is made up,
 * or whose consumer is no more, is one that no queue has.
 *
 *   request:  reply-to REPLY_TO --> REPLY_TO.<token>
 *   reply:    routing key REPLY_TO.<token> --FX_DIRECT--> consumer
 *             mandatory:        sender <--FX_DIRECTED---  there, or comes back
 */
#define REPLY_TO    "amq.rabbitmq.reply-to"
#define TOKEN_BYTES 24u
#define TOKEN_CHARS 32u
#define NAME_BYTES  (sizeof REPLY_TO + TOKEN_CHARS) /* a dot for the zero */
#define TOKEN_NODE  0u                              /* there is one */

struct token {
	uint64_t session, key;
	uint32_t consumer;
};

/* ---- names -------------------------------------------------------------------------------- */

enum direct amqp091_direct_kind(struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	if (!slice_starts_with(name, slice_str(REPLY_TO)))
		return DIRECT_NOT;
	if (name.n == sizeof REPLY_TO - 1)
		return DIRECT_CONSUME;
	return name.p[sizeof REPLY_TO - 1] == '.' ? DIRECT_REPLY : DIRECT_NOT;
}

static struct slice name_of(const struct turn *t, const struct consumer *k, char *buf)
{
	uint8_t raw[TOKEN_BYTES];
	struct wr w = wr_of(raw, sizeof raw);
	must(k->is_direct && k->queue != 0);
	wr_le32(&w, TOKEN_NODE);
	wr_le32(&w, k->id);
	wr_le64(&w, t->s->session.handle);
	wr_le64(&w, k->queue);
	must(wr_ok(&w) && base64_len(w.n) == TOKEN_CHARS);
	memcpy(buf, REPLY_TO ".", sizeof REPLY_TO);
	base64_put(buf + sizeof REPLY_TO, slice_of(raw, sizeof raw));
	return slice_of(buf, NAME_BYTES);
}

/* False: such a name was never given. */
static bool token_of(const struct turn *t, struct slice name, struct token *out)
{
	uint8_t raw[TOKEN_BYTES];
	size_t n;
	if (amqp091_direct_kind(name) != DIRECT_REPLY || name.n != NAME_BYTES ||
	    base64_get(slice_from(name, sizeof REPLY_TO), raw, sizeof raw, &n) != ERR_OK ||
	    n != sizeof raw)
		return false;
	struct rd r = rd_of(slice_of(raw, n));
	uint32_t node = rd_le32(&r);
	out->consumer = rd_le32(&r);
	out->session = rd_le64(&r);
	out->key = rd_le64(&r);
	must(rd_done(&r));
	return node == TOKEN_NODE && session_loop(out->session) < t->w->post->loops_n &&
	       out->consumer != CONSUMER_GET && out->key != 0;
}

static struct run head_of(const struct turn *t, const struct channel *c, const struct token *to)
{
	must(to->key != 0);
	return (struct run){
		.kind = FX_DIRECT,
		.channel = c->number,
		.session = to->session,
		.vhost = t->s->vhost,
		.queue = to->key,
		.arg = to->consumer,
	};
}

static struct direct_from from_of(const struct turn *t, const struct channel *c, uint64_t arg)
{
	must(c->birth != 0);
	return (struct direct_from){
		.session = t->s->session.handle,
		.arg = arg,
		.birth = c->birth,
		.channel = c->number,
	};
}

/* ---- methods ------------------------------------------------------------------------------ */

enum err amqp091_direct_consume(struct turn *t, struct channel *c, struct slice tag,
				const struct amqp091_basic_consume *m)
{
	char buf[NAME_MADE_MAX];
	struct amqp091_method ok = { .kind = AMQP091_basic_consume_ok };
	must(amqp091_direct_kind(m->queue) == DIRECT_CONSUME || m->queue.n == 0);
	if (!m->no_ack)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "reply consumer cannot acknowledge");
	if (c->direct)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "reply consumer already set");
	if (tag.n == 0)
		tag = ask_name(t->w, slice_str("amq.ctag"), buf);
	struct consumer *k = amqp091_consumer_new(t, c, tag);
	if (!k)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a consumer");
	k->is_direct = k->is_no_ack = true;
	while (k->queue == 0)
		k->queue = t->w->random(t->w->random_arg);
	c->direct = k;
	ok.basic_consume_ok.consumer_tag = slice_of(k->tag, k->tag_n);
	if (!m->nowait)
		amqp091_send(t, c->number, &ok);
	return ERR_OK;
}

/* As if there were a queue with a consumer. */
static void declare_ok(struct turn *t, const struct channel *c, struct slice name)
{
	struct amqp091_method m = { .kind = AMQP091_queue_declare_ok };
	must(name.n > 0);
	m.queue_declare_ok.queue = name;
	m.queue_declare_ok.consumer_count = 1;
	amqp091_send(t, c->number, &m);
}

void amqp091_direct_declare(struct turn *t, const struct channel *c, struct slice name,
			    bool is_nowait)
{
	struct token to;
	if (amqp091_direct_kind(name) == DIRECT_CONSUME) {
		if (!is_nowait)
			declare_ok(t, c, name);
		return;
	}
	uint32_t ticket = amqp091_ticket(t->s);
	struct direct_from from = from_of(t, c, ticket);
	if (!token_of(t, name, &to)) /* nobody is there, and says so */
		to = (struct token){ t->s->session.handle, 1, UINT32_MAX };
	struct run head = head_of(t, c, &to);
	(void)post_run(t->w->post, session_loop(to.session), &head, NULL, 0, 0,
		       slice_of(&from, sizeof from));
	amqp091_call(t, AMQP091_queue_declare, c->number, ticket, name, SLICE_EMPTY)->is_nowait =
		is_nowait;
}

enum err amqp091_direct_props(struct turn *t, const struct channel *c, struct slice props,
			      struct slice *own_props)
{
	struct amqp091_props p;
	char buf[NAME_BYTES];
	if (!c->direct || c->direct->end != CONSUMER_LIVES)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "fast reply consumer does not exist");
	enum err e = amqp091_props_decode(props, &p);
	must(e == ERR_OK && p.flags & AMQP091_HAS_reply_to);
	p.reply_to = name_of(t, c->direct, buf);
	size_t n = amqp091_props_size(&p);
	uint8_t *at = amqp091_get(t, n, "properties");
	uint8_t *end = amqp091_props_put(at, &p);
	must((size_t)(end - at) == n);
	*own_props = slice_of(at, n);
	return ERR_OK;
}

/* ---- a reply on its way ------------------------------------------------------------------- */

bool amqp091_direct_is_to(const struct turn *t, const struct publish *p)
{
	struct token to;
	must(p->key.n <= LIMIT_SHORTSTR);
	return p->exchange.n == 0 && token_of(t, p->key, &to);
}

void amqp091_direct_send(struct turn *t, struct channel *c, const struct publish *p,
			 struct block *b, const struct msg *m)
{
	must(block_of(m) == b);
	t->s->count.published++;
	block_give(b, 1);
	amqp091_direct_forward(t, c, p, msg_mem(m));
}

void amqp091_direct_forward(struct turn *t, struct channel *c, const struct publish *p,
			    uint64_t own_mem)
{
	struct token to;
	struct post *post = t->w->post;
	const struct msg *m = msg_of(own_mem);
	struct deliver_row row = { .mem = own_mem, .bytes = msg_stored_bytes(m) };
	bool is_known = token_of(t, p->key, &to);
	must(is_known);
	if (m->proto == MSG_CHUNKS)
		row.flags |= ENTRY_BIG;
	uint32_t loop = session_loop(to.session);
	struct run head = head_of(t, c, &to);
	if (p->is_mandatory) {
		struct direct_from from = from_of(t, c, amqp091_confirm_seq(t, c));
		(void)post_run(post, loop, &head, &row, sizeof row, 1,
			       slice_of(&from, sizeof from));
		t->s->directed_n++;
	} else {
		struct run *r = post_last(post, loop, sizeof row);
		if (r && run_same(r, &head) && r->arg == head.arg)
			memcpy(post_row(post, loop, r, sizeof row), &row, sizeof row);
		else
			(void)post_run(post, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
	}
	if (c->confirm)
		amqp091_confirm_new(t, c, row.bytes, p->is_mandatory);
}

static void send_back(struct turn *t, const struct channel *c, uint64_t mem)
{
	const struct msg *m = msg_of(mem);
	const struct amqp091_returned r = {
		.channel = c->number,
		.reply_code = amqp091_code(ERR_NO_ROUTE),
		.reply_text = slice_str("NO_ROUTE"),
	};
	struct sendq *q = amqp091_out(t, c->number);
	struct amqp091_content content;
	struct slice body;
	amqp091_content_of(m, &content, &body);
	size_t n = amqp091_return_size(&r, t->s->frame_max, &content);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = amqp091_return_put(at, &r, t->s->frame_max, &content);
	must((size_t)(end - at) == n);
	sendq_commit(q, (uint32_t)n);
}

/* A big one is confirmed behind its end. */
static void back(struct turn *t, const struct channel *c, uint64_t own_mem, uint64_t seq)
{
	const struct msg *m = msg_of(own_mem);
	must(c->number > 0);
	if (m->proto != MSG_CHUNKS) {
		send_back(t, c, own_mem);
		amqp091_confirm_one(t, c->number, seq);
		msg_unref(own_mem, 1);
		return;
	}
	amqp091_returned(t, &(struct waiting){ .row = { .mem = own_mem, .pos = seq },
					       .channel = c->number,
					       .state = WAITING_HERE,
					       .is_return = true });
}

void amqp091_direct_return(struct turn *t, const struct channel *c, uint64_t own_mem, uint64_t seq)
{
	must(own_mem != 0);
	t->s->count.unroutable++;
	back(t, c, own_mem, seq);
}

void amqp091_direct_back(struct turn *t, const struct channel *c, uint64_t own_mem)
{
	amqp091_direct_return(t, c, own_mem, amqp091_confirm_seq(t, c));
}

void amqp091_directed(struct turn *t, struct run *fx)
{
	struct deliver_row row;
	must(fx->n == 1 && fx->row_bytes == sizeof row && t->s->directed_n > 0);
	memcpy(&row, run_rows(fx), sizeof row);
	t->s->directed_n--;
	struct channel *c = amqp091_channel(t->s, fx->channel);
	bool is_heard = c && c->birth == row.pos && !c->is_ending && !c->is_closing &&
			t->s->phase == PHASE_RUNNING;
	if (is_heard && row.mem) {
		back(t, c, row.mem, fx->arg);
		return;
	}
	if (is_heard)
		amqp091_confirm_one(t, c->number, fx->arg);
	amqp091_row_unref(&row);
}

/* ---- a reply that comes ------------------------------------------------------------------- */

static struct consumer *receiver(const struct turn *t, const struct run *fx)
{
	must(fx->arg != CONSUMER_GET && fx->arg <= UINT32_MAX);
	struct consumer *k = amqp091_consumer(t->s, (uint32_t)fx->arg);
	const bool is_asked = k && (k->queue == fx->queue || ABLATED(reply_key));
	if (!is_asked || !k->is_direct || k->end != CONSUMER_LIVES)
		return NULL;
	bool is_full = fx->n > 0 && k->direct_bytes >= LIMIT_DIRECT_WAITING_BYTES;
	return t->s->phase == PHASE_RUNNING && !k->channel->is_ending && !is_full ? k : NULL;
}

void amqp091_direct(struct turn *t, struct run *fx)
{
	const struct deliver_row *row = run_rows(fx);
	struct consumer *k = receiver(t, fx);
	session_direct_answer(t->w->post, fx, k != NULL);
	if (!k || fx->n == 0)
		return;
	must(fx->row_bytes == sizeof *row);
	for (uint32_t i = 0; i < fx->n; i++)
		k->direct_bytes += row[i].bytes;
	fx->kind = FX_DELIVER;
	amqp091_delivered(t, fx);
}
