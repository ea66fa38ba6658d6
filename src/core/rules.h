/* rules -- what a queue is told to do beside keeping messages, in no protocol's words.
 *
 * A session makes rules of what its client has declared and checked; the catalog keeps them, as
 * bytes, in the queue's record; QUEUE_OPEN carries them to the queue's shard. The declaration as
 * it was made is kept beside them, to be shown and compared.
 *
 *     arguments --session--> rules --declare_queue--> queue_record --QUEUE_OPEN--> shard
 *
 * Bytes: for each rule that is there, in the order of their numbers, u8 number, u8 length, then
 * the number, little-endian without zeros at its end, or the text. No rules: no bytes. So equal
 * rules are equal bytes, and a rule can be added. Pure.
 */
#ifndef CORE_RULES_H
#define CORE_RULES_H
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum queue_type { QUEUE_CLASSIC, QUEUE_QUORUM, QUEUE_STREAM };
enum overflow { OVERFLOW_DROP_HEAD, OVERFLOW_REJECT, OVERFLOW_REJECT_DLX };
enum dead_letter_strategy { DEAD_LETTER_AT_MOST_ONCE, DEAD_LETTER_AT_LEAST_ONCE };
enum retry_type { RETRY_DISABLED, RETRY_ALL, RETRY_FAILED, RETRY_RETURNED };

#define RULE_NONE UINT64_MAX

/* A delivery limit that no message reaches; where one is assumed, RULE_NONE would leave it. */
#define RULE_ENDLESS (UINT64_MAX - 1)

struct queue_rules { /* texts borrow, and have at most 255 bytes */
#define RULE_NUMBER(number, name, prose) uint64_t name;
#define RULE_TEXT(number, name, prose) \
	struct slice name;             \
	bool has_##name;
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
};

/* Room for any rules. */
#define RULES_BYTES_MAX 810u

/* rules_none is no rule at all. */
struct queue_rules rules_none(void);

/* rules_have_ranks: it has the priorities of a quorum queue, and no highest one of its own. */
static inline bool rules_have_ranks(const struct queue_rules *r)
{
	return r->ranks == 1 && r->max_priority == RULE_NONE;
}

/* rules_put writes the rules into buf and returns how many bytes that took: 0 without any. `cap`
 * must be at least RULES_BYTES_MAX. */
uint32_t rules_put(const struct queue_rules *r, uint8_t *buf, uint32_t cap);

/* rules_get reads them back. ERR_NOT_IMPLEMENTED: a rule of a newer version; ERR_MALFORMED: not
 * what rules_put writes. */
MUST_USE enum err rules_get(struct slice from, struct queue_rules *out);
#endif
