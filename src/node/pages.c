/* Pages of streams: what a shard must know of messages that it does not keep in memory, on its way
 * into the journal and back. A page that is written is a record of its own outside the order of its
 * shard, as the copy of a message is (forward.c): it counts when it is durable, and after a crash
 * before the next checkpoint it is written again. */
#include "node/loop.h"

#include "base/must.h"

/* What its record begins with: whose it is. For people and repair; recovery skips it. */
#define PAGE_HEAD_BYTES 16u

/* A page on its way. */
struct paging {
	struct shard *shard;
	struct core_page page;
	struct list_node node; /* in loop.pagings */
};

static struct paging *begin(struct loop *l, struct shard *s, const struct core_page *page)
{
	struct paging *p = mem_get(&l->memory.mem, sizeof *p, "stream pages");
	must(p != NULL);
	*p = (struct paging){ .shard = s, .page = *page };
	list_push(&l->pagings, &p->node);
	return p;
}

static void end(struct loop *l, struct paging *own_p)
{
	list_remove(&own_p->node);
	mem_put(&l->memory.mem, own_p, sizeof *own_p);
}

void pages_free(struct loop *l)
{
	struct list_node *n;
	while ((n = list_first(&l->pagings)) != NULL)
		end(l, containerof(n, struct paging, node));
}

/* ---- back -------------------------------------------------------------------------------- */

static bool read_all(struct loop *l, struct shard *s)
{
	struct core_page page;
	bool is_any = false;
	for (; core_page_wanted(s->core, &page); is_any = true) {
		struct paging *p = begin(l, s, &page);
		loads_put(&l->loads, (struct load){ .ticket = (uint64_t)(uintptr_t)p,
						    .loc = page.loc,
						    .bytes = page.bytes,
						    .flags = LOAD_PAGE });
	}
	return is_any;
}

void pages_loaded(struct loop *l, uint64_t ticket, const struct slice *stored)
{
	struct paging *p = (struct paging *)(uintptr_t)ticket;
	if (!core_page_read(p->shard->core, &p->page, stored))
		loader_tell_unreadable(l, p->page.loc, ERR_CORRUPT);
	shard_touch(p->shard);
	end(l, p);
}

/* ---- out --------------------------------------------------------------------------------- */

/* False: there is no room now. */
static bool write_one(struct loop *l, struct shard *s, const struct core_page *page)
{
	uint32_t cap, len = PAGE_HEAD_BYTES + page->bytes;
	uint8_t *body;
	if (!loop_batch(l))
		return false;
	if (journal_record_begin(l->batch, &body, &cap) != ERR_OK) {
		loop_submit(l);
		if (!loop_batch(l) || journal_record_begin(l->batch, &body, &cap) != ERR_OK)
			return false;
	}
	must(cap >= len);
	struct wr w = wr_of(body, cap);
	wr_le64(&w, page->queue);
	wr_le64(&w, page->first);
	core_page_put(s->core, page, &w);
	struct record r = { .shard = s->no, .kind = RECORD_BODY, .wall_ms = l->wall_ms };
	uint32_t off = journal_record_end(l->batch, &r, len);
	l->flight->at[l->flight->n++] = (struct inflight){ .paging = begin(l, s, page),
							   .off = off + PAGE_HEAD_BYTES };
	return true;
}

void pages_durable(struct loop *l, struct paging *own_p, uint64_t loc)
{
	struct shard *s = own_p->shard;
	own_p->page.loc = loc;
	if (core_page_left(s->core, &own_p->page))
		journal_live(l->node->journal, loc, own_p->page.bytes, 1);
	shard_touch(s);
	end(l, own_p);
}

bool pages_work(struct loop *l)
{
	bool is_any = false;
	for (uint64_t left = l->paging_shards; left; left &= left - 1) {
		struct shard *s = &l->shards[__builtin_ctzll(left)];
		struct core_page page;
		is_any |= read_all(l, s);
		while (!l->is_stopping && core_page_leaving(s->core, &page)) {
			if (!write_one(l, s, &page))
				return is_any; /* the next commit makes room */
			is_any = true;
		}
		if (l->is_stopping || !core_has_pages(s->core))
			l->paging_shards &= ~(left & -left);
	}
	return is_any;
}
