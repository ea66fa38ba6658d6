/* config_for_tests -- what the tests of configurations share: defaults, and --set. */
#ifndef GODWIT_NODE_CONFIG_FOR_TESTS_H
#define GODWIT_NODE_CONFIG_FOR_TESTS_H

#include "node/config_lists.h"

#include "base/text.h"

static char reason[600]; /* why the last key was refused */
static struct config_notes notes;

static inline enum err set(struct config *c, const char *key, const char *value)
{
	struct text why = text_of(reason, sizeof reason);
	notes.n = 0;
	return config_set(c, (struct config_source){ "--set", 0 }, slice_str(key), slice_str(value),
			  &notes, &why);
}

static inline struct config *fresh(void)
{
	static struct config c;
	config_defaults(&c);
	return &c;
}

#endif
