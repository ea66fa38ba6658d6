#include "session/farewell.h"

#include "base/must.h"

#define ROOM (SHARDS_MAX * sizeof(uint64_t))

void farewell_begin(struct farewell *f, struct session_world *w)
{
	must(!f->is_begun);
	*f = (struct farewell){ .is_begun = true };
	f->queue = mem_get(w->mem, ROOM, "farewell");
	must(f->queue != NULL);
	memset(f->queue, 0, ROOM);
}

void farewell_await(struct farewell *f)
{
	must(f->queue != NULL);
	f->answers_n++;
}

void farewell_released(struct farewell *f, uint16_t shard, uint64_t queue)
{
	must(f->queue && shard < SHARDS_MAX && queue != 0);
	f->queue[shard] = queue;
}

void farewell_fini(struct farewell *f, struct mem *mem)
{
	mem_put(mem, f->queue, ROOM);
	f->queue = NULL;
	must(f->is_begun || f->answers_n == 0);
}

static void ask_all(struct farewell *f, struct session_world *w, struct asker *a, bool owns_queues)
{
	must(f->answers_n == 0 && f->queue);
	f->ticket = a->last_ticket + 1;
	for (uint16_t i = 0; i < SHARDS_MAX; i++) {
		const struct queue_record q = { .id = f->queue[i], .shard = i };
		if (q.id == 0)
			continue;
		ask_queue(a, w->post, CMD_QUEUE_STAT, 0, &q, ask_ticket(a));
		f->answers_n++;
	}
	if (owns_queues) {
		ask_catalog(a, w->post, CMD_CONNECTION_GONE, 0, ask_ticket(a), SLICE_EMPTY);
		f->answers_n++;
	}
	farewell_fini(f, w->mem);
}

void farewell_go(struct farewell *f, struct session_world *w, struct asker *a, bool owns_queues)
{
	must(f->is_begun && !f->is_over);
	if (f->answers_n == 0 && f->queue)
		ask_all(f, w, a, owns_queues);
	f->is_over = f->answers_n == 0;
}

/* Tickets only grow: answers to what was asked before the end are told apart from its own. */
void farewell_answered(struct farewell *f, struct session_world *w, struct asker *a,
		       const struct run *fx, bool owns_queues)
{
	struct reply_row r;
	must(f->is_begun && fx->n == 1 && fx->row_bytes == sizeof r);
	memcpy(&r, fx + 1, sizeof r);
	bool is_ours = f->queue ? r.op == CMD_UNSUBSCRIBE
				: (uint32_t)fx->arg - f->ticket < UINT32_MAX / 2;
	if (f->is_over || !is_ours)
		return;
	must(f->answers_n > 0);
	f->answers_n--;
	farewell_go(f, w, a, owns_queues);
}
