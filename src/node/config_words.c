#include "base/text.h"
#include "node/config_lists.h"
#include "node/config_value.h"

/* Words with numbers, which say their order. What they may be is not known here, so they remember
 * where they were said. */

enum err config_words_set(struct config_words *w, const struct config_row *row,
			  struct config_source from, struct slice name, struct slice value,
			  struct text *why)
{
	struct config_bounds bounds = { 1, CONFIG_WORDS_MAX, "" };
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	int64_t number = 0;
	if (config_is_none(name, value)) {
		*w = (struct config_words){ 0 };
		return ERR_OK;
	}
	if (config_value_int(name, bounds, &number, &unsaid) != ERR_OK) {
		text_putf(why, "is none, or goes on with a number from 1 to %d, as in %s.1 = ...",
			  CONFIG_WORDS_MAX, row->key);
		return ERR_MALFORMED;
	}
	if (value.n == 0 || value.n > CONFIG_NAME_MAX) {
		text_putf(why, "is a word of 1 to %d characters", CONFIG_NAME_MAX);
		return ERR_MALFORMED;
	}
	struct config_word *one = &w->at[number - 1];
	config_name_put(one->word, sizeof one->word, value);
	one->line = from.line;
	config_name_put(w->source, sizeof w->source, slice_str(from.name));
	w->line = from.line;
	return ERR_OK;
}

bool config_words_same(const struct config_words *a, const struct config_words *b)
{
	for (uint32_t i = 0; i < CONFIG_WORDS_MAX; i++)
		if (!slice_eq(slice_str(a->at[i].word), slice_str(b->at[i].word)))
			return false;
	return true;
}
