#include "core/core_shed.h"

/* A queue that is too full sheds what it may lose (rule passing_bytes). Its consumers hear that
 * once each; of one that has none the operator hears, by way of the node: at the first message, and
 * then once a minute as long as there are more.
 *
 *      quiet --first one--> told at once --a minute without any--> quiet
 *                             ^   |
 *                             \---/ a minute: what came in it
 */
#define TOLD_MS UINT64_C(60000)

/* What a queue has shed and nobody has been told of yet. */
struct shedding {
	struct queue *queue;
	struct list_node node; /* in core.sheds.queues */
	uint64_t n;
};

void core_shed_init(struct core *c)
{
	must(c->mem != NULL);
	list_init(&c->sheds.queues);
	c->sheds.due.kind = DUE_SHED;
}

/* Its consumers hear it once. */
static void tell(const struct core *c, const struct list *consumers, struct post *fx)
{
	must(fx != NULL);
	for (const struct list_node *n = list_first(consumers); n; n = list_next(consumers, n)) {
		struct consumer *s = containerof(n, struct consumer, node);
		struct run head = { .kind = FX_SHED,
				    .channel = s->channel,
				    .session = s->session,
				    .shard = c->shard,
				    .queue = s->queue->id,
				    .arg = s->arg };
		if (!s->is_shed_told)
			(void)post_run(fx, session_loop(s->session), &head, NULL, 0, 0,
				       SLICE_EMPTY);
		s->is_shed_told = true;
	}
}

/* Without memory for it the line is missing; the counters have it. */
static struct shedding *note(struct core *c, struct queue *q)
{
	struct shedding *new = mem_get(c->mem, sizeof *new, "queues that shed");
	must(!q->has->shed);
	if (!new)
		return NULL;
	*new = (struct shedding){ .queue = q };
	queue_special(q, c->mem)->shed = new;
	list_push(&c->sheds.queues, &new->node);
	c->sheds.is_due |= !wheel_is_set(&c->sheds.due.timer);
	return new;
}

void core_shed(struct core *c, struct queue *q, uint32_t n, struct post *fx)
{
	must(n > 0 && c->is_leading);
	tell(c, &q->idle, fx);
	tell(c, &q->able, fx);
	if (q->consumers_n > 0)
		return;
	struct shedding *s = q->has->shed ? q->has->shed : note(c, q);
	if (s)
		s->n += n;
}

void core_shed_forget(struct core *c, struct queue *q)
{
	struct shedding *s = q->has->shed;
	if (!s)
		return;
	must(s->queue == q);
	list_remove(&s->node);
	mem_put(c->mem, s, sizeof *s);
	queue_special(q, c->mem)->shed = NULL;
}

void core_shed_due(struct core *c)
{
	must(!c->sheds.is_due);
	c->sheds.is_due = !list_is_empty(&c->sheds.queues);
}

bool core_shed_take(struct core *c, struct core_shed *out)
{
	if (!c->sheds.is_due)
		return false;
	const struct list_node *first = list_first(&c->sheds.queues);
	if (!first) {
		c->sheds.is_due = false;
		wheel_set(&c->wheel, &c->sheds.due.timer, c->now_ms + TOLD_MS);
		return false;
	}
	const struct shedding *s = containerof(first, struct shedding, node);
	must(s->n > 0);
	*out = (struct core_shed){ .queue = s->queue->id, .n = s->n };
	core_shed_forget(c, s->queue);
	return true;
}
