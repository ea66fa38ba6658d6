#include "base/ablate.h"
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/must.h"
#include "base/rd.h"
#include "core/delay_store.h"
#include "core/policy.h"
#include "core/retain_store.h"
#include "msg/big.h"
#include "session/posting.h"
#include "session/deadletter/deadletter.h"
#include "session/defaults.h"
#include "session/views.h"

#define FEW 8u /* destinations that need no memory of their own */

/* ---- the entry it comes from -------------------------------------------------------------- */

static void drop_message(struct letter *l)
{
	must(l->queue != 0);
	if (l->row.mem)
		msg_unref(l->row.mem, 1);
	l->row.mem = 0;
}

static void settle(struct deadletter *d, struct session_world *w, const struct letter *l)
{
	struct post *p = w->post;
	const struct settle_row row = { .pos = l->row.pos, .how = SETTLE_ACCEPT };
	const struct run head = {
		.kind = CMD_SETTLE,
		.session = d->session.handle,
		.shard = l->shard,
		.queue = l->queue,
	};
	uint8_t again[SETTLE_AGAIN_BYTES];
	uint32_t loop = p->loop_of_shard[l->shard];
	struct run *r = post_last(p, loop, sizeof row);
	must(l->row.mem == 0);
	if (l->again_ms) {
		store_le64(again, l->again_ms);
		store_le16(again + 8, l->again_n);
		(void)post_run(p, loop, &head, &row, sizeof row, 1, slice_of(again, sizeof again));
	} else if (r && run_same(r, &head))
		*(struct settle_row *)post_row(p, loop, r, sizeof row) = (struct settle_row){
			.pos = l->row.pos, .how = SETTLE_ACCEPT
		};
	else
		(void)post_run(p, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
}

/* Nobody takes it now. What the journal has need not stay in memory meanwhile. */
static void keep(struct deadletter *d, struct session_world *w, struct letter *l)
{
	if (l->row.loc)
		drop_message(l);
	l->state = l->row.mem ? LETTER_HERE : LETTER_UNASKED;
	must(l->row.mem || l->row.loc);
	if (deque_push(&d->kept, w->mem, l) != ERR_OK)
		must(!"no memory for a dead letter");
	d->count.kept++;
}

static void drop(struct deadletter *d, struct session_world *w, struct letter *l)
{
	must(l->state == LETTER_HERE || l->state == LETTER_BROKEN);
	drop_message(l);
	settle(d, w, l);
	d->count.dropped++;
}

/* ---- where it goes ------------------------------------------------------------------------ */

/* The rules of the queue it died in; NULL: the queue is gone, or wants no dead letters any more. */
static const struct deadletter_source *source_of(struct deadletter *d,
						 const struct session_world *w,
						 const struct letter *l)
{
	const uint64_t queue = l->queue;
	struct deadletter_source *s = &d->sources[queue % DEADLETTER_SOURCES];
	uint64_t version = catalog_version(w->view);
	must(queue != 0);
	if (s->queue != queue || s->version != version) {
		s->version = version;
		s->queue = queue;
		s->rules = rules_none();
		s->record = catalog_queue_by_id(w->view, queue);
		uint32_t n = s->record ? policy_rules(w->view, w->patterns, s->record, s->bytes)
				       : 0;
		if (rules_get(slice_of(s->bytes, n), &s->rules) != ERR_OK)
			must(!"rules that the catalog has checked");
	}
	const bool is_wanted = s->rules.has_dead_letter_exchange || l->reason == DEAD_BURIED;
	d->source = s->record && is_wanted ? s : NULL;
	return d->source;
}

/* What is buried its queue would not have lost; so it is not lost on its way either. */
static bool is_at_least_once(const struct letter *l, const struct queue_rules *r)
{
	must(r->has_dead_letter_exchange || l->reason == DEAD_BURIED);
	return l->reason == DEAD_BURIED || r->dead_letter_strategy == DEAD_LETTER_AT_LEAST_ONCE;
}

static uint32_t shards_n(const struct route_to *to, uint32_t n)
{
	uint32_t shards = n > 0;
	for (uint32_t i = 1; i < n; i++)
		shards += to[i].shard != to[i - 1].shard;
	must(shards <= n);
	return shards;
}

/* Would it come back to a queue in which it has been, without anybody's doing? Most have died once:
 * where is known. Of one that has died before and cannot carry its whole history nobody could tell
 * at the next death: it ends here, so each death without a client finds all those before it, but
 * perhaps the first. */
static bool is_cycle(const struct session_world *w, const struct letter *l,
		     const struct letter_made *made, uint64_t queue)
{
	must(l->reason != DEAD_REJECTED && l->reason != DEAD_BURIED);
	if (!made->had_history)
		return queue == l->queue;
	if (made->is_cut)
		return true;
	const struct queue_record *q = catalog_queue_by_id(w->view, queue);
	return q && amqp091_death_is_cycle(made->dead.deaths, queue_record_name(q));
}

/* ---- out ---------------------------------------------------------------------------------- */

static void put_rows(struct deadletter *d, struct session_world *w, const struct letter_made *made,
		     const struct route_to *to, uint32_t n, uint64_t seq)
{
	const struct msg *m = made->msg;
	struct poster p = { .post = w->post,
			    .wall_ms = w->wall_ms,
			    .headers = views_of(m),
			    .head = { .kind = CMD_PUBLISH, .session = d->session.handle } };
	const struct posting one = { .mem = msg_mem(m),
				     .seq = seq,
				     .expiry_ms = made->expiry_ms,
				     .bytes = msg_stored_bytes(m),
				     .flags = m->flags,
				     .priority = made->dead.priority,
				     .has_priority = made->dead.has_priority,
				     .is_followed = true,
				     .is_big = m->proto == MSG_CHUNKS };
	must(n > 0 || made->store);
	for (uint32_t at = 0, end; at < n; at = end) {
		for (end = at + 1; end < n && to[end].shard == to[at].shard;)
			end++;
		posting_put(&p, &one, &to[at], end - at);
	}
	if (!made->store)
		return;
	const struct route_to store = retain_store_to(made->store);
	struct posting kept = one;
	kept.expiry_ms = retain_expiry(made->expiry_ms, made->store_number);
	posting_one(&p, &kept, &store, ENTRY_CONFIRM);
}

static void note_sent(struct deadletter *d, struct session_world *w, struct letter *l,
		      const struct msg *m, uint32_t left_n)
{
	bool is_to_keep = l->reason != LETTER_REPLAYED && is_at_least_once(l, &d->source->rules);
	struct sent *s = deque_add(&d->sent, w->mem);
	must(left_n > 0);
	if (!s)
		must(!"no memory for a dead letter");
	*s = (struct sent){ .letter = *l,
			    .bytes = msg_stored_bytes(m),
			    .left_n = left_n,
			    .is_to_keep = is_to_keep };
	if (!is_to_keep || l->row.loc) {
		drop_message(l);
		s->letter.row.mem = 0;
	}
	d->sent_bytes += s->bytes;
	d->count.published++;
	if (ABLATED(dead_letter_order) && l->reason != LETTER_REPLAYED)
		settle(d, w, l);
}

/* Takes out the targets that would be a cycle. */
static uint32_t without_cycles(const struct session_world *w, const struct letter *l,
			       const struct letter_made *made, struct route_to *to, uint32_t n)
{
	uint32_t left_n = 0;
	must(n > 0);
	for (uint32_t i = 0; i < n; i++)
		if (!is_cycle(w, l, made, to[i].queue))
			to[left_n++] = to[i];
	return left_n;
}

void send_to(struct deadletter *d, struct session_world *w, struct letter *l,
	     const struct letter_made *made, const struct route_to *to, uint32_t n)
{
	const struct msg *m = made->msg;
	must(block_of(m) == made->block);
	block_give(made->block, n + (made->store != NULL));
	put_rows(d, w, made, to, n, d->sent_first + d->sent.n);
	if (m->proto == MSG_CHUNKS) { /* its chunks are held by this message, too */
		block_give(made->block, 1);
		stores_put(w->stores,
			   (struct store){ .session = d->session.handle, .mem = msg_mem(m) });
	}
	note_sent(d, w, l, m, shards_n(to, n) + (made->store != NULL));
}

/* To all queues of the route; those that would be a cycle left out unless a client has rejected it.
 * False: none are left. */
static bool publish_route(struct deadletter *d, struct session_world *w, struct letter *l,
			  const struct letter_made *made, const struct route *r)
{
	must(r->n > 0);
	if (l->reason == DEAD_REJECTED || l->reason == DEAD_BURIED) {
		send_to(d, w, l, made, r->to, r->n);
		return true;
	}
	struct route_to few[FEW], *to = few;
	if (r->n > FEW)
		to = mem_get(w->mem, r->n * sizeof *to, "dead letter's route");
	must(to != NULL);
	memcpy(to, r->to, r->n * sizeof *to);
	uint32_t n = without_cycles(w, l, made, to, r->n);
	d->count.cut += made->had_history && made->is_cut;
	if (n > 0)
		send_to(d, w, l, made, to, n);
	if (to != few)
		mem_put(w->mem, to, r->n * sizeof *to);
	return n > 0;
}

/* Further keys count too. */
static enum err route_more(struct deadletter *d, const struct session_world *w,
			   const struct slice *copies, struct routing *m,
			   struct route_hit **inout_hit)
{
	struct route_keys k;
	struct slice key;
	route_keys_init(&k, w->mem);
	bool is_added = route_keys_add(&k, w->view, m->key);
	for (int i = 0; i < 2; i++)
		for (struct rd r = rd_of(copies[i]); is_added && amqp091_death_copy_next(&r, &key);)
			is_added = route_keys_add(&k, w->view, key);
	must(is_added);
	route_keys_more(&k, m);
	enum err e = m->more_n ? route_cache_more(d->routes, w->view, m, inout_hit) : ERR_OK;
	m->more_n = 0;
	route_keys_fini(&k);
	return e;
}

/* Where the new message goes; NULL: nowhere. `bytes` are the plan's exchange and key. */
static const struct route_hit *route(struct deadletter *d, struct session_world *w,
				     const struct letter_plan *p, struct slice bytes,
				     const struct letter_made *made)
{
	struct route_hit *hit;
	struct routing m = { .key = p->key,
			     .headers = views_of(made->msg),
			     .props = msg_props(made->msg),
			     .past = p->past,
			     .now_ms = w->wall_ms,
			     .dice = d->session.handle + d->count.published };
	letter_forget(d);
	if (!d->routes && (d->routes = route_cache_new(w->mem)) == NULL)
		must(!"no memory for routes");
	enum err e = route_cache_find(d->routes, w->view, p->vhost, bytes, p->exchange, &m, &hit);
	if (e == ERR_OK && hit->x && made->copies[0].n + made->copies[1].n > 0)
		e = route_more(d, w, made->copies, &m, &hit);
	return e == ERR_OK && hit->x && hit->route->n > 0 ? hit : NULL;
}

/* Writes the new message and finds its way; NULL: nowhere. */
static const struct route *make(struct deadletter *d, struct session_world *w,
				const struct letter *l, const struct letter_plan *p,
				struct letter_made *out)
{
	if (!letter_make(d, w, l, p, out))
		must(!"no memory for a dead letter");
	const struct route_hit *hit = route(d, w, p, msg_route(out->msg), out);
	if (!hit)
		return NULL;
	if (!hit->varies && out->copies[0].n == 0)
		letter_note(d, w, l, out, hit->route);
	return hit->route;
}

static bool send(struct deadletter *d, struct session_world *w, struct letter *l,
		 const struct letter_plan *p)
{
	struct letter_made anew, *made = letter_again(d, w, l);
	const struct route *r = made ? d->again.route : make(d, w, l, p, &anew);
	if (!made)
		made = &anew;
	bool is_sent = r && publish_route(d, w, l, made, r);
	if (!is_sent)
		letter_forget(d);
	letter_made_end(made, is_sent);
	return is_sent;
}

/* What its publisher has left behind is published as he would have: to be kept, too, if he says so.
 */
static void note_store(const struct session_world *w, const struct letter_plan *p,
		       struct letter_made *made)
{
	struct header h;
	must(made->msg && !made->store);
	if (p->rules->bequeaths != 1 ||
	    !views_of(made->msg)->property(msg_props(made->msg), HEADER_RETAIN, &h))
		return;
	made->store = retain_store(w->view, p->vhost);
	made->store_number = (uint32_t)min_u64(h.number, HEADER_RETAIN_MAX);
}

/* It goes once more through the exchange that has kept it, or the one that it was left for, or
 * where it was sent. */
static bool send_kept(struct deadletter *d, struct session_world *w, struct letter *l,
		      struct letter_plan *p)
{
	const struct exchange *x = catalog_exchange(w->view, p->vhost, p->exchange);
	uint8_t buf[LETTER_ROUTE_BYTES];
	struct wr bytes = wr_of(buf, sizeof buf);
	struct letter_made made;
	must(l->reason == DEAD_EXPIRED);
	const bool is_stored = delay_store_has(p->rules); /* by no exchange */
	if (is_stored)
		l->again_ms = letter_again_ms(w, l, &l->again_n);
	p->past = x && p->rules->keeper != RULE_NONE && !is_stored ? x->id : 0;
	if (!(is_stored ? letter_stored(d, w, l, &made)
			: letter_kept(d, w, l, p->rules->keeper == EXCHANGE_DELAYED, &made)))
		must(!"no memory for a message that was kept");
	note_store(w, p, &made);
	wr_str8(&bytes, p->exchange);
	wr_str8(&bytes, p->key);
	const struct route_hit *hit = route(d, w, p, wr_done(&bytes), &made);
	const bool is_sent = hit || made.store;
	if (is_sent)
		send_to(d, w, l, &made, hit ? hit->route->to : NULL, hit ? hit->route->n : 0);
	letter_made_end(&made, is_sent);
	return is_sent;
}

void send_letter(struct deadletter *d, struct session_world *w, struct letter *own_l)
{
	const struct deadletter_source *s = source_of(d, w, own_l);
	must(own_l->state == LETTER_HERE || own_l->state == LETTER_BROKEN);
	if (!s || own_l->state == LETTER_BROKEN) {
		d->count.broken += own_l->state == LETTER_BROKEN;
		drop(d, w, own_l);
		return;
	}
	struct rd rd = rd_of(msg_route(msg_of(own_l->row.mem)));
	const bool is_buried = own_l->reason == DEAD_BURIED;
	struct letter_plan p = { .from = s->record,
				 .vhost = s->record->vhost,
				 .rules = &s->rules,
				 .exchange = is_buried ? SLICE_EMPTY
						       : s->rules.dead_letter_exchange };
	const struct slice exchange = rd_str8(&rd);
	if (s->record->flags & QUEUE_KEEPER && delay_store_has(&s->rules))
		p.exchange = exchange;
	p.key = is_buried                      ? slice_str(DEFAULTS_DEAD_LETTERS)
		: s->rules.has_dead_letter_key ? s->rules.dead_letter_key
					       : rd_str8(&rd);
	if (s->record->flags & QUEUE_KEEPER ? send_kept(d, w, own_l, &p) : send(d, w, own_l, &p))
		return;
	if (is_at_least_once(own_l, &s->rules))
		keep(d, w, own_l);
	else
		drop(d, w, own_l);
}

/* ---- and back ----------------------------------------------------------------------------- */

static void confirmed(struct deadletter *d, struct session_world *w, struct sent *s)
{
	must(s->left_n > 0 && d->sent_bytes >= s->bytes);
	if (--s->left_n > 0)
		return;
	d->sent_bytes -= s->bytes;
	d->count.refused += s->is_refused;
	if (s->is_refused && s->is_to_keep) {
		keep(d, w, &s->letter);
		return;
	}
	drop_message(&s->letter);
	if (s->letter.reason == LETTER_REPLAYED)
		replay_done(d, w);
	else if (!ABLATED(dead_letter_order))
		settle(d, w, &s->letter);
}

void send_confirmed(struct deadletter *d, struct session_world *w, const struct run *fx)
{
	const struct confirm_row *row = (const void *)(fx + 1);
	must(fx->kind == FX_CONFIRM || fx->kind == FX_REFUSED);
	for (uint32_t i = 0; i < fx->n; i++) {
		uint64_t seq = fx->arg + row[i].first;
		for (uint32_t n = row[i].n; n > 0; n--, seq++) {
			must(seq >= d->sent_first && seq - d->sent_first < d->sent.n);
			struct sent *s = deque_at(&d->sent, (size_t)(seq - d->sent_first));
			s->is_refused |= fx->kind == FX_REFUSED;
			confirmed(d, w, s);
		}
	}
	for (struct sent *s; (s = deque_peek(&d->sent)) != NULL && s->left_n == 0;) {
		(void)deque_pop(&d->sent, NULL);
		d->sent_first++;
	}
}
