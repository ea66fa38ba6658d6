/* core_stream -- what a queue that is a stream has beside a plain one, and its steps.
 *
 * Private to core*.c. core_stream.c: messages in, and the oldest out; core_stream_give.c: readers;
 * core_stream_page.c: pages to the journal and back; core_stream_keep.c: checkpoints;
 * core_stream_move.c: to another place in the journal.
 */
#ifndef CORE_CORE_STREAM_H
#define CORE_CORE_STREAM_H
#include "base/ablate.h"
#include "core/core_state.h"
#include "core/stream.h"

#define SEGMENT_BYTES_DEFAULT UINT64_C(500000000) /* RabbitMQ's */
#define SEGMENT_BYTES_MIN     UINT64_C(16384)     /* of a page: smaller segments end with a page */
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
	uint8_t filter_bytes;
};

/* A segment may be smaller than a page would become: then the page ends where the segment does. */
static inline uint64_t core_stream_page_bytes(const struct streamed *t)
{
	return max_u64(t->segment_bytes, SEGMENT_BYTES_MIN);
}
static inline bool core_stream_is_full(const struct core *c, const struct streamed *t,
				       const struct stream_page *p)
{
	return p->n >= c->streams.rows_max || p->bytes >= core_stream_page_bytes(t);
}

/* ---- for every part of the core */

/* core_stream_sound: an outcome that was read fits what its queue is. */
bool core_stream_sound(const struct core *c, const struct run *o);
/* core_stream_rules follows the rules of a stream. core_stream_forget frees all of it, if the queue
 * is one; how many messages that were. core_stream_n: messages in it. */
void core_stream_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
uint64_t core_stream_forget(struct core *c, struct queue *q);
uint64_t core_stream_n(const struct queue *q);
/* core_stream_rows makes rows that will be added say when they came. */
void core_stream_rows(const struct core *c, struct add_row *row, uint32_t n);
void core_stream_apply_add(struct core *c, const struct run *o, struct post *fx);
void core_stream_apply_trim(struct core *c, const struct run *o);
/* core_stream_due: its oldest messages are too old. */
void core_stream_due(struct core *c, struct due *due);
/* core_stream_join makes a new consumer a reader; `tail`: struct stream_from and tags, or nothing.
 * False: no memory. core_stream_serve gives readers what there is for them. core_stream_settle:
 * settling gives credit, whatever it says. */
bool core_stream_join(struct core *c, struct queue *q, struct consumer *k, struct slice tail);
void core_stream_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx);
void core_stream_settle(struct core *c, struct queue *q, const struct run *cmd);
/* core_stream_unmem is core_unmem for a row. */
uint64_t core_stream_unmem(struct core *c, struct queue *q, struct stream_row *row);
/* core_stream_put and core_stream_next_unit write the units of a stream; key.chunk is a page's
 * first offset. core_stream_get and core_stream_page_get read them, core_stream_restored ends it;
 * errors as of core_restore. */
void core_stream_put(const struct queue *q, struct wr *w);
bool core_stream_next_unit(struct checkpointing *p, struct queue *q, struct unit_key *out_key,
			   struct wr *w);
MUST_USE enum err core_stream_get(struct core *c, struct queue *q, struct rd *r);
MUST_USE enum err core_stream_page_get(struct core *c, struct queue *q, uint64_t first,
				       struct rd *r);
MUST_USE enum err core_stream_restored(struct core *c, struct queue *q);
bool core_stream_relocate(struct core *c, struct queue *q, uint64_t offset, uint64_t old_loc,
			  uint64_t new_loc);
void core_stream_digest(const struct queue *q, struct digest *d);
void core_stream_dump(const struct queue *q, struct text *out);
void core_stream_check(const struct queue *q);

/* ---- for streams alone */

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

/* core_stream_drop frees pages that lie before the first message. */
void core_stream_drop(struct core *c, struct streamed *t);

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
