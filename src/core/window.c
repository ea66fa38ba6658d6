#include "core/window.h"

#include "base/must.h"

struct window_row {
	uint64_t number, until_ms;
};

void window_init(struct window *w, uint64_t size, uint64_t ttl_ms)
{
	must(size > 0);
	*w = (struct window){ .size = size, .ttl_ms = ttl_ms };
	map_init(&w->until, NULL, 0, 0);
	deque_init(&w->order, sizeof(struct window_row), "windows");
}

void window_fini(struct window *w, struct mem *mem)
{
	must(w->until.n <= w->order.n);
	map_fini(&w->until, mem);
	deque_fini(&w->order, mem);
}

static void forget_first(struct window *w)
{
	struct window_row first;
	uint64_t until_ms;
	must(w->order.n > 0);
	(void)deque_pop(&w->order, &first);
	if (map_get(&w->until, first.number, &until_ms) && until_ms == first.until_ms)
		(void)map_del(&w->until, first.number, NULL);
}

bool window_see(struct window *w, struct mem *mem, uint64_t number, uint64_t now_ms)
{
	struct window_row row = { number == MAP_KEY_NONE ? 0 : number, UINT64_MAX };
	const struct window_row *first;
	if (w->ttl_ms < UINT64_MAX - now_ms)
		row.until_ms = now_ms + w->ttl_ms;
	while ((first = deque_peek(&w->order)) != NULL && first->until_ms <= now_ms)
		forget_first(w);
	if (map_find(&w->until, row.number))
		return false;
	if (w->until.n == w->size)
		forget_first(w);
	must(w->until.n < w->size);
	if (map_make_room(&w->until, mem, "windows") != ERR_OK ||
	    deque_push(&w->order, mem, &row) != ERR_OK)
		must(!"no memory for a window");
	map_put(&w->until, row.number, row.until_ms);
	return true;
}
