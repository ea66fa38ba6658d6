#include "base/tally.h"

#include "base/must.h"

static void enter(struct tally *t)
{
	while (atomic_flag_test_and_set_explicit(&t->is_busy, memory_order_acquire))
		;
}

static void leave(struct tally *t)
{
	atomic_flag_clear_explicit(&t->is_busy, memory_order_release);
}

void tally_init(struct tally *t, struct mem *mem)
{
	must(mem != NULL);
	t->mem = mem;
	atomic_flag_clear(&t->is_busy);
	map_init(&t->counts, NULL, 0, 0);
}

void tally_fini(struct tally *t)
{
	must(t->mem != NULL);
	map_fini(&t->counts, t->mem);
}

enum err tally_add(struct tally *t, uint64_t what, int64_t max)
{
	uint64_t n = 0;
	enum err e = ERR_OK;
	must(what != MAP_KEY_NONE);
	enter(t);
	(void)map_get(&t->counts, what, &n);
	if (max >= 0 && n >= (uint64_t)max)
		e = ERR_LIMIT;
	else if (map_make_room(&t->counts, t->mem, "tally") != ERR_OK)
		e = ERR_RESOURCE_ERROR;
	else
		map_put(&t->counts, what, n + 1);
	leave(t);
	return e;
}

void tally_sub(struct tally *t, uint64_t what)
{
	uint64_t n = 0;
	enter(t);
	(void)map_get(&t->counts, what, &n);
	must(n > 0);
	if (n == 1)
		(void)map_del(&t->counts, what, NULL);
	else
		map_put(&t->counts, what, n - 1);
	leave(t);
}

uint64_t tally_count(struct tally *t, uint64_t what)
{
	uint64_t n = 0;
	must(t->mem != NULL);
	enter(t);
	(void)map_get(&t->counts, what, &n);
	leave(t);
	return n;
}
