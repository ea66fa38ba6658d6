/* list -- an intrusive doubly linked list: the node lies inside the object.
 *
 * The list is a ring through its head, so a node leaves without knowing its list, and a node that
 * is zero, or was removed, is in none. A list must not be moved in memory; list_init first.
 *
 *	struct list_node *n = list_first(&l);
 *	struct queue *q = containerof(n, struct queue, node);
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/must.h"

#include <stdbool.h>
#include <stddef.h>

/* containerof: the object of `type` whose `member` is at `ptr`. */
#define containerof(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct list_node {
	struct list_node *prev, *next; /* both NULL: in no list */
};

struct list {
	struct list_node head;
};

static inline void list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->head.next == &l->head;
}

/* list_has_node: whether `n` is in any list. */
static inline bool list_has_node(const struct list_node *n)
{
	return n->next != NULL;
}

/* list_insert_before puts `n`, which is in no list, in front of `at`. */
static inline void list_insert_before(struct list_node *at, struct list_node *n)
{
	must(n->next == NULL && at->prev != NULL);
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void list_push(struct list *l, struct list_node *n)
{
	list_insert_before(&l->head, n);
}

static inline void list_push_front(struct list *l, struct list_node *n)
{
	list_insert_before(l->head.next, n);
}

/* list_remove takes `n` out of the list it is in. */
static inline void list_remove(struct list_node *n)
{
	must(n->next != NULL);
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* The first, the last, the one after or before `n`; NULL when there is none. */
static inline struct list_node *list_first(const struct list *l)
{
	return list_is_empty(l) ? NULL : l->head.next;
}

static inline struct list_node *list_last(const struct list *l)
{
	return list_is_empty(l) ? NULL : l->head.prev;
}

static inline struct list_node *list_next(const struct list *l, const struct list_node *n)
{
	return n->next == &l->head ? NULL : n->next;
}

static inline struct list_node *list_prev(const struct list *l, const struct list_node *n)
{
	return n->prev == &l->head ? NULL : n->prev;
}

/* list_pop takes the first node out, or gives NULL. */
static inline struct list_node *list_pop(struct list *l)
{
	struct list_node *n = list_first(l);
	if (n)
		list_remove(n);
	return n;
}

/* list_move_all appends everything of `from` to `to`, in order, and leaves `from` empty. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->head.next->prev = to->head.prev;
	from->head.prev->next = &to->head;
	to->head.prev->next = from->head.next;
	to->head.prev = from->head.prev;
	list_init(from);
}

/* LIST_EACH walks the nodes in order; LIST_EACH_SAFE allows to remove `n` in the body. */
#define LIST_EACH(l, n) for (struct list_node *n = (l)->head.next; n != &(l)->head; n = n->next)
#define LIST_EACH_SAFE(l, n)                                                             \
	for (struct list_node *n = (l)->head.next, *n##_next = n->next; n != &(l)->head; \
	     n = n##_next, n##_next = n->next)

#endif
