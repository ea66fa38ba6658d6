/* windows -- what the reader has read in one go, or is reading ahead, and which of it may go.
 *
 * A few windows, of whoever reads; their memory stays, once they were needed. What was read ahead
 * and not asked for yet is promised: nothing else takes its place, until so much else was read that
 * nobody will ask for it. Pure: the reader reads and waits.
 */
#ifndef JOURNAL_WINDOWS_H
#define JOURNAL_WINDOWS_H
#include <stdbool.h>
#include <stdint.h>

#define WINDOW_BYTES     1048576u
#define WINDOWS_N        4u     /* all of them: the reader's bound */
#define WINDOWS_AHEAD    2u     /* of them promised at a time */
#define WINDOWS_STALE    16u    /* read since a promised one was: it is promised no more */
#define WINDOW_GAP_BYTES 16384u /* unwanted bytes between two requests read in one go */

struct window {
	uint8_t *at;  /* WINDOW_BYTES; NULL: never read yet */
	uint64_t loc; /* of its first byte, a multiple of DISK_ALIGN */
	uint32_t n;   /* bytes in it, or that will be; 0: free */
	bool is_spill;
	bool is_coming;   /* its bytes are the disk's; its place among the windows is the slot */
	bool goes_on;     /* it begins where another one ended, most of which was wanted */
	bool is_ahead;    /* nobody had asked for it when it was begun */
	bool is_followed; /* what lies behind it was begun, or could not be */
	uint32_t wish;    /* what it would have been where the file does not end; at least n */
	uint64_t given_n; /* bytes of it that were asked for */
	uint64_t used;    /* when last */
	uint64_t read;    /* the how many-th it is */
};

struct windows {
	struct window at[WINDOWS_N];
	uint64_t uses, reads; /* counted */
};

void windows_check(const struct windows *ws);

/* windows_find gives the one that has a byte, or will have it. NULL: none. */
struct window *windows_find(struct windows *ws, uint64_t loc, bool is_spill);

/* windows_before gives one behind which reading goes on at `loc`, most of which was wanted. NULL:
 * none. */
const struct window *windows_before(const struct windows *ws, uint64_t loc, bool is_spill);

/* windows_promised_n counts the promised ones. */
uint32_t windows_promised_n(const struct windows *ws);

/* windows_spare gives the one that was not used for longest, and is neither promised nor `kept`.
 * One that has no memory yet is taken only to read ahead of `kept`, or when there is no other: who
 * reads here and there needs no more than one. NULL: none, only if there is one to keep. */
struct window *windows_spare(struct windows *ws, const struct window *kept);

/* window_take makes one, which is free, that of n bytes at `loc`; none of them was asked for. */
void window_take(struct windows *ws, struct window *w, uint64_t loc, bool is_spill, uint32_t n);

/* window_wish gives how much to read behind one: twice as much, up to WINDOW_BYTES. */
static inline uint32_t window_wish(const struct window *w)
{
	return w->wish < WINDOW_BYTES / 2 ? 2 * w->wish : WINDOW_BYTES;
}

/* window_use notes that n bytes were asked for. */
void window_use(struct windows *ws, struct window *w, uint32_t n);
#endif
