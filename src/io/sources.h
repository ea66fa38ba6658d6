/* sources -- the settings of this process: file, environment and command line into one config. */
#ifndef IO_SOURCES_H
#define IO_SOURCES_H
#include "node/config.h"

/* What the command line says about settings. */
struct sources {
	const char *file;        /* NULL: none */
	const char *const *sets; /* key=value, in order */
	uint32_t sets_n;
};

/* sources_read fills `c` from defaults, file, environment and command line, in this order, and
 * checks that it fits together. On failure `why` is one sentence that says what, where and what to
 * do. */
MUST_USE enum err sources_read(const struct sources *s, struct config *c,
			       struct config_notes *notes, struct text *why);

/* sources_check_files reads the files that the settings name and a start would read, and forgets
 * them. On failure `why` says which and what is wrong with it. */
MUST_USE enum err sources_check_files(const struct config *c, struct text *why);
#endif
