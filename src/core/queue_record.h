/* queue_record -- makes and frees the records of queues that views of the catalog hold.
 *
 * A record is written once, in one block with its texts, and shared by all versions. Who may make
 * one is who has the edit (pmap.h).
 */
#ifndef CORE_QUEUE_RECORD_H
#define CORE_QUEUE_RECORD_H
#include "core/catalog.h"

/* queue_record_new makes the record of a queue that is declared so; it copies the texts. */
struct queue_record *queue_record_new(struct pmap_edit *e, uint64_t id,
				      const struct declare_queue *d);

/* queue_record_retire gives it back when no version has it. */
void queue_record_retire(struct pmap_edit *e, const struct queue_record *own_q);
#endif
