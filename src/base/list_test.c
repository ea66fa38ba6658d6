#include "base/list.h"

#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define THINGS 20

struct thing {
	int number;
	struct list_node node;
};

static struct thing *thing_of(struct list_node *n)
{
	return n ? containerof(n, struct thing, node) : NULL;
}

/* agree compares both ways through the list with an array of numbers. */
static void agree(const struct list *l, const int *want, size_t n)
{
	size_t i = 0;
	must(list_is_empty(l) == (n == 0));
	for (struct list_node *at = list_first(l); at; at = list_next(l, at))
		must(i < n && thing_of(at)->number == want[i++]);
	must(i == n);
	for (struct list_node *at = list_last(l); at; at = list_prev(l, at))
		must(thing_of(at)->number == want[--i]);
	must(i == 0);
}

static size_t place_of(const int *model, size_t n, int number)
{
	size_t at = 0;
	while (at < n && model[at] != number)
		at++;
	return at;
}

static void open_place(int *model, size_t *n, size_t at, int number)
{
	for (size_t i = (*n)++; i > at; i--)
		model[i] = model[i - 1];
	model[at] = number;
}

static void close_place(int *model, size_t *n, size_t at)
{
	for ((*n)--; at < *n; at++)
		model[at] = model[at + 1];
}

static void a_random_walk_agrees_with_an_array(void **s)
{
	(void)s;
	struct prng r = prng_of(3);
	struct list l;
	struct thing things[THINGS] = { 0 };
	int model[THINGS];
	size_t n = 0;
	list_init(&l);
	for (int step = 0; step < 20000; step++) {
		int i = (int)prng_below(&r, THINGS);
		struct thing *t = &things[i];
		size_t at = place_of(model, n, i), other = n ? (size_t)prng_below(&r, n) : 0;
		t->number = i;
		must(list_has_node(&t->node) == (at < n));
		if (at < n) {
			list_remove(&t->node);
			close_place(model, &n, at);
		} else if (step % 3 == 0 && n) {
			list_insert_before(&things[model[other]].node, &t->node);
			open_place(model, &n, other, i);
		} else if (step % 3 == 1) {
			list_push(&l, &t->node);
			open_place(model, &n, n, i);
		} else {
			list_push_front(&l, &t->node);
			open_place(model, &n, 0, i);
		}
		agree(&l, model, n);
	}
}

static void lists_are_joined_walked_and_emptied(void **s)
{
	(void)s;
	struct list a, b;
	struct thing things[6] = { 0 };
	list_init(&a);
	list_init(&b);
	for (int i = 0; i < 6; i++) {
		things[i].number = i;
		list_push(i < 3 ? &a : &b, &things[i].node);
	}
	list_move_all(&a, &b);
	list_move_all(&a, &b); /* of an empty one: nothing */
	must(list_is_empty(&b));
	agree(&a, (int[]){ 0, 1, 2, 3, 4, 5 }, 6);
	int sum = 0;
	LIST_EACH (&a, n)
		sum += containerof(n, struct thing, node)->number;
	must(sum == 15);
	LIST_EACH_SAFE(&a, n)
	if (containerof(n, struct thing, node)->number % 2)
		list_remove(n);
	agree(&a, (int[]){ 0, 2, 4 }, 3);
	for (int i = 0; i < 6; i += 2)
		must(thing_of(list_pop(&a)) == &things[i]);
	must(!list_pop(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_walk_agrees_with_an_array),
		cmocka_unit_test(lists_are_joined_walked_and_emptied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
