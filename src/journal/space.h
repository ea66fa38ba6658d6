/* space -- which segments are still needed, and which are worth copying forward.
 *
 * A closed segment can be used anew when
 *   - the checkpoint before the newest does not need its records (it lies below that one's floor),
 *   - and nothing lived in it already when that checkpoint began, so that neither of the two
 *     refers to it.
 * So recovery may fall back to the checkpoint before. Settlements never pin a segment: once a
 * checkpoint has what they did, nothing of them counts as living.
 */
#ifndef JOURNAL_SPACE_H
#define JOURNAL_SPACE_H
#include "journal/journal.h"

/* space_mark_empty notes, at the begin of checkpoint `number`, where nothing lives. */
void space_mark_empty(struct journal *j, uint64_t number);
/* space_floor gives the place of the commit at which recovery may begin, with what the checkpoint
 * under way knows of each shard; 0: the first commit of the store. */
uint64_t space_floor(struct journal *j);
/* space_recycle, after a checkpoint has become durable, gives up what is not needed any more, and
 * names the segment most worth copying forward. */
MUST_USE enum err space_recycle(struct journal *j);
#endif
