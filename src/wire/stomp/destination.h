/* stomp destination -- /queue/a and its like, as RabbitMQ reads and writes them.
 *
 * Names may hold %hh for any octet; what is written uses it for `/`, `%` and what is not printable
 * ASCII. Pure; names are unescaped into the scratch.
 */
#ifndef WIRE_STOMP_DESTINATION_H
#define WIRE_STOMP_DESTINATION_H
#include "base/err.h"
#include "base/text.h"
#include "base/wr.h"

enum stomp_place {
	STOMP_QUEUE,       /* /queue/NAME, or a bare NAME: declared when it is used first */
	STOMP_AMQ_QUEUE,   /* /amq/queue/NAME: never declared */
	STOMP_TOPIC,       /* /topic/KEY: of the topic exchange */
	STOMP_EXCHANGE,    /* /exchange/NAME or /exchange/NAME/KEY */
	STOMP_TEMP_QUEUE,  /* /temp-queue/NAME: only where an answer is wanted */
	STOMP_REPLY_QUEUE, /* /reply-queue/NAME: where one is; the name as it is */
};

struct stomp_destination {
	enum stomp_place place;
	bool has_key;
	struct slice exchange; /* of STOMP_EXCHANGE */
	struct slice name;     /* of the queue, or the key */
};

/* stomp_destination_read reads one. `scratch` has room for as many octets as `in`.
 * ERR_MALFORMED: it is none; `why` has RabbitMQ's words for it, *out_is_unknown: of that kind
 * there is none at all. */
MUST_USE enum err stomp_destination_read(struct slice in, struct wr *scratch,
					 struct stomp_destination *out, bool *out_is_unknown,
					 struct text *why);

/* stomp_destination_name writes one name for a destination; no longer than STOMP_NAME_MAX(n). */
#define STOMP_NAME_MAX(n) (3 * (n))
void stomp_destination_name(struct text *out, struct slice name);

/* ActiveMQ's wildcards: `*` is one word, `>` at the end all that follow, none of them too. Words
 * are between points. stomp_has_word: is that one of the name's? stomp_is_all_below: does it end
 * so? stomp_is_wildcard: does it mean more than itself? stomp_wildcard_fits: does it mean the name?
 */
bool stomp_has_word(struct slice name, const char *word);
bool stomp_is_all_below(struct slice name);
bool stomp_is_wildcard(struct slice name);
bool stomp_wildcard_fits(struct slice wildcard, struct slice name);
#endif
