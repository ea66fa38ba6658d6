#include "core/core_bequest.h"
#include "core/core_once.h"

#include "msg/big.h"

/* ---- bytes of bodies --------------------------------------------------------------------- */

/* A big body is a list of its pieces; each counts as a whole one. */
static uint32_t weight_of(uint32_t body, uint8_t flags)
{
	must(body < UINT32_MAX / LIMIT_CHUNK_BYTES * BIG_ROW_BYTES);
	return flags & ENTRY_BIG ? body / BIG_ROW_BYTES * LIMIT_CHUNK_BYTES : body;
}

/* Of one that is not in memory nobody knows how long its body is: all that is stored counts. */
static uint32_t body_of(uint64_t mem, uint32_t bytes, uint8_t flags)
{
	const bool is_here = mem && !(flags & ENTRY_SPILLED);
	return weight_of(is_here ? msg_of(mem)->body_bytes : bytes, flags);
}

uint64_t core_rule_bodies(const struct add_row *row, uint32_t n)
{
	uint64_t bytes = 0;
	must(n > 0);
	for (uint32_t i = 0; i < n; i++)
		bytes += body_of(row[i].mem, row[i].bytes, row[i].flags);
	return bytes;
}

/* What a row that was read from the log says of its message, which is not in memory. */
static uint32_t logged_body(const struct add_row *row)
{
	must(row->mem == 0);
	const uint32_t head = (uint32_t)min_u64(add_row_head(row), row->bytes);
	return weight_of(row->bytes - head, row->flags);
}

/* Room for all slots that the chunk has room for now. */
static uint32_t *bodies_of(struct core *c, struct chunk *k)
{
	const uint16_t n = k->rows ? (uint16_t)CHUNK_N : CHUNK_FEW;
	must(!k->is_cold && (k->bodies != NULL) == (k->bodies_n > 0));
	if (k->bodies_n >= n)
		return k->bodies;
	uint32_t *more = mem_get(c->mem, n * sizeof *more, "bytes of bodies");
	must(more != NULL);
	if (k->bodies) {
		memcpy(more, k->bodies, k->bodies_n * sizeof *more);
		mem_put(c->mem, k->bodies, k->bodies_n * sizeof *more);
	}
	k->bodies = more;
	k->bodies_n = n;
	return more;
}

void core_rule_weighed(struct core *c, struct chunk *k, uint32_t slot, uint32_t body)
{
	must(slot < k->used);
	bodies_of(c, k)[slot] = body;
}

static bool is_bounded(const struct queue *q)
{
	const struct ruled *r = q->has->ruled;
	return r && r->max_length_bytes != RULE_NONE;
}

static void sum(struct queue *q, const struct chunk *k, uint32_t from, uint32_t n)
{
	must(k->bodies && from + n <= k->used);
	for (uint32_t i = from; i < from + n; i++)
		if (bits_test(k->ready, i))
			q->has->ruled->ready_bodies += k->bodies[i];
}

static void weigh(struct core *c, struct chunk *k, uint32_t from, uint32_t n)
{
	uint32_t *bodies = bodies_of(c, k);
	must(from + n <= k->bodies_n);
	for (uint32_t i = from; i < from + n; i++)
		bodies[i] = body_of(k->entry[i].mem, k->entry[i].bytes, k->entry[i].flags);
}

void core_rule_weigh(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n)
{
	if (!is_bounded(q) && !k->bodies)
		return;
	weigh(c, k, from, n);
	if (is_bounded(q))
		sum(q, k, from, n);
}

void core_rule_replayed(struct core *c, struct chunk *k, const struct add_row *row, uint32_t n)
{
	must(n > 0 && n <= k->used);
	const uint32_t from = k->used - n;
	if (!k->bodies)
		weigh(c, k, 0, from);
	uint32_t *bodies = bodies_of(c, k);
	for (uint32_t i = 0; i < n; i++)
		bodies[from + i] = logged_body(&row[i]);
}

void core_rule_count(struct core *c, struct queue *q, struct chunk *k)
{
	must(is_bounded(q));
	if (k->bodies)
		sum(q, k, 0, k->used);
	else
		core_rule_weigh(c, q, k, 0, k->used);
}

void core_rule_unweigh(struct core *c, struct chunk *k)
{
	must(c->mem != NULL);
	if (k->bodies)
		mem_put(c->mem, k->bodies, k->bodies_n * sizeof *k->bodies);
	k->bodies = NULL;
	k->bodies_n = 0;
}

/* A limit comes or goes. What a checkpoint has told of bodies is known already. */
static void weigh_all(struct core *c, struct queue *q)
{
	struct chunk *k = NULL;
	if (q->has->ruled)
		q->has->ruled->ready_bodies = 0;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL) {
		if (!is_bounded(q))
			core_rule_unweigh(c, k);
		else if (!k->is_cold)
			core_rule_count(c, q, k);
		else if (bits_next_set(k->ready, CHUNK_N, 0) < CHUNK_N)
			q->has->ruled->ready_bodies += k->cold.bytes;
	}
}

/* ---- with and without rules -------------------------------------------------------------- */

void core_rules_forget(struct core *c, struct queue *q)
{
	struct ruled *r = q->has->ruled;
	if (q->has->unused_ms) /* queue_fini wants to find nothing special */
		queue_special(q, c->mem)->unused_ms = 0;
	if (!r)
		return;
	must(r->queue == q);
	wheel_cancel(&c->wheel, &r->due.timer);
	core_bequest_forget(c, r);
	core_once_forget(c, q);
	mem_put(c->mem, r, sizeof *r);
	queue_special(q, c->mem)->ruled = NULL;
}

void core_count_classic(struct core *c)
{
	must(!c->is_leading);
	c->counts_classic = true;
}

/* What came back is counted; nobody gives anything back to what the broker keeps for itself. */
static bool counts(const struct core *c, const struct queue_rules *rules)
{
	must(c->is_leading);
	if (rules->type == QUEUE_QUORUM)
		return true;
	if (rules->type == QUEUE_STREAM)
		return false;
	return c->counts_classic && rules->keeper == RULE_NONE && rules->retains == RULE_NONE;
}

static bool is_ruled(const struct core *c, const struct queue_rules *rules)
{
	must(rules != NULL);
	return counts(c, rules) || rules->message_ttl_ms != RULE_NONE ||
	       rules->expires_ms != RULE_NONE || rules->max_length != RULE_NONE ||
	       rules->max_length_bytes != RULE_NONE || rules->once != RULE_NONE;
}

/* What waits for the log in a queue that had no rules is not known by its bytes; what the queue
 * holds then is counted short for as long. */
void core_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	struct ruled *r = q->has->ruled;
	must(c->is_leading);
	const bool is_first = !r;
	q->passing_bytes = rules->passing_bytes;
	if (is_first && !is_ruled(c, rules)) {
		weigh_all(c, q);
		return;
	}
	if (is_first) {
		r = queue_special(q, c->mem)->ruled = mem_get(c->mem, sizeof *r, "rules of queues");
		must(r != NULL);
		*r = (struct ruled){ .queue = q,
				     .due = { .kind = DUE_QUEUE },
				     .unused_ms = min_u64(q->has->unused_ms, c->now_ms),
				     .told_ms = q->has->unused_ms,
				     .max_length_bytes = RULE_NONE };
	}
	r->message_ttl_ms = rules->message_ttl_ms;
	r->expires_ms = rules->expires_ms;
	r->logs_use = rules->logs_use == 1 && q->flags & QUEUE_DURABLE;
	r->counts = counts(c, rules);
	core_bequest_rules(c, r, rules);
	r->delivery_limit = rules->delivery_limit;
	r->max_length = rules->max_length;
	bool weighed = is_bounded(q);
	r->max_length_bytes = rules->max_length_bytes;
	if (is_first || weighed != is_bounded(q))
		weigh_all(c, q);
	r->overflow = rules->overflow == RULE_NONE ? OVERFLOW_DROP_HEAD : (uint8_t)rules->overflow;
	core_activate(c, q);
}

/* ---- coming in --------------------------------------------------------------------------- */

void core_rule_rows(const struct core *c, const struct queue *q, struct publish_row *row,
		    uint32_t n)
{
	const struct ruled *r = q->has->ruled;
	uint64_t at_ms = r->message_ttl_ms ? c->now_ms + r->message_ttl_ms : EXPIRY_AT_ONCE;
	must(n > 0);
	if (r->message_ttl_ms == RULE_NONE)
		return;
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t expiry = row[i].expiry_ms, own_ms = expiry_time(expiry);
		if (own_ms && own_ms <= at_ms)
			continue;
		row[i].expiry_ms = expiry & EXPIRY_OF_GROUP
					   ? (expiry & ~EXPIRY_TIME_MAX) |
						     min_u64(at_ms, EXPIRY_TIME_MAX)
					   : at_ms;
	}
}

/* Room in a queue for what comes in; signed, because what was given back may lie beyond. What
 * `takers` take at once leaves the room as it is, but must have found room. */
struct room {
	int64_t messages, bytes, takers;
};

/* With selectors, or groups that others have, nobody knows whether consumers take any. */
static bool is_choosy(const struct queue *q)
{
	must(q->has->ruled != NULL);
	return q->has->select || (q->has->group && !q->has->single);
}

/* How many messages the consumers take at once, as far as that matters. Of one whose bytes are
 * bounded it is believed that all messages are like this one. */
static int64_t takers_of(const struct queue *q, uint32_t bytes, int64_t enough)
{
	int64_t sum = 0;
	must(enough > 0);
	if (is_choosy(q))
		return 0;
	for (const struct list_node *n = list_first(&q->able); n && sum < enough;
	     n = list_next(&q->able, n)) {
		const struct consumer *s = containerof(n, struct consumer, node);
		int64_t fit = s->bytes == CONSUMER_NO_LIMIT ? enough : 1 + s->bytes / (bytes + 1);
		sum += s->messages < fit ? s->messages : fit;
	}
	return sum < enough ? sum : enough;
}

/* The bodies of what stays when `takers` have theirs: those of one message are taken for those of
 * another. */
static uint64_t bodies_left(uint64_t held, uint64_t held_n, uint64_t stays_n)
{
	must(stays_n <= held_n);
	if (stays_n == held_n)
		return held;
	return (uint64_t)((double)held / (double)held_n * (double)stays_n);
}

static struct room room_of(const struct queue *q, uint32_t bytes, uint32_t n)
{
	const struct ruled *r = q->has->ruled;
	uint64_t held_n = q->ready_n + q->pending_n + q->fan_n;
	uint64_t held = r->ready_bodies + r->pending_bytes + r->fan_bytes;
	int64_t takers = takers_of(q, bytes, (int64_t)(held_n + n));
	struct room room = { INT64_MAX, INT64_MAX, 0 };
	must(held_n < INT64_MAX / 4 && held < INT64_MAX / 4);
	uint64_t stays_n = held_n - min_u64(held_n, (uint64_t)takers);
	room.takers = takers - (int64_t)(held_n - stays_n);
	if (r->max_length < INT64_MAX / 4)
		room.messages = (int64_t)r->max_length - (int64_t)stays_n;
	if (r->max_length_bytes < INT64_MAX / 4)
		room.bytes = (int64_t)r->max_length_bytes -
			     (int64_t)bodies_left(held, held_n, stays_n);
	return room;
}

static bool take(struct room *io, uint32_t bytes)
{
	must(io->takers >= 0);
	if (io->messages <= 0 || io->bytes < bytes)
		return false;
	if (io->takers > 0) {
		io->takers--;
		return true;
	}
	io->messages--;
	io->bytes -= bytes;
	return true;
}

uint32_t core_rule_fit(const struct queue *q, const struct publish_row *row, uint32_t n,
		       bool *out_fits)
{
	uint32_t i = 1;
	must(n > 0);
	*out_fits = true;
	if (q->has->ruled->overflow == OVERFLOW_DROP_HEAD)
		return n;
	struct room room = room_of(q, body_of(row[0].mem, row[0].bytes, row[0].flags), n);
	*out_fits = take(&room, body_of(row[0].mem, row[0].bytes, row[0].flags));
	while (i < n && take(&room, body_of(row[i].mem, row[i].bytes, row[i].flags)) == *out_fits)
		i++;
	return i;
}

/* ---- too many ---------------------------------------------------------------------------- */

static bool is_beyond(const struct queue *q)
{
	must(q->has->ruled != NULL);
	return q->ready_n > q->has->ruled->max_length ||
	       q->has->ruled->ready_bodies > q->has->ruled->max_length_bytes;
}

/* Consumers that can still take wait for the give mark only: to them go the oldest. Choosy ones may
 * also want none of what is there. */
static bool are_waiting(const struct queue *q)
{
	must(!q->is_closed);
	return !list_is_empty(&q->able) && (!is_choosy(q) || q->mark_at == UINT64_MAX);
}

void core_rule_drop(struct core *c, struct queue *q, struct outcomes *later)
{
	struct chunk *known = NULL;
	struct dying d = { .core = c,
			   .queue = q,
			   .removal = { .queue = q, .later = later, .reason = REMOVE_MAXLEN },
			   .reason = DEAD_MAXLEN };
	if (q->has->ruled->overflow != OVERFLOW_DROP_HEAD || q->is_closed || !is_beyond(q) ||
	    are_waiting(q))
		return;
	must(q->ready_n > 0);
	for (uint32_t slot; is_beyond(q) && core_next_ready(c, q, &known, later, &slot);)
		core_die(&d, known, slot);
	if (known)
		core_release(c, q, known);
	core_died(&d);
	queue_counting(q, c->mem)->overflowed += d.n;
	c->count.overflowed += d.n;
}
