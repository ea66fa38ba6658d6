#include "sim/heap.h"

#include <stdint.h>
#include <stdlib.h>

/* It lies right before each block, and does not change how the C library aligns it. */
struct head {
	struct list_node node;
	void *begin; /* of what the C library has given */
	uint64_t unused[5];
};
_Static_assert(sizeof(struct head) == 64, "the line of a cache");

static void *get(const struct heap *port, size_t align, size_t n)
{
	const struct sim_heap *h = (const struct sim_heap *)(const void *)port;
	size_t before = align ? align : sizeof(struct head);
	must(before >= sizeof(struct head));
	uint8_t *begin = align ? aligned_alloc(align, before + n) : malloc(before + n);
	must(begin != NULL);
	struct head *head = (struct head *)(void *)(begin + before) - 1;
	*head = (struct head){ .begin = begin };
	list_push(h->blocks, &head->node);
	return head + 1;
}

static void put(const struct heap *port, void *own_p)
{
	struct head *head = (struct head *)own_p - 1;
	must(port != NULL && own_p != NULL);
	list_remove(&head->node);
	free(head->begin);
}

void sim_heap_init(struct sim_heap *h)
{
	h->port = (struct heap){ get, put };
	h->blocks = &h->list;
	list_init(&h->list);
}

void sim_heap_forget(struct sim_heap *h)
{
	struct list_node *n;
	while ((n = list_first(&h->list)) != NULL)
		put(&h->port, containerof(n, struct head, node) + 1);
}
