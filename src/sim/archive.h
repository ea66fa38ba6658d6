/* archive -- a conversation for plays: messages are kept by their key, and found by a filter.
 *
 * A session like any protocol's, on what sessions share, with bytes of its own:
 *
 *	K, route (two short strings), u64 expiry_ms, u32 number, u32 n, n bytes that begin with the
 *	   number; n 0: forget the key       -> k number, or r number: refused
 *	F, short string: the filter          -> f number, for each that is found; then e
 *
 * Integers are little-endian. Answers to K come in order; nothing is read while F is answered.
 */
#ifndef SIM_ARCHIVE_H
#define SIM_ARCHIVE_H
#include "session/session.h"

extern const struct session_ops archive_session_ops;
#endif
