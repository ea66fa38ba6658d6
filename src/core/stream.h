/* stream -- messages one behind the other, each with an offset, kept until they are old or many.
 *
 * A stream is a queue without entries: nobody takes a message out of it, every reader goes his own
 * way, and the oldest go together. What the shard must know of a message is a row; rows lie in
 * pages. A page that is full goes to the journal as a record of its own and leaves memory, which
 * keeps of it where it lies, how many bytes its messages have, and in which segment these lie: all
 * of one page in one segment.
 *
 *      first                                                             next
 *   |  page  |  page  |  page  |     ...      |  page  |  page  |  tail  |
 *      loc      loc      rows                    loc     writing   rows
 *      cold     cold     read again              cold
 *
 * The shard that owns the queue owns its stream. Here is the structure only; what is logged, given
 * and stored is in core_stream*.c. Deterministic.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H
#include "base/deque.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/rows.h"

/* Rows of a page at most. */
#define STREAM_ROWS_MAX 2048u

struct streamed;

/* A row's `when`: the time of its publish in ms, and above that what is known of its filter value:
 * 0: it has none, else a hash that is not 0. */
static inline uint64_t stream_when(uint64_t ms, uint64_t tag)
{
	return (ms & ((UINT64_C(1) << STREAM_TIME_BITS) - 1)) | tag << STREAM_TIME_BITS;
}
static inline uint64_t stream_ms(uint64_t when)
{
	return when & ((UINT64_C(1) << STREAM_TIME_BITS) - 1);
}
static inline uint32_t stream_tag(uint64_t when)
{
	return (uint32_t)(when >> STREAM_TIME_BITS);
}

struct stream_row {
	uint64_t mem; /* owns one reference; 0: not in memory */
	uint64_t loc;
	uint64_t when;
	uint32_t bytes;
	uint32_t flags; /* ENTRY_STORED */
};

/* A message whose list of chunks must be read before its place is given up. */
struct stream_big {
	uint32_t at, bytes; /* offset in the segment */
};

struct stream_page {
	struct streamed *of;
	uint64_t first; /* offset of its first message */
	uint64_t loc;   /* where its rows lie; 0: nowhere yet */
	uint64_t bytes; /* of its messages' stored forms */
	uint64_t newest_ms;
	uint64_t changed;        /* checkpoint epoch of the last durable change */
	struct stream_row *rows; /* NULL: not in memory */
	struct stream_big *bigs; /* with loc */
	uint8_t *filter;         /* which tags may be in it; NULL: not known */
	uint32_t n, rows_cap, bigs_n;
	uint32_t stored_bytes; /* with loc: of its rows */
	uint32_t segment;      /* with loc: of its messages */
	uint8_t filter_bytes;
	bool is_stored;        /* a checkpoint may hold a unit of it */
	bool is_asked;         /* its rows are being read */
	bool is_writing;       /* its rows are on their way to the journal */
	bool is_pinned;        /* messages in it are being moved */
	bool is_lost;          /* its rows cannot be read */
	struct list_node used; /* with loc and rows: in the shard's list, longest unused first */
};

struct stream {
	struct streamed *of;
	struct deque pages;   /* struct stream_page *, in order */
	uint64_t first, next; /* offsets: of the oldest message, of the next one to come */
	uint64_t last;        /* where what came together last begins */
	uint64_t chain;       /* a hash of all that ever came: for the digest */
	uint64_t bytes;       /* of the pages' messages */
	uint64_t cached_from; /* messages before have no mem */
	uint64_t due_from;    /* pages before have loc, are being written, or are pinned */
};

/* stream_init makes an empty stream of `of`. */
void stream_init(struct stream *s, struct streamed *of);

/* stream_find is the number in `pages` of the page with this offset, first <= offset < next. */
size_t stream_find(const struct stream *s, uint64_t offset);
static inline struct stream_page *stream_page(const struct stream *s, size_t at)
{
	return *(struct stream_page **)deque_at(&s->pages, at);
}
/* stream_page_at: NULL if there is none with this offset. stream_page_from is the number of the
 * first page that begins at `offset` or behind it; pages.n: none does. */
struct stream_page *stream_page_at(const struct stream *s, uint64_t offset);
size_t stream_page_from(const struct stream *s, uint64_t offset);

/* stream_tail is the last page if it has room for one more row of `rows_max` and its messages have
 * less than `bytes_max` bytes, else a new one. No memory is a must(). */
struct stream_page *stream_tail(struct stream *s, uint32_t rows_max, uint64_t bytes_max,
				struct mem *mem);
/* stream_add appends a row, which owns its reference from then on; stream_tail was called. */
void stream_add(struct stream *s, struct stream_page *p, const struct stream_row *own_row);

/* stream_insert puts a page where its first offset belongs. ERR_CORRUPT: there is one there. */
MUST_USE enum err stream_insert(struct stream *s, struct stream_page *own_p, struct mem *mem);

/* stream_page_new makes an empty page with room for `cap` rows (0: none in memory). */
struct stream_page *stream_page_new(uint64_t first, uint32_t cap, struct mem *mem);
/* stream_page_free gives it back; no row has mem any more. stream_rows_free: only its rows. */
void stream_page_free(struct stream_page *own_p, struct mem *mem);
void stream_rows_free(struct stream_page *p, struct mem *mem);

/* stream_before: bytes of messages that the first page has before the stream's first one. */
uint64_t stream_before(const struct stream *s);
/* stream_split sees to it that the messages of page `at`, whose rows are in memory, lie in one
 * segment and on one side of the stream's first one: others become pages of their own behind it. */
void stream_split(struct stream *s, size_t at, struct mem *mem);

/* stream_filter_make notes which tags occur in a page with rows, in `bytes` bytes. stream_may_have:
 * could a message with this tag be in it? */
void stream_filter_make(struct stream_page *p, uint8_t bytes, struct mem *mem);
bool stream_may_have(const struct stream_page *p, uint32_t tag);

/* Bytes. A page's record: u32 CRC32C of the rest, u32 n, u64 first, u32 segment; then for each
 * message u32 offset in the segment, u32 bytes, u64 when, u8 flags. stream_rows_put writes it for a
 * page whose messages are in one segment, stream_rows_get gives a cold page its rows back.
 * ERR_CORRUPT: that is not its record; it stays cold. */
#define STREAM_ROWS_HEAD 20u
#define STREAM_ROW_BYTES 17u
static inline uint32_t stream_rows_bytes(uint32_t n)
{
	return STREAM_ROWS_HEAD + n * STREAM_ROW_BYTES;
}
void stream_rows_put(const struct stream_page *p, struct wr *w);
MUST_USE enum err stream_rows_get(struct stream_page *p, struct slice from, struct mem *mem);

/* stream_sealed: the page's record lies at `loc`; what memory keeps of it is noted. */
void stream_sealed(struct stream_page *p, uint64_t loc, uint32_t bytes, struct mem *mem);
/* stream_unsealed: it has no record any more; its rows are in memory. */
void stream_unsealed(struct stream_page *p, struct mem *mem);

void stream_check(const struct stream *s); /* must()s every invariant */
#endif
