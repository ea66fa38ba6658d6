#include "base/digest.h"
#include "base/text.h"
#include "core/core_group.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_select.h"
#include "core/core_stream.h"

#define DUMP_BYTES          6000u
#define DUMP_CONSUMERS_MAX  50000u
#define DUMP_CONSUMER_BYTES 280u /* the longest line of one */

/* ---- the order of ids -------------------------------------------------------------------- */

/* Moves id[at] down the heap of n ids until none below it is larger. */
static void sift(uint64_t *id, size_t n, size_t at)
{
	must(at < n);
	for (size_t below; (below = 2 * at + 1) < n; at = below) {
		if (below + 1 < n && id[below + 1] > id[below])
			below++;
		if (id[at] >= id[below])
			return;
		uint64_t moved = id[at];
		id[at] = id[below];
		id[below] = moved;
	}
}

static void sort(uint64_t *id, size_t n)
{
	must(n == 0 || id != NULL);
	for (size_t i = n / 2; i-- > 0;)
		sift(id, n, i);
	while (n > 1) {
		uint64_t largest = id[0];
		id[0] = id[--n];
		id[n] = largest;
		sift(id, n, 0);
	}
}

/* Sees to it that c->order holds the ids of all queues, sorted. */
static void order(struct core *c)
{
	if (!c->order_is_stale)
		return;
	size_t cursor = 0, n = 0;
	if (c->order_cap < c->queues.n) {
		mem_put(c->mem, c->order, c->order_cap * sizeof *c->order);
		c->order_cap = pow2_up(c->queues.n);
		c->order = mem_get(c->mem, c->order_cap * sizeof *c->order, "queue order");
		must(c->order != NULL);
	}
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;)
		c->order[n++] = m->key;
	sort(c->order, n);
	c->order_n = n;
	c->order_is_stale = false;
}

void core_held(const struct core *c, struct core_held *io)
{
	size_t cursor = 0;
	io->queues_n += c->queues.n;
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		const struct queue *q = (const struct queue *)(uintptr_t)m->value;
		must(q->durable_n <= q->live_n);
		io->messages_n += q->durable_n + (q->has->stream ? core_stream_n(q) : 0) +
				  (q->has->retain ? core_retain_n(q) : 0);
	}
}

uint64_t core_queue_next(struct core *c, uint64_t after)
{
	order(c);
	size_t low = 0, high = c->order_n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c->order[middle] <= after)
			low = middle + 1;
		else
			high = middle;
	}
	must(low == c->order_n || c->order[low] > after);
	return low < c->order_n ? c->order[low] : 0;
}

/* ---- digest ------------------------------------------------------------------------------ */

static void digest_queue(const struct queue *q, struct digest *d)
{
	struct digest_sum sum = { 0 };
	uint64_t n = 0;
	if (q->has->stream) {
		core_stream_digest(q, d);
		return;
	}
	if (q->has->retain) {
		core_retain_digest(q, d);
		return;
	}
	if (!q->durable_n && !q->mark && !q->has->unused_ms)
		return;
	digest_put_u64(d, q->id);
	digest_put_u64(d, q->mark);
	if (q->has->unused_ms)
		digest_put_u64(d, q->has->unused_ms);
	for (const struct chunk *k = NULL; (k = queue_next_used(q, k ? k->number + 1 : 0));) {
		struct digest_sum one = chunk_sum(k);
		sum.hi += one.hi;
		sum.lo += one.lo;
		n += k->durable_n;
	}
	must(n == q->durable_n);
	digest_put_u64(d, sum.hi);
	digest_put_u64(d, sum.lo);
	digest_put_u64(d, n);
}

void core_digest(struct core *c, struct digest *d)
{
	order(c);
	must(c->order_n == c->queues.n);
	for (size_t i = 0; i < c->order_n; i++)
		digest_queue(core_find_queue(c, c->order[i]), d);
}

void core_answer_digest(struct core *c, const struct run *cmd, struct post *fx)
{
	struct digest d;
	must(cmd->n == 0);
	digest_init(&d);
	core_digest(c, &d);
	struct digest_sum sum = digest_end(&d);
	struct reply_row what = { ERR_OK, CMD_DIGEST, sum.hi, sum.lo };
	core_reply(c, cmd, what, fx);
}

/* ---- check ------------------------------------------------------------------------------- */

static void count_in(const struct queue *q, struct core_totals *io)
{
	const struct retaining *t = q->has->retain;
	must_if(t, q->live_n == 0);
	io->queued_n += q->live_n;
	io->retained_n += t ? t->r.n : 0;
	io->bytes += t ? t->bytes : q->live_bytes;
}

void core_check(const struct core *c)
{
	size_t cursor = 0, consumers_n = 0;
	uint64_t cached = 0, chunks_n = 0, cold_n = 0;
	struct core_totals all = { .queued_n = 0 };
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		const struct queue *q = (const struct queue *)(uintptr_t)m->value;
		must(q->id == m->key);
		queue_check(q);
		core_once_check(q);
		core_select_check(q);
		core_group_check(q);
		if (q->has->stream)
			core_stream_check(q);
		if (q->has->retain)
			core_retain_check(q);
		count_in(q, &all);
		must_if(list_has_node(&q->dirty), q->is_logged);
		must(q->redelivered_id <= q->last_id && q->redelivered_id <= q->mark);
		consumers_n += q->consumers_n;
		cached += q->cached_bytes;
		cold_n += q->cold_n;
		for (uint64_t i = q->first; i < queue_end(q); i++)
			chunks_n += queue_chunk(q, i) != NULL;
	}
	must(all.queued_n == c->all.queued_n && all.retained_n == c->all.retained_n);
	must(all.bytes == c->all.bytes);
	must(cached == c->cached_bytes && chunks_n == c->chunks.out_n);
	must(cold_n == c->chunks.cold_n);
	must(consumers_n == c->consumers.pool.used_n);
	must(c->checkpoint.kept < c->checkpoint.epoch);
	consumers_check(&c->consumers);
	map_check(&c->queues);
}

/* ---- dump -------------------------------------------------------------------------------- */

static unsigned long long ull(uint64_t v)
{
	return v;
}
static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

static void dump_count(const struct queue_count *n, struct text *out)
{
	must(n != NULL);
#define COUNT(name, prose) text_putf(out, #name ": %llu\n", ull(n->name));
#include "core/count.def"
#undef COUNT
}

static void dump_credit(int64_t credit, const char *unit, struct text *out)
{
	must(out->n < out->cap);
	if (credit == CONSUMER_NO_LIMIT)
		text_putf(out, " any %s", unit);
	else
		text_putf(out, " %lld %s", (long long)credit, unit);
}

static void dump_consumers(const struct list *l, uint32_t *io_left, struct text *out)
{
	must(*io_left <= DUMP_CONSUMERS_MAX);
	LIST_EACH (l, n) {
		const struct consumer *s = containerof(n, struct consumer, node);
		if (*io_left == 0)
			return;
		(*io_left)--;
		text_putf(out,
			  "consumer: session %llx channel %u number %llu%s%s%s%s priority "
			  "%lld credit",
			  ull(s->session), s->channel, ull(s->arg),
			  s->flags & SUBSCRIBE_NO_ACK ? " no_ack" : "",
			  s->flags & SUBSCRIBE_EXCLUSIVE ? " exclusive" : "",
			  s->flags & SUBSCRIBE_NUMBERED ? " numbered" : "",
			  s->is_waiting ? " waiting" : "", (long long)s->priority);
		dump_credit(s->messages, "messages", out);
		dump_credit(s->bytes, "bytes", out);
		text_putf(out, " given %llu bytes %llu\n", ull(s->given), ull(s->given_bytes));
	}
}

static void dump_rule(const char *name, uint64_t value, struct text *out)
{
	must(name[0] != '\0');
	if (value != RULE_NONE)
		text_putf(out, "%s: %llu\n", name, ull(value));
}

static void dump_rules(const struct ruled *r, struct text *out)
{
	static const char *const overflow[] = { "drop-head", "reject", "reject-dead-letter" };
	must(r->overflow < 3);
	dump_rule("message_ttl_ms", r->message_ttl_ms, out);
	dump_rule("expires_ms", r->expires_ms, out);
	dump_rule("max_length", r->max_length, out);
	dump_rule("max_length_bytes", r->max_length_bytes, out);
	text_putf(out, "overflow: %s\nready_body_bytes: %llu\n", overflow[r->overflow],
		  ull(r->ready_bodies));
}

/* Messages that a consumer can be given. */
static uint64_t ready_of(const struct queue *q)
{
	must(q->id > 0);
	return q->has->stream ? core_stream_n(q) : q->ready_n;
}

static void dump_queue(const struct queue *q, struct text *out)
{
	uint32_t left = DUMP_CONSUMERS_MAX;
	must(q->ready_n <= q->live_n);
	text_putf(out, "id: %llu\ndurable: %s\nexclusive: %s\nauto_delete: %s\nclosed: %s\n",
		  ull(q->id), yes(q->flags & QUEUE_DURABLE), yes(q->flags & QUEUE_EXCLUSIVE),
		  yes(q->flags & QUEUE_AUTO_DELETE), yes(q->is_closed));
	text_putf(out, "ready: %llu\nready_bytes: %llu\nheld: %llu\nheld_bytes: %llu\n",
		  ull(ready_of(q)), ull(q->ready_bytes), ull(q->live_n - q->ready_n),
		  ull(q->live_bytes - q->ready_bytes));
	text_putf(out, "pending: %llu\npersistent: %llu\ncached_bytes: %llu\n", ull(q->pending_n),
		  ull(q->durable_n), ull(q->cached_bytes));
	text_putf(out, "first_position: %llu\nnext_position: %llu\ncursor: %llu\nchunks: %u\n",
		  ull(pos_of(q->first, 0)), ull(q->tail_pos), ull(q->cursor), q->chunks.n);
	text_putf(out, "cold_chunks: %llu\n", ull(q->cold_n));
	text_putf(out, "last_id: %llx\ngive_mark: %llx\n", ull(q->last_id), ull(q->mark));
	if (q->has->stream)
		core_stream_dump(q, out);
	if (q->has->retain)
		core_retain_dump(q, out);
	if (q->has->ruled)
		dump_rules(q->has->ruled, out);
	if (q->has->lanes || q->is_ranked)
		text_putf(out, "max_priority: %u\n", lanes_max(q));
	if (q->is_ranked)
		text_putf(out, "priorities_differ: %s\n", yes(q->has->lanes));
	if (q->has->group)
		text_puts(out, "groups: yes\n");
	if (q->has->single)
		text_putf(out, "single_active: %s\n",
			  core_single_active(q) ? "one" : "none for the moment");
	dump_count(queue_counted(q), out);
	text_putf(out, "consumers: %u\nexclusive_consumer: %s\n", q->consumers_n, yes(q->is_held));
	dump_consumers(&q->able, &left, out);
	dump_consumers(&q->idle, &left, out);
	if (q->consumers_n > DUMP_CONSUMERS_MAX)
		text_putf(out, "consumers_not_shown: %u\n", q->consumers_n - DUMP_CONSUMERS_MAX);
}

void core_dump(const struct core *c, struct text *out)
{
	uint64_t ready_n = 0, live_n = 0, pending_n = 0;
	size_t cursor = 0;
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		const struct queue *q = (const struct queue *)(uintptr_t)m->value;
		must(q->ready_n <= q->live_n);
		ready_n += ready_of(q);
		live_n += ready_of(q) + (q->live_n - q->ready_n);
		pending_n += q->pending_n;
	}
	text_putf(out, "queues: %zu\nconsumers: %zu\nready: %llu\nheld: %llu\npending: %llu\n",
		  c->queues.n, c->consumers.pool.used_n, ull(ready_n), ull(live_n - ready_n),
		  ull(pending_n));
	text_putf(out, "cached_bytes: %llu\nchunks: %llu\napplied_index: %llu\n",
		  ull(c->cached_bytes), ull(c->chunks.out_n), ull(c->index));
	text_putf(out, "cold_chunks: %llu\nchunks_left: %llu\nchunks_read: %llu\n",
		  ull(c->chunks.cold_n), ull(c->cold.left_n), ull(c->cold.read_n));
	dump_count(&c->count, out);
}

static enum err put_described(const struct core *c, const struct queue *q, bool is_of_queue,
			      struct text *out)
{
	must(is_of_queue || !q);
	if (is_of_queue && !q)
		return ERR_NOT_FOUND;
	if (q)
		dump_queue(q, out);
	else
		core_dump(c, out);
	return ERR_OK;
}

void core_describe(struct core *c, const struct run *cmd, struct post *fx)
{
	const struct queue *q = cmd->queue ? core_find_queue(c, cmd->queue) : NULL;
	uint32_t shown_n = q ? q->consumers_n : 0;
	if (shown_n > DUMP_CONSUMERS_MAX)
		shown_n = DUMP_CONSUMERS_MAX;
	uint32_t bytes = DUMP_BYTES + shown_n * DUMP_CONSUMER_BYTES;
	char *room = mem_get(c->mem, bytes, "dump");
	struct text t = room ? text_of(room, bytes) : text_of((char[1]){ 0 }, 1);
	struct reply_row what = { .err = ERR_RESOURCE_ERROR, .op = CMD_DUMP };
	must(cmd->session != 0 && fx);
	if (room)
		what.err = put_described(c, q, cmd->queue != 0, &t);
	struct run head = core_fx(c, FX_REPLY, cmd);
	(void)post_run(fx, session_loop(cmd->session), &head, &what, sizeof what, 1,
		       text_slice(&t));
	mem_put(c->mem, room, bytes);
}
