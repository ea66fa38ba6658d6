/* page -- text that grows, and memory that goes with it: what a migration writes and keeps.
 *
 * Memory that is short makes a page, or a hoard, short for good: what is written then is lost, and
 * who made it asks at the end. One thread; nothing here reads or writes files.
 */
#ifndef MIGRATE_PAGE_H
#define MIGRATE_PAGE_H
#include "base/slice.h"

struct page {
	char *p; /* ends in a zero byte, unless nothing was written */
	size_t n, cap;
	bool is_short;
};

/* page_fini gives the memory back; page_take hands it to the caller, NULL if the page is short. */
void page_fini(struct page *p);
char *page_take(struct page *p);

/* page_put appends bytes, page_puts a C string, page_putn a number in digits. */
void page_put(struct page *p, struct slice s);
void page_puts(struct page *p, const char *z);
void page_putn(struct page *p, uint64_t v);

/* page_put_json appends a string as JSON has it, page_put_shown one for people. */
void page_put_json(struct page *p, struct slice s);
void page_put_shown(struct page *p, struct slice s);

static inline struct slice page_slice(const struct page *p)
{
	return slice_of(p->p, p->n);
}

/* A hoard is memory that is given back all at once. */
struct hoard {
	struct hoard_block *blocks;
	bool is_short;
};

/* hoard_get gives zeroed memory; NULL: there is none, and the hoard is short. hoard_copy keeps a
 * copy; empty when it is short. */
void *hoard_get(struct hoard *h, size_t n);
struct slice hoard_copy(struct hoard *h, struct slice s);
void hoard_fini(struct hoard *h);
#endif
