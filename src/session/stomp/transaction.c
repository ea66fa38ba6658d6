#include "session/stomp/activemq.h"

#include "base/must.h"
#include "msg/block.h"

/* What is said within a transaction is kept as it came and done at its COMMIT, frame by frame: the
 * frames lie in blocks of the transaction's own, in which messages are made then as anywhere.
 * Before that all of them are tried: where one would be refused nothing of it is done. */

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
	uint64_t first, errors_n; /* before the commit: publishes followed, ERRORs told */
	uint32_t name_n;
	bool is_begun; /* its commit is */
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

static void transaction_free(struct turn *t, struct transaction *own_x)
{
	struct stomp *s = t->s;
	struct transaction **at = &s->transactions;
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

/* The transaction that the frame names; NULL: refused. */
static struct transaction *named(struct turn *t)
{
	struct transaction *x = NULL;
	must(t->head != NULL);
	if (!stomp_has(t->head, STOMP_H_TRANSACTION)) {
		(void)stomp_refuse_missing(t, "Missing transaction", "transaction");
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
		return stomp_refuse_missing(t, "Missing transaction", "transaction");
	struct transaction *x = find(s, name);
	if (x && s->is_activemq)
		return stomp_amq_refuse(t, "The transaction was already started: ", name, "");
	if (x)
		transaction_free(t, x);
	if (s->transactions_n >= LIMIT_STOMP_TRANSACTIONS)
		return stomp_refuse(t, "Too many transactions",
				    slice_str("One connection has 16 open at most\n"));
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

enum done stomp_put_off(struct turn *t)
{
	struct transaction *x = named(t);
	const uint32_t n = (uint32_t)t->frame->total;
	must(t->frame->total <= UINT32_MAX / 2);
	if (!x)
		return DONE;
	if (x->actions.n >= LIMIT_STOMP_TRANSACTION_ACTIONS || x->bytes + n > LIMIT_TX_BYTES)
		return stomp_refuse(t, "Transaction too large",
				    slice_str("It has 1024 frames and 64 MiB at most\n"));
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
	enum err e = stomp_head_read(f->head, (enum stomp_version)t->s->version, true, scratch,
				     &head);
	must(e == ERR_OK); /* it was read before */
	/* its own receipt was told; an ERROR is the COMMIT's */
	head.has &= ~(UINT64_C(1) << STOMP_H_RECEIPT);
	head.has |= t->head->has & UINT64_C(1) << STOMP_H_RECEIPT;
	head.at[STOMP_H_RECEIPT] = t->head->at[STOMP_H_RECEIPT];
	t->frame = f;
	t->head = &head;
	return f->command == STOMP_SEND ? stomp_send(t, is_followed) : stomp_settle(t);
}

/* One frame, as if it came now. */
static enum done replay(struct turn *t, const struct action *a, bool is_followed, bool is_trial)
{
	struct turn at = *t;
	at.is_trial = is_trial;
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

enum done stomp_on_commit(struct turn *t)
{
	struct stomp *s = t->s;
	struct transaction *x = named(t);
	bool is_followed = stomp_has(t->head, STOMP_H_RECEIPT);
	must(s->phase == PHASE_RUNNING);
	if (!x)
		return DONE;
	if (!x->is_begun) {
		x->first = s->followed_n;
		x->errors_n = s->errors_n;
	}
	x->is_begun = true;
	struct call *c = stomp_call(t);
	const uint32_t n = x->actions.n;
	while (c->at < 2 * n) {
		const uint32_t at = c->at;
		if (replay(t, deque_at(&x->actions, at % n), is_followed, at < n) == WAIT)
			return WAIT;
		if (s->phase != PHASE_RUNNING)
			return DONE;
		if (s->errors_n != x->errors_n) {
			transaction_free(t, x);
			return DONE;
		}
		next_action(t, at + 1);
		c = s->call;
	}
	uint64_t first = x->first;
	transaction_free(t, x);
	struct receipt *own = stomp_receipt_new(t);
	if (own)
		stomp_receipt_owe(t, own, true, first);
	stomp_receipts_say(t);
	return DONE;
}
