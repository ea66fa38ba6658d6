/* Transactions: all or nothing. What is in one that was asked for and never answered was done, or
 * was not: of all that it published and settled the same must be true, over all crashes. */
#include "sim/oracle.h"

static struct oracle_tx *tx_of(struct oracle *o, uint32_t tx)
{
	must(tx > 0 && tx < o->txs_n);
	return &o->txs[tx];
}

uint32_t oracle_tx_begin(struct oracle *o)
{
	oracle_grow(&o->txs, o->txs_n, &o->txs_cap, sizeof *o->txs);
	o->txs[o->txs_n] = (struct oracle_tx){ .first = o->messages_n,
					       .end = o->messages_n,
					       .settled = o->tied_n };
	return o->txs_n++;
}

void oracle_tx_message(struct oracle *o, uint32_t tx, uint32_t id)
{
	struct oracle_tx *x = tx_of(o, tx);
	must(x->life == TX_OPEN && id == x->end);
	x->end = id + 1;
	o->messages[id].tx = tx;
}

void oracle_tx_settled(struct oracle *o, uint32_t tx, uint32_t copy)
{
	struct oracle_tx *x = tx_of(o, tx);
	must(x->life == TX_OPEN && x->settled + x->settled_n == o->tied_n);
	if (o->copies[copy].state != COPY_SETTLING || o->copies[copy].tx == tx)
		return;
	o->copies[copy].tx = tx;
	oracle_grow(&o->tied, o->tied_n, &o->tied_cap, sizeof *o->tied);
	o->tied[o->tied_n++] = copy;
	x->settled_n++;
}

bool oracle_tx_is_open(const struct oracle *o, uint32_t tx)
{
	must(tx < o->txs_n);
	return tx && o->txs[tx].life != TX_DONE;
}

/* Each step of it, as if it had been confirmed. */
void oracle_tx_done(struct oracle *o, uint32_t tx)
{
	struct oracle_tx *x = tx_of(o, tx);
	must(x->life == TX_OPEN);
	x->life = TX_DONE;
	for (uint32_t id = x->first; id < x->end; id++)
		oracle_is_sure(o, &o->messages[id]);
	for (uint32_t i = 0; i < x->settled_n; i++) {
		const uint32_t n = o->tied[x->settled + i];
		const struct copy *c = &o->copies[n];
		if (c->state == COPY_SETTLING && c->tx == tx)
			oracle_copy_gone(o, n);
	}
}

/* From now on it may be there, or not, as the others. */
static void tie(struct copy *c)
{
	c->is_tied = c->is_must;
	c->is_must = c->is_either = false;
}

/* What is transient is not delayed by what is durable: it may come, and a crash undo the rest. */
static bool is_logged(const struct oracle *o, const struct copy *c)
{
	const struct place_queue *q = &place_queues[c->queue];
	return oracle_is_kept(o, c) && q->is_durable && !q->is_exclusive;
}

void oracle_tx_lost(struct oracle *o, uint32_t tx)
{
	struct oracle_tx *x = tx_of(o, tx);
	must(x->life == TX_OPEN);
	x->life = TX_LOST;
	for (uint32_t id = x->first; id < x->end; id++)
		for (uint32_t c = o->messages[id].first_copy; c; c = o->copies[c].next_of_message) {
			x->is_in |= o->copies[c].is_seen && is_logged(o, &o->copies[c]);
			if (!o->copies[c].is_seen)
				tie(&o->copies[c]);
		}
	for (uint32_t i = 0; i < x->settled_n; i++) {
		struct copy *c = &o->copies[o->tied[x->settled + i]];
		if (c->state != COPY_SETTLING || c->tx != tx)
			continue;
		c->state = COPY_READY;
		c->event = oracle_tick(o);
		tie(c);
	}
}

/* ---- what shows --------------------------------------------------------------------------- */

static void shows(struct oracle *o, uint32_t tx, uint32_t message, bool is_in)
{
	struct oracle_tx *x = tx_of(o, tx);
	must(x->life == TX_LOST);
	x->is_in |= is_in;
	x->is_out |= !is_in;
	if (x->is_in && x->is_out)
		story_wrong(o->story, "transaction %u is torn: it was %s as to m%u", tx,
			    is_in ? "done" : "not done", message);
}

static bool is_lost(const struct oracle *o, uint32_t tx)
{
	return tx && o->txs[tx].life == TX_LOST;
}

/* A crash may double a letter, and all are alike: that one comes, or is missing, shows nothing. */
void oracle_tx_seen(struct oracle *o, uint32_t copy)
{
	struct copy *c = &o->copies[copy];
	if (is_lost(o, c->tx) && !c->letter_of)
		shows(o, c->tx, c->message, false); /* it is back */
	else if (is_lost(o, o->messages[c->message].tx) && !c->letter_of && is_logged(o, c))
		shows(o, o->messages[c->message].tx, c->message, true);
	c->is_tied = false;
	c->tx = 0;
}

void oracle_tx_missed(struct oracle *o, uint32_t copy)
{
	const struct copy *c = &o->copies[copy];
	if (!c->is_tied || c->letter_of || oracle_may_be_due(o, c) || o->unreadable_n)
		return;
	if (is_lost(o, c->tx))
		shows(o, c->tx, c->message, true);
	else if (is_lost(o, o->messages[c->message].tx))
		shows(o, o->messages[c->message].tx, c->message, false);
}
