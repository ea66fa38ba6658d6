/* request -- the one line in which an operator says what he wants to know (request.def).
 *
 * Pure; slices borrow from the line.
 */
#ifndef SESSION_MANAGE_REQUEST_H
#define SESSION_MANAGE_REQUEST_H
#include "base/err.h"
#include "base/text.h"

enum request_kind {
#define REQUEST(name, words, argument, prose) REQUEST_##name,
#include "session/manage/request.def"
#undef REQUEST
	REQUEST_N
};

#define REQUEST_REASON_MAX 200u
#define REQUEST_BILLION    UINT64_C(1000000000) /* of a fraction */

struct request {
	enum request_kind kind;
	bool is_all;              /* no number or name was given */
	bool if_unused, if_empty; /* only then */
	bool is_relative;         /* number: billionths of the memory, not bytes */
	uint64_t number, place;   /* place: of a message, behind its number */
	struct slice vhost, name; /* name: or a reason; a password, and vhost: whose */
};

extern const char *const request_words[REQUEST_N];

/* request_parse reads a line without its end (a CR at the end does not count).
 * ERR_MALFORMED: it is no request; `why` says what is wrong. */
MUST_USE enum err request_parse(struct slice line, struct request *out, struct text *why);
#endif
