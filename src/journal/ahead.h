/* ahead -- the next segment, made before the writer needs it.
 *
 * The keeper's. When a quarter of the active segment is used, a recycled file gets a new number and
 * head, or a new file is made and written through with zeros, a piece a step; then it goes to the
 * writer. When the writer is near its end, the file goes as it is. Its name and head are durable
 * before that, so every file called .seg has a head. The writer may break the journal at any moment
 * of all this; what is made then is not used any more.
 */
#ifndef JOURNAL_AHEAD_H
#define JOURNAL_AHEAD_H
#include "journal/segments.h"

#define AHEAD_SPARES      3u /* recycled files kept for it; others are removed */
#define AHEAD_PIECE_BYTES 1048576u
#define AHEAD_SYNC_BYTES  8388608u

struct ahead {
	struct segment *made; /* on its way; NULL: none */
	uint64_t zeroed;      /* bytes of its file that are written through */
	struct segment *spare[AHEAD_SPARES];
	uint32_t spares_n;
	uint64_t retry_at; /* journal_appended before which a full disk is not asked again */
};

void ahead_check(const struct ahead *a);
/* ahead_step does one piece, if one is due. False: nothing to do. */
bool ahead_is_due(struct journal *j);
bool ahead_step(struct journal *j, enum err *out_err);
/* ahead_begin makes a segment at once and gives it to the writer: at open. */
MUST_USE enum err ahead_begin(struct journal *j);
/* ahead_spare takes over a closed segment that nobody needs; its file is kept or removed. */
MUST_USE enum err ahead_spare(struct journal *j, struct segment *own_seg);
/* ahead_shrink removes one of the kept files if the disk is short of space. False: it is not. */
bool ahead_has_too_much(struct journal *j);
bool ahead_shrink(struct journal *j, enum err *out_err);
#endif
