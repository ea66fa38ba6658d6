/* Entries of queues on their way back into memory: a shard says which units of the newest
 * checkpoint it wants, the journal's keeper reads them. */
#include "node/loop.h"

#include "base/must.h"

#define WARMING_MAX 128u /* of one loop on their way */
#define ROOM_BYTES  (CORE_UNIT_BYTES + JOURNAL_UNIT_ROOM)

struct warming {
	struct jread read;
	struct shard *shard;
	struct unit_key key;
	struct list_node flying;
	uint8_t room[ROOM_BYTES];
};

static void ask_one(struct shard *s, struct unit_key key)
{
	struct loop *l = s->loop;
	struct warming *w = mem_get(&l->memory.mem, sizeof *w, "entries on their way");
	must(w != NULL);
	w->shard = s;
	w->key = key;
	w->flying = (struct list_node){ 0 };
	w->read = (struct jread){ .bytes = ROOM_BYTES,
				  .loop = l->index,
				  .to = w->room,
				  .tag = (uint64_t)(uintptr_t)w,
				  .is_unit = true,
				  .shard = s->no,
				  .a = key.queue,
				  .b = key.chunk };
	list_push(&l->warming, &w->flying);
	l->warming_n++;
	bool is_asked = journal_read(l->node->journal, &w->read);
	must(is_asked); /* others read fewer than there is room for */
}

void warm_ask(struct shard *s)
{
	struct loop *l = s->loop;
	struct unit_key key;
	while (l->warming_n < WARMING_MAX && core_wants_take(s->core, &key, 1) > 0)
		ask_one(s, key);
	l->is_warming_full |= core_has_wants(s->core);
}

static void forget(struct loop *l, struct warming *own_w)
{
	must(l->warming_n > 0);
	l->warming_n--;
	list_remove(&own_w->flying);
	mem_put(&l->memory.mem, own_w, sizeof *own_w);
}

/* A broken journal ends the process: it does not matter who waits. */
void warm_done(struct loop *l, struct jread *done)
{
	struct warming *w = (struct warming *)(uintptr_t)done->tag;
	must(done->is_unit && w->shard->loop == l);
	if (done->err == ERR_OK || done->err == ERR_NOT_FOUND) {
		uint32_t bytes = done->err == ERR_OK ? done->bytes : 0;
		core_warm(w->shard->core, w->key, slice_of(w->room, bytes));
		shard_touch(w->shard);
	}
	forget(l, w);
	if (!l->is_warming_full)
		return;
	l->is_warming_full = false;
	for (uint32_t i = 0; i < l->shards_n; i++)
		if (l->shards[i].core && core_has_wants(l->shards[i].core))
			warm_ask(&l->shards[i]);
}

void warm_free(struct loop *l)
{
	struct list_node *n;
	while ((n = list_first(&l->warming)) != NULL)
		forget(l, containerof(n, struct warming, flying));
	must(l->warming_n == 0);
}

/* ---- while the node is opened ------------------------------------------------------------ */

static enum err warm_now(struct shard *s, struct unit_key key, struct text *why)
{
	struct node *n = s->loop->node;
	struct mem *mem = &n->boot_memory.mem;
	struct ckpt_unit what = { .shard = s->no, .a = key.queue, .b = key.chunk };
	struct slice unit;
	uint8_t *room = mem_get(mem, ROOM_BYTES, "recovery");
	if (!room)
		return ERR_LIMIT;
	enum err e = journal_recover_again(n->journal, &what, room, ROOM_BYTES, &unit, why);
	if (e == ERR_OK)
		core_warm(s->core, key, unit);
	mem_put(mem, room, ROOM_BYTES);
	return e;
}

enum err warm_first(struct shard *s, const struct run *o, struct text *why)
{
	struct unit_key key;
	must(s->core != NULL);
	while (core_needs(s->core, o, &key))
		TRY(warm_now(s, key, why));
	return ERR_OK;
}

enum err warm_queue(struct shard *s, uint64_t queue, bool is_whole, struct text *why)
{
	struct unit_key key = { .queue = queue };
	must(queue != 0);
	while (core_cold_next(s->core, &key, is_whole))
		TRY(warm_now(s, key, why));
	return ERR_OK;
}
