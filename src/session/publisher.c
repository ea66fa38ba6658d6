#include "session/publisher.h"

#include "base/must.h"
#include "core/retain_store.h"

/* What one publish costs beside its bytes, so that empty ones are bounded too. */
#define PUBLISH_COST 64u

/* Publishes that nobody waits for are followed now and then all the same, so that they cannot run
 * ahead of the log without bound: so often before the bound is reached. */
#define FOLLOWED_MIN 4u

struct published {
	uint64_t word;
	uint32_t bytes;
	uint32_t left_n : 31; /* answers that have not come: of shards, and of a decision */
	uint32_t is_refused : 1;
};

/* A transaction that is not committed. Its messages have one sequence, that of its only place in
 * the window. */
struct publisher_tx {
	struct tx_parts parts;
	uint64_t bytes, seq;
	uint32_t answers_n; /* of shards, to all that is followed */
};

/* Messages that are not posted yet: of one route, one after the other. */
#define HELD_MAX 64u
struct publisher_held {
	const struct route *route;
	const struct header_ops *headers;
	struct run head;
	uint32_t n;
	struct posting message[HELD_MAX];
};

void publisher_init(struct publisher *p)
{
	*p = (struct publisher){ .first = 1 };
	deque_init(&p->window, sizeof(struct published), "publishes");
}

void publisher_forget_routes(struct publisher *p)
{
	must(p->first > 0 && !p->held);
	route_cache_free(p->routes);
	p->routes = NULL;
}

void publisher_fini(struct publisher *p, struct mem *mem)
{
	publisher_forget_routes(p);
	must(p->window.row_bytes == sizeof(struct published) && !p->held);
	publisher_abort(p, mem);
	deque_fini(&p->window, mem);
	p->bytes = 0;
}

/* ---- where it goes ------------------------------------------------------------------------ */

static enum err ask_auth(const struct access *a, const struct session_world *w,
			 const struct publication *what, const struct exchange *x, struct text *why)
{
	must(x != NULL);
	TRY(access_allow(a, w, AUTH_EXCHANGE, AUTH_WRITE, what->exchange, why));
	if (x->type != EXCHANGE_TOPIC)
		return ERR_OK;
	return access_allow_key(a, w, AUTH_WRITE, what->exchange, what->key, why);
}

static enum err refuse_exchange(const struct access *a, const struct publication *what, enum err e,
				const char *before, const char *after, struct text *why)
{
	must(e != ERR_OK);
	text_puts(why, before);
	text_put_slice(why, what->exchange);
	text_puts(why, after);
	text_put_slice(why, access_vhost_name(a));
	text_puts(why, "'");
	return e;
}

enum err publisher_route(struct publisher *p, struct session_world *w, const struct access *a,
			 const struct publication *what, struct route_hit **out_hit,
			 struct text *why)
{
	struct route_hit *hit;
	must(what->route.n == what->exchange.n + what->key.n + 2);
	publisher_flush(p, w); /* their route may lie where the new one will */
	if (!p->routes && (p->routes = route_cache_new(w->mem)) == NULL)
		return ERR_RESOURCE_ERROR;
	const struct routing m = {
		.key = what->key,
		.headers = what->headers,
		.props = what->props,
		.now_ms = w->wall_ms,
		.dice = what->dice,
	};
	if (route_cache_find(p->routes, w->view, a->number, what->route, what->exchange, &m,
			     &hit) != ERR_OK)
		return ERR_RESOURCE_ERROR;
	if (!hit->x) /* who may not write there does not hear that it is missing */
		TRY(access_allow(a, w, AUTH_EXCHANGE, AUTH_WRITE, what->exchange, why));
	if (!hit->x)
		return refuse_exchange(a, what, ERR_NOT_FOUND, "no exchange '", "' in vhost '",
				       why);
	if (hit->is_new || hit->auth != ERR_OK)
		hit->auth = ask_auth(a, w, what, hit->x, why);
	TRY(hit->auth);
	if (hit->x->flags & EXCHANGE_INTERNAL)
		return refuse_exchange(a, what, ERR_ACCESS_REFUSED,
				       "cannot publish to internal exchange '", "' in vhost '",
				       why);
	*out_hit = hit;
	return ERR_OK;
}

/* ---- out ---------------------------------------------------------------------------------- */

static struct run head_of(const struct asker *from)
{
	must(from->session != 0);
	return (struct run){
		.kind = CMD_PUBLISH,
		.channel = from->channel,
		.session = from->session,
		.vhost = from->vhost,
	};
}

static void put(struct session_world *w, const struct asker *from, const struct publication *what,
		const struct route *r, const struct posting *m)
{
	struct poster to = {
		.post = w->post,
		.wall_ms = posting_wall_ms(w, r),
		.headers = what->headers,
		.head = head_of(from),
	};
	must(m->mem != 0);
	for (uint32_t at = 0, end; at < r->n; at = end) {
		end = posting_part(r, at);
		posting_put(&to, m, &r->to[at], end - at);
	}
	if (!what->store)
		return;
	const struct route_to store = retain_store_to(what->store);
	struct posting kept = *m;
	kept.expiry_ms = retain_expiry(m->expiry_ms, what->store_number);
	posting_one(&to, &kept, &store, kept.is_followed ? ENTRY_CONFIRM : 0);
}

/* ---- held -------------------------------------------------------------------------------- */

void publisher_flush(struct publisher *p, struct session_world *w)
{
	struct publisher_held *h = p->held;
	if (!h || h->n == 0)
		return;
	struct poster to = { .post = w->post,
			     .wall_ms = posting_wall_ms(w, h->route),
			     .headers = h->headers,
			     .head = h->head };
	must(p->is_gathering && h->n <= HELD_MAX);
	posting_messages(&to, h->message, h->n, h->route);
	h->n = 0;
}

void publisher_gathered(struct publisher *p, struct session_world *w)
{
	publisher_flush(p, w);
	must(p->is_gathering);
	p->is_gathering = false;
	if (p->held)
		mem_put(w->mem, p->held, sizeof *p->held);
	p->held = NULL;
}

/* Puts it to those that are held; all of these go the same way. */
static void hold(struct publisher *p, struct session_world *w, const struct asker *from,
		 const struct publication *what, const struct route *r, const struct posting *m)
{
	if (!p->held) {
		p->held = mem_get(w->mem, sizeof *p->held, "messages that are not posted yet");
		must(p->held != NULL);
		p->held->n = 0;
	}
	struct publisher_held *h = p->held;
	if (h->n == HELD_MAX || (h->n > 0 && (h->route != r || h->headers != what->headers)))
		publisher_flush(p, w);
	h->route = r;
	h->headers = what->headers;
	h->head = head_of(from);
	h->message[h->n++] = *m;
}

/* Rows of the message, and how many of them are confirmed: the last one for each shard, and the
 * store's. */
static uint32_t rows_n(const struct publication *what, const struct route *r)
{
	return r->n + (what->store != NULL);
}
static uint8_t answers_n(const struct publication *what, const struct route *r)
{
	uint32_t n = (r->n > 0 ? posting_shards_n(r) : 0) + (what->store != NULL);
	must(n <= UINT8_MAX);
	return (uint8_t)n;
}

static struct posting posting_of(const struct publication *what, const struct msg *m, uint64_t seq,
				 bool is_followed)
{
	must(m != NULL);
	return (struct posting){
		.mem = msg_mem(m),
		.seq = seq,
		.expiry_ms = what->expiry_ms,
		.bytes = msg_stored_bytes(m),
		.flags = m->flags,
		.priority = what->priority,
		.has_priority = what->has_priority,
		.is_followed = is_followed,
		.is_big = m->proto == MSG_CHUNKS,
	};
}

/* Notes in the window what is followed; it takes all bytes since something was followed last, if
 * any answer comes. */
static void follow(struct publisher *p, struct mem *mem, uint64_t word, uint32_t answers_n)
{
	struct published *u = deque_add(&p->window, mem);
	must(u && answers_n <= INT32_MAX);
	*u = (struct published){ .word = word,
				 .bytes = answers_n > 0 ? (uint32_t)p->silent_bytes : 0,
				 .left_n = answers_n & INT32_MAX };
	p->silent_bytes -= u->bytes;
	p->bytes += u->bytes;
}

/* Puts it to the transaction. */
static void put_aside(struct publisher *p, struct session_world *w, const struct asker *from,
		      const struct publication *what, const struct route *r,
		      const struct posting *m)
{
	struct publisher_tx *x = p->tx;
	const struct poster by = { .wall_ms = posting_wall_ms(w, r),
				   .headers = what->headers,
				   .head = head_of(from) };
	struct posting one = *m;
	must(!what->store && r != NULL);
	one.seq = x->seq;
	x->bytes += m->bytes + tx_parts_cost(r->n);
	if (r->n == 0)
		return;
	x->answers_n += m->is_followed ? answers_n(what, r) : 0;
	block_give(block_of(msg_of(m->mem)), r->n);
	tx_parts_publish(&x->parts, w->mem, &by, &one, r);
}

void publisher_send(struct publisher *p, struct session_world *w, const struct asker *from,
		    const struct publication *what, const struct route_hit *hit,
		    const struct msg *m, uint64_t word)
{
	const struct route *r = hit->route;
	struct posting one = posting_of(what, m, p->first + p->window.n, word != PUBLISHER_NOBODY);
	must(from->session != 0);
	if (hit->x) /* else it is put where it was, or waits where no exchange is */
		exchange_came(w->exchanges, hit->x, route_is_nowhere(r));
	if (p->tx) {
		put_aside(p, w, from, what, r, &one);
		return;
	}
	const bool is_nowhere = rows_n(what, r) == 0; /* then nothing of it is held */
	p->silent_bytes += is_nowhere ? 0 : one.bytes + PUBLISH_COST;
	if (!is_nowhere && p->silent_bytes >= w->limits->unconfirmed_bytes_max / FOLLOWED_MIN)
		one.is_followed = true;
	if (one.is_followed)
		follow(p, w->mem, word, answers_n(what, r));
	if (is_nowhere)
		return;
	block_give(block_of(m), rows_n(what, r));
	if (p->is_gathering && !one.is_followed && r->n > 1 && !what->store && !hit->varies) {
		hold(p, w, from, what, r, &one);
		return;
	}
	publisher_flush(p, w);
	put(w, from, what, r, &one);
}

/* ---- transactions ------------------------------------------------------------------------- */

void publisher_begin(struct publisher *p, struct mem *mem)
{
	must(!p->tx);
	p->tx = mem_get(mem, sizeof *p->tx, "transaction");
	must(p->tx != NULL);
	*p->tx = (struct publisher_tx){ .seq = p->first + p->window.n };
}

struct tx_parts *publisher_parts(struct publisher *p)
{
	must(p->tx != NULL);
	return &p->tx->parts;
}

uint64_t publisher_tx_bytes(const struct publisher *p)
{
	must(p->tx != NULL);
	return p->tx->bytes;
}

void publisher_commit(struct publisher *p, struct session_world *w, const struct asker *from,
		      uint64_t word)
{
	struct publisher_tx *x = p->tx;
	const struct run to = { .channel = from->channel,
				.session = from->session,
				.vhost = from->vhost };
	must(x && x->seq == p->first + p->window.n);
	publisher_flush(p, w);
	const bool is_any = tx_parts_commit(&x->parts, w, &to, x->seq);
	p->silent_bytes += is_any ? x->bytes : 0;
	if (is_any || word != PUBLISHER_NOBODY)
		follow(p, w->mem, word, is_any ? 1 + x->answers_n : 0);
	publisher_abort(p, w->mem);
}

void publisher_abort(struct publisher *p, struct mem *mem)
{
	must(p->first > 0);
	if (!p->tx)
		return;
	tx_parts_drop(&p->tx->parts, mem);
	mem_put(mem, p->tx, sizeof *p->tx);
	p->tx = NULL;
}

void publisher_refuse(struct publisher *p, struct session_world *w, uint64_t word)
{
	struct published *u = deque_add(&p->window, w->mem);
	must(u != NULL && p->first > 0);
	*u = (struct published){ .word = word, .is_refused = true };
}

/* ---- what came of it ---------------------------------------------------------------------- */

/* One of the answers to what has that sequence. */
static void answered(struct publisher *p, uint64_t seq, bool is_refused)
{
	must(seq >= p->first && seq - p->first < p->window.n);
	struct published *u = deque_at(&p->window, (size_t)(seq - p->first));
	must(u->left_n > 0);
	u->is_refused |= is_refused;
	if (--u->left_n == 0)
		p->bytes -= u->bytes;
}

void publisher_confirmed(struct publisher *p, const struct run *fx)
{
	const struct confirm_row *rows = (const struct confirm_row *)(const void *)(fx + 1);
	must(fx->n == 0 || fx->row_bytes == sizeof *rows);
	for (uint32_t i = 0; i < fx->n; i++) {
		uint64_t seq = fx->arg + rows[i].first;
		for (uint32_t n = rows[i].n; n > 0; n--, seq++)
			answered(p, seq, fx->kind == FX_REFUSED);
	}
}

void publisher_decided(struct publisher *p, const struct run *fx)
{
	must(fx->kind == FX_REPLY);
	answered(p, fx->arg, false);
}

bool publisher_next(struct publisher *p, uint64_t *out_word, bool *out_is_refused)
{
	for (struct published u; deque_peek(&p->window) != NULL;) {
		u = *(struct published *)deque_peek(&p->window);
		if (u.left_n > 0)
			return false;
		deque_drop(&p->window);
		p->first++;
		if (u.word == PUBLISHER_NOBODY)
			continue;
		*out_word = u.word;
		*out_is_refused = u.is_refused;
		return true;
	}
	must(p->window.n == 0);
	return false;
}
