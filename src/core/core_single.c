#include "base/ablate.h"
#include "core/core_state.h"

/* Of the consumers of a queue with a single active one, all others wait: their credit does not
 * count. When it ends, the next is the one with the highest priority that came first. If all that
 * it held is about to come back, the next waits for that: what was given back is older.
 *
 * In a replicated queue a consumer with a higher priority takes the place of a living one: that is
 * given no more, and when it has settled what it holds the other is active.
 *
 * Consumers may ask for it, too (SUBSCRIBE_ALONE): as long as one does, the active one is such. It
 * takes the place of a living one at once if that is none, or has a lower priority.
 */
struct single {
	struct consumer *active;
	struct run left;  /* who was active before, as far as it names a consumer */
	uint64_t owed_n;  /* what that one has still to settle before another is active */
	uint32_t alone_n; /* consumers that ask for it */
	bool is_ruled;    /* the queue's rules do */
	bool is_yielding; /* a higher priority takes the place of a lower one */
};

void core_single_forget(struct core *c, struct queue *q)
{
	if (!q->has->single)
		return;
	must(c->mem != NULL);
	mem_put(c->mem, q->has->single, sizeof *q->has->single);
	queue_special(q, c->mem)->single = NULL;
}

static void wait_all(struct core *c, struct queue *q, bool is_waiting)
{
	struct list all;
	list_init(&all);
	list_move_all(&all, &q->able);
	list_move_all(&all, &q->idle);
	for (struct list_node *n; (n = list_pop(&all)) != NULL;) {
		struct consumer *s = containerof(n, struct consumer, node);
		must(s->queue == q);
		s->is_able = false;
		list_push(&q->idle, n);
		bool is_able = s->is_waiting != is_waiting ? consumer_wait(s, is_waiting)
							   : consumer_earn(s, 0, 0);
		if (is_able)
			core_activate(c, q);
	}
}

static void begin(struct core *c, struct queue *q)
{
	struct single *g = mem_get(c->mem, sizeof *g, "single active consumers");
	must(g && !q->has->single);
	*g = (struct single){ .owed_n = 0 };
	queue_special(q, c->mem)->single = g;
	wait_all(c, q, true);
}

static void end(struct core *c, struct queue *q)
{
	must(q->has->single->alone_n == 0);
	core_single_forget(c, q);
	wait_all(c, q, false);
}

void core_single_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	const bool is_on = rules->single_active == 1, is_new = !q->has->single;
	must(c->is_leading);
	if (!is_on && is_new)
		return;
	if (!is_on && q->has->single->alone_n == 0) {
		end(c, q);
		return;
	}
	if (is_new)
		begin(c, q);
	q->has->single->is_ruled = is_on;
	q->has->single->is_yielding = is_on && rules->type == QUEUE_QUORUM;
	if (is_new)
		core_single_next(c, q);
}

/* ---- who is active ----------------------------------------------------------------------- */

const struct consumer *core_single_active(const struct queue *q)
{
	must(q->has->single != NULL);
	return q->has->single->active;
}

static bool is_alone(const struct consumer *s)
{
	must(s->session != 0);
	return s->flags & SUBSCRIBE_ALONE;
}

/* Does `s` come before `other`, when it came later? */
static bool is_before(const struct consumer *s, const struct consumer *other)
{
	return is_alone(s) != is_alone(other) ? is_alone(s) : s->priority > other->priority;
}

static struct consumer *next_of(const struct queue *q)
{
	struct consumer *best = NULL;
	LIST_EACH (&q->idle, n) {
		struct consumer *s = containerof(n, struct consumer, node);
		if (s->is_waiting && (!best || is_before(s, best)))
			best = s;
	}
	must_if(best, q->consumers_n > 0);
	return best;
}

void core_single_next(struct core *c, struct queue *q)
{
	struct single *g = q->has->single;
	struct consumer *s;
	if (!g->is_ruled && g->alone_n == 0 && g->owed_n == 0) {
		end(c, q);
		return;
	}
	if (g->active || g->owed_n || (s = next_of(q)) == NULL)
		return;
	must(s->is_waiting);
	g->active = s;
	if (consumer_wait(s, false))
		core_activate(c, q);
}

/* The active one is active no more; the next must wait for what it holds. */
static void retire(struct single *g, const struct consumer *s, bool is_owed)
{
	must(g->active == s && g->owed_n == 0);
	g->active = NULL;
	if (!is_owed || s->flags & SUBSCRIBE_NO_ACK)
		return;
	g->left = (struct run){ .session = s->session, .channel = s->channel, .arg = s->arg };
	must(s->given >= s->settled);
	g->owed_n = s->given - s->settled;
}

void core_single_join(struct core *c, struct queue *q, struct consumer *s)
{
	if (!q->has->single)
		begin(c, q);
	struct single *g = q->has->single;
	struct consumer *active = g->active;
	must(s->queue == q);
	g->alone_n += is_alone(s);
	if (ABLATED(sac_hand_over))
		return;
	if (!s->is_waiting)
		(void)consumer_wait(s, true);
	const bool is_taken = active && is_alone(s) && is_before(s, active);
	if (is_taken || (active && g->is_yielding && is_alone(s) == is_alone(active) &&
			 s->priority > active->priority)) {
		retire(g, active, !is_taken);
		(void)consumer_wait(active, true);
	}
	core_single_next(c, q);
}

static bool is_left(const struct single *g, uint64_t session, uint16_t channel, uint64_t arg)
{
	return g->owed_n && g->left.session == session && g->left.channel == channel &&
	       g->left.arg == arg;
}

/* Who is only cancelled keeps what it holds; nobody waits for that. */
void core_single_leave(struct queue *q, const struct consumer *s, bool is_ending)
{
	struct single *g = q->has->single;
	must(s->queue == q && g->alone_n >= is_alone(s));
	g->alone_n -= is_alone(s);
	if (g->active == s)
		retire(g, s, is_ending);
	else if (!is_ending && is_left(g, s->session, s->channel, s->arg))
		g->owed_n = 0;
}

static void came_back(struct core *c, struct queue *q, const struct run *who, uint32_t n)
{
	struct single *g = q->has->single;
	if (!is_left(g, who->session, who->channel, who->arg))
		return;
	must(n <= g->owed_n);
	g->owed_n -= n;
	core_single_next(c, q);
}

void core_single_settled(struct core *c, struct queue *q, const struct run *who, uint32_t n,
			 uint32_t pending_n)
{
	struct consumer *s = consumer_find(&c->consumers, q, who);
	must(pending_n <= n);
	if (s && !(s->flags & SUBSCRIBE_NO_ACK))
		s->settled -= pending_n;
	came_back(c, q, who, n - pending_n);
}

void core_single_back(struct core *c, struct queue *q, const struct run *who, uint32_t n)
{
	struct consumer *s = consumer_find(&c->consumers, q, who);
	must(q->has->single != NULL);
	if (s && !(s->flags & SUBSCRIBE_NO_ACK))
		s->settled += n;
	came_back(c, q, who, n);
}
