/* publish -- a message on its way in: from frames to rows of CMD_PUBLISH.
 *
 * The fast way (publish.c) finds all frames of a message in one piece and publishes it as it lies;
 * the slow way (assembly.c) takes frame by frame and copies into a block of its own. Both pass
 * amqp091_publish_route, which does every check, and end in amqp091_publish_rows (rows.c).
 * Private to this room.
 */
#ifndef SESSION_AMQP091_PUBLISH_H
#define SESSION_AMQP091_PUBLISH_H
#include "session/amqp091/amqp091.h"
#include "wire/amqp091/content.h"

/* What is known of a message before it is one. */
struct publish {
	struct slice exchange, key, props;
	struct slice route; /* exchange and key as two short strings, as they came */
	uint64_t body_bytes;
	bool is_mandatory, is_immediate;
	uint8_t flags, priority; /* MSG_..., found by amqp091_publish_props */
};

enum publish_sight { PUBLISH_SLOWLY, PUBLISH_MORE, PUBLISH_DONE };

/* amqp091_publish_fast takes the message at the start of `in` if all of it is there in one piece.
 * SLOWLY: to be looked at frame by frame. MORE: good so far, *out_used is how many bytes it wants
 * to see. DONE: *out_used bytes are consumed, *out_err says whether it was refused; ERR_BUSY:
 * nothing was done, move or wait. */
enum publish_sight amqp091_publish_fast(struct turn *t, struct slice in, size_t *out_used,
					enum err *out_err);

/* amqp091_publish_route does everything that can refuse a message, and finds where it goes: the
 * hit is valid until the channel's next publish. ERR_BUSY: move first, nothing was done. */
MUST_USE enum err amqp091_publish_route(struct turn *t, struct channel *c, struct publish *p,
					struct route_hit **out_hit);

/* amqp091_publish_props looks at what a broker must know of the properties (props.c). */
MUST_USE enum err amqp091_publish_props(struct turn *t, struct publish *p);

/* amqp091_publish_rows sends `m`, which lies in the block `b` that we fill, where the hit says. */
void amqp091_publish_rows(struct turn *t, struct channel *c, const struct publish *p,
			  const struct route_hit *hit, struct block *b, const struct msg *m);

/* The fan holds messages that amqp091_publish_rows has taken and not posted yet: those in the block
 * being fed whose route leads to several shards. It is empty before anything else is posted, and
 * gone at the end of the feed. amqp091_fan_look empties it unless `p` has the same route (so call
 * it before the route is looked up), amqp091_fan_send in any case. */
#define FAN_MESSAGES 64u
void amqp091_fan_look(struct turn *t, const struct channel *c, const struct publish *p);
void amqp091_fan_send(struct turn *t);
void amqp091_fan_end(struct turn *t);

/* amqp091_publish_nowhere: no queue takes it. It is returned if mandatory, and confirmed. */
void amqp091_publish_nowhere(struct turn *t, struct channel *c, const struct publish *p,
			     const struct amqp091_content *content);

/* amqp091_publish_copy publishes a copy in a block of its own (assembly.c). */
MUST_USE enum err amqp091_publish_copy(struct turn *t, struct channel *c, const struct publish *p,
				       const struct route_hit *hit,
				       const struct amqp091_content *content);

/* amqp091_hold: an alarm stands, so publishers wait. */
bool amqp091_hold(struct turn *t);

/* The slow way. header and body are for frames of a channel with an assembly. */
MUST_USE enum err amqp091_assembly_header(struct turn *t, struct channel *c, struct slice payload);
MUST_USE enum err amqp091_assembly_body(struct turn *t, struct channel *c, struct slice payload);
/* amqp091_assembly_fault: a frame came that must not come now. */
struct amqp091_fault amqp091_assembly_fault(const struct channel *c);
#endif
