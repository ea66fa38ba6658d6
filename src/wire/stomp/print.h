/* stomp print -- a frame as one line of text, for `godwit trace --frames`.
 *
 *      SEND destination='/queue/a' receipt='1' body 5 'hello'
 */
#ifndef WIRE_STOMP_PRINT_H
#define WIRE_STOMP_PRINT_H
#include "base/text.h"
#include "wire/stomp/frame.h"

/* stomp_frame_print writes one line without its end. Passwords are shown as their length. */
void stomp_frame_print(const struct stomp_frame *f, struct text *out);
#endif
