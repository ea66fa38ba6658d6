#include "session/receiver.h"

#include "base/list.h"
#include "base/must.h"
#include "session/tx_parts.h"

/* Rows for which an empty deque keeps its memory. */
#define ROWS_KEPT 1024u

/* A delivery that came and is not handed over yet. */
struct waiting {
	struct deliver_row row; /* mem 0: not read yet, or unreadable */
	uint32_t taker;
	uint8_t state;
};
enum {
	WAITING_HERE,
	WAITING_LOADING,
	WAITING_WHOLE, /* big, at the front, and being put together */
	WAITING_UNASKED,
	WAITING_BROKEN,
	WAITING_VOID
};

void receiver_init(struct receiver *r, const struct receiver_ops *ops, struct session *session,
		   struct asker *asker)
{
	must(ops && session && asker);
	*r = (struct receiver){ .ops = ops, .session = session, .asker = asker };
	map_init(&r->takers, NULL, 0, asker->session);
	deque_init(&r->waiting, sizeof(struct waiting), "waiting deliveries");
}

static void row_unref(struct waiting *w)
{
	must(w->state <= WAITING_VOID);
	if (w->row.mem)
		msg_unref(w->row.mem, 1);
	w->row.mem = 0;
}

static void taker_free(struct receiver *r, struct session_world *w, struct taker *own_k)
{
	credit_end(&own_k->credit, &r->owed);
	bool was_there = map_del(&r->takers, own_k->id, NULL);
	must(was_there);
	if (r->last == own_k)
		r->last = NULL;
	mem_put(w->mem, own_k, sizeof *own_k);
}

void receiver_fini(struct receiver *r, struct session_world *w)
{
	struct waiting one;
	must(r->waiting.row_bytes == sizeof one);
	if (r->whole.list)
		whole_drop(&r->whole);
	while (deque_pop(&r->waiting, &one))
		row_unref(&one);
	for (;;) {
		size_t cursor = 0;
		struct map_slot *slot = map_next(&r->takers, &cursor);
		if (!slot)
			break;
		taker_free(r, w, (struct taker *)(uintptr_t)slot->value);
	}
	deque_fini(&r->waiting, w->mem);
	map_fini(&r->takers, w->mem);
}

struct taker *receiver_taker(struct receiver *r, uint32_t id)
{
	uint64_t at;
	must(r->ops != NULL);
	if (r->last && r->last->id == id)
		return r->last;
	if (!map_get(&r->takers, id, &at))
		return NULL;
	r->last = (struct taker *)(uintptr_t)at;
	return r->last;
}

bool receiver_is_idle(const struct receiver *r)
{
	must(r->ops != NULL);
	return r->takers.n == 0 && r->waiting.n == 0;
}

/* ---- credit ------------------------------------------------------------------------------- */

static struct run head_of(const struct receiver *r, const struct taker *k, enum cmd kind)
{
	must(k->shard > 0 && k->queue != 0);
	return (struct run){
		.kind = (uint8_t)kind,
		.channel = r->asker->channel,
		.session = r->asker->session,
		.shard = k->shard,
		.vhost = r->asker->vhost,
		.queue = k->queue,
		.arg = k->id,
	};
}

static void handed(struct receiver *r, struct taker *k, uint32_t n, uint32_t bytes)
{
	must(k->waiting_n >= n);
	k->waiting_n -= n;
	if (k->end == TAKER_LIVES)
		credit_written(&k->credit, n, bytes, &r->owed);
}

static void flush_credit(struct receiver *r, struct session_world *w)
{
	struct post *p = w->post;
	must(r->session != NULL);
	struct credit_row row;
	for (struct credit *one; (one = credit_take(&r->owed, &row));) {
		const struct taker *k = containerof(one, struct taker, credit);
		const struct run head = head_of(r, k, CMD_CREDIT);
		if (k->end == TAKER_LIVES)
			(void)post_run(p, p->loop_of_shard[k->shard], &head, &row, sizeof row, 1,
				       SLICE_EMPTY);
	}
}

/* ---- subscribing -------------------------------------------------------------------------- */

struct taker *receiver_subscribe(struct receiver *r, struct session_world *w,
				 const struct taking *what)
{
	struct post *p = w->post;
	struct taker *k = mem_get(w->mem, sizeof *k, "taker");
	must(k && map_make_room(&r->takers, w->mem, "takers") == ERR_OK);
	*k = (struct taker){
		.of = what->of,
		.queue = what->queue->id,
		.id = ask_ticket(r->asker),
		.shard = what->queue->shard,
		.is_no_ack = what->is_no_ack,
	};
	map_put(&r->takers, k->id, (uint64_t)(uintptr_t)k);
	const struct subscribe_row row = { credit_first(&k->credit, what->is_no_ack,
							what->queue->flags & QUEUE_APPENDS,
							what->prefetch),
					   what->priority };
	struct run head = head_of(r, k, CMD_SUBSCRIBE);
	head.flags = (uint8_t)(what->flags | (what->is_no_ack ? SUBSCRIBE_NO_ACK : 0));
	(void)post_run(p, p->loop_of_shard[k->shard], &head, &row, sizeof row, 1, what->from);
	return k;
}

void receiver_lossless(struct receiver *r, struct session_world *w, const struct taker *k)
{
	struct post *p = w->post;
	const struct credit_row nothing = { 0 };
	struct run head = head_of(r, k, CMD_CREDIT);
	must(k->is_no_ack);
	head.flags = CREDIT_LOSSLESS;
	if (k->end == TAKER_LIVES)
		(void)post_run(p, p->loop_of_shard[k->shard], &head, &nothing, sizeof nothing, 1,
			       SLICE_EMPTY);
}

void receiver_forget(struct receiver *r, struct session_world *w, struct taker *own_k)
{
	must(own_k->waiting_n == 0);
	taker_free(r, w, own_k);
}

/* ---- settling ----------------------------------------------------------------------------- */

static struct run settling_head(const struct receiver *r, const struct settling *what)
{
	must(what->shard > 0);
	return (struct run){
		.kind = CMD_SETTLE,
		.channel = r->asker->channel,
		.session = r->asker->session,
		.shard = what->shard,
		.vhost = r->asker->vhost,
		.queue = what->queue,
		.arg = what->taker,
	};
}

static void give_credit_back(struct receiver *r, const struct settling *what)
{
	struct taker *k = receiver_taker(r, what->taker);
	if (k)
		credit_settled(&k->credit, what->bytes);
}

void receiver_settle(struct receiver *r, struct session_world *w, const struct settling *what,
		     enum settle how)
{
	struct post *p = w->post;
	const struct settle_row row = { .pos = what->pos, .how = how };
	const struct run head = settling_head(r, what);
	uint32_t loop = p->loop_of_shard[what->shard];
	struct run *last = post_last(p, loop, sizeof row);
	if (last && run_same(last, &head) && last->arg == head.arg)
		*(struct settle_row *)post_row(p, loop, last,
					       sizeof row) = (struct settle_row){ .pos = what->pos,
										  .how = how };
	else
		(void)post_run(p, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
	if (r->farewell && r->farewell->queue && (how == SETTLE_RELEASE || how == SETTLE_FAIL))
		farewell_released(r->farewell, what->shard, what->queue);
	give_credit_back(r, what);
}

void receiver_settle_in(struct receiver *r, struct session_world *w, struct tx_parts *x,
			const struct settling *what, enum settle how)
{
	const struct settle_row row = { .pos = what->pos, .how = how };
	const struct run head = settling_head(r, what);
	must(!r->farewell);
	tx_parts_settle(x, w->mem, &head, &row);
	give_credit_back(r, what);
}

/* A delivery that will not be handed over. Nothing to give back if it left the queue when it was
 * given. */
static void give_back(struct receiver *r, struct session_world *w, struct taker *k,
		      struct waiting *one, enum settle how)
{
	const struct settling what = settling_of(k, &one->row);
	must(k->waiting_n > 0);
	if (one->state == WAITING_LOADING) {
		r->loading_n--;
		r->loading_bytes -= one->row.bytes;
	}
	if (one->state == WAITING_WHOLE)
		whole_drop(&r->whole);
	if (!k->is_no_ack || one->row.flags & ENTRY_SETTLE)
		receiver_settle(r, w, &what, how);
	row_unref(one);
	one->state = WAITING_VOID;
	k->waiting_n--;
}

static void void_all(struct receiver *r, struct session_world *w, struct taker *k)
{
	must(r->waiting.row_bytes == sizeof(struct waiting));
	for (size_t i = 0; i < r->waiting.n && k->waiting_n > 0; i++) {
		struct waiting *one = deque_at(&r->waiting, i);
		if (one->taker == k->id && one->state != WAITING_VOID)
			give_back(r, w, k, one, SETTLE_RELEASE);
	}
}

/* ---- the end of a taker ------------------------------------------------------------------- */

static void over(struct receiver *r, struct session_world *w, struct taker *own_k,
		 bool is_cancelled)
{
	must(own_k->waiting_n == 0);
	r->ops->ended(r->session, w, own_k, is_cancelled);
	taker_free(r, w, own_k);
}

void receiver_unsubscribe(struct receiver *r, struct session_world *w, struct taker *k)
{
	const struct queue_record q = { .id = k->queue, .shard = k->shard };
	must(k->end == TAKER_LIVES);
	k->end = TAKER_ASKED;
	ask_queue(r->asker, w->post, CMD_UNSUBSCRIBE, 0, &q, k->id);
}

/* Without acks what is still to be handed over has left the queue: it is handed over first. */
void receiver_unsubscribed(struct receiver *r, struct session_world *w, struct taker *k)
{
	must(k->end == TAKER_ASKED);
	k->end = TAKER_ENDED;
	if (!k->is_no_ack)
		void_all(r, w, k);
	if (k->waiting_n == 0)
		over(r, w, k, false);
}

void receiver_cancelled(struct receiver *r, struct session_world *w, const struct run *fx)
{
	struct taker *k = receiver_taker(r, (uint32_t)fx->arg);
	must(fx->kind == FX_CANCELLED);
	if (!k || k->end != TAKER_LIVES)
		return; /* its end is under way, and answered */
	void_all(r, w, k);
	over(r, w, k, true);
}

void receiver_end(struct receiver *r, struct session_world *w, struct farewell *f)
{
	size_t cursor = 0;
	must(!r->farewell);
	r->farewell = f;
	for (struct map_slot *slot; (slot = map_next(&r->takers, &cursor)) != NULL;) {
		struct taker *k = (struct taker *)(uintptr_t)slot->value;
		const struct queue_record q = { .id = k->queue, .shard = k->shard };
		if (k->end == TAKER_LIVES)
			ask_queue(r->asker, w->post, CMD_UNSUBSCRIBE, UNSUBSCRIBE_ENDING, &q,
				  k->id);
		if (k->end != TAKER_ENDED)
			farewell_await(f);
		void_all(r, w, k);
		k->end = TAKER_ENDED;
	}
}

/* ---- reading from the journal ------------------------------------------------------------- */

static void ask_loads(struct receiver *r, struct session_world *w)
{
	must(r->loading_n <= LIMIT_READ_AHEAD_ROWS);
	if (r->waiting_asked < r->waiting_first)
		r->waiting_asked = r->waiting_first;
	for (; r->waiting_asked < r->waiting_first + r->waiting.n; r->waiting_asked++) {
		struct waiting *one = deque_at(&r->waiting,
					       (size_t)(r->waiting_asked - r->waiting_first));
		if (r->loading_n == LIMIT_READ_AHEAD_ROWS ||
		    r->loading_bytes >= LIMIT_READ_AHEAD_BYTES)
			return;
		if (one->state != WAITING_UNASKED)
			continue;
		loads_put(w->loads, (struct load){
					    .session = r->asker->session,
					    .ticket = r->waiting_asked,
					    .loc = one->row.loc,
					    .bytes = one->row.bytes,
					    .flags = one->row.flags,
				    });
		one->state = WAITING_LOADING;
		r->loading_n++;
		r->loading_bytes += one->row.bytes;
	}
}

/* A part of the big message at the front. */
static void whole_part(struct receiver *r, struct session_world *w, uint64_t ticket, uint64_t mem)
{
	uint64_t whole = 0;
	enum whole_state state = whole_loaded(&r->whole, w, ticket, mem, &whole);
	struct waiting *front = deque_peek(&r->waiting);
	if (state == WHOLE_STRANGE || state == WHOLE_MORE)
		return;
	must(front && front->state == WAITING_WHOLE);
	front->state = state == WHOLE_DONE ? WAITING_HERE : WAITING_BROKEN;
	if (state == WHOLE_DONE) {
		msg_unref(front->row.mem, 1);
		front->row.mem = whole;
	}
	receiver_drain(r, w);
}

void receiver_loaded(struct receiver *r, struct session_world *w, uint64_t ticket, uint64_t mem)
{
	struct waiting *one = NULL;
	if (ticket & WHOLE_TICKET) {
		whole_part(r, w, ticket, mem);
		return;
	}
	uint64_t at = ticket - r->waiting_first;
	if (ticket >= r->waiting_first && at < r->waiting.n)
		one = deque_at(&r->waiting, (size_t)at);
	if (!one || one->state != WAITING_LOADING) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	must(r->loading_n > 0);
	r->loading_n--;
	r->loading_bytes -= one->row.bytes;
	one->row.mem = mem;
	one->state = mem ? WAITING_HERE : WAITING_BROKEN;
	receiver_drain(r, w);
}

/* ---- in and out --------------------------------------------------------------------------- */

static bool is_open(const struct receiver *r, const struct session_world *w)
{
	must(r->session != NULL);
	return !r->is_shut && !r->farewell && r->session->sendq.bytes < w->limits->output_bytes_max;
}

/* Only its list is here. */
static bool is_big(const struct waiting *one)
{
	must(one->state != WAITING_HERE || one->row.mem);
	return one->state == WAITING_HERE && msg_of(one->row.mem)->proto == MSG_CHUNKS;
}

/* The message stays ours while it is handed over. */
static void hand(struct receiver *r, struct session_world *w, struct taker *k, struct waiting *one)
{
	const struct settling what = settling_of(k, &one->row);
	must(one->state == WAITING_HERE && one->row.mem);
	r->ops->deliver(r->session, w, k, &one->row);
	if (k->is_no_ack && one->row.flags & ENTRY_SETTLE)
		receiver_settle(r, w, &what, SETTLE_ACCEPT);
	refs_drop(&r->gone, one->row.mem);
	handed(r, k, 1, one->row.bytes);
}

/* As many of the rows as the session takes side by side; those behind them come one by one. */
static uint32_t hand_rows(struct receiver *r, struct session_world *w, struct taker *k,
			  const struct deliver_row *row, uint32_t n)
{
	uint32_t bytes = 0;
	if (!r->ops->deliver_rows || n == 0 || r->waiting.n > 0 || !is_open(r, w))
		return 0;
	const uint32_t done = r->ops->deliver_rows(r->session, w, k, row, n);
	must(done <= n);
	for (uint32_t i = 0; i < done; i++) {
		refs_drop(&r->gone, row[i].mem);
		bytes += row[i].bytes;
	}
	k->waiting_n += done;
	if (done > 0)
		handed(r, k, done, bytes);
	return done;
}

static void place(struct receiver *r, struct session_world *w, struct waiting *one)
{
	struct taker *k = receiver_taker(r, one->taker);
	must(k && one->state != WAITING_VOID);
	if (one->state != WAITING_BROKEN) {
		hand(r, w, k, one);
	} else {
		if (k->end == TAKER_LIVES) /* nothing will be written that gives it back */
			credit_written(&k->credit, 1, one->row.bytes, &r->owed);
		give_back(r, w, k, one, SETTLE_REJECT);
	}
	if (k->end == TAKER_ENDED && k->waiting_n == 0 && !r->farewell)
		over(r, w, k, false);
}

void receiver_drain(struct receiver *r, struct session_world *w)
{
	struct waiting one;
	for (struct waiting *front; (front = deque_peek(&r->waiting)) != NULL && is_open(r, w);) {
		if (is_big(front) &&
		    whole_begin(&r->whole, w, r->asker->session, msg_of(front->row.mem)))
			front->state = WAITING_WHOLE;
		if (front->state == WAITING_LOADING || front->state == WAITING_UNASKED ||
		    front->state == WAITING_WHOLE || is_big(front))
			break;
		(void)deque_pop(&r->waiting, &one);
		r->waiting_first++;
		if (one.state != WAITING_VOID)
			place(r, w, &one);
	}
	refs_unref(&r->gone);
	if (r->waiting.n > 0)
		ask_loads(r, w);
	else if (r->waiting.cap > ROWS_KEPT)
		deque_trim(&r->waiting, w->mem);
	if (r->session->sendq.bytes < w->limits->output_bytes_max)
		flush_credit(r, w);
}

void receiver_delivered(struct receiver *r, struct session_world *w, const struct run *fx)
{
	const struct deliver_row *rows = (const struct deliver_row *)(const void *)(fx + 1);
	struct taker *k = receiver_taker(r, (uint32_t)fx->arg);
	must(fx->kind == FX_DELIVER && (fx->n == 0 || fx->row_bytes == sizeof *rows));
	for (uint32_t i = k ? hand_rows(r, w, k, rows, fx->n) : 0; i < fx->n; i++) {
		struct waiting one = {
			.row = rows[i],
			.taker = (uint32_t)fx->arg,
			.state = rows[i].mem ? WAITING_HERE : WAITING_UNASKED,
		};
		if (!k) {
			row_unref(&one);
			continue;
		}
		k->waiting_n++;
		if (r->farewell)
			give_back(r, w, k, &one, SETTLE_RELEASE);
		else if (r->waiting.n == 0 && one.row.mem && !is_big(&one) && is_open(r, w))
			hand(r, w, k, &one);
		else if (deque_push(&r->waiting, w->mem, &one) != ERR_OK)
			must(!"no memory for a delivery");
	}
	refs_unref(&r->gone);
}
