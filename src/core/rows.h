/* rows -- the rows of runs: what one message, settlement or reply looks like between rooms.
 *
 * At most 32 bytes each. `mem` (msg/msg.h) owns one reference to its block while the row exists;
 * `loc` is a place in the journal (0: nowhere yet), opaque to the core; `pos` is an entry's place
 * in its queue (queue.h), valid until the entry is settled.
 */
#ifndef CORE_ROWS_H
#define CORE_ROWS_H
#include "base/limits.h"
#include "msg/header.h"

#include <stdint.h>

/* Flags of an entry; the low ones are durable and stored. */
enum {
	ENTRY_PERSISTENT = 1,  /* survives: logged (set only for a durable queue) */
	ENTRY_BIG = 2,         /* the body is in chunk records */
	ENTRY_REDELIVERED = 4, /* given before, or may have been (give mark) */
	ENTRY_SETTLING = 8,    /* settled; its removal waits for the log */
	ENTRY_RANKED = 8,      /* publish_row: the message itself says its priority */
	ENTRY_SAME = 16,       /* row: same message as the row before (another queue) */
	ENTRY_AGAIN = 16,      /* entry: it is SETTLING, but is to wait again */
	ENTRY_CONFIRM = 32,    /* row: the last one of a message to be confirmed */
	ENTRY_RETURNED = 32,   /* entry, deliver_row: it came back and had not failed, which is
				    counted apart */
	ENTRY_SPILLED = 64,    /* loc is in a spill file; in rows without loc, mem is that */
	ENTRY_DEAD = 128,      /* a dead letter: the session for these has it, or will have */
	ENTRY_SETTLE = 256,    /* deliver_row: without ack, but mem is 0: who has read the message
				    must settle it, or its place might be reused before */
	ENTRY_STREAM = 512,    /* deliver_row: of a stream (pos is its offset + 1) or a store, or
				    only looked at: the message may be gone when it is read */
	ENTRY_FIRST = 1024     /* deliver_row: from here on its group is the consumer's */
};
#define ENTRY_STORED (ENTRY_PERSISTENT | ENTRY_BIG)

/* Priorities of a quorum queue: from 0 to RANK_MAX, which those above count as. */
#define RANK_MAX       31u
#define RANK_OF_ABSENT 4u /* of a message that says none */

/* An expiry that is due ever since: the message goes to a consumer that waits for it, or dies. */
#define EXPIRY_AT_ONCE 1u

/* Bits of a stream's times, in ms; above them is what is known of a filter value, a number that is
 * not 0 if there is one. */
#define STREAM_TIME_BITS 42
#define STREAM_TAG_MAX   ((UINT32_C(1) << (64 - STREAM_TIME_BITS)) - 1)

_Static_assert(STREAM_TAG_MAX == HEADER_RETAIN_MAX, "numbers of keys");

/* The expiry_ms of a message that belongs to a group: its time in the low bits (in the year 2527
 * all others end), then the number of its group, below LIMIT_GROUPS, and whether it is the group's
 * last. All others are below EXPIRY_OF_GROUP. */
#define EXPIRY_TIME_BITS 44
#define EXPIRY_OF_GROUP  (UINT64_C(1) << 63)
#define EXPIRY_LAST      (UINT64_C(1) << 62)
#define EXPIRY_TIME_MAX  ((UINT64_C(1) << EXPIRY_TIME_BITS) - 1)

_Static_assert(LIMIT_GROUPS <= UINT64_C(1) << (62 - EXPIRY_TIME_BITS), "numbers of groups");

static inline uint64_t expiry_in_group(uint64_t ms, uint32_t number, bool is_last)
{
	return (ms < EXPIRY_TIME_MAX ? ms : EXPIRY_TIME_MAX) |
	       (uint64_t)number << EXPIRY_TIME_BITS | (is_last ? EXPIRY_LAST : 0) | EXPIRY_OF_GROUP;
}

/* expiry_time is the time alone. expiry_group: of what has EXPIRY_OF_GROUP. */
static inline uint64_t expiry_time(uint64_t expiry)
{
	return expiry & EXPIRY_OF_GROUP ? expiry & EXPIRY_TIME_MAX : expiry;
}
static inline uint32_t expiry_group(uint64_t expiry)
{
	return (uint32_t)((expiry & ~(EXPIRY_OF_GROUP | EXPIRY_LAST)) >> EXPIRY_TIME_BITS) %
	       LIMIT_GROUPS;
}

/* retain_expiry is the expiry_ms of a row to a store of last messages (retain.h): until when the
 * message is kept (0: for ever; in the year 2109 all others end), and the number of its key, at
 * most STREAM_TAG_MAX. Such a row is ENTRY_PERSISTENT. */
static inline uint64_t retain_expiry(uint64_t ms, uint32_t number)
{
	const uint64_t time = (UINT64_C(1) << STREAM_TIME_BITS) - 1;
	return (ms < time ? ms : time) | (uint64_t)number << STREAM_TIME_BITS;
}

struct publish_row { /* CMD_PUBLISH: run.arg = sequence of the first row */
	uint64_t mem;
	uint64_t queue;
	uint64_t expiry_ms; /* absolute; 0 = never; EXPIRY_AT_ONCE; expiry_in_group; of a
				    stream: its filter value as a number up to
				    STREAM_TAG_MAX, 0 = none; of a store: retain_expiry */
	uint32_t bytes;     /* of the stored form: what it costs */
	uint16_t seq_delta; /* sequence - run.arg */
	uint8_t flags;      /* ENTRY_... */
	uint8_t priority;
};

struct settle_row { /* CMD_SETTLE: run.queue, run.arg = consumer */
	uint64_t pos;
	uint32_t how; /* enum settle */
	uint32_t pad;
};
/* A settlement of what was delayed may be alone in its run, whose tail is then until when it waits
 * again, and how often it was due until then: u64, not 0, u16, little-endian. */
#define SETTLE_AGAIN_BYTES 10u
/* Words of CMD_CANCEL: two, or all. */
#define CANCEL_WORDS_MAX   4u
/* FAIL is RELEASE after an attempt that counts. */
enum settle {
	SETTLE_ACCEPT,
	SETTLE_RELEASE,
	SETTLE_REJECT, /* gone, where its queue has no place for dead letters */
	SETTLE_FAIL,
	SETTLE_BURY, /* never that: then it goes where all such dead letters go */
	SETTLE_N
};

struct credit_row {        /* CMD_CREDIT: run.queue, run.arg = consumer */
	uint32_t messages; /* added to what the consumer may be given; CREDIT_NO_LIMIT */
	uint32_t bytes;    /* likewise; at least one message is given while > 0 */
			   /* a settled message gives back one message and its bytes */
};
#define CREDIT_NO_LIMIT UINT32_MAX

/* CMD_BROWSE: run.queue, run.arg = ticket. The answer's tail is the same, for the next page. A page
 * has messages of one priority only, and never any twice. */
struct browse_row {
	uint64_t pos;      /* nothing before it; 0: from the beginning */
	uint64_t end;      /* nothing from there on; 0: what there is now */
	uint32_t bytes;    /* no further message when the page has so many */
	uint16_t messages; /* likewise; LIMIT_BROWSE_ROWS at most */
	uint8_t lane;      /* by_lane: which priority */
	uint8_t by_lane;   /* with `end`: the queue had priorities when it began */
};

struct subscribe_row { /* CMD_SUBSCRIBE: run.queue, run.arg = consumer */
	struct credit_row credit;
	int64_t priority; /* while one has credit, those below it are given nothing */
};

/* CMD_SUBSCRIBE to a stream has this in its tail, and behind it tags_n u32: filter values. */
enum stream_where { STREAM_NEXT, STREAM_FIRST, STREAM_LAST, STREAM_OFFSET, STREAM_SINCE };
struct stream_from {
	uint64_t value; /* the offset; a time in ms */
	uint16_t tags_n;
	uint8_t where;          /* enum stream_where; LAST: what came together last */
	uint8_t has_unfiltered; /* messages without a filter value, too */
	uint32_t pad;
};

/* OUTCOME_ADD: run.queue, run.arg = sequence of the first row; STREAM_ADD: expiry_ms is the row's
 * time (stream.h). */
struct add_row {
	uint64_t mem; /* 0 in a row that was read from a log */
	uint64_t loc; /* filled in by the node when the record is committed */
	uint64_t expiry_ms;
	uint32_t bytes;
	union {
		uint16_t seq_delta;  /* sequence - run.arg */
		uint16_t head_bytes; /* of one from a log: add_row_head */
	};
	uint8_t flags;
	uint8_t priority;
} __attribute__((may_alias)); /* core_publish.c makes them of publish rows where these stand */

/* add_row_head, of a row from a log: bytes that its stored form has before the body. There are no
 * flags of rows then; in the place of these lie the upper bits. */
#define HEAD_FLAGS (ENTRY_SAME | ENTRY_CONFIRM)
#define HEAD_SHIFT 12
static inline uint32_t add_row_head(const struct add_row *row)
{
	return (uint32_t)(row->flags & HEAD_FLAGS) << HEAD_SHIFT | row->head_bytes;
}
static inline void add_row_set_head(struct add_row *row, uint32_t bytes)
{
	row->head_bytes = (uint16_t)bytes;
	row->flags |= bytes >> HEAD_SHIFT & HEAD_FLAGS;
}

_Static_assert(LIMIT_RECORD_BYTES_MAX - 1 <= (HEAD_FLAGS << HEAD_SHIFT | UINT16_MAX) &&
		       (ENTRY_SAME << HEAD_SHIFT) == UINT16_MAX + 1,
	       "a stored form lies in a record");

struct remove_row { /* OUTCOME_REMOVE: every live durable entry in [first, last] */
	uint64_t first_id, last_id;
	uint64_t first_pos, last_pos; /* volatile twins of the ids; both 0 on replay */
};

struct deliver_row {  /* FX_DELIVER: run.queue, run.arg = consumer; DELIVER_FOUND: run.arg =
				    ticket; of a store: pos = its expiry_ms */
	uint64_t mem; /* 0: to be read from loc */
	uint64_t loc;
	uint64_t pos;
	uint32_t bytes;
	uint16_t flags; /* ENTRY_... */
	uint16_t count; /* deliveries before this one that failed; SUBSCRIBE_NUMBERED: the entry's
			   number, 0 of one that is not persistent */
};
/* A delivery with ENTRY_RETURNED is alone in its run, whose tail ends with this: u64, how often the
 * message came back and had not failed. */
#define RETURNED_BYTES sizeof(uint64_t)

/* entry_number is the number of a persistent entry, from 1 to 65535: the same whenever it is given,
 * after a restart too. Two of a queue may have the same; those of one record or the next hardly
 * do, because steps by the golden ratio keep away from each other. */
static inline uint16_t entry_number(uint64_t id)
{
	return (uint16_t)(((id * 0x9e3779b97f4a7c15 >> 32) * UINT16_MAX >> 32) + 1);
}

struct confirm_row { /* FX_CONFIRM: publishes run.arg + first .. + n - 1 */
	uint32_t first;
	uint32_t n;
};

/* FX_REPLY: run.arg = the ticket of the command; tail = text. `op` is what the session has asked:
 * QUEUE_OPEN answers as QUEUE_DECLARE, QUEUE_DROP as QUEUE_DELETE. a, b: messages ready and
 * consumers (QUEUE_DECLARE, QUEUE_STAT, SUBSCRIBE); messages purged or deleted; a refused delete:
 * a = the DELETE_... flag that was not met; FIND, BROWSE: a = how many, b = 1: these were all (if
 * not, the tail is the position to go on from); GET without a message: ERR_NOT_FOUND, and a = 1 if
 * there is a queue; DIGEST: its two halves. */
struct reply_row {
	uint32_t err; /* enum err */
	uint32_t op;  /* enum cmd */
	uint64_t a, b;
};

_Static_assert(sizeof(struct publish_row) == 32, "rows are at most 32 bytes");
_Static_assert(sizeof(struct add_row) == 32, "rows are at most 32 bytes");
_Static_assert(sizeof(struct remove_row) == 32, "rows are at most 32 bytes");
_Static_assert(sizeof(struct browse_row) == 24, "rows are at most 32 bytes");
_Static_assert(sizeof(struct deliver_row) == 32, "rows are at most 32 bytes");
#endif
