#include "session/stomp/activemq.h"

#include "base/must.h"
#include "msg/block.h"

/* What is said within a transaction is kept as it came until its COMMIT: the frames lie in blocks
 * of the transaction's own. Then each of them is looked at as if it came now, and joins what the
 * publisher keeps aside; what it acknowledges is only marked. Where one is refused nothing is done;
 * else all of it goes at once, and the shards do all of it or nothing (session/tx_parts.h). */

struct action {
	struct block *block;
	uint32_t off, n;
};

struct transaction {
	struct transaction *next;
	struct deque actions;
	struct block *block; /* that is being filled; the last of the actions' */
	uint32_t in_block_n; /* actions in it */
	uint64_t bytes;
	uint64_t published, errors_n; /* before the commit */
	uint32_t name_n;
	bool is_begun; /* its commit is: there is none but it */
	char name[];
};

static struct transaction *find(struct stomp *s, struct slice name)
{
	must(name.p != NULL || name.n == 0);
	for (struct transaction *x = s->transactions; x; x = x->next)
		if (slice_eq(slice_of(x->name, x->name_n), name))
			return x;
	return NULL;
}

/* Blocks that are full, and the one in hand, are ours until their messages are made. */
static void forget_actions(struct transaction *x, struct mem *mem)
{
	struct action a, last = { 0 };
	must(x->actions.row_bytes == sizeof a);
	while (deque_pop(&x->actions, &a)) {
		if (last.block && last.block != a.block)
			block_close(last.block);
		last = a;
	}
	if (last.block)
		block_close(last.block);
	deque_fini(&x->actions, mem);
	x->block = NULL;
	x->bytes = 0;
}

/* A commit that has begun comes to nothing. */
static void take_back(struct turn *t, struct transaction *x)
{
	must(x->is_begun);
	publisher_abort(&t->s->publisher, t->w->mem);
	stomp_unacked_keep(t);
	t->s->published = x->published;
	x->is_begun = false;
}

static void transaction_free(struct turn *t, struct transaction *own_x)
{
	struct stomp *s = t->s;
	struct transaction **at = &s->transactions;
	if (own_x->is_begun)
		take_back(t, own_x);
	while (*at != own_x)
		at = &(*at)->next;
	*at = own_x->next;
	must(s->transactions_n > 0);
	s->transactions_n--;
	forget_actions(own_x, t->w->mem);
	mem_put(t->w->mem, own_x, sizeof *own_x + own_x->name_n);
}

void stomp_transactions_free(struct turn *t)
{
	must(t->s != NULL);
	while (t->s->transactions)
		transaction_free(t, t->s->transactions);
}

/* ---- BEGIN, ABORT ------------------------------------------------------------------------- */

static enum done refuse_name(struct turn *t, struct slice name)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	must(t->frame != NULL);
	if (t->s->is_activemq)
		return stomp_amq_refuse(t, "Invalid transaction id: ", name, "");
	text_puts(&body, "Invalid transaction identifier: \"");
	text_put_slice(&body, name);
	text_puts(&body, "\"\n");
	return stomp_refuse(t, "Bad transaction", text_slice(&body));
}

static enum done refuse_missing(struct turn *t)
{
	must(!stomp_has(t->head, STOMP_H_TRANSACTION));
	if (!t->s->is_activemq)
		return stomp_refuse_missing(t, "Missing transaction", "transaction");
	return stomp_amq_refuse(
		t, "Must specify the transaction you are ",
		slice_str(t->frame->command == STOMP_BEGIN ? "beginning" : "committing"), "");
}

/* The transaction that the frame names; NULL: refused. */
static struct transaction *named(struct turn *t)
{
	struct transaction *x = NULL;
	must(t->head != NULL);
	if (!stomp_has(t->head, STOMP_H_TRANSACTION)) {
		(void)refuse_missing(t);
		return NULL;
	}
	x = find(t->s, t->head->at[STOMP_H_TRANSACTION]);
	if (!x)
		(void)refuse_name(t, t->head->at[STOMP_H_TRANSACTION]);
	return x;
}

/* As RabbitMQ does it, a transaction that is begun twice begins anew. */
enum done stomp_on_begin(struct turn *t)
{
	struct stomp *s = t->s;
	struct slice name = t->head->at[STOMP_H_TRANSACTION];
	must(s->phase == PHASE_RUNNING);
	if (!stomp_has(t->head, STOMP_H_TRANSACTION))
		return refuse_missing(t);
	struct transaction *x = find(s, name);
	if (x && s->is_activemq)
		return stomp_amq_refuse(t, "The transaction was already started: ", name, "");
	if (x)
		transaction_free(t, x);
	if (s->transactions_n >= LIMIT_STOMP_TRANSACTIONS)
		return stomp_refuse_most(t, "Too many transactions", "Open in one connection are",
					 LIMIT_STOMP_TRANSACTIONS);
	x = mem_get(t->w->mem, sizeof *x + name.n, "stomp transaction");
	must(x != NULL);
	*x = (struct transaction){ .next = s->transactions, .name_n = (uint32_t)name.n };
	deque_init(&x->actions, sizeof(struct action), "stomp transaction");
	if (name.n)
		memcpy(x->name, name.p, name.n);
	s->transactions = x;
	s->transactions_n++;
	stomp_receipt(t);
	return DONE;
}

enum done stomp_on_abort(struct turn *t)
{
	struct transaction *x = named(t);
	must(t->s->phase == PHASE_RUNNING);
	if (!x)
		return DONE;
	transaction_free(t, x);
	stomp_receipt(t);
	return DONE;
}

/* ---- what is said within it --------------------------------------------------------------- */

enum done stomp_refuse_transaction(struct turn *t)
{
	char room[80];
	struct text most = text_of(room, sizeof room);
	text_putf(&most, "It has at most %u frames and %u bytes\n", LIMIT_STOMP_TRANSACTION_ACTIONS,
		  LIMIT_TX_BYTES);
	must(t->frame != NULL);
	return stomp_refuse(t, "Transaction too large", text_slice(&most));
}

enum done stomp_put_off(struct turn *t)
{
	struct transaction *x = named(t);
	const uint32_t n = (uint32_t)t->frame->total;
	must(t->frame->total <= UINT32_MAX / 2);
	if (!x)
		return DONE;
	if (x->actions.n >= LIMIT_STOMP_TRANSACTION_ACTIONS || x->bytes + n > LIMIT_TX_BYTES)
		return stomp_refuse_transaction(t);
	/* each message will want a header at the block's end */
	if (!x->block || block_is_large(x->block) ||
	    block_room(x->block) < n + (x->in_block_n + 1) * BLOCK_HEADER_ROOM) {
		struct block *b = block_take(t->w->home, n + BLOCK_HEADER_ROOM);
		if (!b)
			return stomp_fail_err(t, ERR_RESOURCE_ERROR);
		x->block = b;
		x->in_block_n = 0;
	}
	x->in_block_n++;
	const struct action a = { x->block, x->block->fill, n };
	memcpy((uint8_t *)x->block + a.off, t->frame->word.p, n);
	x->block->fill += n;
	x->bytes += n;
	if (deque_push(&x->actions, t->w->mem, &a) != ERR_OK)
		must(!"no memory for a transaction");
	stomp_receipt(t);
	return DONE;
}

/* ---- COMMIT ------------------------------------------------------------------------------- */

static enum done act(struct turn *t, const struct stomp_frame *f, struct wr *scratch,
		     bool is_followed)
{
	struct stomp_head head;
	enum err e = stomp_head_read(f->head, (enum stomp_version)t->s->version,
				     stomp_escapes(t->s), scratch, &head);
	must(e == ERR_OK); /* it was read before */
	/* its own receipt was told; an ERROR is the COMMIT's */
	head.has[STOMP_H_RECEIPT] = t->head->has[STOMP_H_RECEIPT];
	head.at[STOMP_H_RECEIPT] = t->head->at[STOMP_H_RECEIPT];
	t->frame = f;
	t->head = &head;
	return f->command == STOMP_SEND ? stomp_send(t, is_followed) : stomp_settle(t);
}

/* One frame, as if it came now. */
static enum done replay(struct turn *t, const struct action *a, bool is_followed)
{
	struct turn at = *t;
	at.is_committing = true;
	at.why = text_of(t->w->words, sizeof t->w->words);
	at.again = NULL; /* what comes behind the COMMIT is not like what was kept for it */
	struct stomp_scan scan = { 0 };
	struct stomp_frame f;
	size_t need;
	at.block = a->block;
	enum err e = stomp_scan(&scan, slice_of((const uint8_t *)a->block + a->off, a->n), a->n, &f,
				&need);
	must(e == ERR_OK);
	size_t n = slice_find(f.head, '\\') == f.head.n ? 0 : f.head.n;
	uint8_t *room = n ? mem_get(t->w->mem, n, "unescaped headers") : NULL;
	struct wr scratch = wr_of(room, n);
	enum done d = act(&at, &f, &scratch, is_followed);
	mem_put(t->w->mem, room, n);
	return d;
}

/* A new frame in hand has a new call; the place in the transaction stays. */
static void next_action(struct turn *t, uint32_t at)
{
	stomp_call_free(t);
	stomp_call(t)->at = at;
}

static bool begin(struct turn *t, struct transaction *x)
{
	struct stomp *s = t->s;
	must(!s->publisher.tx);
	if (!stomp_has_room(t))
		return false;
	publisher_begin(&s->publisher, t->w->mem);
	x->published = s->published;
	x->errors_n = s->errors_n;
	x->is_begun = true;
	return true;
}

/* Each frame in its turn. *out_is_refused: one was, and with it all. */
static enum done replay_all(struct turn *t, struct transaction *x, bool *out_is_refused)
{
	struct stomp *s = t->s;
	const bool is_followed = stomp_has(t->head, STOMP_H_RECEIPT);
	*out_is_refused = false;
	for (uint32_t at = stomp_call(t)->at; at < x->actions.n; at++) {
		if (replay(t, deque_at(&x->actions, at), is_followed) == WAIT)
			return WAIT;
		*out_is_refused = s->phase != PHASE_RUNNING || s->errors_n != x->errors_n;
		if (*out_is_refused)
			return DONE;
		next_action(t, at + 1);
	}
	return DONE;
}

enum done stomp_on_commit(struct turn *t)
{
	struct stomp *s = t->s;
	struct transaction *x = named(t);
	bool is_refused;
	must(s->phase == PHASE_RUNNING);
	if (!x)
		return DONE;
	if ((!x->is_begun && !begin(t, x)) || replay_all(t, x, &is_refused) == WAIT)
		return WAIT;
	if (is_refused) {
		transaction_free(t, x);
		return DONE;
	}
	struct receipt *own = stomp_receipt_new(t);
	const uint64_t first = s->followed_n;
	stomp_unacked_commit(t);
	publisher_commit(&s->publisher, t->w, &s->asker, own ? 0 : PUBLISHER_NOBODY);
	s->followed_n += own != NULL;
	x->is_begun = false;
	transaction_free(t, x);
	if (own)
		stomp_receipt_owe(t, own, true, first);
	stomp_receipts_say(t);
	return DONE;
}
