/* pattern -- regular expressions, as the world's library has them: permissions and policies.
 *
 * One loop owns a struct patterns and calls it; io/ plays it with PCRE2 and keeps what it has
 * compiled, sim/ with base/regex.h. Never waits; the time of one match is bounded.
 */
#ifndef PORT_PATTERN_H
#define PORT_PATTERN_H
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

struct patterns;

struct patterns_ops {
	/* match: does `expr` fit somewhere in `subject`? False also when it is no expression, or
	 * when that cannot be said in bounded time. */
	bool (*match)(struct patterns *p, struct slice expr, struct slice subject);
	/* check: ERR_MALFORMED: it is no expression, `why` says where. */
	enum err (*check)(struct patterns *p, struct slice expr, struct text *why);
};

struct patterns {
	const struct patterns_ops *ops;
};
#endif
