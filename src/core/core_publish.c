#include "base/ablate.h"
#include "core/core_mark.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_shed.h"
#include "core/core_stream.h"

/* A publish row becomes an add row where it stands: queue makes place for loc. */
_Static_assert(offsetof(struct publish_row, mem) == offsetof(struct add_row, mem) &&
		       offsetof(struct publish_row, queue) == offsetof(struct add_row, loc) &&
		       offsetof(struct publish_row, expiry_ms) ==
			       offsetof(struct add_row, expiry_ms) &&
		       offsetof(struct publish_row, bytes) == offsetof(struct add_row, bytes) &&
		       offsetof(struct publish_row, seq_delta) ==
			       offsetof(struct add_row, seq_delta) &&
		       offsetof(struct publish_row, flags) == offsetof(struct add_row, flags) &&
		       offsetof(struct publish_row, priority) == offsetof(struct add_row, priority),
	       "publish rows are turned into add rows in place");

/* How many records the give mark is kept ahead of publishes to a queue whose consumers keep up. */
#define MARK_AHEAD_RECORDS 16u

/* So many rows of a queue side by side are added as they lie. */
#define STRETCH_MIN 8u

/* Where rows go. */
enum way { WAY_REFUSE, WAY_DROP, WAY_NOW, WAY_LATER, WAY_LOG };

/* What has become of the rows of the message in hand, that go before: one waits for the log, one
 * was refused, one went to a queue whose publishers wait. */
enum { MESSAGE_LATER = 1, MESSAGE_REFUSED = 2, MESSAGE_HELD = 4 };

/* Rows [at, end) of one PUBLISH run: of one queue, going one way. */
struct stretch {
	struct queue *queue;
	enum way way;
	uint32_t at, end;
	bool expires;   /* a row does */
	bool is_dead;   /* refused, but they become dead letters */
	bool is_held;   /* whoever sends them has to wait */
	bool is_behind; /* dropped, for another one that waits for the log */
	bool is_shed;   /* dropped, because the queue is too full for it */
	uint64_t once;  /* 0, or what is known of the only row (core_once.c) */
};

static enum way way_of(const struct queue *q, const struct publish_row *row)
{
	if (!q || q->is_closed)
		return WAY_DROP;
	if (row->flags & ENTRY_PERSISTENT && q->flags & QUEUE_DURABLE)
		return WAY_LOG;
	return q->pending_n && !ABLATED(order) ? WAY_LATER : WAY_NOW;
}

void core_run_bytes(struct core *c, uint32_t bytes_max)
{
	must(bytes_max > 0 && c->queues.n == 0);
	c->run_bytes_max = min_u64(c->run_bytes_max, bytes_max);
}

static uint32_t stretch_end(const struct core *c, const struct run *cmd, const struct stretch *s)
{
	const struct publish_row *row = (const void *)(cmd + 1);
	uint32_t i = s->at;
	uint64_t bytes = row[i].bytes;
	for (i++; i < cmd->n && row[i].queue == row[s->at].queue; i++) {
		bytes += row[i].bytes;
		if (way_of(s->queue, &row[i]) != s->way ||
		    (s->way == WAY_LOG && bytes > c->run_bytes_max))
			break;
	}
	return i;
}

/* A message's only confirm row may go another way than a row before it, which waits for the log.
 * Then the confirm must wait for it too, so it goes into the FIFO behind it on its own. A message
 * that began in an earlier run of rows is believed to wait if another channel came between. */
static void confirm_later(const struct run *cmd, uint32_t seq_delta, uint64_t held_by,
			  uint8_t flags, struct outcomes *later)
{
	struct run head = { .kind = OUTCOME_CONFIRM,
			    .flags = flags,
			    .queue = held_by,
			    .channel = cmd->channel,
			    .session = cmd->session,
			    .vhost = cmd->vhost,
			    .arg = cmd->arg };
	struct confirm_row row = { .first = seq_delta, .n = 1 };
	must(later != NULL);
	(void)outcomes_run(later, &head, &row, sizeof row, 1, SLICE_EMPTY);
}

static uint8_t split_begin(const struct core *c, const struct run *cmd)
{
	bool is_known = c->split.session == cmd->session && c->split.channel == cmd->channel;
	must(cmd->n > 0);
	return is_known ? c->split.fate : MESSAGE_LATER;
}

/* The confirm that a row carries home is not the answer to its message. */
static void answer_otherwise(const struct core *c, const struct run *cmd, struct publish_row *row,
			     uint8_t fate, struct outcomes *later, struct post *fx)
{
	struct run head = core_fx(c, FX_REFUSED, cmd);
	struct confirm_row seq = { .first = row->seq_delta, .n = 1 };
	must(row->flags & ENTRY_CONFIRM && fate);
	row->flags &= (uint8_t)~ENTRY_CONFIRM;
	if (fate & MESSAGE_HELD)
		confirm_later(cmd, row->seq_delta, c->split.held_by,
			      fate & MESSAGE_REFUSED ? CONFIRM_REFUSED : 0, later);
	else if (!(fate & MESSAGE_REFUSED))
		confirm_later(cmd, row->seq_delta, 0, 0, later);
	else if (cmd->session)
		(void)post_run(fx, session_loop(cmd->session), &head, &seq, sizeof seq, 1,
			       SLICE_EMPTY);
}

/* Turns a publish row into an add row, with those of its flags that the entry keeps. */
static void to_add_row(struct publish_row *row, uint8_t kept_flags)
{
	bool is_spilled = row->flags & ENTRY_SPILLED;
	must(kept_flags & ENTRY_SPILLED);
	row->flags &= kept_flags;
	row->queue = is_spilled ? row->mem : 0; /* add_row.loc */
	if (is_spilled)
		row->mem = 0;
}

/* Turns a stretch into add rows, and follows what becomes of their messages: *io_fate is that of
 * the message in hand. CONFIRM stays only on a row that may carry it home: one that waits for the
 * log may do so whether or not others of its message wait. */
static void to_add_rows(struct core *c, struct run *cmd, struct stretch *s, uint8_t *io_fate,
			struct outcomes *later, struct post *fx)
{
	struct publish_row *row = run_rows(cmd);
	const uint8_t waits = s->way >= WAY_LATER ? MESSAGE_LATER : 0;
	const uint8_t behind = s->is_behind ? MESSAGE_LATER : 0;
	const uint8_t refused = (uint8_t)((s->way == WAY_REFUSE || s->is_dead ? MESSAGE_REFUSED
									      : 0) |
					  (s->is_held ? MESSAGE_HELD : 0));
	const uint8_t kept_flags = (uint8_t)(ENTRY_BIG | ENTRY_SAME | ENTRY_CONFIRM |
					     ENTRY_SPILLED |
					     (s->way == WAY_LOG ? ENTRY_PERSISTENT : 0));
	const bool is_ranked = s->queue && s->queue->is_ranked;
	uint64_t expiry = 0;
	must(s->end <= cmd->n);
	if (s->is_held)
		c->split.held_by = s->queue->id;
	for (uint32_t i = s->at; i < s->end; i++) {
		if (is_ranked && !(row[i].flags & ENTRY_RANKED))
			row[i].priority = RANK_OF_ABSENT;
		to_add_row(&row[i], kept_flags);
		expiry |= row[i].expiry_ms;
		if (!(row[i].flags & ENTRY_SAME)) /* another message begins */
			*io_fate = 0;
		*io_fate |= waits | refused | behind;
		if (row[i].flags & ENTRY_CONFIRM && *io_fate & ~waits)
			answer_otherwise(c, cmd, &row[i], *io_fate, later, fx);
	}
	s->expires = expiry != 0;
}

static void count_dropped(struct core *c, const struct stretch *s, uint32_t n)
{
	struct queue *q = s->queue;
	must(s->way == WAY_DROP || (s->way == WAY_REFUSE && q));
	if (s->way == WAY_REFUSE) {
		c->count.refused += n;
		queue_counting(q, c->mem)->refused += n;
		return;
	}
	if (s->is_shed) {
		c->count.overflowed += n;
		queue_counting(q, c->mem)->overflowed += n;
		return;
	}
	if (q && !q->is_closed) {
		c->count.duplicates += n;
		queue_counting(q, c->mem)->duplicates += n;
		return;
	}
	c->count.dropped += n;
	if (q)
		queue_counting(q, c->mem)->dropped += n;
}

/* Notes what will be added, and gives the flags of its run. With consumers that keep up the give
 * mark goes into the log before the entries do, so that giving them need not wait for it. */
static uint8_t reserve(struct core *c, const struct stretch *s, struct add_row *row,
		       struct outcomes *later)
{
	struct queue *q = s->queue;
	uint8_t reserved = ABLATED(reserve) ? 0 : ADD_RESERVED;
	must(s->way == WAY_LATER || s->way == WAY_LOG);
	if (q->is_ranked)
		q->is_rank_due = (q->pending_n && q->is_rank_due) ||
				 lanes_differ(q, row, s->end - s->at);
	q->pending_n += reserved ? s->end - s->at : 0;
	if (reserved && q->has->ruled)
		q->has->ruled->pending_bytes += core_rule_bodies(row, s->end - s->at);
	if (s->way == WAY_LATER)
		return reserved;
	q->is_logged = true;
	if (q->has->stream)
		core_stream_rows(c, row, s->end - s->at);
	else if (q->consumers_n && !q->ready_n &&
		 (c->index + MARK_AHEAD_RECORDS) << 16 >= q->mark_at)
		core_ask_mark(c, q, q->last_id, q->tail_pos, later);
	return RUN_LOGGED | reserved;
}

/* The head of a run that adds rows of `cmd` to a queue. */
static struct run add_of(const struct run *cmd, const struct queue *q, uint8_t flags)
{
	return (struct run){ .kind = q && q->has->stream ? OUTCOME_STREAM_ADD : OUTCOME_ADD,
			     .flags = flags,
			     .channel = cmd->channel,
			     .session = cmd->session,
			     .shard = cmd->shard,
			     .vhost = cmd->vhost,
			     .queue = q ? q->id : 0,
			     .arg = cmd->arg };
}

/* ---- many queues ------------------------------------------------------------------------- */

/* The queue of a row. Messages that follow each other mostly have the same queues, in order. */
static struct queue *queue_of(struct core *c, const struct publish_row *row)
{
	struct fan *f = &c->fan;
	must(f->n <= LIMIT_RUN_ROWS_MAX);
	if (!(row->flags & ENTRY_SAME))
		f->expect = 0;
	if (f->expect < f->n && c->fan_tables.queue[f->expect]->id == row->queue)
		return c->fan_tables.queue[f->expect++];
	return core_find_queue(c, row->queue);
}

static void fan_rows(struct core *c, const struct stretch *s, const struct add_row *row)
{
	struct queue *q = s->queue;
	struct fan *f = &c->fan;
	must(s->way == WAY_NOW && s->end <= LIMIT_RUN_ROWS_MAX);
	for (uint32_t i = s->at; i < s->end; i++) {
		if (q->fan_n++)
			c->fan_tables.next[q->fan_last] = (uint16_t)i;
		else
			q->fan_first = (uint16_t)i;
		q->fan_last = (uint16_t)i;
	}
	f->expires |= s->expires;
	if (q->has->ruled)
		q->has->ruled->fan_bytes += core_rule_bodies(row, s->end - s->at);
	if (q->fan_n > s->end - s->at)
		return;
	c->fan_tables.queue[f->n++] = q;
	f->expect = f->n;
}

/* What goes at once may go queue by queue: all of it is applied before anybody is told. */
static void fan_out(struct core *c, const struct run *cmd, struct outcomes *now)
{
	const struct add_row *row = (const void *)(cmd + 1);
	struct fan *f = &c->fan;
	struct run add = add_of(cmd, NULL, f->expires ? ADD_EXPIRES : 0);
	for (uint32_t i = 0; i < f->n; i++) {
		struct queue *q = c->fan_tables.queue[i];
		uint32_t n = q->fan_n, at = q->fan_first;
		must(n > 0 && n <= GIVE_N);
		for (uint32_t k = 0; k < n; k++, at = c->fan_tables.next[at])
			c->giving.add[k] = row[at];
		add.queue = q->id;
		q->fan_n = 0;
		if (q->has->ruled)
			q->has->ruled->fan_bytes = 0;
		(void)outcomes_run(now, &add, c->giving.add, sizeof *row, n, SLICE_EMPTY);
	}
	f->n = f->expect = 0;
	f->expires = false;
}

/* ---- admit ------------------------------------------------------------------------------- */

/* A stretch that need not be joined with others of its queue, and none of which is before it in the
 * fan. With rules the fan knows what is to be added. */
static bool is_alone(const struct run *cmd, const struct stretch *s)
{
	uint32_t n = s->end - s->at;
	must(n <= cmd->n);
	return n == cmd->n || s->is_dead ||
	       (n >= STRETCH_MIN && s->queue->fan_n == 0 && !s->queue->has->ruled);
}

/* Sends a stretch of add rows its way. */
static void publish(struct core *c, struct run *cmd, const struct stretch *s, struct outcomes *now,
		    struct outcomes *later, struct post *fx)
{
	struct publish_row *row = (struct publish_row *)run_rows(cmd) + s->at;
	uint32_t n = s->end - s->at;
	must(n > 0);
	if (s->way <= WAY_DROP) {
		count_dropped(c, s, n);
		core_drop_rows(c, cmd, (struct add_row *)(void *)row, n, fx);
		return;
	}
	if (s->way == WAY_NOW && !is_alone(cmd, s)) {
		fan_rows(c, s, (struct add_row *)(void *)row);
		return;
	}
	if (ABLATED(confirm_before_commit) && s->way != WAY_NOW) {
		core_confirm_rows(c, cmd, (struct add_row *)(void *)row, n, fx);
		for (uint32_t i = 0; i < n; i++)
			row[i].flags &= (uint8_t)~ENTRY_CONFIRM;
	}
	uint8_t flags = (s->expires ? ADD_EXPIRES : 0) | (s->is_dead ? ADD_DEAD : 0);
	if (s->way != WAY_NOW)
		flags |= reserve(c, s, (struct add_row *)(void *)row, later);
	struct run add = add_of(cmd, s->queue, flags);
	struct slice tail = SLICE_EMPTY;
	if (s->once) {
		add.kind = OUTCOME_ADD_ONCE;
		tail = slice_of(&s->once, sizeof s->once);
	}
	(void)outcomes_run(s->way == WAY_NOW ? now : later, &add, row, sizeof *row, n, tail);
}

/* Of a message that is in a spill file nobody knows. */
static bool may_lose(const struct queue *q, const struct publish_row *row)
{
	must(row->mem || !(row->flags & ENTRY_SPILLED));
	return q->is_lossy || !(row->flags & (ENTRY_PERSISTENT | ENTRY_SPILLED) ||
				(row->mem && msg_of(row->mem)->flags & MSG_PERSISTENT));
}

/* The queue is too full: what it may lose goes, up to the first row that it may not, or the other
 * way round. */
static void shed(struct core *c, struct stretch *s, const struct publish_row *row, struct post *fx)
{
	struct queue *q = s->queue;
	uint32_t i = s->at + 1;
	must(s->end > s->at);
	s->is_shed = may_lose(q, &row[s->at]);
	while (i < s->end && may_lose(q, &row[i]) == s->is_shed)
		i++;
	s->end = i;
	if (!s->is_shed)
		return;
	s->way = WAY_DROP;
	core_shed(c, q, s->end - s->at, fx);
}

/* What a queue's rules make of a stretch: it may become shorter. What is refused and dies of it is
 * never logged: its publisher is told that the queue has it not; no crash must say otherwise. */
static void follow_rules(const struct core *c, struct stretch *s, struct publish_row *row)
{
	bool fits;
	must(s->queue->has->ruled != NULL);
	core_rule_rows(c, s->queue, row + s->at, s->end - s->at);
	s->end = s->at + core_rule_fit(s->queue, row + s->at, s->end - s->at, &fits);
	s->is_dead = !fits && s->queue->has->ruled->overflow == OVERFLOW_REJECT_DLX &&
		     core_dead_is_on(c, s->queue);
	if (!fits)
		s->way = s->is_dead ? WAY_NOW : WAY_REFUSE;
}

/* The only row of a stretch has come before. Who publishes it again hears of it when the first one
 * is safe. */
static bool is_there(struct core *c, struct stretch *s, struct publish_row *row)
{
	must(s->way != WAY_DROP && s->queue);
	if (s->queue->has->window ? core_unseen(c, s->queue, row)
				  : !s->once || !core_once_has(s->queue, s->once))
		return false;
	s->is_behind = s->queue->pending_n > 0;
	return true;
}

/* A store takes one message at a time, each by a run that has its key. */
static void retain(struct core *c, struct run *cmd, struct stretch *s, uint8_t *io_fate,
		   struct outcomes *later, struct post *fx)
{
	struct publish_row *row = (struct publish_row *)run_rows(cmd) + s->at;
	struct add_row *add = (struct add_row *)(void *)row;
	enum retain_fate fate = RETAIN_NOTHING;
	must(s->queue->has->retain != NULL);
	s->end = s->at + 1;
	s->is_dead = s->is_held = false;
	if (!s->queue->is_closed)
		fate = core_retain_fate(c, s->queue, row);
	s->way = fate == RETAIN_REFUSES ? WAY_REFUSE : fate == RETAIN_NOTHING ? WAY_DROP : WAY_LOG;
	to_add_rows(c, cmd, s, io_fate, later, fx);
	if (s->way == WAY_REFUSE)
		count_dropped(c, s, 1);
	if (s->way < WAY_LOG) {
		core_drop_rows(c, cmd, add, 1, fx);
		return;
	}
	struct run head = add_of(cmd, s->queue, 0);
	bool is_told = fate == RETAIN_FORGETS && add->flags & ENTRY_CONFIRM;
	core_retain_admit(c, s->queue, &head, add, later);
	if (is_told)
		confirm_later(cmd, add->seq_delta, 0, 0, later);
}

void core_publish(struct core *c, struct run *cmd, struct outcomes *now, struct outcomes *later,
		  struct post *fx)
{
	struct publish_row *row = run_rows(cmd);
	uint8_t fate = split_begin(c, cmd);
	for (struct stretch s = { 0 }; s.at < cmd->n; s.at = s.end) {
		s.queue = queue_of(c, &row[s.at]);
		if (s.queue && s.queue->has->retain) {
			retain(c, cmd, &s, &fate, later, fx);
			continue;
		}
		s.way = way_of(s.queue, &row[s.at]);
		s.is_dead = s.is_behind = s.is_shed = false;
		s.end = s.queue && s.queue->has->window ? s.at + 1 : stretch_end(c, cmd, &s);
		s.once = s.queue && cmd->tail_len ? core_once_of(s.queue, cmd) : 0;
		if (s.way != WAY_DROP && is_there(c, &s, &row[s.at]))
			s.way = WAY_DROP;
		else if (s.way != WAY_DROP && queue_sheds(s.queue))
			shed(c, &s, row, fx);
		s.is_held = s.queue && s.queue->has->dead && core_dead_is_full(c, s.queue) &&
			    session_slot(cmd->session) != SESSION_SLOT_INSIDE;
		if (s.queue && s.queue->has->ruled && s.way != WAY_DROP)
			follow_rules(c, &s, row);
		if (s.way <= WAY_DROP || s.is_dead)
			s.once = 0;
		else if (s.once)
			core_once_expect(c, s.queue, s.once);
		to_add_rows(c, cmd, &s, &fate, later, fx);
		publish(c, cmd, &s, now, later, fx);
	}
	if (c->fan.n)
		fan_out(c, cmd, now);
	c->split.session = cmd->session;
	c->split.channel = cmd->channel;
	c->split.fate = fate;
}
