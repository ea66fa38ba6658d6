/* stomp again -- a frame whose head says what one before it has said, but in a place or two.
 *
 * Who sends much says nearly the same each time: another number of a receipt, another length,
 * another tag. Such a head is compared with the one before instead of being taken apart:
 *
 *      SEND LF destination:/queue/a LF content-length:[ 12 ] LF receipt:[ 7 ] LF LF
 *
 * What may differ are values from some place up to the end of their lines. Pure; what is remembered
 * is a copy.
 */
#ifndef WIRE_STOMP_AGAIN_H
#define WIRE_STOMP_AGAIN_H
#include "base/slice.h"

#define STOMP_AGAIN_BYTES 320u /* of a head that is remembered, but for what may differ */
#define STOMP_AGAIN_VALUE 64u  /* of what differs */
enum { STOMP_AGAIN_N = 2 };    /* places that may differ */

struct stomp_again {
	uint16_t n; /* of `octets`; 0: nothing is remembered */
	uint16_t places_n;
	uint16_t at[STOMP_AGAIN_N]; /* how many of `octets` are before each place */
	uint8_t octets[STOMP_AGAIN_BYTES];
};

/* stomp_again_note remembers a whole head, from its command up to its empty line; what may differ
 * are `places_n` parts of it, each up to the end of a line, in the order in which they lie there.
 * One that is too long, or has escapes or CR, is not remembered. */
void stomp_again_note(struct stomp_again *a, struct slice head, const struct slice *places,
		      uint32_t places_n);

/* stomp_again_is: does `in` begin with the same head? *out_n are its octets, and out_places what
 * stands in the places: plain text, that stands for itself in every version. */
bool stomp_again_is(const struct stomp_again *a, struct slice in,
		    struct slice out_places[STOMP_AGAIN_N], size_t *out_n);
#endif
