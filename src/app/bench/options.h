/* options -- the command line of `godwit bench`, from the rows of options.def.
 *
 * Plain values; texts are borrowed from argv and from scenario.def. One thread.
 */
#ifndef APP_BENCH_OPTIONS_H
#define APP_BENCH_OPTIONS_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_AUTO   UINT64_MAX
#define OPTIONS_SECOND UINT64_C(1000000000)

typedef bool options_FLAG;
typedef uint64_t options_COUNT;
typedef uint64_t options_BYTES;
typedef uint64_t options_SECONDS;
typedef const char *options_TEXT;

struct options {
#define OPTION(kind, field, name, otherwise, arg, prose) options_##kind field;
#include "app/bench/options.def"
#undef OPTION
	char scenario_words[192]; /* texts point here: *o outlives its copies */
	bool help;
	char **command; /* the words after the options, NULL-terminated */
};

/* options_parse reads argv[1] to argv[argc - 1], with the scenario's options first, wherever
 * --scenario stands. Ends at the first word that is no option, or after "--".
 * ERR_SYNTAX_ERROR: `out_why` has one sentence, *o is not to be used. Not yet settled. */
MUST_USE enum err options_parse(struct options *o, int argc, char **argv, struct text *out_why);

/* options_settle fills in what depends on the rest and refuses what does not go together.
 * ERR_SYNTAX_ERROR: `out_why` has one sentence. */
MUST_USE enum err options_settle(struct options *o, struct text *out_why);

/* options_help writes the list of options and scenarios for people. */
void options_help(struct text *out);

#endif
