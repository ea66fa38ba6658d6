/* manage -- one operator's conversation on the control socket: a line in, text out, closed.
 *
 * The line (request.def) becomes queries to the shards and loops that know the answers, one after
 * the other: the next one is asked when the answer to the one before is there and the operator
 * takes what is written. So nothing has to be put in order, and what waits is bounded by one answer
 * beyond the bound of the output.
 *
 *   LISTENING --line--> ASKING --last answer--> DONE --flushed--> closed
 *                         |                      ^
 *                         +--> TRACING ----------+ only by the operator
 *                         +--> IMPORTING --------+ when all items (item.h) are answered
 *
 * An answer that begins with "error: " says why there is none.
 */
#ifndef SESSION_MANAGE_MANAGE_H
#define SESSION_MANAGE_MANAGE_H
#include "core/catalog_list.h"
#include "session/access.h"
#include "session/manage/request.h"

#define MANAGE_LINE_MAX 1024u /* bytes of a request */
#define MANAGE_NAME_MAX 255u  /* bytes of a queue's name */

enum manage_phase {
	MANAGE_LISTENING,
	MANAGE_ASKING,
	MANAGE_TRACING,
	MANAGE_IMPORTING,
	MANAGE_DONE
};

struct manage {
	struct session session; /* first */
	enum manage_phase phase;
	struct request request;          /* its slices are gone; the queue is `queue` */
	uint64_t deadline_ms;            /* for the line */
	uint64_t ticket;                 /* of the last question */
	bool is_waiting;                 /* for its answer */
	uint32_t step;                   /* shard or loop to be asked next */
	uint64_t cursor;                 /* slot, or queue, to go on from */
	uint64_t queue;                  /* asked about */
	uint64_t place;                  /* in it, to go on from */
	uint64_t found_n;                /* answers with text */
	struct access access;            /* whose password is looked at */
	char reason[REQUEST_REASON_MAX]; /* for closing a connection */
	uint8_t reason_n;
	struct {
		uint64_t asked_n, answered_n, good_n, refused_n;
		bool is_read;               /* all items are here */
		bool has_facts;             /* the one before was a fact */
		bool is_blocked;            /* one waits for those before it */
		struct manage_asked *asked; /* what is under way; NULL: nothing ever was */
	} import;
	struct {
		uint32_t section, end; /* the one in hand; behind the last that is wanted */
		uint64_t id;           /* of the fact or queue in hand */
		struct catalog_walk walk;
		bool has_one, is_begun; /* in this section; its head is written */
		bool is_alone;          /* one section is wanted */
		bool is_kept;           /* what is there is written, what is only kept follows */
	} export;
	uint32_t owed[LIMIT_LOOPS_MAX]; /* bytes of each loop's trace since it was given more */
};

extern const struct session_ops manage_session_ops;

/* ---- import.c: definitions, item by item ---- */

/* manage_import_feed takes what has come behind the line, as session_ops.feed. */
enum feed manage_import_feed(struct manage *m, struct session_world *w, struct slice in,
			     uint32_t *out_used, uint32_t *out_need);
bool manage_import_may_read(const struct manage *m);
/* manage_imported takes the answer to an item. */
void manage_imported(struct manage *m, struct session_world *w, struct run *fx);
void manage_import_free(struct manage *m, struct session_world *w);

/* ---- export.c: all that is known, as RabbitMQ writes it ---- */

/* manage_export_begin finds the section that is wanted; empty: all are. ERR_NOT_FOUND: there is no
 * such section. */
MUST_USE enum err manage_export_begin(struct manage *m, struct slice section, struct text *why);
/* manage_export writes the next piece; false: that was the last. */
bool manage_export(struct manage *m, struct session_world *w);

/* ---- ask.c: which questions a request is, and what is made of the answers ---- */

/* manage_begin looks up what the request names. ERR_NOT_FOUND: there is no such thing. */
MUST_USE enum err manage_begin(struct manage *m, const struct session_world *w, struct text *why);
/* manage_has_next: there is something left to ask. */
bool manage_has_next(const struct manage *m, const struct session_world *w);
/* manage_ask asks it. */
void manage_ask(struct manage *m, struct session_world *w);
/* manage_answered takes the answer to the last question. */
void manage_answered(struct manage *m, struct session_world *w, struct run *fx);

/* ---- about.c ---- */

/* manage_tell_queue writes what the catalog knows of a queue, beside its names. */
void manage_tell_queue(struct manage *m, struct session_world *w, const struct queue_record *q);

/* ---- login.c ---- */

/* manage_login looks at a name and a password; manage_checked says what came of it, as
 * session_ops.checked. */
void manage_login(struct manage *m, struct session_world *w);
void manage_checked(struct session *s, struct session_world *w, bool is_right);

/* ---- manage.c ---- */

/* manage_refuse ends the conversation with a reason. */
void manage_refuse(struct manage *m, struct session_world *w, struct slice why);

/* ---- watch.c: traces ---- */

/* manage_watch_begun: all loops have answered. */
void manage_watch_begun(struct manage *m, struct session_world *w);
/* manage_watch_lines takes lines (FX_TRACE). */
void manage_watch_lines(struct manage *m, struct session_world *w, const struct run *fx);
/* manage_watch_more lets loops send more, as far as the operator takes what he has. */
void manage_watch_more(struct manage *m, struct session_world *w);
/* manage_watch_end tells all loops that it is over. */
void manage_watch_end(struct manage *m, struct session_world *w);
#endif
