#include "migrate/model.h"

#define DEPTH_MAX 8u /* of directories in files of directories */

enum err conf_read(struct migration *m, struct place at, struct slice path, uint32_t depth)
{
	struct lines l = { .at = { path, 0 } };
	struct slice line;
	if (depth > DEPTH_MAX) {
		text_puts(m->why, "include_dir goes in circles");
		return ERR_MALFORMED;
	}
	TRY(migrate_read(m, at, path, &l.rest));
	while (lines_next(&l, &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		struct slice key = word_of(&line);
		TRY(option_take(m, l.at, key, line, depth));
	}
	return ERR_OK;
}
