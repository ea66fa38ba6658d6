/* letter -- what simulated messages look like: body and properties follow from a few numbers, so
 * that whoever gets one can tell whether it came as it was sent.
 */
#ifndef SIM_LETTER_H
#define SIM_LETTER_H
#include "base/slice.h"

#define LETTER_BYTES_MIN 24u
#define LETTER_PROPS_MAX 128u

struct letter {
	uint32_t id, publisher, bytes;
	bool is_persistent;
	struct slice copy, blind; /* a further key in CC, and in BCC; p NULL: none */
};

/* letter_put writes l->bytes of body. */
void letter_put(const struct letter *l, uint8_t *to);
/* letter_id reads the number of a message out of its body; 0: it is none of ours. */
uint32_t letter_id(struct slice body);
/* letter_is: the body is exactly what letter_put wrote. */
bool letter_is(const struct letter *l, struct slice body);
/* Where, and why, it died. */
struct letter_end {
	struct slice queue, reason;
};
/* letter_has_died reads the properties of one that died once: `props` must say so, and be the
 * letter's otherwise. False: they are not. */
bool letter_has_died(const struct letter *l, struct slice props, struct letter_end *out);
/* letter_is_dead: they tell of a death. */
bool letter_is_dead(struct slice props);
/* letter_is_streamed reads the properties of one that a stream has given: the letter's, and where
 * it lies. False: they are not. */
bool letter_is_streamed(const struct letter *l, struct slice props, uint64_t *out_offset);
/* letter_has_headers: the letter with that number carries headers, kind='letter' among them. */
static inline bool letter_has_headers(uint32_t id)
{
	return id % 4 == 2;
}

/* letter_priority: 0 also if it says none. */
static inline bool letter_says_priority(uint32_t id)
{
	return id % 4 == 1;
}
static inline uint32_t letter_priority(uint32_t id)
{
	return letter_says_priority(id) ? id % 10 : 0;
}

/* letter_props writes the properties, as they stand in a content header; letter_props_said as they
 * are sent, with what nobody else is to see. */
struct slice letter_props(const struct letter *l, uint8_t buf[LETTER_PROPS_MAX]);
struct slice letter_props_said(const struct letter *l, uint8_t buf[LETTER_PROPS_MAX]);
#endif
