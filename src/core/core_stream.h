/* core_stream -- what a queue that is a stream has beside a plain one, and its steps.
 *
 * Private to core*.c. core_stream.c: messages in, and the oldest out; core_stream_give.c: readers;
 * core_stream_page.c: pages to the journal and back, checkpoints, moving.
 */
#ifndef CORE_CORE_STREAM_H
#define CORE_CORE_STREAM_H
#include "base/ablate.h"
#include "core/core_state.h"
#include "core/stream.h"

#define SEGMENT_BYTES_DEFAULT UINT64_C(500000000) /* RabbitMQ's */
#define FILTER_BYTES_DEFAULT  UINT8_C(16)         /* likewise */

struct streamed {
	struct stream s;
	struct queue *queue;
	struct list_node out; /* in core.streams.outs: some of its pages are to be written */
	struct due due;       /* when its oldest segment is too old */
	uint64_t max_age_ms, max_bytes; /* RULE_NONE: none */
	uint64_t segment_bytes;
	uint64_t trimmed;     /* offset that the log was asked to begin at */
	uint64_t segment_end; /* offset behind its oldest segment; 0: not looked for */
	uint64_t segment_ms;  /* of the newest message in it */
	uint64_t segment_n;   /* bytes of it */
	uint8_t filter_bytes;
};

/* core_stream_moved: the next checkpoint has the page as it is. */
static inline void core_stream_moved(const struct core *c, struct stream_page *p)
{
	if (!ABLATED(stream_page))
		p->changed = c->checkpoint.epoch;
}

/* ---- core_stream.c */

/* core_stream_of makes the queue a stream, if it is none yet. */
struct streamed *core_stream_of(struct core *c, struct queue *q);
/* core_stream_retain asks the log to begin later, where rules say so. */
void core_stream_retain(struct core *c, struct streamed *t, struct outcomes *later);

/* ---- core_stream_give.c */

/* core_stream_read_to: 0: nobody has yet to read the message at `offset` where it lies; else the
 * offset that a reader who may have to is at. */
uint64_t core_stream_read_to(const struct queue *q, uint64_t offset);

/* ---- core_stream_page.c */

/* core_stream_want asks for the rows of a cold page. core_stream_touch: they were used.
 * core_stream_shrink: who has waited for rows has had them; those not used for long leave memory.
 * core_stream_leaves: pages of it may be due. */
void core_stream_want(struct core *c, const struct streamed *t, struct stream_page *p);
void core_stream_touch(struct core *c, struct stream_page *p);
void core_stream_shrink(struct core *c);
void core_stream_leaves(struct core *c, struct streamed *t);
#endif
