/* activemq -- ActiveMQ's dialect: what is otherwise in it, and what only it has.
 *
 * Private to this room. What is of both dialects says so.
 */
#ifndef SESSION_STOMP_ACTIVEMQ_H
#define SESSION_STOMP_ACTIVEMQ_H
#include "session/stomp/stomp.h"

/* ---- activemq.c ---- */
#define STOMP_AMQ_GROUP "JMSXGroupID"
/* stomp_amq_refuse tells an ERROR in ActiveMQ's words; the conversation goes on. stomp_amq_fail
 * ends it behind that. */
enum done stomp_amq_refuse(struct turn *t, const char *words, struct slice what, const char *after);
enum done stomp_amq_fail(struct turn *t, const char *words, struct slice what, const char *after);
/* stomp_amq_destination is stomp_destination. stomp_amq_address writes one as it is seen here. */
bool stomp_amq_destination(struct turn *t, struct slice in, uint8_t *room, struct destination *out);
void stomp_amq_address(const struct stomp *s, bool is_topic, struct slice name, struct text *out);
/* stomp_amq_dies_to: dead letters of a queue that the frame in hand declares go to
 * DEFAULTS_DEAD_LETTERS; not if its user may send nothing there. */
bool stomp_amq_dies_to(struct turn *t, struct slice queue);
/* stomp_amq_may_send: false: refused; it also looks whether the message belongs to a group, of
 * which stomp_amq_group tells the queue in its expiry; false: refused. stomp_amq_reply_to writes
 * where the answer is wanted, if that is not as the client has said. stomp_amq_props makes what is
 * kept of a SEND from its headers. */
bool stomp_amq_may_send(struct turn *t, bool *out_is_grouped);
bool stomp_amq_group(struct turn *t, struct slice props, uint64_t *io_expiry_ms);
enum done stomp_amq_reply_to(struct turn *t, struct text *out, bool *out_is_refused);
void stomp_amq_props(struct turn *t, struct slice props, struct slice reply_to, bool is_one_of_many,
		     uint8_t priority, struct wr *w);
/* stomp_amq_is_text: JMS would call it a text, and its body has no NUL. */
bool stomp_amq_is_text(const struct msg *m, const struct header_ops *ops);
/* stomp_amq_died says of a dead letter what is known of its life, with where it was sent in
 * `room`. */
struct stomp_message;
void stomp_amq_died(const struct turn *t, const struct msg *m, struct text *room,
		    struct stomp_message *io);
/* stomp_amq_asked reads what a SUBSCRIBE says besides; false: refused.
 * stomp_selector, in either dialect, compiles its selector into `code` of SQL_CODE_MAX (NULL: only
 * looks at it); *out_n 0: it has none. */
bool stomp_amq_asked(struct turn *t, bool is_topic, uint32_t *io_prefetch, int64_t *out_priority);
/* stomp_amq_is_exclusive: a consumer of a queue wants to be the only one that gets something. */
bool stomp_amq_is_exclusive(const struct turn *t);
/* stomp_amq_wish: into what it wants texts made. They go as they are, and say so. */
struct slice stomp_amq_wish(const struct turn *t);
/* stomp_amq_is_no_local: the frame in hand wants nothing of its own connection. */
bool stomp_amq_is_no_local(const struct turn *t);
MUST_USE enum err stomp_selector(struct turn *t, uint8_t *code, uint32_t *out_n);

/* ---- other.c ---- */
/* stomp_note_other has a header of the other dialect in the frame in hand logged, once. */
void stomp_note_other(struct turn *t);

/* ---- composite.c: several destinations of one frame ---- */
/* stomp_amq_is_list: the frame in hand names several. stomp_amq_part takes the next off,
 * stomp_amq_part_at gives the one with number `at`, from 0 on; who names one has a list of it. */
bool stomp_amq_is_list(const struct turn *t);
struct slice stomp_amq_part(struct slice *io_rest);
struct slice stomp_amq_part_at(const struct turn *t, uint32_t at, bool *out_has_more);
/* stomp_amq_may_hear_all looks at all destinations of a SUBSCRIBE, likewise. */
bool stomp_amq_may_hear_all(struct turn *t, uint8_t *room);
/* stomp_amq_may_go_to_all looks at all that a SEND goes to, with `room` of DESTINATION_MAX bytes,
 * and does nothing: *out_route_n is the longest route. False: refused. */
bool stomp_amq_may_go_to_all(struct turn *t, uint8_t *room, size_t *out_route_n);

/* ---- browse.c: who is shown what is in a queue, in ActiveMQ's dialect */
/* stomp_is_browser: the frame in hand makes such a subscription, unless it is to a topic.
 * stomp_may_browse: is the destination one that can be shown? False: refused. */
bool stomp_is_browser(const struct turn *t);
bool stomp_may_browse(struct turn *t, const struct destination *to);
/* stomp_browse begins to show `q`; ERR_NOT_IMPLEMENTED: it is no queue for that. stomp_browse_end:
 * an UNSUBSCRIBE has ended it. */
MUST_USE enum err stomp_browse(struct turn *t, const struct subscribing *same,
			       const struct queue_record *q, struct slice selector);
void stomp_browse_end(struct turn *t, struct subscription *own_k);
/* stomp_browse_settles: the ACK or NACK in hand is of a message that was shown: it is refused, or
 * means nothing. */
bool stomp_browse_settles(struct turn *t, bool has_id, struct slice id);
extern const struct browser_ops stomp_browser_ops;

/* ---- wild.c: all queues that a wildcard fits ---- */
/* stomp_wild_new begins to hear them: `what` says how, but for the queue. stomp_wild_is_joining:
 * not all that there are have answered. stomp_wild_has: is there such a subscription, other than
 * that with number `but`? stomp_wild_end ends it, not what it has joined; false: there is none. */
void stomp_wild_new(struct turn *t, const struct subscribing *same, const struct taking *what,
		    struct slice filter);
bool stomp_wild_is_joining(const struct stomp *s, uint64_t made);
bool stomp_wild_has(const struct stomp *s, bool has_id, struct slice id, uint64_t but);
bool stomp_wild_end(struct turn *t, bool has_id, struct slice id);
/* stomp_wild_refused: the SUBSCRIBE with that number came to ERR_LIMIT because too many queues fit;
 * its wildcard is gone. */
bool stomp_wild_refused(struct turn *t, uint64_t made);
void stomp_wilds_free(struct turn *t);
/* stomp_wild_look looks for queues that are new, if there may be any. stomp_wild_answered takes
 * the answer to a SUBSCRIBE of a wildcard's; false: it is somebody else's. stomp_wild_left: a queue
 * that one had joined is heard no more. */
void stomp_wild_look(struct turn *t);
bool stomp_wild_answered(struct turn *t, uint32_t taker, enum err e);
void stomp_wild_left(struct turn *t, struct subscription *k);
#endif
