/* limits -- every bound of the broker as a constant LIMIT_NAME; limits.def has unit and reason. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
#define LIMIT(name, value, unit, prose) LIMIT_##name = (value),
#include "base/limits.def"
#undef LIMIT
};

_Static_assert(LIMIT_FRAME_MAX_MIN <= LIMIT_INITIAL_FRAME_MAX, "start needs a whole frame");
_Static_assert(LIMIT_FRAME_MAX_MIN <= LIMIT_FRAME_MAX_DEFAULT, "the default must be allowed");
_Static_assert(LIMIT_FRAME_MAX_DEFAULT <= LIMIT_FRAME_MAX_MAX, "the default must be allowed");
_Static_assert(LIMIT_MESSAGE_BYTES_DEFAULT <= LIMIT_MESSAGE_BYTES_MAX, "likewise");
_Static_assert(2 * LIMIT_CHUNK_BYTES <= LIMIT_RECORD_BYTES_MAX, "a chunk fits a record");
_Static_assert(4 * LIMIT_RECORD_BYTES_MAX <= LIMIT_SEGMENT_BYTES, "a segment holds some records");
_Static_assert(LIMIT_RECORD_BYTES_MAX <= LIMIT_JOURNAL_BUFFER_BYTES, "one record must pass");
_Static_assert((LIMIT_CHUNK_ENTRIES & (LIMIT_CHUNK_ENTRIES - 1)) == 0, "an index is split by bits");

#endif
