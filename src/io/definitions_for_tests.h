/* definitions for tests -- a text read as a definitions file, and what came of it. */
#ifndef IO_DEFINITIONS_FOR_TESTS_H
#define IO_DEFINITIONS_FOR_TESTS_H
#include "base/byteorder.h"
#include "base/exact_for_tests.h"
#include "base/must.h"
#include "core/fact.h"
#include "io/definitions.h"
#include "session/manage/item.h"

#include <string.h>

static char reason[1024];

static inline enum err read(struct definitions *d, const char *json)
{
	struct text why = text_of(reason, sizeof reason);
	struct slice copy = exact(slice_str(json), strlen(json));
	enum err e = definitions_read(d, copy, &why);
	exact_free(copy);
	return e;
}

/* The nth item of a kind. */
static inline struct slice item(const struct definitions *d, uint8_t kind, uint32_t nth)
{
	for (size_t at = 0; load_le32(d->items + at) > 0;) {
		uint32_t len = load_le32(d->items + at);
		if (d->items[at + 4] == kind && nth-- == 0)
			return slice_of(d->items + at + 5, len - 1);
		at += 4 + len;
	}
	return SLICE_EMPTY;
}

static inline struct fact fact(const struct definitions *d, enum fact_kind kind, const char *name)
{
	struct fact f;
	for (uint32_t i = 0;; i++) {
		struct slice s = item(d, ITEM_FACT, i);
		must(s.n > 0 && fact_get(s, &f) == ERR_OK);
		if (f.kind == kind && slice_eq(f.name[0], slice_str(name)))
			return f;
	}
}
#endif
