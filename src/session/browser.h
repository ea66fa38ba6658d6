/* browser -- how a session looks at what is in queues and takes nothing.
 *
 * One look at one queue is a struct browse: it shows what was in the queue when it began, and still
 * is when the look comes there, in the order in which consumers are given it; also what others have
 * and may give back. The queue's shard gives page after page (CMD_BROWSE). What of a page is not in
 * memory is read; then the session gets it message by message while there is room in its send
 * queue; then the next page is asked for, of the next look if there are several. A selector is
 * applied here. A message that has moved in the journal since its page was made is looked up once
 * more.
 *
 *   browser_begin -> CMD_BROWSE -> browser_found -> [read] -> show() ... -> over()
 *                        ^------------- next page -------------+
 */
#ifndef SESSION_BROWSER_H
#define SESSION_BROWSER_H
#include "base/deque.h"
#include "session/ask.h"
#include "session/whole.h"

struct browse {
	struct browse *next;
	void *of; /* the session's own */
	uint64_t queue;
	struct browse_row place; /* of its next page */
	uint64_t tried;          /* this position was looked up again; 0: none */
	uint64_t due_ms;         /* of what is shown, of a keeper: when it is due */
	uint16_t shard;
	uint32_t code_n;
	uint8_t code[]; /* of the selector; none: all messages */
};

/* What the session does. */
struct browser_ops {
	/* show gets one message, which is in memory, whole, and stays the browser's. */
	void (*show)(struct session *s, struct session_world *w, struct browse *k,
		     const struct deliver_row *row);
	/* is_full: nothing more may be shown for now; it is asked again soon. NULL: it may. */
	bool (*is_full)(const struct session *s, const struct session_world *w,
			const struct browse *k);
	/* over: there is nothing more, or the queue is gone. It is freed afterwards. */
	void (*over)(struct session *s, struct session_world *w, struct browse *k);
};

struct browser {
	const struct browser_ops *ops;
	struct session *session;
	struct asker *asker;
	struct browse *first, *last; /* the first one has the page in hand */
	struct deque found;          /* of the page */
	struct whole whole;          /* the row at the front */
	uint64_t found_first;        /* serial of its front row */
	uint64_t again_ms;           /* when to drain it again; UINT64_MAX: not by itself */
	uint32_t ticket;             /* of the page that is asked for; TICKET_NONE: it is here */
	bool is_last;                /* the page is its look's last one */
};

/* Tickets of its reads have this bit and not WHOLE_TICKET, or both that and WHOLE_OTHER. */
#define BROWSER_TICKET (UINT64_C(1) << 61)
static inline bool browser_is_read(uint64_t ticket)
{
	return ticket & WHOLE_TICKET ? (ticket & WHOLE_OTHER) != 0 : (ticket & BROWSER_TICKET) != 0;
}

/* browser_init makes one without looks. All that it is given outlives it. browser_fini ends all
 * looks, without a word; answers that still come are for nobody. */
void browser_init(struct browser *b, const struct browser_ops *ops, struct session *session,
		  struct asker *asker);
void browser_fini(struct browser *b, struct session_world *w);

/* browser_begin begins to look at `q`, with the code of a selector (sql.h) or none. It says nothing
 * before the session's next turn. browser_end ends a look early. */
struct browse *browser_begin(struct browser *b, struct session_world *w,
			     const struct queue_record *q, struct slice selector, void *of);
void browser_end(struct browser *b, struct session_world *w, struct browse *own_k);

/* browser_found takes an FX_DELIVER with flag DELIVER_FOUND, browser_page an FX_REPLY to
 * CMD_BROWSE, browser_loaded what was read for it. */
void browser_found(struct browser *b, struct session_world *w, const struct run *fx);
void browser_page(struct browser *b, struct session_world *w, const struct run *fx);
void browser_loaded(struct browser *b, struct session_world *w, uint64_t ticket, uint64_t mem);

/* browser_drain shows what is there, as far as the bound of the output allows: session_ops.pump,
 * and at again_ms. */
void browser_drain(struct browser *b, struct session_world *w);
#endif
