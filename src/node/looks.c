/* Messages that selectors are to look at and that are not in memory: read, shown to their shard and
 * forgotten. */
#include "node/loop.h"

#include "base/must.h"

struct looking {
	struct shard *shard;
	struct core_look look;
	struct list_node node; /* in loop.looking */
};

static void end(struct loop *l, struct looking *own_k)
{
	list_remove(&own_k->node);
	mem_put(&l->memory.mem, own_k, sizeof *own_k);
}

void looks_ask(struct shard *s)
{
	struct loop *l = s->loop;
	struct core_look look;
	while (core_look_wanted(s->core, &look)) {
		struct looking *k = mem_get(&l->memory.mem, sizeof *k, "selectors");
		must(k != NULL);
		*k = (struct looking){ .shard = s, .look = look };
		list_push(&l->looking, &k->node);
		loads_put(&l->loads, (struct load){ .ticket = (uint64_t)(uintptr_t)k,
						    .loc = look.loc,
						    .bytes = look.bytes,
						    .flags = look.flags | LOAD_LOOK });
	}
	if (core_has_looks(s->core))
		shard_touch(s); /* the next turn goes on */
}

bool looks_loaded(struct loop *l, uint64_t ticket, const struct msg *m)
{
	struct looking *k = (struct looking *)(uintptr_t)ticket;
	struct shard *s = k->shard;
	must(s->loop == l);
	bool is_there = core_looked(s->core, &k->look, m);
	shard_touch(s);
	end(l, k);
	return is_there;
}

void looks_free(struct loop *l)
{
	struct list_node *n;
	while ((n = list_first(&l->looking)) != NULL)
		end(l, containerof(n, struct looking, node));
	must(list_is_empty(&l->looking));
}
